// What the connections of one database share.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include <sqlite3.h>

#include "base/file.hpp"
#include "db/sqlite/handle.hpp"
#include "db/sqlite/sqlite.hpp"
#include "db/sqlite/vfs.hpp"

namespace pabal::db::sqlite {

/// Lets one in at a time: write transactions and the last part of a checkpoint. Waiting here is sleep, where SQLite's
/// own busy handler would poll.
class Gate {
 public:
  [[nodiscard]] bool enter(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    if (!free_.wait_for(lock, patience, [&] { return !taken_ && !reserved_; })) return false;
    taken_ = true;
    return true;
  }
  /// The same, and whoever comes after this call waits. One thread at a time. (A writer that is never idle is back at
  /// the gate before anybody who was woken; a checkpoint would not get through.)
  [[nodiscard]] bool enter_next(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    reserved_ = true;
    const bool free = free_.wait_for(lock, patience, [&] { return !taken_; });
    reserved_ = false;
    if (free) {
      taken_ = true;
    } else {
      free_.notify_all();
    }
    return free;
  }
  void leave() noexcept {
    {
      const std::lock_guard lock(mutex_);
      taken_ = false;
    }
    free_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable free_;
  bool taken_ = false;
  bool reserved_ = false;
};

/// A page in the write-ahead log, with its header.
inline constexpr std::uint64_t frame_octets = 4096 + 24;

struct Shared {
  Shared(FileSystem& file_system, std::string database_path, Options database_options)
      : files(file_system), path(std::move(database_path)), options(database_options), vfs(files, path) {}

  FileSystem& files;
  std::string path;
  Options options;
  Vfs vfs;
  std::unique_ptr<FileLock> lock;
  Gate gate;
  std::atomic<int> log_frames{0};              ///< in the write-ahead log, as the last commit left it
  std::atomic<std::uint64_t> log_restarts{0};  ///< how often a commit has begun the log anew
  std::function<void()> log_grew;              ///< called after a commit that left the log longer than it should be

  [[nodiscard]] Result<Handle> open_handle();
};

}  // namespace pabal::db::sqlite
