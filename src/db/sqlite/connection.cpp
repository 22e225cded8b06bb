#include "db/sqlite/connection.hpp"

namespace pabal::db::sqlite {

namespace {
constexpr std::size_t kMostStatements = 512;

Result<void> drop(Result<std::int64_t>&& result) {
  if (!result) return pass(result);
  return {};
}
}  // namespace

SqliteConnection::~SqliteConnection() {
  rollback();
  statements_.clear();
}

bool SqliteConnection::broken() const noexcept { return shared_.vfs.broken(); }

Result<Statement*> SqliteConnection::prepare(std::string_view sql) {
  const auto address = reinterpret_cast<std::uintptr_t>(sql.data());
  auto& recent = recent_[(address ^ (address >> 8)) % recent_.size()];
  if (recent != nullptr && recent->sql() == sql) return recent;
  if (const auto found = statements_.find(sql); found != statements_.end()) {
    recent = found->second.get();
    return recent;
  }
  if (statements_.size() >= kMostStatements) forget_idle_statements();
  auto statement = Statement::prepare(handle_.get(), sql);
  if (!statement) return pass(statement);
  Statement* const made = statement->get();
  statements_.emplace(made->sql(), std::move(*statement));
  recent = made;
  return made;
}

// Texts that were put together at run time may be without end in number.
void SqliteConnection::forget_idle_statements() {
  recent_.fill(nullptr);
  std::erase_if(statements_, [](const auto& entry) { return !entry.second->in_use(); });
}

Result<Rows> SqliteConnection::query(std::string_view sql, std::span<const Parameter> parameters) {
  auto statement = prepare(sql);
  if (!statement) return pass(statement);
  if (auto started = (*statement)->start(parameters); !started) return pass(started);
  return Rows(**statement);
}

Result<std::int64_t> SqliteConnection::run(std::string_view sql, std::span<const Parameter> parameters) {
  auto statement = prepare(sql);
  if (!statement) return pass(statement);
  if (auto started = (*statement)->start(parameters); !started) return pass(started);
  return (*statement)->run();
}

Result<void> SqliteConnection::execute(std::string_view sql) { return drop(run(sql, std::span<const Parameter>())); }

Result<void> SqliteConnection::script(std::string_view sql) {
  static constexpr Replacement words[] = {{"BYTES", "BLOB"}};
  const std::string text = replace_words(sql, words);
  if (sqlite3_exec(handle_.get(), text.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return fail_sqlite(handle_.get(), text);
  }
  return {};
}

Result<void> SqliteConnection::begin(bool write) {
  if (!write) return execute("BEGIN");
  if (broken())
    return fail(ErrorKind::io, "local error", shared_.path + ": takes no more writes, a flush failed earlier");
  if (!has_written_) {
    has_written_ = true;
    if (auto grown = script(fmt::format("PRAGMA cache_size = -{}", shared_.options.writer_cache_bytes >> 10)); !grown) {
      return grown;
    }
  }
  if (!shared_.gate.enter(shared_.options.busy_timeout)) {
    return fail(ErrorKind::busy, "the database is busy", shared_.path + ": another write takes too long");
  }
  in_gate_ = true;
  auto begun = execute("BEGIN IMMEDIATE");
  if (!begun) leave_gate();
  return begun;
}

Result<void> SqliteConnection::commit() {
  auto committed = execute("COMMIT");
  if (committed) leave_gate();
  return committed;
}

void SqliteConnection::rollback() noexcept {
  if (sqlite3_get_autocommit(handle_.get()) == 0) {
    // A rollback can only fail where the engine has already rolled back by itself.
    if (auto undone = execute("ROLLBACK"); !undone && sqlite3_get_autocommit(handle_.get()) == 0) {
      shared_.vfs.set_broken();
    }
  }
  leave_gate();
}

void SqliteConnection::leave_gate() noexcept {
  if (std::exchange(in_gate_, false)) shared_.gate.leave();
}

Result<void> SqliteConnection::savepoint() { return execute("SAVEPOINT step"); }
Result<void> SqliteConnection::release_savepoint() { return execute("RELEASE step"); }
Result<void> SqliteConnection::rollback_to_savepoint() {
  if (auto undone = execute("ROLLBACK TO step"); !undone) return undone;
  return execute("RELEASE step");
}

}  // namespace pabal::db::sqlite
