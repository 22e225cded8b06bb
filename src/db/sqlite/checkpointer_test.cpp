// Checkpoints against commits: nothing is lost, and the log stays small.
#include "db/sqlite/checkpointer.hpp"

#include <cstdlib>

#include <gtest/gtest.h>

#include "base/failing_file.hpp"
#include "base/memory_file.hpp"
#include "base/random.hpp"
#include "db/writer.hpp"

namespace pabal::db::sqlite {
namespace {

// How often the log began anew: its header counts that (SQLite's file format, §4.1), the number at octet 12.
std::uint32_t log_restarts(FileSystem& files, const std::string& path) {
  auto log = files.open(path, OpenMode::read);
  std::array<char, 16> header{};
  if (!log || (*log)->read_at(header, 0) != header.size()) return 0;
  std::uint32_t number = 0;
  for (std::size_t i = 12; i < 16; ++i) number = (number << 8) | static_cast<unsigned char>(header[i]);
  return number;
}

void execute(sqlite3* handle, const std::string& sql) {
  EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sql << sqlite3_errmsg(handle);
}

std::string ask(sqlite3* handle, const std::string& sql) {
  std::string answer;
  const auto take = [](void* out, int, char** values, char**) {
    static_cast<std::string*>(out)->append(values[0] != nullptr ? values[0] : "NULL").append(" ");
    return 0;
  };
  const int code = sqlite3_exec(handle, sql.c_str(), take, &answer, nullptr);
  return code == SQLITE_OK ? answer : "error: " + std::string(sqlite3_errmsg(handle));
}

/// The WAL-reset bug step by step (locks.hpp says how it goes); what is left in the table in the end.
std::string reset_in_a_checkpoint(bool with_gate) {
  MemoryFileSystem files;
  Shared shared(files, "a.db", {});
  if (!with_gate) shared.vfs.index().open_gate();
  auto writer = shared.open_handle();
  auto first = shared.open_handle();
  auto second = shared.open_handle();
  const auto write = [&](int from, int count) {
    execute(writer->get(), "BEGIN IMMEDIATE");
    for (int id = from; id < from + count; ++id) {
      execute(writer->get(), fmt::format("INSERT INTO t VALUES ({}, randomblob(3000))", id));
    }
    execute(writer->get(), "COMMIT");
  };
  const auto checkpoint = [](Handle& handle) {
    return sqlite3_wal_checkpoint_v2(handle.get(), "main", SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  };
  execute(writer->get(), "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)");
  ask(second->get(), "SELECT count(*) FROM t");
  write(0, 50);
  EXPECT_EQ(checkpoint(*first), SQLITE_OK);
  // The second checkpoint has read the header; now a commit, which may start the log anew, since all of it is copied.
  int commits = 0;
  shared.vfs.in_checkpoint = [&] {
    if (commits++ == 0) write(1000, 1);
  };
  EXPECT_EQ(checkpoint(*second), SQLITE_OK);
  EXPECT_EQ(commits, 1) << "the checkpoint did not come by";
  write(2000, 20);
  write(3000, 50);  // grows past where the second checkpoint thinks that it copied to
  EXPECT_EQ(checkpoint(*first), SQLITE_OK);
  write(4000, 1);  // starts the log anew: what was not copied is gone
  auto fresh = shared.open_handle();
  auto count = ask(fresh->get(), "SELECT count(*) FROM t");
  return ask(fresh->get(), "PRAGMA quick_check(1)") == "ok " ? count : "damaged";
}

TEST(Checkpoint, TheGateKeepsTheLogFromStartingAnewInACheckpoint) {
  EXPECT_EQ(reset_in_a_checkpoint(true), "122 ");
  // Without the gate this SQLite damages the database, which is why there is one. A SQLite that has the bug mended
  // doesn't.
  if (sqlite3_libversion_number() < 3'044'006) {
    EXPECT_NE(reset_in_a_checkpoint(false), "122 ");
  }
}

TEST(Checkpoint, NothingIsLostUnderStress) {
  const char* given = std::getenv("PABAL_SEED");  // to repeat a run, as far as threads allow
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  MemoryFileSystem files;
  auto database = open(files, "a.db", {.checkpoint_at = 30'000});
  ASSERT_TRUE(database);
  {
    auto connection = (*database)->connect();
    ASSERT_TRUE(connection);
    ASSERT_TRUE((*connection)
                    ->script("CREATE TABLE t (id INTEGER PRIMARY KEY, v BYTES NOT NULL) STRICT;"
                             "CREATE INDEX t_v ON t (v)"));
  }
  std::atomic<bool> stop = false;
  std::atomic<std::int64_t> committed = 0;
  {
    std::vector<std::jthread> threads;
    threads.reserve(5);
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        auto connection = (*database)->connect();
        ASSERT_TRUE(connection);
        SeededRandom random(seed + static_cast<std::uint64_t>(t));
        for (std::int64_t i = 0; !stop; ++i) {
          ASSERT_TRUE((*connection)->begin(true));
          for (int n = 0; n < 3; ++n) {
            const auto octets = random.octets(20 + random.below(800));
            ASSERT_TRUE((*connection)
                            ->run("INSERT INTO t (id, v) VALUES ($1, $2)",
                                  {std::int64_t{t} * 1'000'000'000 + i * 3 + n, Octets{octets}}));
          }
          auto done = (*connection)->commit();
          ASSERT_TRUE(done) << done.error().log;
          committed += 3;
        }
      });
    }
    threads.emplace_back([&] {
      while (!stop) {
        auto done = (*database)->maintain();
        ASSERT_TRUE(done) << done.error().log;
      }
    });
    threads.emplace_back([&] {
      Readers readers(**database);
      while (!stop) {
        const std::int64_t before = committed;
        auto count = readers.read([](Connection& connection) { return connection.number("SELECT count(*) FROM t"); });
        ASSERT_TRUE(count) << count.error().log;
        ASSERT_GE(**count, before);
        ASSERT_EQ(**count % 3, 0);
      }
    });
    // A busy machine takes longer for as much.
    const auto begun = std::chrono::steady_clock::now();
    const auto lasted = [&] { return std::chrono::steady_clock::now() - begun; };
    while (lasted() < std::chrono::milliseconds(1500) ||
           (log_restarts(files, "a.db-wal") <= 2 && lasted() < std::chrono::seconds(20))) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    stop = true;
  }
  const auto restarts = log_restarts(files, "a.db-wal");
  // What is on the disk alone, read by a new owner.
  database->reset();
  auto again = open(files, "a.db");
  ASSERT_TRUE(again);
  auto connection = (*again)->connect();
  ASSERT_TRUE(connection);
  EXPECT_EQ(**(*connection)->number("SELECT count(*) FROM t"), committed);
  auto rows = (*connection)->query("PRAGMA integrity_check");
  ASSERT_TRUE(rows && *rows->next());
  EXPECT_EQ(rows->text(0), "ok");
  EXPECT_GT(restarts, 2U) << "the log began anew while all this went on";
}

TEST(Checkpoint, TheLogStaysSmallUnderConstantReaders) {
  MemoryFileSystem files;
  constexpr std::uint64_t measure = 200'000;
  // No rest for the writers: on a busy machine these readers may seem to stay.
  auto database =
      open(files, "a.db",
           {.checkpoint_at = measure, .background_checkpoints = false, .writers_rest = std::chrono::milliseconds(0)});
  ASSERT_TRUE(database);
  auto writer = Writer::start(**database, {});
  ASSERT_TRUE(writer);
  ASSERT_TRUE((*writer)->run([](Connection& connection) {
    return connection.script("CREATE TABLE t (id INTEGER PRIMARY KEY, v BYTES NOT NULL) STRICT");
  }));
  std::atomic<bool> stop = false;
  std::vector<std::jthread> readers;
  readers.reserve(3);
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      Readers pool(**database);
      while (!stop) {
        auto read = pool.read([](Connection& connection) {
          auto count = connection.number("SELECT count(*) FROM t");
          std::this_thread::sleep_for(std::chrono::milliseconds(3));
          return count;
        });
        ASSERT_TRUE(read);
      }
    });
  }
  std::atomic<int> rounds = 0;
  std::jthread keeper([&] {
    while (!stop) {
      ASSERT_TRUE((*database)->maintain());
      ++rounds;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  const std::string octets(2000, 'x');
  for (int i = 0; i < 3000; ++i) {
    // The question is what a round of upkeep achieves, not how often a busy machine lets it run.
    if (i % 25 == 0) {
      const int before = rounds;
      while (rounds == before) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    auto done = (*writer)->run([&](Connection& connection) -> Result<void> {
      auto ran = connection.run("INSERT INTO t (v) VALUES ($1)", {Octets{octets}});
      if (!ran) return pass(ran);
      return {};
    });
    ASSERT_TRUE(done) << done.error().log;
  }
  stop = true;
  readers.clear();
  keeper.join();
  auto log = files.open("a.db-wal", OpenMode::read);
  ASSERT_TRUE(log);
  EXPECT_LT(*(*log)->size(), 12 * measure) << "3000 commits wrote some 30 MB in all";
}

// A reader that stays, of a log that has grown too long: writers are held for it a few times, not at every turn.
TEST(Checkpoint, AReaderWhoStaysSeldomHoldsWriters) {
  MemoryFileSystem files;
  auto database = open(files, "a.db", {.checkpoint_at = 20'000, .background_checkpoints = false});
  ASSERT_TRUE(database);
  auto writer = (*database)->connect();
  auto reader = (*database)->connect();
  ASSERT_TRUE(writer && reader);
  ASSERT_TRUE((*writer)->script("CREATE TABLE t (id INTEGER PRIMARY KEY, v BYTES NOT NULL) STRICT"));
  ASSERT_TRUE((*reader)->begin(false));
  ASSERT_TRUE((*reader)->number("SELECT count(*) FROM t"));
  const std::string octets(200'000, 'x');
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 16; ++i) {
    ASSERT_TRUE((*writer)->run("INSERT INTO t (v) VALUES ($1)", {Octets{octets}}));
    ASSERT_TRUE((*database)->maintain());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(2500)) << "16 times 250 ms are 4 s";
  (*reader)->rollback();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE((*writer)->run("INSERT INTO t (v) VALUES ($1)", {Octets{"x"}}));
    ASSERT_TRUE((*database)->maintain());
  }
  EXPECT_GT(log_restarts(files, "a.db-wal"), 0);
}

TEST(Checkpoint, TheBackgroundDoesItByItself) {
  MemoryFileSystem files;
  Shared shared(files, "a.db", {.checkpoint_at = 100'000});
  const Checkpointer checkpointer(shared);
  auto writer = shared.open_handle();
  ASSERT_TRUE(writer);
  execute(writer->get(), "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)");
  int writes = 0;
  for (; shared.log_restarts < 5 && writes < 20'000; ++writes) {
    execute(writer->get(), "INSERT INTO t (v) VALUES (randomblob(3000))");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(shared.log_restarts, 5U);
  EXPECT_EQ(ask(writer->get(), "SELECT count(*) FROM t"), fmt::format("{} ", writes));
  EXPECT_EQ(ask(writer->get(), "PRAGMA integrity_check"), "ok ");
}

TEST(Checkpoint, TheBackgroundGoesOnAfterAFullDisk) {
  MemoryFileSystem memory;
  FailingFileSystem files(memory);
  auto database = open(files, "a.db", {.checkpoint_at = 100'000});
  ASSERT_TRUE(database);
  auto writer = Writer::start(**database, {});
  ASSERT_TRUE(writer);
  const auto run = [&](std::string_view sql) {
    return (*writer)->run([&](Connection& connection) { return connection.script(sql); });
  };
  const auto insert = [&] { return run("INSERT INTO t (v) VALUES (randomblob(3000))"); };
  ASSERT_TRUE(run("CREATE TABLE t (id INTEGER PRIMARY KEY, v BYTES NOT NULL) STRICT"));
  // The log has its room already, the database file wants to grow: first checkpoints fail, and then commits.
  std::int64_t rows = 0;
  for (int i = 0; i < 300; ++i) {
    if (insert()) ++rows;
  }
  EXPECT_EQ(rows, 300);
  files.set_space(0);
  Result<void> written;
  for (int i = 0; i < 20'000 && written; ++i) {
    written = insert();
    if (written) ++rows;
    if (auto said = (*database)->maintain(); !said) EXPECT_EQ(said.error().kind, ErrorKind::no_space);
  }
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::no_space) << written.error().log;
  files.heal();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(insert());
    ++rows;
  }
  auto connection = (*database)->connect();
  ASSERT_TRUE(connection);
  EXPECT_EQ(**(*connection)->number("SELECT count(*) FROM t"), rows);
}

}  // namespace
}  // namespace pabal::db::sqlite
