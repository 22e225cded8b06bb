// One connection to the server with its cache of prepared statements.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "db/database.hpp"
#include "db/postgres/postgres.hpp"
#include "db/postgres/statement.hpp"

namespace pabal::db::postgres {

/// Connects and sets up the session.
[[nodiscard]] Result<Handle> connect(const std::string& where, const Options& options);

class PostgresConnection final : public Connection {
 public:
  /// `owned_elsewhere`, once true: another node writes to this database, and we no more.
  PostgresConnection(std::string where, Options options, Handle handle,
                     std::shared_ptr<const std::atomic<bool>> owned_elsewhere)
      : where_(std::move(where)),
        options_(options),
        handle_(std::move(handle)),
        owned_elsewhere_(std::move(owned_elsewhere)) {}

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
  [[nodiscard]] bool broken() const noexcept override { return *owned_elsewhere_; }
  [[nodiscard]] bool in_doubt() const noexcept override { return in_doubt_; }
  [[nodiscard]] Dialect dialect() const noexcept override { return Dialect::postgresql; }

 private:
  /// Whether a statement may run now; outside of a transaction connects anew where the connection is lost.
  [[nodiscard]] Result<void> ready();
  [[nodiscard]] Result<void> reconnect();
  [[nodiscard]] bool lost() const noexcept { return PQstatus(handle_.get()) != CONNECTION_OK; }
  [[nodiscard]] Result<Statement*> execute(std::string_view sql, std::span<const Parameter> parameters);
  /// A fixed command without parameters.
  [[nodiscard]] Result<void> command(const char* sql);
  /// Empties the cache, since the server has forgotten the statements or will.
  void forget_statements();

  std::string where_;
  Options options_;
  Handle handle_;
  std::shared_ptr<const std::atomic<bool>> owned_elsewhere_;
  std::unordered_map<std::string_view, std::unique_ptr<Statement>> statements_;
  std::vector<std::unique_ptr<Statement>> retired_;  ///< forgotten while their Rows were alive
  std::uint64_t next_name_ = 1;
  std::size_t depth_ = 0;  ///< open steps
  bool in_transaction_ = false;
  bool in_doubt_ = false;
  bool failed_ = false;  ///< a statement of this transaction has failed
};

}  // namespace pabal::db::postgres
