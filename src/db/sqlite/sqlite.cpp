#include "db/sqlite/sqlite.hpp"

#include "base/memory_file.hpp"
#include "db/sqlite/checkpointer.hpp"
#include "db/sqlite/connection.hpp"
#include "db/sqlite/shared.hpp"

namespace pabal::db::sqlite {

namespace {

class SqliteDatabase final : public Database {
 public:
  explicit SqliteDatabase(std::unique_ptr<Shared> shared) : shared_(std::move(shared)) {}

  Result<std::unique_ptr<Connection>> connect() override {
    auto handle = shared_->open_handle();
    if (!handle) return pass(handle);
    return std::make_unique<SqliteConnection>(*shared_, std::move(*handle));
  }
  Dialect dialect() const noexcept override { return Dialect::sqlite; }
  Result<void> maintain() override { return checkpointer_.maintain(); }

 private:
  std::unique_ptr<Shared> shared_;
  Checkpointer checkpointer_{*shared_};
};

// Every commit tells how many frames the log has then.
int note_log(void* context, sqlite3*, const char*, int frames) {
  auto& shared = *static_cast<Shared*>(context);
  const int before = shared.log_frames.exchange(frames, std::memory_order_relaxed);
  if (frames < before) shared.log_restarts.fetch_add(1, std::memory_order_relaxed);
  if (shared.log_grew && static_cast<std::uint64_t>(frames) * frame_octets >= shared.options.checkpoint_at) {
    shared.log_grew();
  }
  return SQLITE_OK;
}

}  // namespace

Result<Handle> Shared::open_handle() {
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, vfs.name());
  Handle handle(raw);
  if (code != SQLITE_OK) {
    auto failed = fail_sqlite(raw, "open " + path);
    failed.error().log += ": " + vfs.last_error();
    return failed;
  }
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, static_cast<int>(options.busy_timeout.count()));
  // A connection that closes must not checkpoint: the one checkpointer does (see checkpoint.cpp).
  sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  // A query must mean what it says: "name" is a column, never a string.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  // Debian's SQLite would write zeros over each page that becomes free; of the octets of letters that leave the
  // database for a segment that is all of them once more. FAST does so only where it costs no writing.
  const auto settings = fmt::format(
      "PRAGMA secure_delete = FAST; PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
      "PRAGMA wal_autocheckpoint = 0; "
      "PRAGMA journal_size_limit = -1; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; "
      "PRAGMA cache_size = -{}; PRAGMA trusted_schema = OFF",
      options.reader_cache_bytes >> 10);
  if (sqlite3_exec(raw, settings.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return fail_sqlite(raw, settings);
  sqlite3_wal_hook(raw, note_log, this);
  return handle;
}

Result<std::unique_ptr<Database>> open(FileSystem& files, const std::string& path, Options options) {
  auto lock = files.lock(path + ".lock");
  if (!lock) return pass(lock);
  auto shared = std::make_unique<Shared>(files, path, options);
  shared->lock = std::move(*lock);
  // The first connection makes the file and recovers the log, so that a damaged database is told here.
  {
    auto first = shared->open_handle();
    if (!first) return pass(first);
    if (sqlite3_exec(first->get(), "SELECT count(*) FROM sqlite_schema", nullptr, nullptr, nullptr) != SQLITE_OK) {
      return fail_sqlite(first->get(), "open " + path);
    }
  }
  // The names may be there since a run that was killed before it flushed them.
  if (auto flushed = files.sync_folder(folder_of(path)); !flushed) return pass(flushed);
  return std::make_unique<SqliteDatabase>(std::move(shared));
}

}  // namespace pabal::db::sqlite
