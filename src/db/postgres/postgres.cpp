#include "db/postgres/postgres.hpp"

#include <atomic>
#include <thread>

#include "base/guarded.hpp"
#include "db/postgres/connection.hpp"

namespace pabal::db::postgres {

namespace {

constexpr std::chrono::seconds look_every{5};      ///< whether it is still ours
constexpr std::chrono::seconds lost_after{60};     ///< without it we write no more
constexpr std::chrono::seconds start_patience{5};  ///< for the session of an owner that has just ended

class PostgresDatabase final : public Database {
 public:
  PostgresDatabase(std::string where, Options options) : where_(std::move(where)), options_(options) {}

  Result<std::unique_ptr<Connection>> connect() override {
    auto handle = postgres::connect(where_, options_);
    if (!handle) return pass(handle);
    return std::make_unique<PostgresConnection>(where_, options_, std::move(*handle), owned_elsewhere_);
  }
  Dialect dialect() const noexcept override { return Dialect::postgresql; }

  Result<void> own() override {
    auto owner = owner_.lock();
    if (owner->connection) return {};
    auto connection = connect();
    if (!connection) return pass(connection);
    owner->connection = std::move(*connection);
    const auto until = Clock::now() + start_patience;
    while (true) {
      auto taken = take(*owner->connection);
      if (taken && *taken) break;
      if (!taken || Clock::now() > until) {
        owner->connection = nullptr;
        if (!taken) return pass(taken);
        return fail(ErrorKind::busy, "local error", "another node owns the PostgreSQL database");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    owner->seen = owner->looked = Clock::now();
    return {};
  }

  // The lock goes with the session, and a session may be cut at any time. Then it is taken again, if nobody else was
  // quicker; for a while the server may keep it for the dead session.
  Result<void> maintain() override {
    auto owner = owner_.lock();
    const auto now = Clock::now();
    if (!owner->connection || now - owner->looked < look_every) return {};
    owner->looked = now;
    auto held = holds(*owner->connection);
    if (held && !*held) held = take(*owner->connection);
    if (held && *held) {
      owner->seen = now;
      return {};
    }
    if (now - owner->seen > lost_after) *owned_elsewhere_ = true;
    if (!held) return pass(held);
    return fail(ErrorKind::busy, "local error", "another node owns the PostgreSQL database");
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Owner {
    std::unique_ptr<Connection> connection;  ///< its session has the lock
    Clock::time_point looked;
    Clock::time_point seen;  ///< when it was certainly ours
  };

  // The key is "pabal" in ASCII; one writer a database.
  static Result<bool> take(Connection& connection) {
    auto taken = connection.number("SELECT CASE WHEN pg_try_advisory_lock(482670174572) THEN 1 ELSE 0 END");
    if (!taken) return pass(taken);
    return taken->value_or(0) == 1;
  }
  static Result<bool> holds(Connection& connection) {
    auto count = connection.number(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted AND "
        "(CAST(classid AS BIGINT) << 32) + CAST(objid AS BIGINT) = 482670174572 AND objsubid = 1");
    if (!count) return pass(count);
    return count->value_or(0) > 0;
  }

  std::string where_;
  Options options_;
  std::shared_ptr<std::atomic<bool>> owned_elsewhere_ = std::make_shared<std::atomic<bool>>(false);
  Guarded<Owner> owner_;
};

}  // namespace

Result<std::unique_ptr<Database>> open(const std::string& where, Options options) {
  auto first = connect(where, options);
  if (!first) return pass(first);
  if (PQserverVersion(first->get()) < 150000) {
    return fail(ErrorKind::unsupported, "local error",
                fmt::format("PostgreSQL {} is too old, 15 or later is needed", PQserverVersion(first->get())));
  }
  return std::make_unique<PostgresDatabase>(where, options);
}

}  // namespace pabal::db::postgres
