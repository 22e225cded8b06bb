#include "db/postgres/postgres.hpp"

#include "db/postgres/connection.hpp"

namespace pabal::db::postgres {

namespace {

class PostgresDatabase final : public Database {
 public:
  PostgresDatabase(std::string where, Options options) : where_(std::move(where)), options_(options) {}

  Result<std::unique_ptr<Connection>> connect() override {
    auto handle = postgres::connect(where_, options_);
    if (!handle) return pass(handle);
    return std::make_unique<PostgresConnection>(where_, options_, std::move(*handle));
  }
  Dialect dialect() const noexcept override { return Dialect::postgresql; }

 private:
  std::string where_;
  Options options_;
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
