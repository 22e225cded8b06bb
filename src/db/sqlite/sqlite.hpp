// The embedded engine: SQLite in WAL mode with full durability. One process owns the file (a lock file beside it);
// within the process there may be any number of connections, one of which writes at a time. All file access goes
// through FileSystem.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/file.hpp"
#include "db/database.hpp"

namespace pabal::db::sqlite {

struct Options {
  std::size_t writer_cache_bytes = 32 << 20;       ///< pages kept by a connection once it has written
  std::size_t reader_cache_bytes = 2 << 20;        ///< and by one that has only read
  std::chrono::milliseconds busy_timeout{10'000};  ///< how long a second writer waits for the first
  /// Octets of write-ahead log at which they are moved into the database. Measured, letters of 10 KiB: from 4 to 16 MiB
  /// a lone sender's slowest hundredth falls from 3.5 to 1.2 ms and a tenth less is written; more gains little.
  std::uint64_t checkpoint_at = 16 << 20;
  /// A thread of its own does that as soon as it is time. Otherwise only maintain() does (tests that want to say when).
  bool background_checkpoints = true;
  /// How long writers are left alone after a reader that stays made them wait for nothing twice; each further time
  /// doubles it, up to sixteen times this.
  std::chrono::milliseconds writers_rest{500};
};

/// Opens the database file, making it where there is none. `busy` if another process owns it. The FileSystem must
/// outlive the Database, and the Database its connections.
[[nodiscard]] Result<std::unique_ptr<Database>> open(FileSystem& files, const std::string& path, Options options = {});

}  // namespace pabal::db::sqlite
