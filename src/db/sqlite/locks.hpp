// What SQLite keeps in the operating system where several processes share a database, kept here in the process, because
// one process owns a database: the locks of the database file, and the shared memory of the write-ahead log with its
// eight locks.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace pabal::db::sqlite {

/// The locks of the database file (sqlite.org/lockingv3.html): many share, one has reserved, and exclusive stands
/// alone. In WAL mode all connections merely share; the others are for the moment in which the file is made.
class FileLocks {
 public:
  /// Levels are SQLITE_LOCK_NONE to SQLITE_LOCK_EXCLUSIVE. Returns the level that the holder has then, which on success
  /// is `to`.
  [[nodiscard]] int raise(const void* holder, int from, int to);
  void lower(const void* holder, int from, int to);
  [[nodiscard]] bool reserved();

 private:
  std::mutex mutex_;
  int sharing_ = 0;
  const void* reserved_ = nullptr;
  const void* pending_ = nullptr;
};

/// The index of the write-ahead log and its locks.
///
/// Here stands the gate against the WAL-reset bug of SQLite before 3.51.3 (Debian 12 has 3.40.1). A checkpoint first
/// reads the index's header, in particular how many frames the log has, and then how many of them are in the database
/// already (nBackfill). If in between a writer starts the log anew, which it may when all frames are in the database,
/// nBackfill becomes 0 while the checkpoint still works with the old number of frames N: it "copies" frames that are no
/// more and sets nBackfill = N. The frames that the new log gets up to N are then never copied, and are lost when the
/// log starts anew the next time.
///
/// Both sides show themselves by their locks. A checkpoint holds the checkpoint lock (slot 1) from before it reads the
/// header until its end; a writer that starts the log anew takes the locks of all readers' marks (slots 4 to 7) at
/// once, does it, and lets them go. So two rules are enough, and make the race impossible: the log is not started anew
/// while somebody else holds the checkpoint lock (SQLite then goes on at the log's end, as it does when a reader is in
/// the way), and the checkpoint lock isn't given while somebody else starts the log anew (that checkpoint is tried
/// again later).
class LogIndex {
 public:
  static constexpr int slots = 8;
  static constexpr int checkpoint_slot = 1;
  static constexpr int first_mark = 4;
  static constexpr int marks = 4;

  /// What a connection holds, one bit a slot.
  struct Holder {
    std::uint8_t shared = 0;
    std::uint8_t exclusive = 0;
  };

  /// The region's memory, which never moves; null if it isn't there and must not be made.
  [[nodiscard]] void* region(std::size_t index, std::size_t octets, bool make);
  [[nodiscard]] bool lock(Holder& holder, int first, int count, bool exclusive);
  void unlock(Holder& holder, int first, int count);
  /// Only for the test that shows what the gate is for.
  void open_gate() noexcept { gated_ = false; }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<char[]>> regions_;
  std::array<int, slots> sharing_{};
  std::uint8_t exclusive_ = 0;
  const Holder* restarting_ = nullptr;
  bool gated_ = true;
};

}  // namespace pabal::db::sqlite
