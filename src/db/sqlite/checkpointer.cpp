#include "db/sqlite/checkpointer.hpp"

namespace pabal::db::sqlite {

namespace {
constexpr std::uint64_t frame_octets = 4096 + 24;
constexpr std::chrono::milliseconds patience{250};
}  // namespace

// True when all of the log is in the database.
Result<bool> Checkpointer::checkpoint(int mode) {
  int frames = 0;
  int copied = 0;
  const int code = sqlite3_wal_checkpoint_v2(handle_.get(), "main", mode, &frames, &copied);
  // Busy: a reader is in the way, or a writer starts the log anew at this moment. The next call tries again.
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return false;
  if (code != SQLITE_OK) {
    return fail_sqlite(handle_.get(), "checkpoint of " + shared_.path);
  }
  if (frames == copied) done_frames_ = frames;
  return frames == copied;
}

Result<void> Checkpointer::run() {
  const std::unique_lock working(working_, std::try_to_lock);
  if (!working.owns_lock() || shared_.vfs.broken()) return {};
  const int frames = shared_.log_frames.load(std::memory_order_relaxed);
  const auto octets = static_cast<std::uint64_t>(frames) * frame_octets;
  if (octets < shared_.options.checkpoint_at || frames == done_frames_) return {};
  if (handle_ == nullptr) {
    auto handle = shared_.open_handle();
    if (!handle) return pass(handle);
    handle_ = std::move(*handle);
    sqlite3_busy_timeout(handle_.get(), static_cast<int>(patience.count()));
  }
  auto copied = checkpoint(SQLITE_CHECKPOINT_PASSIVE);
  if (!copied) return pass(copied);
  if (!shared_.gate.enter(patience)) return {};  // a long write transaction; the next call tries again
  const bool too_long = octets >= 4 * shared_.options.checkpoint_at;
  copied = checkpoint(too_long ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE);
  shared_.gate.leave();
  if (!copied) return pass(copied);
  return {};
}

}  // namespace pabal::db::sqlite
