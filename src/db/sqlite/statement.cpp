#include "db/sqlite/statement.hpp"

#include "base/text.hpp"
#include "db/sqlite/vfs.hpp"

namespace pabal::db::sqlite {

std::unexpected<Error> fail_sqlite(sqlite3* handle, std::string_view sql) {
  const int code = sqlite3_extended_errcode(handle);
  auto log = fmt::format("SQLite {} ({}): {}", code, sqlite3_errmsg(handle), printable(sql, 400));
  const int kind = code & 0xff;
  if (kind == SQLITE_IOERR || kind == SQLITE_FULL || kind == SQLITE_CANTOPEN) {
    // What the disk said.
    sqlite3_vfs* vfs = nullptr;
    if (sqlite3_file_control(handle, "main", SQLITE_FCNTL_VFS_POINTER, static_cast<void*>(&vfs)) == SQLITE_OK &&
        vfs != nullptr) {
      log += ": " + static_cast<Vfs*>(vfs->pAppData)->last_error();
    }
  }
  switch (kind) {
    case SQLITE_CONSTRAINT:
      if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_ROWID) {
        return fail(ErrorKind::exists, "already there", std::move(log));
      }
      return fail(ErrorKind::state, "not allowed by the schema", std::move(log));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return fail(ErrorKind::busy, "the database is busy", std::move(log));
    case SQLITE_FULL:
      return fail(ErrorKind::no_space, "insufficient storage", std::move(log));
    case SQLITE_TOOBIG:
      return fail(ErrorKind::limit, "too big for the database", std::move(log));
    default:
      return fail(ErrorKind::io, "local error", std::move(log));
  }
}

Statement::Statement(sqlite3* handle, StatementHandle statement, std::string sql, bool& failed)
    : handle_(handle), failed_(failed), statement_(std::move(statement)), sql_(std::move(sql)) {
  const auto text = trim(sql_);
  for (const std::string_view word : {"INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"}) {
    changes_rows_ = changes_rows_ || starts_with_ignoring_case(text, word);
  }
}

Result<std::unique_ptr<Statement>> Statement::prepare(sqlite3* handle, std::string_view sql, bool& failed) {
  sqlite3_stmt* raw = nullptr;
  const char* rest = nullptr;
  const int code =
      sqlite3_prepare_v3(handle, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &raw, &rest);
  StatementHandle owner(raw);
  if (code != SQLITE_OK) return fail_sqlite(handle, sql);
  if (raw == nullptr || !trim(std::string_view(rest, sql.data() + sql.size())).empty()) {
    return fail(ErrorKind::state, "local error", fmt::format("not one statement: {}", printable(sql, 400)));
  }
  std::unique_ptr<Statement> made(new Statement(handle, std::move(owner), std::string(sql), failed));
  const int count = sqlite3_bind_parameter_count(raw);
  for (int index = 1; index <= count; ++index) {
    const char* name = sqlite3_bind_parameter_name(raw, index);
    const auto number =
        name != nullptr && *name == '$' ? parse_decimal(std::string_view(name).substr(1), 200) : std::nullopt;
    if (!number || *number == 0) {
      return fail(ErrorKind::state, "local error", fmt::format("parameters are $1 to $200: {}", printable(sql, 400)));
    }
    made->parameter_of_.push_back(static_cast<std::uint8_t>(*number - 1));
    made->parameters_ = std::max<std::size_t>(made->parameters_, *number);
  }
  return made;
}

Result<void> Statement::bind(int index, const Parameter& parameter) {
  // Empty values get a pointer all the same: SQLite takes a null pointer for NULL. The caller's octets live until the
  // end of the use, so they are not copied.
  const auto data = [](std::string_view value) { return value.data() != nullptr ? value.data() : ""; };
  int code = SQLITE_OK;
  switch (parameter.index()) {
    case 0:
      code = sqlite3_bind_null(statement_.get(), index);
      break;
    case 1:
      code = sqlite3_bind_int64(statement_.get(), index, *std::get_if<std::int64_t>(&parameter));
      break;
    case 2:
      code = sqlite3_bind_double(statement_.get(), index, *std::get_if<double>(&parameter));
      break;
    case 3: {
      const auto text = *std::get_if<std::string_view>(&parameter);
      // PostgreSQL can't hold it, and SQLite's own functions would stop there.
      if (!text.empty() && std::memchr(text.data(), 0, text.size()) != nullptr) {
        return fail(ErrorKind::syntax, "zero octet in a text", fmt::format("zero octet in a text: {}", sql_));
      }
      code = sqlite3_bind_text64(statement_.get(), index, data(text), text.size(), SQLITE_STATIC, SQLITE_UTF8);
      break;
    }
    default: {
      const auto octets = std::get_if<Octets>(&parameter)->value;
      code = sqlite3_bind_blob64(statement_.get(), index, data(octets), octets.size(), SQLITE_STATIC);
      break;
    }
  }
  if (code != SQLITE_OK) return fail_use();
  return {};
}

std::unexpected<Error> Statement::fail_use() {
  failed_ = true;
  return fail_sqlite(handle_, sql_);
}

Result<void> Statement::start(std::span<const Parameter> parameters) {
  if (in_use_) return fail(ErrorKind::state, "local error", fmt::format("the statement is in use: {}", sql_));
  if (parameters.size() != parameters_) {
    return fail(ErrorKind::state, "local error",
                fmt::format("{} parameters for {}: {}", parameters.size(), parameters_, sql_));
  }
  int index = 0;
  for (const auto number : parameter_of_) {
    if (auto bound = bind(++index, parameters[number]); !bound) return bound;
  }
  in_use_ = true;
  at_end_ = false;
  return {};
}

Result<std::int64_t> Statement::run() {
  int code = SQLITE_ROW;
  while (code == SQLITE_ROW) code = sqlite3_step(statement_.get());
  if (code != SQLITE_DONE) {
    auto failed = fail_use();
    finish();
    return failed;
  }
  const std::int64_t changed = changes_rows_ ? sqlite3_changes64(handle_) : 0;
  finish();
  return changed;
}

Result<bool> Statement::next() {
  if (at_end_) return false;  // another step would begin anew
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  at_end_ = true;
  if (code == SQLITE_DONE) return false;
  return fail_use();
}

bool Statement::is_null(int column) const { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }
std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }
double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }

std::string_view Statement::octets(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

void Statement::finish() noexcept {
  sqlite3_reset(statement_.get());
  in_use_ = false;
}

}  // namespace pabal::db::sqlite
