#include "db/sqlite/sqlite.hpp"

#include <gtest/gtest.h>

#include "db/writer.hpp"

namespace pabal::db::sqlite {
namespace {

class SqliteTest : public testing::Test {
 protected:
  SqliteTest() : folder(std::filesystem::temp_directory_path() / fmt::format("pabal-db-{}", ::getpid())) {
    std::filesystem::create_directories(folder);
  }
  ~SqliteTest() override { std::filesystem::remove_all(folder); }
  std::filesystem::path folder;
  RealFileSystem files;
};

TEST_F(SqliteTest, GroupsOfWritesFromManyThreads) {
  auto database = open(files, folder / "a.db");
  ASSERT_TRUE(database) << database.error().log;
  {
    auto connection = (*database)->connect();
    ASSERT_TRUE(connection);
    static constexpr Migration steps[] = {{1, "CREATE TABLE t (id INTEGER PRIMARY KEY, v BYTES NOT NULL) STRICT;"}};
    auto migrated = migrate(**connection, "test", steps);
    ASSERT_TRUE(migrated) << migrated.error().log;
  }
  auto writer = Writer::start(**database, {});
  ASSERT_TRUE(writer);
  std::atomic<int> failed = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        auto done = (*writer)->run([t, i](Connection& connection) -> Result<void> {
          auto ran = connection.run("INSERT INTO t (id, v) VALUES ($1, $2)", {std::int64_t{t * 1000 + i}, Octets{"x"}});
          if (!ran) return pass(ran);
          if (i % 10 == 3) return fail(ErrorKind::policy, "no");
          return {};
        });
        if (!done) ++failed;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(failed, 80);
  Readers readers(**database);
  auto count = readers.read([](Connection& connection) { return connection.number("SELECT count(*) FROM t"); });
  ASSERT_TRUE(count);
  EXPECT_EQ(**count, 720);
}

}  // namespace
}  // namespace pabal::db::sqlite
