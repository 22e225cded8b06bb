// One SQLite connection with its cache of prepared statements.
#pragma once
#include <array>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "db/database.hpp"
#include "db/sqlite/shared.hpp"
#include "db/sqlite/statement.hpp"

namespace pabal::db::sqlite {

class SqliteConnection final : public Connection {
 public:
  SqliteConnection(Shared& shared, Handle handle) : shared_(shared), handle_(std::move(handle)) {}
  ~SqliteConnection() override;
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  using Connection::query;
  using Connection::rollback_to_savepoint;
  using Connection::run;
  [[nodiscard]] Result<Rows> query(std::string_view sql, std::span<const Parameter> parameters) override;
  [[nodiscard]] Result<std::int64_t> run(std::string_view sql, std::span<const Parameter> parameters) override;
  [[nodiscard]] Result<void> script(std::string_view sql) override;
  [[nodiscard]] Result<void> begin(bool write) override;
  [[nodiscard]] Result<void> commit() override;
  void rollback() noexcept override;
  [[nodiscard]] Result<void> savepoint() override;
  [[nodiscard]] Result<void> release_savepoint() override;
  [[nodiscard]] Result<void> rollback_to_savepoint(std::size_t depth) override;
  [[nodiscard]] std::size_t depth() const noexcept override { return depth_; }
  [[nodiscard]] Dialect dialect() const noexcept override { return Dialect::sqlite; }
  [[nodiscard]] bool broken() const noexcept override;

 private:
  [[nodiscard]] Result<Statement*> prepare(std::string_view sql);
  /// For BEGIN, SAVEPOINT and the like.
  [[nodiscard]] Result<void> execute(std::string_view sql);
  /// Whether a statement may run now.
  [[nodiscard]] Result<void> check_transaction() const;
  void forget_idle_statements();
  void leave_gate() noexcept;

  Shared& shared_;
  Handle handle_;
  // Found by the address of the text first: most callers pass literals. The text is compared all the same, since a
  // buffer may come back with other words in it.
  std::array<Statement*, 256> recent_{};
  std::unordered_map<std::string_view, std::unique_ptr<Statement>> statements_;
  bool in_gate_ = false;
  std::size_t depth_ = 0;  ///< open steps
  bool in_transaction_ = false;
  bool failed_ = false;  ///< a statement of this transaction has failed
  bool has_written_ = false;
};

}  // namespace pabal::db::sqlite
