// What only PostgreSQL does: lost connections, row locks, types that come from expressions.
#include "db/postgres/postgres.hpp"

#include <gtest/gtest.h>

#include "db/postgres/statement.hpp"
#include "db/postgres/testing.hpp"
#include "db/writer.hpp"

namespace pabal::db::postgres {
namespace {

class PostgresTest : public testing::Test {
 protected:
  void SetUp() override {
    auto shared = TestCluster::shared();
    ASSERT_TRUE(shared) << shared.error().log;
    cluster = *shared;
    auto made = cluster->make_database();
    ASSERT_TRUE(made) << made.error().log;
    where = *made;
    auto opened = open(where, {.lock_timeout = std::chrono::milliseconds(200)});
    ASSERT_TRUE(opened) << opened.error().log;
    database = std::move(*opened);
    connection = connect();
    ASSERT_TRUE(connection->script("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER) STRICT"));
  }
  std::unique_ptr<Connection> connect() {
    auto made = database->connect();
    EXPECT_TRUE(made);
    return std::move(*made);
  }
  static std::string number(Connection& on, std::string_view sql) {
    auto done = on.number(sql);
    return done ? std::to_string(done->value_or(-1)) : std::string(name_of(done.error().kind));
  }

  TestCluster* cluster = nullptr;
  std::string where;
  std::unique_ptr<Database> database;
  std::unique_ptr<Connection> connection;
};

TEST_F(PostgresTest, ALostConnectionIsMadeAnew) {
  EXPECT_EQ(number(*connection, "SELECT count(*) FROM t"), "0");
  ASSERT_TRUE(cluster->cut_connections(where));
  EXPECT_EQ(number(*connection, "SELECT count(*) FROM t"), "io") << "whether it was done nobody knows";
  EXPECT_EQ(number(*connection, "SELECT count(*) FROM t"), "0");
  ASSERT_TRUE(cluster->cut_connections(where));
  ASSERT_TRUE(connection->begin(true)) << "nothing was done yet, so it is tried again";
  ASSERT_TRUE(connection->run("INSERT INTO t VALUES (1, 1)"));
  ASSERT_TRUE(cluster->cut_connections(where));
  EXPECT_EQ(number(*connection, "SELECT count(*) FROM t"), "io");
  EXPECT_FALSE(connection->rollback_to_savepoint());
  auto committed = connection->commit();
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().kind, ErrorKind::io);
  EXPECT_EQ(number(*connection, "SELECT count(*) FROM t"), "0");
}

TEST_F(PostgresTest, RowsOutliveTheirConnection) {
  ASSERT_TRUE(connection->script("INSERT INTO t VALUES (1, 1), (2, 2)"));
  auto rows = connection->query("SELECT id FROM t ORDER BY id");
  ASSERT_TRUE(rows && *rows->next());
  ASSERT_TRUE(cluster->cut_connections(where));
  EXPECT_EQ(number(*connection, "SELECT count(*) FROM t"), "io");
  EXPECT_EQ(number(*connection, "SELECT count(*) FROM t"), "2");
  ASSERT_TRUE(*rows->next());
  EXPECT_EQ(rows->integer(0), 2);
}

TEST_F(PostgresTest, TheWriterGoesOnAfterALostConnection) {
  auto writer = Writer::start(*database, {});
  ASSERT_TRUE(writer);
  const auto insert = [](std::int64_t id) {
    return [id](Connection& on) -> Result<void> {
      auto done = on.run("INSERT INTO t VALUES ($1, 0)", {id});
      if (!done) return pass(done);
      return {};
    };
  };
  EXPECT_TRUE((*writer)->run(insert(1)));
  auto cut = (*writer)->run([&](Connection& on) -> Result<void> {
    if (auto done = insert(2)(on); !done) return done;
    return cluster->cut_connections(where);
  });
  EXPECT_FALSE(cut);
  EXPECT_TRUE((*writer)->healthy());
  EXPECT_TRUE((*writer)->run(insert(3)));
  EXPECT_EQ(number(*connection, "SELECT count(*) FROM t"), "io");
  EXPECT_EQ(number(*connection, "SELECT count(*) FROM t"), "2");
}

// The server commits, waits for a standby that never comes, and the connection is cut: nobody told us, and it is done.
TEST_F(PostgresTest, ACommitInDoubtIsKnownAsOne) {
  ASSERT_TRUE(cluster->execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'"));
  ASSERT_TRUE(cluster->execute("SELECT pg_reload_conf()"));
  Result<void> cut;
  std::int64_t last = 0;
  {
    std::jthread cutter([&] {
      const std::string waits = "SELECT 1 / (SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep')";
      for (int i = 0; i < 1000 && !cluster->execute(waits); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      cut = cluster->cut_connections(where);
    });
    // The server hears of the setting some time later.
    Result<void> committed;
    while (committed) {
      ++last;
      ASSERT_TRUE(connection->begin(true));
      ASSERT_TRUE(connection->run("INSERT INTO t VALUES ($1, 1)", {last}));
      committed = connection->commit();
      EXPECT_EQ(connection->in_doubt(), !committed);
    }
  }
  EXPECT_TRUE(cut);
  ASSERT_TRUE(cluster->execute("ALTER SYSTEM RESET synchronous_standby_names"));
  ASSERT_TRUE(cluster->execute("SELECT pg_reload_conf()"));
  EXPECT_EQ(number(*connection, "SELECT count(*) FROM t"), std::to_string(last));
  ASSERT_TRUE(connection->begin(true));
  EXPECT_EQ(number(*connection, "INSERT INTO t VALUES (1, 1) RETURNING id"), "exists");
  EXPECT_FALSE(connection->commit());
  EXPECT_FALSE(connection->in_doubt()) << "nothing was committed, and that is certain";
}

TEST_F(PostgresTest, OneNodeOwnsIt) {
  ASSERT_TRUE(database->own());
  ASSERT_TRUE(database->own()) << "it is ours already";
  ASSERT_TRUE(database->maintain());
  auto other = open(where);
  ASSERT_TRUE(other);
  auto refused = (*other)->own();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::busy);
  connection.reset();
  database.reset();
  auto owned = (*other)->own();
  EXPECT_TRUE(owned) << "its owner has gone";
}

TEST_F(PostgresTest, CommitsAreAsDurableAsTheyCanBe) {
  for (const auto& [setting, expected] : {std::pair{"off", "on"},
                                          {"local", "on"},
                                          {"remote_write", "on"},
                                          {"on", "on"},
                                          {"remote_apply", "remote_apply"}}) {
    auto other = open(fmt::format("options='-c synchronous_commit={}' {}", setting, where));
    ASSERT_TRUE(other) << other.error().log;
    auto on = (*other)->connect();
    ASSERT_TRUE(on);
    auto rows = (*on)->query("SELECT current_setting('synchronous_commit')");
    ASSERT_TRUE(rows && *rows->next());
    EXPECT_EQ(rows->text(0), expected) << setting;
  }
}

TEST_F(PostgresTest, AFullDiskHasAKindOfItsOwn) {
  auto full = connection->script("DO $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().kind, ErrorKind::no_space);
  EXPECT_EQ(full.error().peer, "insufficient storage");
}

TEST_F(PostgresTest, ARowIsHeldToTheCommit) {
  ASSERT_TRUE(connection->run("INSERT INTO t VALUES (1, 1)"));
  auto second = connect();
  ASSERT_TRUE(connection->begin(true));
  EXPECT_EQ(number(*connection, "UPDATE t SET n = n + 1 WHERE id = 1 RETURNING n"), "2");
  ASSERT_TRUE(second->begin(true));
  EXPECT_EQ(number(*second, "UPDATE t SET n = n + 1 WHERE id = 1 RETURNING n"), "busy");
  second->rollback();
  ASSERT_TRUE(connection->commit());
  ASSERT_TRUE(second->begin(true));
  EXPECT_EQ(number(*second, "UPDATE t SET n = n + 1 WHERE id = 1 RETURNING n"), "3");
  ASSERT_TRUE(second->commit());
}

TEST_F(PostgresTest, NumbersOfAllTypes) {
  for (const auto& [expression, expected] : std::vector<std::pair<std::string, std::string>>{
           {"1", "1"},
           {"-1", "-1"},
           {"-70000", "-70000"},
           {"CAST(-5 AS SMALLINT)", "-5"},
           {"9223372036854775807", "9223372036854775807"},
           {"-9223372036854775808", "-9223372036854775808"},
           {"TRUE", "1"},
           {"1.9", "1"},
           {"0.00001", "0"},
           {"12345678901234567.25", "12345678901234567"},
           {"100000000", "100000000"},
           {"CAST(100000000 AS NUMERIC)", "100000000"},
           {"CAST(-20000 AS NUMERIC)", "-20000"},
           {"CAST(0 AS NUMERIC)", "0"},
           {"CAST(2.5 AS DOUBLE PRECISION)", "2"},
           {"'42'", "42"},
           {"NULL", "-1"},
       }) {
    EXPECT_EQ(number(*connection, "SELECT " + expression), expected) << expression;
  }
  auto rows = connection->query("SELECT 12.5::numeric, -0.0625::numeric, 3::bigint, 1.5::real");
  ASSERT_TRUE(rows && *rows->next());
  EXPECT_EQ(rows->real(0), 12.5);
  EXPECT_EQ(rows->real(1), -0.0625);
  EXPECT_EQ(rows->real(2), 3);
  EXPECT_EQ(rows->real(3), 1.5);
}

TEST_F(PostgresTest, WhatIsNotThere) {
  auto none = open("host=/nowhere dbname=x");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::io);
  EXPECT_EQ(none.error().peer, "local error");
}

TEST(PostgresStatement, CountsParameters) {
  EXPECT_EQ(count_parameters("SELECT 1"), 0);
  EXPECT_EQ(count_parameters("SELECT $2, $1, $12"), 12);
  EXPECT_EQ(count_parameters("SELECT '$3', \"$4\", $1"), 1);
  EXPECT_EQ(count_parameters("SELECT '$3"), 0);
}

}  // namespace
}  // namespace pabal::db::postgres
