// SQLite's view of the disk (a "VFS"), put on FileSystem, so that a disk in memory, a failing or a recording one can
// stand under SQLite, and the flush rules are ours.
//
// What is told to SQLite about the disk, and why it holds:
// - SQLITE_IOCAP_POWERSAFE_OVERWRITE: writing some octets never damages their neighbours, even if the power goes.
// Without it
//   SQLite would fill each commit up to a whole sector with copies of the last frame. It holds because a sector (512
//   octets or more) is written whole or not at all, and what the kernel writes for the neighbours is what was there:
//   frames that a flush made safe are rewritten with the same octets. Frames that are torn or missing are found by the
//   log's own checksums, each over all frames before it, with a salt that changes when the log starts anew; so the log
//   ends before the first damaged frame, which is never one of a commit that was flushed. The power-loss test replays
//   torn sectors to see to it.
// - The log is never cut or deleted: after a checkpoint it is written over from its beginning, because overwriting
// flushes 1.5
//   to 3 times as fast as appending (no new length, no new blocks to note).
// - The frames of a commit, which SQLite writes in two pieces a page, are gathered and go to the disk in one write when
// SQLite
//   flushes, or at the latest before the index tells others of them (the barrier in xShmBarrier).
// - A file that nobody wrote since its last flush is not flushed again (a checkpoint begins with a flush of the log,
// which the
//   commits have done already).
// - After a failed flush everything that writes fails: what is on the disk is unknown, and only a new start, which
// reads the log
//   as it is, knows again.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include <sqlite3.h>

#include "base/file.hpp"
#include "base/guarded.hpp"
#include "db/sqlite/locks.hpp"

namespace pabal::db::sqlite {

/// How much of a file has been written and flushed, over all handles of it. It begins as written and not flushed: a
/// process that was killed may have left octets that only the page cache holds.
struct FlushState {
  std::atomic<std::uint64_t> written{1};
  std::atomic<std::uint64_t> flushed{0};
};

/// One database's VFS, known to SQLite by a name of its own while it lives. Must outlive the connections.
class Vfs {
 public:
  Vfs(FileSystem& files, std::string path);
  ~Vfs();
  Vfs(const Vfs&) = delete;
  Vfs& operator=(const Vfs&) = delete;

  [[nodiscard]] const char* name() const noexcept { return name_.c_str(); }
  /// True once a flush has failed.
  [[nodiscard]] bool broken() const noexcept { return broken_.load(std::memory_order_relaxed); }
  void set_broken() noexcept { broken_ = true; }
  [[nodiscard]] std::string last_error() { return *last_error_.lock(); }

  [[nodiscard]] FileSystem& files() noexcept { return files_; }
  [[nodiscard]] FileLocks& file_locks() noexcept { return file_locks_; }
  [[nodiscard]] LogIndex& index() noexcept { return index_; }
  [[nodiscard]] FlushState& flush_state(const std::string& path);
  /// Remembers the error for last_error() and gives the code back.
  int note(const Error& error, int code);
  /// The path's name is new in its folder, which has to be flushed with the next flush of the file.
  void note_new(const std::string& path);
  /// Flushes the folder if the path's name is new in it.
  [[nodiscard]] Result<void> flush_name(const std::string& path);

  /// Called in a checkpoint between its reading of the index's header and the rest, if the header had changed (tests
  /// only).
  std::function<void()> in_checkpoint;

 private:
  FileSystem& files_;
  std::string path_;
  std::string name_;
  sqlite3_vfs vfs_{};
  FileLocks file_locks_;
  LogIndex index_;
  std::atomic<bool> broken_{false};
  Guarded<std::string> last_error_;
  Guarded<std::map<std::string, std::unique_ptr<FlushState>>> flush_states_;
  Guarded<std::set<std::string>> new_names_;
};

/// Opens a file for SQLite: fills `*file` (of vfs_file_size() octets).
[[nodiscard]] int open_vfs_file(Vfs& vfs, const char* path, sqlite3_file* file, int flags, int* flags_out);
[[nodiscard]] int vfs_file_size() noexcept;

}  // namespace pabal::db::sqlite
