#include "base/memory_file.hpp"
#include "db/contract_suite.hpp"
#include "db/sqlite/sqlite.hpp"

namespace pabal::db {
namespace {

struct SqliteEngine {
  MemoryFileSystem files;
  Result<std::unique_ptr<Database>> open() { return sqlite::open(files, "contract.db"); }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, DatabaseContract, testing::Types<SqliteEngine>);

}  // namespace
}  // namespace pabal::db
