// The databases' one face: SQLite and PostgreSQL stand behind Database, and one contract suite runs over both. Statements are
// the same SQL for both wherever possible: parameters are $1, $2…; integers are 64-bit; texts are UTF-8 with binary collation; octets
// are BLOB in SQLite and bytea in PostgreSQL (a schema script writes BYTES, which each engine replaces by its own word).
//
// A Connection belongs to one thread at a time. Nothing here blocks on a network peer of ours; on PostgreSQL calls block on the
// database, so they are made from pool or writer threads only.
#pragma once
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"

namespace pabal::db {

/// Octets as a parameter, as opposed to text.
struct Octets {
  std::string_view value;
};

/// A statement's parameter. Views must live until the call returns (run) or the Rows are gone (query).
using Parameter = std::variant<std::monostate, std::int64_t, double, std::string_view, Octets>;

enum class Dialect : std::uint8_t { sqlite, postgresql };

/// A prepared statement while it yields rows; made by the engines, used through Rows.
class Cursor {
 public:
  virtual ~Cursor() = default;
  [[nodiscard]] virtual Result<bool> next() = 0;
  [[nodiscard]] virtual bool is_null(int column) const = 0;
  [[nodiscard]] virtual std::int64_t integer(int column) const = 0;
  [[nodiscard]] virtual double real(int column) const = 0;
  /// Text or octets; valid until the next call of next() or the end of the Rows.
  [[nodiscard]] virtual std::string_view octets(int column) const = 0;
  /// Ends the use; the statement may be used again.
  virtual void finish() noexcept = 0;
};

/// The rows that a query yields, one at a time; columns count from 0.
class Rows {
 public:
  explicit Rows(Cursor& cursor) noexcept : cursor_(&cursor) {}
  Rows(Rows&& other) noexcept : cursor_(std::exchange(other.cursor_, nullptr)) {}
  Rows& operator=(Rows&&) = delete;
  ~Rows() {
    if (cursor_ != nullptr) cursor_->finish();
  }

  /// Moves to the next row; false after the last.
  [[nodiscard]] Result<bool> next() { return cursor_->next(); }
  [[nodiscard]] bool is_null(int column) const { return cursor_->is_null(column); }
  [[nodiscard]] std::int64_t integer(int column) const { return cursor_->integer(column); }
  [[nodiscard]] double real(int column) const { return cursor_->real(column); }
  [[nodiscard]] std::string_view text(int column) const { return cursor_->octets(column); }
  [[nodiscard]] std::string_view octets(int column) const { return cursor_->octets(column); }

 private:
  Cursor* cursor_;
};

/// One connection to a database. Statements are prepared once and cached by their text.
class Connection {
 public:
  virtual ~Connection() = default;

  /// Runs a statement that yields rows. Only one Rows of the same statement text may be alive at a time.
  [[nodiscard]] virtual Result<Rows> query(std::string_view sql, std::span<const Parameter> parameters) = 0;
  /// Runs a statement that yields none; returns the number of rows changed.
  [[nodiscard]] virtual Result<std::int64_t> run(std::string_view sql, std::span<const Parameter> parameters) = 0;
  /// Runs several statements without parameters (schema scripts).
  [[nodiscard]] virtual Result<void> script(std::string_view sql) = 0;

  [[nodiscard]] Result<Rows> query(std::string_view sql, std::initializer_list<Parameter> parameters = {}) {
    return query(sql, std::span(parameters.begin(), parameters.size()));
  }
  [[nodiscard]] Result<std::int64_t> run(std::string_view sql, std::initializer_list<Parameter> parameters = {}) {
    return run(sql, std::span(parameters.begin(), parameters.size()));
  }
  /// The first column of the only row as a number; nothing where there is no row.
  [[nodiscard]] Result<std::optional<std::int64_t>> number(std::string_view sql,
                                                           std::initializer_list<Parameter> parameters = {});

  /// A transaction. `write` takes the write lock at once (SQLite: BEGIN IMMEDIATE); otherwise one consistent snapshot.
  [[nodiscard]] virtual Result<void> begin(bool write) = 0;
  /// After success the changes survive a power loss.
  [[nodiscard]] virtual Result<void> commit() = 0;
  virtual void rollback() noexcept = 0;
  /// Nested steps of a transaction: undone alone.
  [[nodiscard]] virtual Result<void> savepoint() = 0;
  [[nodiscard]] virtual Result<void> release_savepoint() = 0;
  [[nodiscard]] virtual Result<void> rollback_to_savepoint() = 0;

  [[nodiscard]] virtual Dialect dialect() const noexcept = 0;
};

/// A database that this process may use: makes connections.
class Database {
 public:
  virtual ~Database() = default;
  [[nodiscard]] virtual Result<std::unique_ptr<Connection>> connect() = 0;
  [[nodiscard]] virtual Dialect dialect() const noexcept = 0;
  /// Upkeep that the engine wants done now and then from a thread of its own (SQLite: the one checkpointer). Returns quickly
  /// when there is nothing to do.
  [[nodiscard]] virtual Result<void> maintain() { return {}; }
};

/// One step of a schema's history: run once, in a transaction, in order.
struct Migration {
  int version;
  std::string_view script;
};

/// Brings the schema named `schema` (a row in table schema_version) to the last of `steps`; refuses a database from the future.
[[nodiscard]] Result<void> migrate(Connection& connection, std::string_view schema, std::span<const Migration> steps);

}  // namespace pabal::db
