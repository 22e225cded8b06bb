#include "db/sqlite/checkpointer.hpp"

#include <algorithm>

namespace pabal::db::sqlite {

namespace {
constexpr std::chrono::milliseconds patience{250};
constexpr std::chrono::milliseconds pause{20};  ///< before a checkpoint is tried again
constexpr int longest_rest = 16;                ///< times Options::writers_rest
}  // namespace

Checkpointer::Checkpointer(Shared& shared) : shared_(shared) {
  if (!shared_.options.background_checkpoints) return;
  shared_.log_grew = [this] {
    auto background = background_.lock();
    if (std::exchange(background->due, true)) return;
    wake_.notify_one();
  };
  thread_ = std::thread([this] { loop(); });
}

Checkpointer::~Checkpointer() {
  if (!thread_.joinable()) return;
  {
    auto background = background_.lock();
    background->stopping = true;
  }
  wake_.notify_one();
  thread_.join();
}

bool Checkpointer::due() const noexcept {
  const int frames = shared_.log_frames.load(std::memory_order_relaxed);
  return static_cast<std::uint64_t>(frames) * frame_octets >= shared_.options.checkpoint_at && frames != done_frames_ &&
         !shared_.vfs.broken();
}

void Checkpointer::loop() {
  bool left_over = false;
  std::uint64_t restarts = UINT64_MAX;
  for (;;) {
    {
      auto background = background_.lock();
      wake_.wait(background.unique_lock(), [&] { return background->due || background->stopping || left_over; });
      // Where a reader or a long write was in the way, the log has not started anew since the last time, and each
      // commit would call for a checkpoint.
      if (shared_.log_restarts.load(std::memory_order_relaxed) == restarts) {
        wake_.wait_for(background.unique_lock(), pause, [&] { return background->stopping; });
      }
      if (background->stopping) return;
      background->due = false;
    }
    restarts = shared_.log_restarts.load(std::memory_order_relaxed);
    auto outcome = run_caught("a checkpoint", [this] { return run(); });
    left_over = outcome.has_value() && due();
    // A failure is told by the next maintain(), and tried again after a further commit.
    if (!outcome) background_.lock()->outcome = std::move(outcome);
  }
}

Result<void> Checkpointer::maintain() {
  auto outcome = std::exchange(background_.lock()->outcome, Result<void>());
  if (!outcome) return outcome;
  return run();
}

// True when all of the log is in the database.
Result<bool> Checkpointer::checkpoint(int mode) {
  int frames = 0;
  int copied = 0;
  const int code = sqlite3_wal_checkpoint_v2(handle_.get(), "main", mode, &frames, &copied);
  // Busy: a reader is in the way, or a writer starts the log anew at this moment. The next call tries again.
  if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED) return false;
  if (code != SQLITE_OK) {
    return fail_sqlite(handle_.get(), "checkpoint of " + shared_.path);
  }
  if (frames == copied) done_frames_ = frames;
  return frames == copied;
}

Result<void> Checkpointer::flush_database() {
  sqlite3_file* file = nullptr;
  if (sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_FILE_POINTER, static_cast<void*>(&file)) != SQLITE_OK) {
    return fail_sqlite(handle_.get(), "file of " + shared_.path);
  }
  if (file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) != SQLITE_OK) {
    return fail(ErrorKind::io, "local error", shared_.vfs.last_error());
  }
  return {};
}

Result<void> Checkpointer::run() {
  const std::unique_lock working(working_, std::try_to_lock);
  if (!working.owns_lock() || !due()) return {};
  if (handle_ == nullptr) {
    auto handle = shared_.open_handle();
    if (!handle) return pass(handle);
    handle_ = std::move(*handle);
    sqlite3_busy_timeout(handle_.get(), static_cast<int>(patience.count()));
  }
  auto copied = checkpoint(SQLITE_CHECKPOINT_PASSIVE);
  if (!copied) return pass(copied);
  // What a checkpoint that was overtaken has copied is not flushed yet. Better now than with all writers at the gate.
  if (!*copied) {
    if (auto flushed = flush_database(); !flushed) return flushed;
  }
  if (!shared_.gate.enter_next(patience)) return {};  // a long write transaction; the next call tries again
  const auto octets = static_cast<std::uint64_t>(shared_.log_frames.load(std::memory_order_relaxed)) * frame_octets;
  const bool too_long = octets >= 4 * shared_.options.checkpoint_at && std::chrono::steady_clock::now() >= hold_again_;
  // Whatever becomes of it, the writers are let through again.
  copied = run_caught("a checkpoint",
                      [&] { return checkpoint(too_long ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE); });
  shared_.gate.leave();
  if (!copied) return pass(copied);
  // A reader that stays for minutes (a backup, a check) is not to hold up the writers for as long.
  if (*copied) {
    rest_ = {};
  } else if (too_long) {
    hold_again_ = std::chrono::steady_clock::now() + rest_;
    const auto shortest = shared_.options.writers_rest;
    rest_ = std::clamp(2 * rest_, shortest, longest_rest * shortest);
  }
  return {};
}

}  // namespace pabal::db::sqlite
