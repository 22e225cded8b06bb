// Each operation of the disk fails once: what was answered is so, each write is there whole or not at all, and the
// database opens again and is sound.
#include <gtest/gtest.h>

#include "base/failing_file.hpp"
#include "base/memory_file.hpp"
#include "base/random.hpp"
#include "db/sqlite/sqlite.hpp"
#include "db/writer.hpp"

namespace pabal::db::sqlite {
namespace {

constexpr std::int64_t rows_each = 3;

Work inserting(std::int64_t id, std::size_t octets) {
  return [id, octets](Connection& connection) -> Result<void> {
    const std::string value(octets, 'v');
    for (std::int64_t i = 0; i < rows_each; ++i) {
      auto done = connection.run("INSERT INTO t (id, v) VALUES ($1, $2)", {id * rows_each + i, Octets{value}});
      if (!done) return pass(done);
    }
    return {};
  };
}

Result<void> make_table(Connection& connection) {
  return connection.script("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v BYTES NOT NULL) STRICT");
}

/// What a run answered, by write.
struct Answers {
  bool opened = false;
  std::vector<bool> writes;
  bool healthy = false;
  std::size_t after_failure = 0;  ///< the first write that came after the failure had struck
};

Answers run(FailingFileSystem& files, std::size_t octets) {
  Answers answers;
  auto database =
      open(files, "a.db", {.writer_cache_bytes = 64 << 10, .checkpoint_at = 60'000, .background_checkpoints = false});
  if (!database) return answers;
  auto writer = Writer::start(**database, {});
  if (!writer) return answers;
  auto made = (*writer)->run(make_table);
  if (!made) return answers;
  answers.opened = true;
  Readers readers(**database);
  for (std::int64_t i = 0; i < 30; ++i) {
    if (files.failed() == 0) answers.after_failure = static_cast<std::size_t>(i) + 1;
    const bool done = (*writer)->run(inserting(i, octets)).has_value();
    answers.writes.push_back(done);
    // A reader sees what was answered, and nothing of what failed.
    auto seen = readers.read([&](Connection& connection) {
      return connection.number("SELECT count(*) FROM t WHERE id / $1 = $2", {rows_each, i});
    });
    if (seen) EXPECT_EQ(**seen, done ? rows_each : 0) << "write " << i;
    // What the upkeep says doesn't matter here; what failed in it shows in the writes.
    if (i % 3 == 2 && !(*database)->maintain()) EXPECT_GT(files.failed(), 0U);
  }
  answers.healthy = (*writer)->healthy();
  return answers;
}

void judge(FileSystem& files, const Answers& answers) {
  auto database = open(files, "a.db");
  ASSERT_TRUE(database) << database.error().log;
  auto connection = (*database)->connect();
  ASSERT_TRUE(connection) << connection.error().log;
  {
    auto rows = (*connection)->query("PRAGMA integrity_check");
    ASSERT_TRUE(rows && *rows->next());
    ASSERT_EQ(rows->text(0), "ok");
  }
  if (!answers.opened) return;
  for (std::size_t i = 0; i < answers.writes.size(); ++i) {
    const auto there =
        (*connection)->number("SELECT count(*) FROM t WHERE id / $1 = $2", {rows_each, static_cast<std::int64_t>(i)});
    ASSERT_TRUE(there) << there.error().log;
    if (answers.writes[i]) {
      EXPECT_EQ(**there, rows_each) << "write " << i << " was promised";
    } else if (answers.healthy) {
      EXPECT_EQ(**there, 0) << "write " << i << " failed, and others came after it";
    } else {
      EXPECT_TRUE(**there == 0 || **there == rows_each) << "write " << i << " is torn";
    }
  }
}

/// At every `stride`th operation, from a random first one on.
void strike_everywhere(DiskFailure failure, std::size_t octets, std::uint64_t stride = 1) {
  std::uint64_t struck = 0;
  SystemRandom random;
  for (failure.nth = 1 + random.below(stride);; failure.nth += stride) {
    MemoryFileSystem memory;
    FailingFileSystem files(memory);
    files.fail_at(failure);
    SCOPED_TRACE(fmt::format("{} number {}, {} octets a row", failure.operation ? name_of(*failure.operation) : "any",
                             failure.nth, octets));
    const auto answers = run(files, octets);
    if (files.failed() == 0) break;
    ++struck;
    files.heal();
    judge(memory, answers);
    // A failed flush of a file ends all writing; after anything else the writer goes on.
    if (answers.opened && failure.operation == DiskOperation::write && !failure.for_ever) {
      EXPECT_TRUE(answers.healthy);
      for (auto i = answers.after_failure; i < answers.writes.size(); ++i) EXPECT_TRUE(answers.writes[i]) << i;
    }
    if (answers.opened && failure.operation == DiskOperation::sync) {
      for (auto i = answers.after_failure; i < answers.writes.size(); ++i) EXPECT_FALSE(answers.writes[i]) << i;
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(struck, 10U);
}

TEST(FailingDisk, AWriteFails) { strike_everywhere({.operation = DiskOperation::write}, 500); }
TEST(FailingDisk, AWriteFailsAfterAPart) {
  strike_everywhere({.operation = DiskOperation::write, .error_number = ENOSPC, .written_before = 5000}, 3000);
}
TEST(FailingDisk, AWriteFailsAfterAllWasWritten) {
  strike_everywhere({.operation = DiskOperation::write, .written_before = 1 << 30}, 1000);
}
TEST(FailingDisk, AFlushFails) { strike_everywhere({.operation = DiskOperation::sync}, 500); }
TEST(FailingDisk, AReadFails) { strike_everywhere({.operation = DiskOperation::read}, 5000, 3); }
TEST(FailingDisk, AnythingFails) { strike_everywhere({}, 2000, 3); }
TEST(FailingDisk, TheDiskIsGone) { strike_everywhere({.for_ever = true}, 2000, 3); }
TEST(FailingDisk, BigWritesFailInTheirMiddle) {
  strike_everywhere({.operation = DiskOperation::write, .written_before = 4096}, 30'000, 9);
}

TEST(FailingDisk, AFullDiskIsNoEnd) {
  for (std::uint64_t space = 20'000; space < 400'000; space += 7'001) {
    SCOPED_TRACE(space);
    MemoryFileSystem memory;
    FailingFileSystem files(memory);
    files.set_space(space);
    auto answers = run(files, 3000);
    if (answers.opened) EXPECT_TRUE(answers.healthy);
    judge(memory, answers);
    // Room again: it goes on as before.
    files.heal();
    auto database = open(files, "a.db");
    ASSERT_TRUE(database) << database.error().log;
    auto writer = Writer::start(**database, {});
    ASSERT_TRUE(writer);
    EXPECT_TRUE((*writer)->run(make_table));
    EXPECT_TRUE((*writer)->run(inserting(1000, 3000)));
  }
}

TEST(FailingDisk, AFullDiskHasAKindOfItsOwn) {
  MemoryFileSystem memory;
  FailingFileSystem files(memory);
  auto database = open(files, "a.db");
  ASSERT_TRUE(database);
  auto writer = Writer::start(**database, {});
  ASSERT_TRUE(writer);
  ASSERT_TRUE((*writer)->run(make_table));
  files.set_space(100);
  auto full = (*writer)->run(inserting(1, 5000));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().kind, ErrorKind::no_space) << full.error().log;
  files.heal();
  EXPECT_TRUE((*writer)->run(inserting(1, 5000)));
}

// Whether the disk is full in the middle of a group's statements (a small cache spills) or in its commit: all that did
// not get in hear that there is no room, never anything else.
TEST(FailingDisk, EachWriteOfAGroupHearsThatTheDiskIsFull) {
  for (const std::uint64_t space : {0U, 100U, 20'000U, 50'000U, 200'000U}) {
    SCOPED_TRACE(space);
    MemoryFileSystem memory;
    FailingFileSystem files(memory);
    auto database = open(files, "a.db", {.writer_cache_bytes = 16 << 10});
    ASSERT_TRUE(database);
    std::vector<Result<void>> outcomes(40, fail(ErrorKind::state, "never told"));
    {
      auto writer = Writer::start(**database, {});
      ASSERT_TRUE(writer);
      ASSERT_TRUE((*writer)->run(make_table));
      files.set_space(space);
      std::vector<std::pair<Work, Outcome>> writes;
      for (std::size_t i = 0; i < outcomes.size(); ++i) {
        writes.emplace_back(inserting(static_cast<std::int64_t>(i), 5000),
                            [&outcomes, i](Result<void> outcome) { outcomes[i] = std::move(outcome); });
      }
      (*writer)->submit(std::move(writes));
    }
    std::int64_t done = 0;
    for (const auto& outcome : outcomes) {
      if (outcome) {
        ++done;
      } else {
        EXPECT_EQ(outcome.error().kind, ErrorKind::no_space) << outcome.error().log;
        EXPECT_EQ(outcome.error().peer, "insufficient storage");
      }
    }
    EXPECT_LT(done, 40);
    auto connection = (*database)->connect();
    ASSERT_TRUE(connection);
    EXPECT_EQ(**(*connection)->number("SELECT count(*) FROM t"), done * rows_each);
  }
}

TEST(FailingDisk, TheWriterSaysSo) {
  MemoryFileSystem memory;
  FailingFileSystem files(memory);
  auto database = open(files, "a.db");
  ASSERT_TRUE(database);
  auto writer = Writer::start(**database, {});
  ASSERT_TRUE(writer);
  ASSERT_TRUE((*writer)->run(make_table));
  files.fail_at({.operation = DiskOperation::sync});
  auto failed = (*writer)->run(inserting(1, 10));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::io);
  EXPECT_EQ(failed.error().peer, "local error");
  EXPECT_NE(failed.error().log.find("sync a.db-wal: Input/output error"), std::string::npos) << failed.error().log;
  EXPECT_FALSE((*writer)->healthy());
  auto after = (*writer)->run(inserting(2, 10));
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().log, "the database takes no more writes: a flush failed earlier");
  // Reading goes on.
  Readers readers(**database);
  auto count = readers.read([](Connection& connection) { return connection.number("SELECT count(*) FROM t"); });
  ASSERT_TRUE(count);
  EXPECT_EQ(**count, 0);
}

}  // namespace
}  // namespace pabal::db::sqlite
