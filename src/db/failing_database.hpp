// A database over another that fails on purpose: at the nth statement or the nth commit, so that a test can see that
// each promise holds wherever it strikes.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/guarded.hpp"
#include "db/database.hpp"

namespace pabal::db {

/// When, and how. Counting begins when the plan is set, over all connections; 1 is the next.
struct DatabaseFailure {
  std::optional<std::uint64_t> statement{};  ///< the nth query, run or script fails instead of being run
  std::optional<std::uint64_t> commit{};     ///< the nth commit fails
  std::optional<std::uint64_t> begin{};      ///< the nth begin fails
  std::optional<std::uint64_t> release{};    ///< the nth release of a savepoint fails
  /// The failing statement takes the whole transaction with it, as a failing or full disk makes SQLite do.
  bool ends_transaction = false;
  /// The failing commit has happened all the same: its outcome was in doubt.
  bool commit_happened = false;
};

/// Any thread. The database below must outlive it.
class FailingDatabase final : public Database {
 public:
  explicit FailingDatabase(Database& below) : below_(&below) {}

  void fail_at(DatabaseFailure failure);
  void heal() { fail_at({}); }
  /// Whether the failure has struck since it was set.
  [[nodiscard]] bool struck() { return plan_.lock()->struck; }
  /// Since the plan was set.
  [[nodiscard]] std::uint64_t statements() { return plan_.lock()->statements; }
  [[nodiscard]] std::uint64_t commits() { return plan_.lock()->commits; }

  [[nodiscard]] Result<std::unique_ptr<Connection>> connect() override;
  [[nodiscard]] Dialect dialect() const noexcept override { return below_->dialect(); }
  [[nodiscard]] Result<void> own() override { return below_->own(); }
  [[nodiscard]] Result<void> maintain() override { return below_->maintain(); }

 private:
  class FailingConnection;
  struct Plan {
    DatabaseFailure failure;
    std::uint64_t statements = 0;
    std::uint64_t commits = 0;
    std::uint64_t begins = 0;
    std::uint64_t releases = 0;
    bool struck = false;
  };
  [[nodiscard]] static bool strikes(std::optional<std::uint64_t> nth, std::uint64_t& counter, bool& struck);

  Database* below_;
  Guarded<Plan> plan_;
};

}  // namespace pabal::db
