// The one checkpointer of a database: moves the write-ahead log's pages into the database file, so that the log starts
// anew and stays small.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/error.hpp"
#include "base/guarded.hpp"
#include "db/sqlite/handle.hpp"
#include "db/sqlite/shared.hpp"

namespace pabal::db::sqlite {

class Checkpointer {
 public:
  /// Begins to work in the background if the options say so.
  explicit Checkpointer(Shared& shared);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  /// Says what failed in the background since the last call, and works if it is time. Any thread.
  [[nodiscard]] Result<void> maintain();

  /// One at a time works; others return at once. Does nothing while the log is short.
  ///
  /// First all that is in the log is copied while writers go on; then, with writers held at the gate, the little that
  /// they added meanwhile (without that the log might never be copied whole, and so never start anew). The next commit
  /// then begins the log from its start, unless a reader still reads in it: then the log grows on, and the next call
  /// tries again. If it has grown to four times its measure, writers are held until the readers of old pages are gone,
  /// but no longer than a quarter of a second, and the less often the more often that was in vain; new readers don't
  /// stand in the way, they read the database file.
  [[nodiscard]] Result<void> run();

 private:
  struct Background {
    bool due = false;
    bool stopping = false;
    Result<void> outcome;
  };
  [[nodiscard]] Result<bool> checkpoint(int mode);
  [[nodiscard]] Result<void> flush_database();
  [[nodiscard]] bool due() const noexcept;
  void loop();

  Shared& shared_;
  std::mutex working_;
  Handle handle_;
  std::chrono::milliseconds
      rest_{};  ///< under working_: of the writers, after the next time that they are held in vain
  std::chrono::steady_clock::time_point hold_again_;  ///< under working_: not before this are writers held for readers
  std::atomic<int> done_frames_{0};                   ///< the log's length when it was last copied whole
  Guarded<Background> background_;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace pabal::db::sqlite
