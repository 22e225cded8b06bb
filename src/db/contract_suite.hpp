// What every engine promises, said once and run over each: an engine's contract_test.cpp names its Engine and
// instantiates the suite. An Engine is a class whose open() makes a fresh, empty database, which lives as long as the
// Engine.
#pragma once
#include <atomic>
#include <future>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "db/database.hpp"
#include "db/failing_database.hpp"
#include "db/writer.hpp"

namespace pabal::db {

inline std::string words(const Error& error) { return fmt::format("{}: {}", name_of(error.kind), error.log); }

template <class Engine>
class DatabaseContract : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = engine.open();
    ASSERT_TRUE(opened) << words(opened.error());
    database = std::move(*opened);
    connection = connect();
    script("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, r REAL, s TEXT UNIQUE, b BYTES) STRICT");
  }
  void TearDown() override {
    connection.reset();
    database.reset();
  }
  std::unique_ptr<Connection> connect() {
    auto made = database->connect();
    EXPECT_TRUE(made) << words(made.error());
    return made ? std::move(*made) : nullptr;
  }
  void script(std::string_view sql) {
    auto done = connection->script(sql);
    ASSERT_TRUE(done) << words(done.error());
  }
  /// Rows changed, or the error's kind.
  std::string run(std::string_view sql, std::initializer_list<Parameter> parameters = {}) {
    auto done = connection->run(sql, parameters);
    return done ? std::to_string(*done) : std::string(name_of(done.error().kind));
  }
  std::string number(std::string_view sql, std::initializer_list<Parameter> parameters = {}) {
    return number(*connection, sql, parameters);
  }
  static std::string number(Connection& on, std::string_view sql, std::initializer_list<Parameter> parameters = {}) {
    auto done = on.number(sql, parameters);
    if (!done) return words(done.error());
    return *done ? std::to_string(**done) : "none";
  }
  static std::string said(const Result<void>& result) {
    return result ? "ok" : std::string(name_of(result.error().kind));
  }

  Engine engine;
  std::unique_ptr<Database> database;
  std::unique_ptr<Connection> connection;
};

/// A write that inserts rows with these ids.
inline Work inserting(std::vector<std::int64_t> ids) {
  return [ids = std::move(ids)](Connection& on) -> Result<void> {
    for (const auto id : ids) {
      auto done = on.run("INSERT INTO t (id, n) VALUES ($1, $2)", {id, id});
      if (!done) return pass(done);
    }
    return {};
  };
}

TYPED_TEST_SUITE_P(DatabaseContract);

TYPED_TEST_P(DatabaseContract, TypesAndNulls) {
  const std::string octets("a\0b\xff\x80", 5);
  EXPECT_EQ(this->run("INSERT INTO t VALUES ($1, $2, $3, $4, $5)",
                      {std::int64_t{1}, std::numeric_limits<std::int64_t>::min(), 1.5, "파발 ✉", Octets{octets}}),
            "1");
  EXPECT_EQ(this->run("INSERT INTO t VALUES ($1, $2, $3, $4, $5)",
                      {std::int64_t{2}, std::numeric_limits<std::int64_t>::max(), -0.1, "", Octets{""}}),
            "1");
  EXPECT_EQ(this->run("INSERT INTO t VALUES ($1, $2, $3, $4, $5)",
                      {std::int64_t{3}, std::monostate{}, std::monostate{}, std::monostate{}, std::monostate{}}),
            "1");
  auto rows = this->connection->query("SELECT id, n, r, s, b FROM t ORDER BY id");
  ASSERT_TRUE(rows) << words(rows.error());
  ASSERT_TRUE(*rows->next());
  EXPECT_EQ(rows->integer(0), 1);
  EXPECT_EQ(rows->integer(1), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(rows->real(2), 1.5);
  EXPECT_EQ(rows->text(3), "파발 ✉");
  EXPECT_EQ(rows->octets(4), octets);
  EXPECT_FALSE(rows->is_null(4));
  ASSERT_TRUE(*rows->next());
  EXPECT_EQ(rows->integer(1), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(rows->real(2), -0.1);
  EXPECT_EQ(rows->text(3), "");
  EXPECT_FALSE(rows->is_null(3));
  EXPECT_EQ(rows->octets(4), "");
  EXPECT_FALSE(rows->is_null(4));
  ASSERT_TRUE(*rows->next());
  for (int column = 1; column < 5; ++column) EXPECT_TRUE(rows->is_null(column)) << column;
  EXPECT_EQ(rows->integer(1), 0);
  EXPECT_EQ(rows->octets(4), "");
  EXPECT_FALSE(*rows->next());
  EXPECT_FALSE(*rows->next()) << "after the last there is none";
}

TYPED_TEST_P(DatabaseContract, CountsAndSumsAreIntegers) {
  EXPECT_EQ(this->run("INSERT INTO t (id, n) VALUES (1, 5), (2, 7)"), "2");
  EXPECT_EQ(this->number("SELECT count(*) FROM t"), "2");
  EXPECT_EQ(this->number("SELECT max(n) FROM t"), "7");
  EXPECT_EQ(this->number("SELECT n FROM t WHERE id = $1", {std::int64_t{2}}), "7");
  EXPECT_EQ(this->number("SELECT n FROM t WHERE id = $1", {std::int64_t{3}}), "none");
  EXPECT_EQ(this->number("SELECT max(n) FROM t WHERE id > 100"), "none");
  EXPECT_EQ(this->number("SELECT CAST(sum(n) AS BIGINT) FROM t"), "12");
  EXPECT_EQ(this->number("SELECT CASE WHEN EXISTS (SELECT 1 FROM t WHERE n = 5) THEN 1 ELSE 0 END"), "1");
}

TYPED_TEST_P(DatabaseContract, RowsChanged) {
  EXPECT_EQ(this->run("INSERT INTO t (id, n) VALUES (1, 1), (2, 1), (3, 2)"), "3");
  EXPECT_EQ(this->run("UPDATE t SET n = 9 WHERE n = $1", {std::int64_t{1}}), "2");
  EXPECT_EQ(this->run("UPDATE t SET n = 9 WHERE n = $1", {std::int64_t{1}}), "0");
  EXPECT_EQ(this->run("INSERT INTO t (id, n) VALUES (3, 3) ON CONFLICT (id) DO NOTHING"), "0");
  EXPECT_EQ(this->run("INSERT INTO t (id, n) VALUES (3, 3) ON CONFLICT (id) DO UPDATE SET n = excluded.n"), "1");
  EXPECT_EQ(this->number("UPDATE t SET n = n + 1 WHERE id = $1 RETURNING n", {std::int64_t{3}}), "4");
  EXPECT_EQ(this->run("DELETE FROM t"), "3");
  EXPECT_EQ(this->run("CREATE INDEX t_n ON t (n)"), "0");
}

TYPED_TEST_P(DatabaseContract, GeneratedKeys) {
  EXPECT_EQ(this->number("INSERT INTO t (n) VALUES ($1) RETURNING id", {std::int64_t{5}}), "1");
  EXPECT_EQ(this->number("INSERT INTO t (n) VALUES ($1) RETURNING id", {std::int64_t{5}}), "2");
}

TYPED_TEST_P(DatabaseContract, ParametersByNumber) {
  EXPECT_EQ(this->run("INSERT INTO t (id, n) VALUES ($2, $1)", {std::int64_t{10}, std::int64_t{1}}), "1");
  EXPECT_EQ(this->number("SELECT n FROM t WHERE id = $1 AND (n = $2 OR $2 = 0)", {std::int64_t{1}, std::int64_t{10}}),
            "10");
  EXPECT_EQ(this->run("INSERT INTO t (id) VALUES ($1)"), "state") << "too few";
  EXPECT_EQ(this->run("INSERT INTO t (id) VALUES ($1)", {std::int64_t{5}, std::int64_t{5}}), "state") << "too many";
  EXPECT_EQ(this->run("INSERT INTO t (id, s) VALUES ($1, $2)", {std::int64_t{5}, std::string_view("a\0b", 3)}),
            "syntax");
}

TYPED_TEST_P(DatabaseContract, TextsCompareByOctets) {
  for (const auto* text : {"b", "B", "a", "\u00e9", "e\u0301", "z", "Z", "가", "_"}) {
    auto done = this->connection->run("INSERT INTO t (s) VALUES ($1)", {std::string_view(text)});
    ASSERT_TRUE(done) << words(done.error());
  }
  std::string order;
  auto rows = this->connection->query("SELECT s FROM t ORDER BY s");
  ASSERT_TRUE(rows);
  while (*rows->next()) order.append(rows->text(0)).append(" ");
  EXPECT_EQ(order, "B Z _ a b e\u0301 z \u00e9 가 ");
}

TYPED_TEST_P(DatabaseContract, BigOctets) {
  std::string big(5'000'000, '\0');
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i * 31 + i / 251);
  EXPECT_EQ(this->run("INSERT INTO t (id, b) VALUES (1, $1)", {Octets{big}}), "1");
  auto rows = this->connection->query("SELECT b, n FROM t");
  ASSERT_TRUE(rows && *rows->next());
  EXPECT_TRUE(rows->octets(0) == big);
}

TYPED_TEST_P(DatabaseContract, BrokenRules) {
  EXPECT_EQ(this->run("INSERT INTO t (id, s) VALUES (1, 'x')"), "1");
  EXPECT_EQ(this->run("INSERT INTO t (id, s) VALUES (1, 'y')"), "exists");
  EXPECT_EQ(this->run("INSERT INTO t (id, s) VALUES (2, 'x')"), "exists");
  this->script("CREATE TABLE u (id INTEGER NOT NULL REFERENCES t (id), k INTEGER NOT NULL CHECK (k > 0)) STRICT");
  EXPECT_EQ(this->run("INSERT INTO u VALUES (1, 1)"), "1");
  EXPECT_EQ(this->run("INSERT INTO u VALUES (7, 1)"), "state");
  EXPECT_EQ(this->run("INSERT INTO u VALUES (1, 0)"), "state");
  EXPECT_EQ(this->run("INSERT INTO u VALUES (1, NULL)"), "state");
  EXPECT_EQ(this->run("SELECT FROM WHERE"), "io");
  EXPECT_EQ(this->number("SELECT count(*) FROM u"), "1");
}

TYPED_TEST_P(DatabaseContract, CommitAndRollback) {
  auto& on = *this->connection;
  EXPECT_EQ(this->said(on.commit()), "state");
  on.rollback();
  ASSERT_TRUE(on.begin(true));
  EXPECT_EQ(this->said(on.begin(true)), "state");
  EXPECT_EQ(this->run("INSERT INTO t (id) VALUES (1)"), "1");
  on.rollback();
  EXPECT_EQ(this->number("SELECT count(*) FROM t"), "0");
  ASSERT_TRUE(on.begin(true));
  EXPECT_EQ(this->run("INSERT INTO t (id) VALUES (1)"), "1");
  EXPECT_EQ(this->said(on.commit()), "ok");
  on.rollback();
  EXPECT_EQ(this->number("SELECT count(*) FROM t"), "1");
}

TYPED_TEST_P(DatabaseContract, AFailedStatementEndsTheStep) {
  auto& on = *this->connection;
  ASSERT_TRUE(on.begin(true));
  EXPECT_EQ(this->run("INSERT INTO t (id) VALUES (1)"), "1");
  EXPECT_EQ(this->run("INSERT INTO t (id) VALUES (1)"), "exists");
  EXPECT_EQ(this->run("INSERT INTO t (id) VALUES (2)"), "state");
  EXPECT_EQ(this->said(on.savepoint()), "state");
  EXPECT_EQ(this->said(on.commit()), "state");
  EXPECT_EQ(this->number("SELECT count(*) FROM t"), "0");
  ASSERT_TRUE(on.begin(true));
  EXPECT_EQ(this->run("INSERT INTO t (id) VALUES (1)"), "1");
  EXPECT_EQ(this->said(on.commit()), "ok");
}

TYPED_TEST_P(DatabaseContract, Savepoints) {
  auto& on = *this->connection;
  EXPECT_EQ(this->said(on.savepoint()), "state") << "outside of a transaction";
  ASSERT_TRUE(on.begin(true));
  EXPECT_EQ(this->run("INSERT INTO t (id) VALUES (1)"), "1");
  ASSERT_TRUE(on.savepoint());
  EXPECT_EQ(this->run("INSERT INTO t (id) VALUES (2)"), "1");
  EXPECT_EQ(this->run("INSERT INTO t (id) VALUES (1)"), "exists");
  ASSERT_TRUE(on.rollback_to_savepoint());
  ASSERT_TRUE(on.savepoint());
  EXPECT_EQ(this->run("INSERT INTO t (id) VALUES (3)"), "1");
  {
    ASSERT_TRUE(on.savepoint());
    EXPECT_EQ(this->run("INSERT INTO t (id) VALUES (4)"), "1");
    ASSERT_TRUE(on.rollback_to_savepoint());
    ASSERT_TRUE(on.savepoint());
    EXPECT_EQ(this->run("INSERT INTO t (id) VALUES (5)"), "1");
    ASSERT_TRUE(on.release_savepoint());
  }
  ASSERT_TRUE(on.release_savepoint());
  ASSERT_TRUE(on.commit());
  EXPECT_EQ(this->number("SELECT count(*) FROM t"), "3");
  EXPECT_EQ(this->number("SELECT CAST(sum(id) AS BIGINT) FROM t"), "9");
}

TYPED_TEST_P(DatabaseContract, AnOuterStepTakesTheInnerOnesAlong) {
  auto& on = *this->connection;
  EXPECT_EQ(on.depth(), 0);
  ASSERT_TRUE(on.begin(true));
  ASSERT_TRUE(on.savepoint());
  EXPECT_EQ(this->run("INSERT INTO t (id) VALUES (1)"), "1");
  ASSERT_TRUE(on.savepoint());
  EXPECT_EQ(this->run("INSERT INTO t (id) VALUES (2)"), "1");
  EXPECT_EQ(this->run("INSERT INTO t (id) VALUES (2)"), "exists");
  EXPECT_EQ(on.depth(), 2);
  ASSERT_TRUE(on.rollback_to_savepoint(1));
  EXPECT_EQ(on.depth(), 0);
  EXPECT_EQ(this->run("INSERT INTO t (id) VALUES (3)"), "1");
  EXPECT_EQ(this->said(on.rollback_to_savepoint(1)), "state");
  on.rollback();
  ASSERT_TRUE(on.begin(true));
  ASSERT_TRUE(on.savepoint());
  EXPECT_EQ(on.depth(), 1);
  EXPECT_EQ(this->run("INSERT INTO t (id) VALUES (4)"), "1");
  ASSERT_TRUE(on.commit());
  EXPECT_EQ(on.depth(), 0);
  EXPECT_EQ(this->number("SELECT CAST(sum(id) AS BIGINT) FROM t"), "4");
}

// A write that ends in the midst of a step of its own is undone whole, and alone.
TYPED_TEST_P(DatabaseContract, AStepLeftOpenIsUndoneWithItsWrite) {
  FailingDatabase failing(*this->database);
  for (const bool throws : {true, false}) {
    auto writer = Writer::start(failing, {});
    ASSERT_TRUE(writer) << words(writer.error());
    failing.fail_at({.release = throws ? std::optional<std::uint64_t>() : 1});
    const std::int64_t base = throws ? 10 : 20;
    std::array<std::promise<Result<void>>, 2> outcomes;
    std::vector<std::pair<Work, Outcome>> group;
    group.emplace_back(
        [&](Connection& on) -> Result<void> {
          if (auto done = inserting({base})(on); !done) return done;
          if (auto set = on.savepoint(); !set) return set;
          if (auto done = inserting({base + 1})(on); !done) return done;
          if (throws) throw std::runtime_error("on purpose");
          return on.release_savepoint();
        },
        [&](Result<void> result) { outcomes[0].set_value(std::move(result)); });
    group.emplace_back(inserting({base + 2}), [&](Result<void> result) { outcomes[1].set_value(std::move(result)); });
    (*writer)->submit(std::move(group));
    EXPECT_EQ(this->said(outcomes[0].get_future().get()), "io");
    EXPECT_EQ(this->said(outcomes[1].get_future().get()), "ok");
    EXPECT_EQ(this->number("SELECT count(*) FROM t WHERE id >= $1", {base}), "1");
    EXPECT_EQ(this->number("SELECT max(id) FROM t"), std::to_string(base + 2));
  }
}

TYPED_TEST_P(DatabaseContract, StatementsAreReused) {
  for (std::int64_t i = 0; i < 100; ++i) {
    EXPECT_EQ(this->run("INSERT INTO t (id, n) VALUES ($1, $2)", {i, i * i}), "1");
    EXPECT_EQ(this->number("SELECT n FROM t WHERE id = $1", {i}), std::to_string(i * i));
  }
  // Texts without end, while rows of one are in use.
  {
    auto rows = this->connection->query("SELECT id FROM t ORDER BY id");
    ASSERT_TRUE(rows && *rows->next());
    for (int i = 0; i < 1500; ++i) EXPECT_EQ(this->number(fmt::format("SELECT {} + 0", i)), std::to_string(i));
    ASSERT_TRUE(*rows->next());
    EXPECT_EQ(rows->integer(0), 1);
  }
  EXPECT_EQ(this->number("SELECT id FROM t ORDER BY id"), "0");
  // One buffer with changing words.
  std::string buffer = "SELECT 1 + 1";
  for (char digit = '1'; digit <= '9'; ++digit) {
    buffer.back() = digit;
    EXPECT_EQ(this->number(buffer), std::to_string(1 + digit - '0'));
  }
}

TYPED_TEST_P(DatabaseContract, NestedRows) {
  this->run("INSERT INTO t (id, n) VALUES (1, 10), (2, 20), (3, 30)");
  auto outer = this->connection->query("SELECT id FROM t ORDER BY id");
  ASSERT_TRUE(outer);
  std::string seen;
  while (*outer->next()) {
    auto inner = this->connection->query("SELECT n FROM t WHERE id = $1", {outer->integer(0)});
    ASSERT_TRUE(inner && *inner->next());
    seen += fmt::format("{}:{} ", outer->integer(0), inner->integer(0));
  }
  EXPECT_EQ(seen, "1:10 2:20 3:30 ");
  auto again = this->connection->query("SELECT id FROM t ORDER BY id");
  EXPECT_EQ(again ? "" : name_of(again.error().kind), "state") << "the same statement twice at a time";
}

TYPED_TEST_P(DatabaseContract, RowsLeftEarly) {
  this->run("INSERT INTO t (id) VALUES (1), (2), (3)");
  for (int i = 0; i < 3; ++i) {
    auto rows = this->connection->query("SELECT id FROM t ORDER BY id");
    ASSERT_TRUE(rows && *rows->next());
    EXPECT_EQ(rows->integer(0), 1);
  }
  EXPECT_EQ(this->run("DELETE FROM t WHERE id = 1"), "1");
}

TYPED_TEST_P(DatabaseContract, SnapshotReadsWhileAWriterCommits) {
  auto reader = this->connect();
  this->run("INSERT INTO t (id) VALUES (1)");
  ASSERT_TRUE(reader->begin(false));
  EXPECT_EQ(this->number(*reader, "SELECT count(*) FROM t"), "1");
  ASSERT_TRUE(this->connection->begin(true));
  EXPECT_EQ(this->run("INSERT INTO t (id) VALUES (2)"), "1");
  EXPECT_EQ(this->number(*reader, "SELECT count(*) FROM t"), "1") << "not committed";
  ASSERT_TRUE(this->connection->commit());
  EXPECT_EQ(this->number(*reader, "SELECT count(*) FROM t"), "1") << "the snapshot is older";
  reader->rollback();
  EXPECT_EQ(this->number(*reader, "SELECT count(*) FROM t"), "2");
}

TYPED_TEST_P(DatabaseContract, Migrations) {
  static constexpr Migration one[] = {{1, "CREATE TABLE m (id INTEGER PRIMARY KEY) STRICT"}};
  static constexpr Migration three[] = {{1, "CREATE TABLE m (id INTEGER PRIMARY KEY) STRICT"},
                                        {2, "ALTER TABLE m ADD COLUMN n INTEGER; INSERT INTO m VALUES (1, 1)"},
                                        {3, "UPDATE m SET n = 3"}};
  static constexpr Migration bad[] = {{1, ""}, {2, ""}, {3, ""}, {4, "DELETE FROM m; SELECT nonsense FROM nowhere"}};
  auto& on = *this->connection;
  EXPECT_EQ(this->said(migrate(on, "other", one)), "ok");
  EXPECT_EQ(this->said(migrate(on, "other", one)), "ok") << "nothing to do";
  EXPECT_EQ(this->said(migrate(on, "other", three)), "ok");
  EXPECT_EQ(this->number("SELECT n FROM m"), "3");
  EXPECT_EQ(this->said(migrate(on, "other", one)), "unsupported") << "a database from the future";
  EXPECT_EQ(this->said(migrate(on, "other", bad)), "io");
  EXPECT_EQ(this->number("SELECT n FROM m"), "3") << "a step that fails is undone";
  EXPECT_EQ(this->number("SELECT version FROM schema_version WHERE name = 'other'"), "3");
}

TYPED_TEST_P(DatabaseContract, WriterGroups) {
  auto writer = Writer::start(*this->database, {});
  ASSERT_TRUE(writer) << words(writer.error());
  constexpr int threads = 16;
  constexpr int each = 40;
  std::atomic<int> succeeded = 0;
  {
    std::vector<std::jthread> all;
    for (int t = 0; t < threads; ++t) {
      all.emplace_back([&, t] {
        for (int i = 0; i < each; ++i) {
          const std::int64_t id = t * 1000 + i * 2;
          // Every fifth write breaks a rule after its first row, and is undone alone.
          auto done = (*writer)->run(inserting(i % 5 == 0 ? std::vector{id, id} : std::vector{id, id + 1}));
          EXPECT_EQ(done.has_value(), i % 5 != 0) << (done ? "" : words(done.error()));
          if (done) ++succeeded;
        }
      });
    }
  }
  EXPECT_EQ(succeeded, threads * each * 4 / 5);
  EXPECT_EQ(this->number("SELECT count(*) FROM t"), std::to_string(2 * succeeded));
  const auto statistics = (*writer)->statistics();
  EXPECT_EQ(statistics.writes, threads * each);
  EXPECT_LE(statistics.commits, statistics.writes);
  EXPECT_TRUE((*writer)->healthy());
}

TYPED_TEST_P(DatabaseContract, TheWriterRefusesWhatIsTooMuch) {
  auto writer = Writer::start(*this->database, {.max_waiting = 2});
  ASSERT_TRUE(writer);
  std::atomic<bool> go = false;
  std::atomic<int> began = 0;
  std::atomic<int> fine = 0;
  std::atomic<int> busy = 0;
  const auto outcome = [&](Result<void> result) { ++(result ? fine : busy); };
  (*writer)->submit(
      [&](Connection&) -> Result<void> {
        began = 1;
        began.notify_one();
        go.wait(false);
        return {};
      },
      outcome);
  began.wait(0);
  for (int i = 0; i < 5; ++i) (*writer)->submit([](Connection&) -> Result<void> { return {}; }, outcome);
  EXPECT_EQ(busy, 3);
  go = true;
  go.notify_one();
  writer->reset();
  EXPECT_EQ(fine, 3) << "what was taken is finished";
}

// Each statement and each commit fails once, with and without taking the transaction along: a write is there with all
// its rows or with none, and what was answered is so.
TYPED_TEST_P(DatabaseContract, AllOrNothingWhereverItFails) {
  FailingDatabase failing(*this->database);
  std::int64_t next = 1;
  const auto attempt = [&](DatabaseFailure failure) {
    auto writer = Writer::start(failing, {});
    ASSERT_TRUE(writer);
    failing.fail_at(failure);
    // One after another and, held back by the first, several in one group.
    std::vector<std::pair<std::int64_t, bool>> outcomes;
    std::atomic<int> left = 5;
    std::vector<std::pair<Work, Outcome>> group;
    for (int i = 0; i < 5; ++i) {
      const auto id = next;
      next += 3;
      const auto at = outcomes.size();
      outcomes.emplace_back(id, false);
      group.emplace_back(inserting({id, id + 1, id + 2}), [&, at](Result<void> result) {
        outcomes[at].second = result.has_value();
        if (--left == 0) left.notify_one();
      });
    }
    (*writer)->submit(std::move(group));
    for (int now = left; now != 0; now = left) left.wait(now);
    EXPECT_TRUE(failing.struck());
    failing.heal();
    EXPECT_TRUE((*writer)->healthy());
    EXPECT_TRUE((*writer)->run(inserting({next++}))) << "goes on";
    for (const auto& [id, succeeded] : outcomes) {
      const auto there = this->number("SELECT count(*) FROM t WHERE id BETWEEN $1 AND $2", {id, id + 2});
      if (failure.commit_happened) {
        EXPECT_EQ(there, "3");
      } else {
        EXPECT_EQ(there, succeeded ? "3" : "0");
      }
    }
  };
  for (std::uint64_t n = 1; n <= 15; ++n) {
    for (const bool ends : {false, true}) {
      SCOPED_TRACE(fmt::format("statement {}{}", n, ends ? " ends the transaction" : ""));
      attempt({.statement = n, .ends_transaction = ends});
    }
  }
  attempt({.commit = 1});
  attempt({.commit = 1, .commit_happened = true});
  attempt({.begin = 1});
}

REGISTER_TYPED_TEST_SUITE_P(DatabaseContract, TypesAndNulls, CountsAndSumsAreIntegers, RowsChanged, GeneratedKeys,
                            ParametersByNumber, TextsCompareByOctets, BigOctets, BrokenRules, CommitAndRollback,
                            AFailedStatementEndsTheStep, Savepoints, AnOuterStepTakesTheInnerOnesAlong,
                            AStepLeftOpenIsUndoneWithItsWrite, StatementsAreReused, NestedRows, RowsLeftEarly,
                            SnapshotReadsWhileAWriterCommits, Migrations, WriterGroups, TheWriterRefusesWhatIsTooMuch,
                            AllOrNothingWhereverItFails);

}  // namespace pabal::db
