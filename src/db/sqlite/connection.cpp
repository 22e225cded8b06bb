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
  auto statement = Statement::prepare(handle_.get(), sql, failed_);
  if (!statement) {
    failed_ = true;
    return pass(statement);
  }
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

// PostgreSQL takes no statement after one that failed, so neither do we; and where SQLite has rolled back by itself
// (the disk failed or is full), a statement would run, and stay, outside of any transaction.
Result<void> SqliteConnection::check_transaction() const {
  if (!in_transaction_) return {};
  if (sqlite3_get_autocommit(handle_.get()) != 0) {
    return fail(ErrorKind::io, "local error", shared_.path + ": the transaction is gone since a statement failed");
  }
  if (failed_) {
    return fail(ErrorKind::state, "local error", shared_.path + ": a statement of this transaction has failed before");
  }
  return {};
}

Result<Rows> SqliteConnection::query(std::string_view sql, std::span<const Parameter> parameters) {
  if (auto may = check_transaction(); !may) return pass(may);
  auto statement = prepare(sql);
  if (!statement) return pass(statement);
  if (auto started = (*statement)->start(parameters); !started) return pass(started);
  return Rows(**statement);
}

Result<std::int64_t> SqliteConnection::run(std::string_view sql, std::span<const Parameter> parameters) {
  if (auto may = check_transaction(); !may) return pass(may);
  auto statement = prepare(sql);
  if (!statement) return pass(statement);
  if (auto started = (*statement)->start(parameters); !started) return pass(started);
  return (*statement)->run();
}

Result<void> SqliteConnection::execute(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return pass(statement);
  if (auto started = (*statement)->start({}); !started) return started;
  return drop((*statement)->run());
}

Result<void> SqliteConnection::script(std::string_view sql) {
  static constexpr Replacement words[] = {{"BYTES", "BLOB"}};
  const std::string text = replace_words(sql, words);
  if (auto may = check_transaction(); !may) return may;
  if (sqlite3_exec(handle_.get(), text.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    failed_ = true;
    return fail_sqlite(handle_.get(), text);
  }
  return {};
}

Result<void> SqliteConnection::begin(bool write) {
  if (in_transaction_) return fail(ErrorKind::state, "local error", shared_.path + ": a transaction in a transaction");
  failed_ = false;
  if (!write) {
    auto begun = execute("BEGIN");
    in_transaction_ = begun.has_value();
    return begun;
  }
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
  in_transaction_ = begun.has_value();
  if (!begun) leave_gate();
  return begun;
}

Result<void> SqliteConnection::commit() {
  if (!in_transaction_) return fail(ErrorKind::state, "local error", shared_.path + ": no transaction to commit");
  auto committed = check_transaction();
  if (committed) committed = execute("COMMIT");
  if (committed) {
    in_transaction_ = false;
    depth_ = 0;
    leave_gate();
  } else {
    rollback();
  }
  return committed;
}

void SqliteConnection::rollback() noexcept {
  if (sqlite3_get_autocommit(handle_.get()) == 0) {
    // A rollback can only fail where the engine has already rolled back by itself.
    if (auto undone = execute("ROLLBACK"); !undone && sqlite3_get_autocommit(handle_.get()) == 0) {
      shared_.vfs.set_broken();
    }
  }
  in_transaction_ = false;
  failed_ = false;
  depth_ = 0;
  leave_gate();
}

void SqliteConnection::leave_gate() noexcept {
  if (std::exchange(in_gate_, false)) shared_.gate.leave();
}

Result<void> SqliteConnection::savepoint() {
  if (!in_transaction_) return fail(ErrorKind::state, "local error", shared_.path + ": no transaction for a savepoint");
  if (auto may = check_transaction(); !may) return may;
  auto set = execute(fmt::format("SAVEPOINT step{}", depth_ + 1));
  if (set) ++depth_;
  return set;
}
Result<void> SqliteConnection::release_savepoint() {
  if (auto may = check_transaction(); !may) return may;
  auto released = execute(fmt::format("RELEASE step{}", depth_));
  if (released) --depth_;
  return released;
}
Result<void> SqliteConnection::rollback_to_savepoint(std::size_t depth) {
  failed_ = false;
  if (auto may = check_transaction(); !may) return may;
  if (depth == 0 || depth > depth_) {
    return fail(ErrorKind::state, "local error", fmt::format("{}: no step {}", shared_.path, depth));
  }
  depth_ = depth;
  if (auto undone = execute(fmt::format("ROLLBACK TO step{}", depth)); !undone) return undone;
  return release_savepoint();
}

}  // namespace pabal::db::sqlite
