// The real disk behind File and FileSystem.
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.hpp"
#include "base/text.hpp"

namespace pabal {

namespace {

class RealFile final : public File {
 public:
  RealFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~RealFile() override { ::close(descriptor_); }
  RealFile(const RealFile&) = delete;
  RealFile& operator=(const RealFile&) = delete;

  Result<std::size_t> read_at(std::span<char> buffer, std::uint64_t offset) override {
    std::size_t done = 0;
    while (done < buffer.size()) {
      const ssize_t n =
          ::pread(descriptor_, buffer.data() + done, buffer.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail_errno("read", path_, errno);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  Result<std::optional<std::size_t>> try_read_at(std::span<char> buffer, std::uint64_t offset) override {
    iovec vector{buffer.data(), buffer.size()};
    ssize_t n = 0;
    do {
      n = ::preadv2(descriptor_, &vector, 1, static_cast<off_t>(offset), RWF_NOWAIT);
    } while (n < 0 && errno == EINTR);
    // A short read may be the end of the file or of what is in the page cache; the patient way finds out. So does it
    // for a file system that does not know RWF_NOWAIT.
    if (n < 0 && errno != EAGAIN && errno != EOPNOTSUPP) return fail_errno("read", path_, errno);
    if (n < 0 || static_cast<std::size_t>(n) < buffer.size()) return std::nullopt;
    return static_cast<std::size_t>(n);
  }

  Result<void> write_at(std::string_view octets, std::uint64_t offset) override {
    while (!octets.empty()) {
      const ssize_t n = ::pwrite(descriptor_, octets.data(), octets.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail_errno("write", path_, errno);
      octets.remove_prefix(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
    return {};
  }

  Result<void> write_pieces_at(std::span<const std::string_view> pieces, std::uint64_t offset) override {
    constexpr std::size_t at_once = 256;  // under IOV_MAX
    while (!pieces.empty()) {
      std::array<iovec, at_once> vectors;
      const std::size_t count = std::min(pieces.size(), at_once);
      std::size_t total = 0;
      for (std::size_t i = 0; i < count; ++i) {
        vectors[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
        total += pieces[i].size();
      }
      ssize_t n = 0;
      do {
        n = ::pwritev(descriptor_, vectors.data(), static_cast<int>(count), static_cast<off_t>(offset));
      } while (n < 0 && errno == EINTR);
      if (n < 0) return fail_errno("write", path_, errno);
      if (static_cast<std::size_t>(n) != total) {  // a short write: finish piece by piece
        auto rest = static_cast<std::size_t>(n);
        std::uint64_t at = offset;
        for (std::size_t i = 0; i < count; ++i) {
          const std::size_t skip = std::min(rest, pieces[i].size());
          rest -= skip;
          if (auto written = write_at(pieces[i].substr(skip), at + skip); !written) return written;
          at += pieces[i].size();
        }
      }
      offset += total;
      pieces = pieces.subspan(count);
    }
    return {};
  }

  Result<void> sync() override {
    if (::fdatasync(descriptor_) != 0) return fail_errno("flush", path_, errno);
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat status{};
    if (::fstat(descriptor_, &status) != 0) return fail_errno("stat", path_, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<void> truncate(std::uint64_t size) override {
    if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) return fail_errno("truncate", path_, errno);
    return {};
  }

  Result<void> allocate(std::uint64_t size) override {
    auto now = this->size();
    if (!now) return pass(now);
    if (*now >= size) return {};
    const int error = ::posix_fallocate(descriptor_, static_cast<off_t>(*now), static_cast<off_t>(size - *now));
    if (error != 0) return fail_errno("allocate", path_, error);
    return {};
  }

 private:
  int descriptor_;
  std::string path_;
};

class RealLock final : public FileLock {
 public:
  explicit RealLock(int descriptor) : descriptor_(descriptor) {}
  ~RealLock() override { ::close(descriptor_); }
  RealLock(const RealLock&) = delete;
  RealLock& operator=(const RealLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace

Result<std::unique_ptr<File>> RealFileSystem::open(const std::string& path, OpenMode mode) {
  int flags = O_CLOEXEC;
  switch (mode) {
    case OpenMode::read:
      flags |= O_RDONLY;
      break;
    case OpenMode::read_write:
      flags |= O_RDWR;
      break;
    case OpenMode::create:
      flags |= O_RDWR | O_CREAT;
      break;
    case OpenMode::create_new:
      flags |= O_RDWR | O_CREAT | O_EXCL;
      break;
  }
  const int descriptor = ::open(path.c_str(), flags, 0600);
  if (descriptor >= 0) return std::make_unique<RealFile>(descriptor, path);
  if (errno == ENOENT) return fail(ErrorKind::not_found, "no such file", path + ": no such file");
  if (errno == EEXIST) return fail(ErrorKind::exists, "the file exists", path + ": the file exists");
  return fail_errno("open", path, errno);
}

Result<bool> RealFileSystem::exists(const std::string& path) {
  if (::access(path.c_str(), F_OK) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return fail_errno("look for", path, errno);
}

Result<void> RealFileSystem::remove(const std::string& path) {
  if (::unlink(path.c_str()) == 0) return {};
  if (errno == ENOENT) return fail(ErrorKind::not_found, "no such file", path + ": no such file");
  return fail_errno("remove", path, errno);
}

Result<void> RealFileSystem::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return fail_errno("rename", from + " to " + to, errno);
  return {};
}

Result<void> RealFileSystem::make_folder(const std::string& path) {
  // Each new folder's name is flushed into the one above it; else a power loss may take the whole branch.
  std::filesystem::path walked;
  for (const auto& step : std::filesystem::path(path)) {
    walked /= step;
    if (walked.empty() || walked == "/") continue;
    if (::mkdir(walked.c_str(), 0700) == 0) {
      const auto above = walked.parent_path();
      if (auto synced = sync_folder(above.empty() ? "." : above.string()); !synced) return synced;
    } else if (errno != EEXIST) {
      return fail_errno("make folder", walked.string(), errno);
    }
  }
  return {};
}

Result<std::vector<std::string>> RealFileSystem::list(const std::string& folder) {
  DIR* handle = ::opendir(folder.c_str());
  if (handle == nullptr) return fail_errno("list", folder, errno);
  const std::unique_ptr<DIR, int (*)(DIR*)> owner(handle, ::closedir);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(handle)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

Result<void> RealFileSystem::sync_folder(const std::string& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return fail_errno("open folder", folder, errno);
  const int failed = ::fsync(descriptor) != 0 ? errno : 0;
  ::close(descriptor);
  if (failed != 0) return fail_errno("flush folder", folder, failed);
  return {};
}

Result<std::unique_ptr<FileLock>> RealFileSystem::lock(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return fail_errno("open", path, errno);
  auto owner = std::make_unique<RealLock>(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno("lock", path, errno);
    std::array<char, 32> holder{};
    const ssize_t n = ::pread(descriptor, holder.data(), holder.size(), 0);
    return fail(ErrorKind::busy, "in use by another process",
                fmt::format("{} is locked by process {}", path,
                            printable({holder.data(), n > 0 ? static_cast<std::size_t>(n) : 0})));
  }
  const std::string self = std::to_string(::getpid());
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, self.data(), self.size(), 0) < 0) {
    return fail_errno("write", path, errno);
  }
  return owner;
}

}  // namespace pabal
