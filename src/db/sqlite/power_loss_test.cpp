// The power goes at any moment of a run with many checkpoints: each disk that may be left opens, is whole, and holds
// what was committed, each transaction all or not at all.
#include <cstdlib>

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "base/recording_file.hpp"
#include "db/sqlite/sqlite.hpp"

namespace pabal::db::sqlite {
namespace {

/// All rows in one line, to compare.
Result<std::string> digest(Connection& connection) {
  auto rows = connection.query("SELECT id, n, v FROM t ORDER BY id");
  if (!rows) return pass(rows);
  std::size_t hash = 0;
  std::size_t count = 0;
  for (;;) {
    auto more = rows->next();
    if (!more) return pass(more);
    if (!*more) break;
    ++count;
    hash = hash * 31 +
           std::hash<std::string>{}(fmt::format("{} {} {}", rows->integer(0), rows->integer(1), rows->octets(2)));
  }
  return fmt::format("{} rows {:016x}", count, hash);
}

struct Promise {
  std::size_t position;
  std::int64_t version;
};

struct History {
  std::vector<Promise> promises;
  std::vector<std::string> digests;  ///< by version
};

Result<void> change(Connection& connection, Random& random, std::int64_t version) {
  if (auto begun = connection.begin(true); !begun) return begun;
  const auto writes = 1 + random.below(6);
  for (std::uint64_t i = 0; i < writes; ++i) {
    const auto id = static_cast<std::int64_t>(random.below(60));
    const auto octets = random.octets(random.below(10) == 0 ? random.below(30'000) : random.below(700));
    auto ran = random.below(4) == 0
                   ? connection.run("DELETE FROM t WHERE id = $1", {id})
                   : connection.run(
                         "INSERT INTO t (id, n, v) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET n = $2, v = $3",
                         {id, version, Octets{octets}});
    if (!ran) return pass(ran);
  }
  auto counted = connection.run("UPDATE version SET n = $1", {version});
  if (!counted) return pass(counted);
  return {};
}

Result<void> work(FileSystem& files, RecordingFileSystem* recorder, History& run, std::uint64_t seed,
                  int transactions) {
  auto database = open(files, "/d/a.db", {.checkpoint_at = 100'000, .background_checkpoints = false});
  if (!database) return pass(database);
  auto opened = (*database)->connect();
  if (!opened) return pass(opened);
  auto& connection = **opened;
  static constexpr Migration steps[] = {
      {1,
       "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, v BYTES NOT NULL) STRICT;"
       "CREATE INDEX t_n ON t (n);"
       "CREATE TABLE version (n INTEGER NOT NULL) STRICT;"
       "INSERT INTO version VALUES (0);"}};
  if (auto migrated = migrate(connection, "test", steps); !migrated) return migrated;
  auto before = connection.number("SELECT n FROM version");
  if (!before) return pass(before);
  auto version = **before;
  run.digests.resize(static_cast<std::size_t>(version) + 1);
  auto now = digest(connection);
  if (!now) return pass(now);
  run.digests.back() = *now;
  run.promises.push_back({recorder->position(), version});
  SeededRandom random(seed);
  for (int i = 0; i < transactions; ++i) {
    ++version;
    if (auto changed = change(connection, random, version); !changed) return changed;
    if (random.below(8) == 0) {
      connection.rollback();
      --version;
    } else {
      now = digest(connection);
      if (!now) return pass(now);
      run.digests.push_back(*now);
      if (auto committed = connection.commit(); !committed) return committed;
      run.promises.push_back({recorder->position(), version});
    }
    if (random.below(3) == 0) {
      if (auto kept = (*database)->maintain(); !kept) return kept;
    }
  }
  return {};
}

/// What is wrong with a disk that was left; empty: nothing.
std::string judge(MemoryFileSystem& left, const History& run, std::int64_t promised) {
  auto database = open(left, "/d/a.db");
  if (!database) return "open: " + database.error().log;
  auto opened = (*database)->connect();
  if (!opened) return "connect: " + opened.error().log;
  auto& connection = **opened;
  if (promised < 0) {
    // Nothing was promised yet: the schema may be there or not.
    auto there = connection.number("SELECT count(*) FROM sqlite_schema WHERE name = 'version'");
    if (!there) return there.error().log;
    if (**there == 0) return {};
  }
  {
    auto rows = connection.query("PRAGMA integrity_check");
    if (!rows) return "check: " + rows.error().log;
    if (auto more = rows->next(); !more || !*more || rows->text(0) != "ok") return "integrity_check says no";
  }
  auto version = connection.number("SELECT n FROM version");
  if (!version) return "version: " + version.error().log;
  if (**version < promised) return fmt::format("version {} is there, {} was promised", **version, promised);
  auto now = digest(connection);
  if (!now) return "rows: " + now.error().log;
  if (static_cast<std::size_t>(**version) >= run.digests.size()) return "a version from the future";
  const auto& expected = run.digests[static_cast<std::size_t>(**version)];
  if (*now != expected) return fmt::format("version {}: {} instead of {}", **version, *now, expected);
  return {};
}

int states_wanted() {
  const char* more = std::getenv("PABAL_POWER_LOSS_STATES");
  return more != nullptr ? std::atoi(more) : 1500;
}

TEST(PowerLoss, CommitsSurvive) {
  const char* given = std::getenv("PABAL_SEED");  // to repeat a run
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  SeededRandom random(seed);
  int states = 0;
  int round = 0;
  std::unique_ptr<MemoryFileSystem> start = std::make_unique<MemoryFileSystem>();
  ASSERT_TRUE(start->make_folder("/d"));
  while (states < states_wanted()) {
    // Each round goes on from a disk that a power loss left in the one before.
    RecordingFileSystem recorder(std::move(start));
    History run;
    auto worked = work(recorder, &recorder, run, random.number(), 150);
    ASSERT_TRUE(worked) << worked.error().log;
    PowerLoss loss(recorder);
    const auto stride = std::max<std::size_t>(1, loss.size() / 250);
    std::size_t at = 0;
    std::int64_t promised = round == 0 ? -1 : run.promises.front().version;
    std::size_t next = 0;
    while (at < loss.size()) {
      at = std::min(loss.size(), at + 1 + random.below(2 * stride));
      loss.advance(at);
      while (next < run.promises.size() && run.promises[next].position <= at) promised = run.promises[next++].version;
      for (int i = 0; i < 3; ++i) {
        const auto fate = i == 0 ? PowerLoss::Fate::dropped : i == 1 ? PowerLoss::Fate::kept : PowerLoss::Fate::random;
        const auto disk_seed = random.number();
        auto left = loss.disk(fate, disk_seed);
        const auto wrong = judge(*left, run, promised);
        ASSERT_EQ(wrong, "") << "round " << round << ", after " << loss.describe(at) << ", fate " << i;
        ++states;
      }
    }
    // A disk as it is left and then opened (and so recovered) goes on.
    loss.advance(loss.size());
    start = loss.disk(PowerLoss::Fate::random, random.number());
    ++round;
  }
  RecordProperty("states", states);
}

}  // namespace
}  // namespace pabal::db::sqlite
