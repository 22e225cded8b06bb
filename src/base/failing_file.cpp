#include "base/failing_file.hpp"

#include <algorithm>
#include <utility>

namespace pabal {

std::string_view name_of(DiskOperation operation) noexcept {
  static constexpr std::array<std::string_view, disk_operations> names = {
      "open",   "read",   "write",       "sync", "size",        "truncate", "allocate",
      "remove", "rename", "make_folder", "list", "sync_folder", "lock",     "exists"};
  return names[static_cast<std::size_t>(operation)];
}

class FailingFile final : public File {
 public:
  FailingFile(FailingFileSystem& owner, std::unique_ptr<File> file, std::string path)
      : owner_(owner), file_(std::move(file)), path_(std::move(path)) {}

  Result<std::size_t> read_at(std::span<char> buffer, std::uint64_t offset) override {
    if (auto checked = owner_.check(DiskOperation::read, path_); !checked) return pass(checked);
    return file_->read_at(buffer, offset);
  }

  Result<void> write_at(std::string_view octets, std::uint64_t offset) override {
    if (const auto failure = owner_.strikes(DiskOperation::write, path_)) {
      const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(failure->written_before, octets.size()));
      if (part != 0) {
        if (auto written = file_->write_at(octets.substr(0, part), offset); !written) return written;
      }
      return fail_errno("write", path_, failure->error_number);
    }
    return write_within_space(octets, offset);
  }

  Result<void> sync() override {
    if (auto checked = owner_.check(DiskOperation::sync, path_); !checked) return checked;
    return file_->sync();
  }
  Result<std::uint64_t> size() override {
    if (auto checked = owner_.check(DiskOperation::size, path_); !checked) return pass(checked);
    return file_->size();
  }

  Result<void> truncate(std::uint64_t size) override {
    if (auto checked = owner_.check(DiskOperation::truncate, path_); !checked) return checked;
    auto before = file_->size();
    if (!before) return pass(before);
    if (auto done = file_->truncate(size); !done) return done;
    if (size < *before) owner_.give_space(*before - size);
    return {};
  }

  Result<void> allocate(std::uint64_t size) override {
    if (auto checked = owner_.check(DiskOperation::allocate, path_); !checked) return checked;
    auto before = file_->size();
    if (!before) return pass(before);
    if (size <= *before) return {};
    const auto growth = size - *before;
    const auto room = owner_.take_space(growth);
    if (room < growth) {
      owner_.give_space(room);
      return fail_errno("allocate", path_, ENOSPC);
    }
    return file_->allocate(size);
  }

 private:
  Result<void> write_within_space(std::string_view octets, std::uint64_t offset) {
    auto before = file_->size();
    if (!before) return pass(before);
    const std::uint64_t end = offset + octets.size();
    if (end <= *before) return file_->write_at(octets, offset);
    const auto growth = end - *before;
    const auto room = owner_.take_space(growth);
    if (room == growth) return file_->write_at(octets, offset);
    // What fits is written, as a real disk does; a hole before it takes room first.
    const auto last = *before + room;
    if (last > offset) {
      if (auto part = file_->write_at(octets.substr(0, static_cast<std::size_t>(last - offset)), offset); !part)
        return part;
    } else {
      owner_.give_space(room);
    }
    return fail_errno("write", path_, ENOSPC);
  }

  FailingFileSystem& owner_;
  std::unique_ptr<File> file_;
  std::string path_;
};

void FailingFileSystem::fail_at(DiskFailure failure) { state_.lock()->pending.push_back({std::move(failure), 0}); }

void FailingFileSystem::heal() {
  auto state = state_.lock();
  state->pending.clear();
  state->space.reset();
}

void FailingFileSystem::set_space(std::optional<std::uint64_t> octets) { state_.lock()->space = octets; }

std::uint64_t FailingFileSystem::count(std::optional<DiskOperation> operation) {
  auto state = state_.lock();
  if (operation) return state->counts[static_cast<std::size_t>(*operation)];
  std::uint64_t sum = 0;
  for (const auto count : state->counts) sum += count;
  return sum;
}

std::uint64_t FailingFileSystem::failed() { return state_.lock()->failed; }

std::optional<DiskFailure> FailingFileSystem::strikes(DiskOperation operation, const std::string& path) {
  auto state = state_.lock();
  ++state->counts[static_cast<std::size_t>(operation)];
  std::optional<DiskFailure> struck;
  std::erase_if(state->pending, [&](Pending& pending) {
    const auto& failure = pending.failure;
    if (failure.operation && *failure.operation != operation) return false;
    if (path.find(failure.path_contains) == std::string::npos) return false;
    if (++pending.seen < failure.nth) return false;
    if (struck) return !failure.for_ever;
    struck = failure;
    return !failure.for_ever;
  });
  if (struck) ++state->failed;
  return struck;
}

Result<void> FailingFileSystem::check(DiskOperation operation, const std::string& path) {
  if (const auto failure = strikes(operation, path)) {
    return fail_errno(pabal::name_of(operation), path, failure->error_number);
  }
  return {};
}

std::uint64_t FailingFileSystem::take_space(std::uint64_t octets) {
  auto state = state_.lock();
  if (!state->space) return octets;
  const auto taken = std::min(octets, *state->space);
  *state->space -= taken;
  if (taken < octets) ++state->failed;
  return taken;
}

void FailingFileSystem::give_space(std::uint64_t octets) {
  auto state = state_.lock();
  if (state->space) *state->space += octets;
}

Result<std::unique_ptr<File>> FailingFileSystem::open(const std::string& path, OpenMode mode) {
  if (auto checked = check(DiskOperation::open, path); !checked) return pass(checked);
  auto file = below().open(path, mode);
  if (!file) return pass(file);
  return std::make_unique<FailingFile>(*this, std::move(*file), path);
}

Result<bool> FailingFileSystem::exists(const std::string& path) {
  if (auto checked = check(DiskOperation::exists, path); !checked) return pass(checked);
  return below().exists(path);
}

Result<void> FailingFileSystem::remove(const std::string& path) {
  if (auto checked = check(DiskOperation::remove, path); !checked) return checked;
  std::uint64_t size = 0;
  if (auto file = below().open(path, OpenMode::read)) size = (*file)->size().value_or(0);
  auto removed = below().remove(path);
  if (removed) give_space(size);
  return removed;
}

Result<void> FailingFileSystem::rename(const std::string& from, const std::string& to) {
  if (auto checked = check(DiskOperation::rename, from); !checked) return checked;
  return below().rename(from, to);
}

Result<void> FailingFileSystem::make_folder(const std::string& path) {
  if (auto checked = check(DiskOperation::make_folder, path); !checked) return checked;
  return below().make_folder(path);
}

Result<std::vector<std::string>> FailingFileSystem::list(const std::string& folder) {
  if (auto checked = check(DiskOperation::list, folder); !checked) return pass(checked);
  return below().list(folder);
}

Result<void> FailingFileSystem::sync_folder(const std::string& folder) {
  if (auto checked = check(DiskOperation::sync_folder, folder); !checked) return checked;
  return below().sync_folder(folder);
}

Result<std::unique_ptr<FileLock>> FailingFileSystem::lock(const std::string& path) {
  if (auto checked = check(DiskOperation::lock, path); !checked) return pass(checked);
  return below().lock(path);
}

}  // namespace pabal
