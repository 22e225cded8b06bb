#include "db/contract_suite.hpp"
#include "db/postgres/postgres.hpp"
#include "db/postgres/testing.hpp"

namespace pabal::db {
namespace {

struct PostgresEngine {
  Result<std::unique_ptr<Database>> open() {
    auto cluster = postgres::TestCluster::shared();
    if (!cluster) return pass(cluster);
    auto where = (*cluster)->make_database();
    if (!where) return pass(where);
    return postgres::open(*where);
  }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Postgres, DatabaseContract, testing::Types<PostgresEngine>);

}  // namespace
}  // namespace pabal::db
