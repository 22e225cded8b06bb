// The one checkpointer of a database: moves the write-ahead log's pages into the database file, so that the log starts
// anew and stays small.
#pragma once
#include <mutex>

#include "base/error.hpp"
#include "db/sqlite/handle.hpp"
#include "db/sqlite/shared.hpp"

namespace pabal::db::sqlite {

class Checkpointer {
 public:
  explicit Checkpointer(Shared& shared) : shared_(shared) {}

  /// Any thread, one at a time works. Does nothing while the log is short.
  ///
  /// First all that is in the log is copied while writers go on; then, with writers held at the gate, the little that
  /// they added meanwhile (without that the log might never be copied whole, and so never start anew). The next commit
  /// then begins the log from its start, unless a reader still reads in it: then the log grows on, and the next call
  /// tries again. If it has grown to four times its measure, writers are held until the readers of old pages are gone,
  /// but no longer than a quarter of a second; new readers don't stand in the way, they read the database file.
  [[nodiscard]] Result<void> run();

 private:
  [[nodiscard]] Result<bool> checkpoint(int mode);

  Shared& shared_;
  std::mutex working_;
  Handle handle_;
  int done_frames_ = 0;  ///< the log's length when it was last copied whole
};

}  // namespace pabal::db::sqlite
