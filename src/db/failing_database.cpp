#include "db/failing_database.hpp"

#include "base/text.hpp"

namespace pabal::db {

class FailingDatabase::FailingConnection final : public Connection {
 public:
  FailingConnection(FailingDatabase& owner, std::unique_ptr<Connection> below)
      : owner_(owner), below_(std::move(below)) {}

  using Connection::query;
  using Connection::run;
  Result<Rows> query(std::string_view sql, std::span<const Parameter> parameters) override {
    if (auto passed = statement(sql); !passed) return pass(passed);
    return below_->query(sql, parameters);
  }
  Result<std::int64_t> run(std::string_view sql, std::span<const Parameter> parameters) override {
    if (auto passed = statement(sql); !passed) return pass(passed);
    return below_->run(sql, parameters);
  }
  Result<void> script(std::string_view sql) override {
    if (auto passed = statement(sql); !passed) return passed;
    return below_->script(sql);
  }

  Result<void> begin(bool write) override {
    {
      auto plan = owner_.plan_.lock();
      if (strikes(plan->failure.begin, plan->begins, plan->struck)) return fail_on_purpose("begin");
    }
    auto begun = below_->begin(write);
    if (begun) state_ = State::fine;
    return begun;
  }

  Result<void> commit() override {
    if (state_ != State::fine) {
      rollback();
      return fail(ErrorKind::state, "local error", "commit after a failed statement");
    }
    bool happens = true;
    bool strikes_now = false;
    {
      auto plan = owner_.plan_.lock();
      strikes_now = strikes(plan->failure.commit, plan->commits, plan->struck);
      if (strikes_now) happens = plan->failure.commit_happened;
    }
    in_doubt_ = strikes_now && happens;
    if (!happens) {
      below_->rollback();
    } else if (auto committed = below_->commit(); !committed) {
      return committed;
    }
    if (strikes_now) return fail_on_purpose("commit");
    return {};
  }

  void rollback() noexcept override {
    below_->rollback();
    state_ = State::fine;
  }
  Result<void> savepoint() override {
    if (auto passed = usable(); !passed) return passed;
    return below_->savepoint();
  }
  Result<void> release_savepoint() override {
    if (auto passed = usable(); !passed) return passed;
    {
      auto plan = owner_.plan_.lock();
      if (strikes(plan->failure.release, plan->releases, plan->struck)) {
        state_ = State::failed;
        return fail_on_purpose("release of a savepoint");
      }
    }
    return below_->release_savepoint();
  }
  using Connection::rollback_to_savepoint;
  Result<void> rollback_to_savepoint(std::size_t depth) override {
    if (state_ == State::transaction_gone) return usable();
    state_ = State::fine;
    return below_->rollback_to_savepoint(depth);
  }
  std::size_t depth() const noexcept override { return below_->depth(); }
  bool in_doubt() const noexcept override { return in_doubt_ || below_->in_doubt(); }
  Dialect dialect() const noexcept override { return below_->dialect(); }
  bool broken() const noexcept override { return below_->broken(); }

 private:
  enum class State : std::uint8_t { fine, failed, transaction_gone };

  static std::unexpected<Error> fail_on_purpose(std::string_view what) {
    return fail(ErrorKind::io, "local error", fmt::format("failed on purpose: {}", printable(what, 100)));
  }

  Result<void> usable() const {
    if (state_ == State::fine) return {};
    return fail(ErrorKind::io, "local error", "a statement of this transaction has failed before");
  }

  Result<void> statement(std::string_view sql) {
    if (auto passed = usable(); !passed) return passed;
    bool ends = false;
    {
      auto plan = owner_.plan_.lock();
      if (!strikes(plan->failure.statement, plan->statements, plan->struck)) return {};
      ends = plan->failure.ends_transaction;
    }
    if (ends) below_->rollback();
    state_ = ends ? State::transaction_gone : State::failed;
    return fail_on_purpose(sql);
  }

  FailingDatabase& owner_;
  std::unique_ptr<Connection> below_;
  State state_ = State::fine;
  bool in_doubt_ = false;
};

bool FailingDatabase::strikes(std::optional<std::uint64_t> nth, std::uint64_t& counter, bool& struck) {
  ++counter;
  if (!nth || counter != *nth) return false;
  struck = true;
  return true;
}

void FailingDatabase::fail_at(DatabaseFailure failure) {
  auto plan = plan_.lock();
  *plan = Plan{.failure = failure};
}

Result<std::unique_ptr<Connection>> FailingDatabase::connect() {
  auto connection = below_->connect();
  if (!connection) return pass(connection);
  return std::make_unique<FailingConnection>(*this, std::move(*connection));
}

}  // namespace pabal::db
