#include "base/memory_file.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace pabal {

std::size_t MemoryContent::read(std::span<char> buffer, std::uint64_t offset) const {
  if (offset >= size_) return 0;
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size_ - offset));
  for (std::size_t done = 0; done < count;) {
    const auto index = static_cast<std::size_t>((offset + done) / chunk_size);
    const auto within = static_cast<std::size_t>((offset + done) % chunk_size);
    const auto part = std::min(count - done, chunk_size - within);
    if (index < chunks_.size() && chunks_[index] != nullptr) {
      std::memcpy(buffer.data() + done, chunks_[index]->data() + within, part);
    } else {
      std::memset(buffer.data() + done, 0, part);
    }
    done += part;
  }
  return count;
}

MemoryContent::Chunk& MemoryContent::own(std::size_t index) {
  auto& chunk = chunks_[index];
  if (chunk == nullptr) {
    chunk = std::make_shared<Chunk>();
    chunk->fill(0);
  } else if (chunk.use_count() > 1) {
    chunk = std::make_shared<Chunk>(*chunk);
  }
  return *chunk;
}

void MemoryContent::write(std::string_view octets, std::uint64_t offset) {
  if (octets.empty()) return;
  if (offset + octets.size() > size_) resize(offset + octets.size());
  while (!octets.empty()) {
    const auto within = static_cast<std::size_t>(offset % chunk_size);
    const auto part = std::min(octets.size(), chunk_size - within);
    std::memcpy(own(static_cast<std::size_t>(offset / chunk_size)).data() + within, octets.data(), part);
    octets.remove_prefix(part);
    offset += part;
  }
}

void MemoryContent::resize(std::uint64_t size) {
  const auto chunks = static_cast<std::size_t>((size + chunk_size - 1) / chunk_size);
  if (size < size_) {
    // Octets beyond the end must read as zeros when the file grows again.
    const auto within = static_cast<std::size_t>(size % chunk_size);
    if (within != 0 && chunks_[chunks - 1] != nullptr) {
      auto& chunk = own(chunks - 1);
      std::memset(chunk.data() + within, 0, chunk_size - within);
    }
  }
  chunks_.resize(chunks);
  size_ = size;
}

std::string MemoryContent::all() const {
  std::string octets(static_cast<std::size_t>(size_), '\0');
  read(octets, 0);
  return octets;
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

class MemoryFileSystem::MemoryFile final : public File {
 public:
  MemoryFile(std::shared_ptr<Node> node, std::string path, bool may_write)
      : node_(std::move(node)), path_(std::move(path)), may_write_(may_write) {}

  Result<std::size_t> read_at(std::span<char> buffer, std::uint64_t offset) override {
    return node_->lock()->read(buffer, offset);
  }
  Result<void> write_at(std::string_view octets, std::uint64_t offset) override {
    if (!may_write_) return fail_errno("write", path_, EBADF);
    node_->lock()->write(octets, offset);
    return {};
  }
  Result<void> sync() override { return {}; }
  Result<std::uint64_t> size() override { return node_->lock()->size(); }
  Result<void> truncate(std::uint64_t size) override {
    if (!may_write_) return fail_errno("truncate", path_, EINVAL);
    node_->lock()->resize(size);
    return {};
  }
  Result<void> allocate(std::uint64_t size) override {
    if (!may_write_) return fail_errno("allocate", path_, EBADF);
    auto content = node_->lock();
    if (size > content->size()) content->resize(size);
    return {};
  }

 private:
  std::shared_ptr<Node> node_;
  std::string path_;
  bool may_write_;
};

class MemoryFileSystem::MemoryLock final : public FileLock {
 public:
  MemoryLock(std::shared_ptr<Guarded<std::set<std::string>>> locks, std::string path)
      : locks_(std::move(locks)), path_(std::move(path)) {}
  ~MemoryLock() override { locks_->lock()->erase(path_); }
  MemoryLock(const MemoryLock&) = delete;
  MemoryLock& operator=(const MemoryLock&) = delete;

 private:
  std::shared_ptr<Guarded<std::set<std::string>>> locks_;
  std::string path_;
};

namespace {
std::unexpected<Error> fail_missing(const std::string& path) {
  return fail(ErrorKind::not_found, "no such file", path + ": no such file");
}
bool is_always_there(const std::string& folder) { return folder.empty() || folder == "." || folder == "/"; }
}  // namespace

Result<std::unique_ptr<File>> MemoryFileSystem::open(const std::string& path, OpenMode mode) {
  auto tree = tree_.lock();
  if (tree->folders.contains(path)) return fail_errno("open", path, EISDIR);
  auto found = tree->files.find(path);
  if (found == tree->files.end()) {
    const auto folder = folder_of(path);
    if (mode == OpenMode::read || mode == OpenMode::read_write) return fail_missing(path);
    if (!is_always_there(folder) && !tree->folders.contains(folder)) return fail_missing(path);
    found = tree->files.emplace(path, std::make_shared<Node>()).first;
  } else if (mode == OpenMode::create_new) {
    return fail(ErrorKind::exists, "the file exists", path + ": the file exists");
  }
  return std::make_unique<MemoryFile>(found->second, path, mode != OpenMode::read);
}

Result<bool> MemoryFileSystem::exists(const std::string& path) {
  auto tree = tree_.lock();
  return tree->files.contains(path) || tree->folders.contains(path) || is_always_there(path);
}

Result<void> MemoryFileSystem::remove(const std::string& path) {
  if (tree_.lock()->files.erase(path) == 0) return fail_missing(path);
  return {};
}

Result<void> MemoryFileSystem::rename(const std::string& from, const std::string& to) {
  auto tree = tree_.lock();
  const auto found = tree->files.find(from);
  if (found == tree->files.end()) return fail_errno("rename", from + " to " + to, ENOENT);
  const auto folder = folder_of(to);
  if (!is_always_there(folder) && !tree->folders.contains(folder)) {
    return fail_errno("rename", from + " to " + to, ENOENT);
  }
  if (from == to) return {};
  auto node = std::move(found->second);
  tree->files.erase(found);
  tree->files.insert_or_assign(to, std::move(node));
  return {};
}

void MemoryFileSystem::add_folder(Tree& tree, const std::string& path) {
  for (std::string walked = path; !is_always_there(walked); walked = folder_of(walked)) {
    tree.folders.insert(walked);
  }
}

Result<void> MemoryFileSystem::make_folder(const std::string& path) {
  auto tree = tree_.lock();
  if (tree->files.contains(path)) return fail_errno("make folder", path, EEXIST);
  add_folder(*tree, path);
  return {};
}

Result<std::vector<std::string>> MemoryFileSystem::list(const std::string& folder) {
  auto tree = tree_.lock();
  if (!is_always_there(folder) && !tree->folders.contains(folder)) return fail_errno("list", folder, ENOENT);
  std::vector<std::string> names;
  const auto add = [&](const std::string& path) {
    if (folder_of(path) == folder) names.push_back(path.substr(path.rfind('/') + 1));
  };
  for (const auto& [path, node] : tree->files) add(path);
  for (const auto& path : tree->folders) add(path);
  std::ranges::sort(names);
  return names;
}

Result<void> MemoryFileSystem::sync_folder(const std::string& folder) {
  if (is_always_there(folder) || tree_.lock()->folders.contains(folder)) return {};
  return fail_errno("open folder", folder, ENOENT);
}

Result<std::unique_ptr<FileLock>> MemoryFileSystem::lock(const std::string& path) {
  if (auto made = open(path, OpenMode::create); !made) return pass(made);
  if (!locks_->lock()->insert(path).second) {
    return fail(ErrorKind::busy, "in use by another process", path + " is locked");
  }
  return std::make_unique<MemoryLock>(locks_, path);
}

void MemoryFileSystem::place(const std::string& path, MemoryContent content) {
  auto tree = tree_.lock();
  add_folder(*tree, folder_of(path));
  tree->files.insert_or_assign(path, std::make_shared<Node>(std::move(content)));
}

std::map<std::string, MemoryContent> MemoryFileSystem::contents() {
  std::map<std::string, MemoryContent> all;
  auto tree = tree_.lock();
  for (const auto& [path, node] : tree->files) all.emplace(path, *node->lock());
  return all;
}

std::set<std::string> MemoryFileSystem::folders() { return tree_.lock()->folders; }

std::map<std::string, std::string> MemoryFileSystem::dump() {
  std::map<std::string, std::string> all;
  for (const auto& [path, content] : contents()) all.emplace(path, content.all());
  return all;
}

std::unique_ptr<MemoryFileSystem> MemoryFileSystem::copy() {
  auto made = std::make_unique<MemoryFileSystem>();
  auto tree = tree_.lock();
  auto other = made->tree_.lock();
  other->folders = tree->folders;
  for (const auto& [path, node] : tree->files) {
    other->files.emplace(path, std::make_shared<Node>(MemoryContent(*node->lock())));
  }
  return made;
}

}  // namespace pabal
