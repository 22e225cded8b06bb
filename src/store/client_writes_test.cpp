// What mail clients write, while the power goes at any moment, and while each operation of the disk and the database
// fails once (of most kinds not each, for the sake of time): every account is as after its last promised write, or as
// after the one that was under way, whole.
#include <cstdlib>

#include <gtest/gtest.h>

#include "base/failing_file.hpp"
#include "base/recording_file.hpp"
#include "base/sanitized.hpp"
#include "store/client_ledger.hpp"

namespace pabal::store {
namespace {

constexpr std::size_t kNow = ClientLedger::never - 1;

int client_states_wanted() {
  const char* more = std::getenv("PABAL_POWER_LOSS_STATES");
  return more != nullptr ? std::atoi(more) / 4 : 120;
}

// What is wrong with a disk that was left. Some are also gone on with.
std::string judge_left(MemoryFileSystem& left, const ClientLedger& known, std::size_t moment, bool go_on,
                       std::uint64_t seed) {
  TestStore store(left, ClientLedger::shards);
  if (auto opened = store.open(); !opened) return "open: " + opened.error().log;
  ClientLedger ledger = known;
  if (auto wrong = ledger.judge(store, moment); !wrong.empty() || !go_on) return wrong;
  if (auto begun = ledger.begin(store); !begun) return begun.error().log;
  SeededRandom random(seed);
  for (int i = 0; i < 2; ++i) {
    ledger.work(store, random, 4);
    if (auto done = store->maintain(); !done) return "upkeep: " + done.error().log;
  }
  if (ledger.failures() != 0) return "gone on with, it fails: " + ledger.last_failure();
  if (auto opened = store.open(); !opened) return "open again: " + opened.error().log;
  return ledger.judge(store, kNow);
}

void lose_power(std::uint64_t seed, int states_to_see) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  fmt::print("seed {}\n", seed);
  SeededRandom random(seed);
  auto start = std::make_unique<MemoryFileSystem>();
  {
    TestStore store(*start, ClientLedger::shards);
    ASSERT_TRUE(store.open());
    ASSERT_TRUE(ClientLedger::make_accounts(store));
  }
  int states = 0;
  std::size_t writes = 0;
  while (states < states_to_see) {
    RecordingFileSystem recorder(std::move(start));
    ClientLedger ledger([&recorder] { return recorder.position(); });
    {
      TestStore store(recorder, ClientLedger::shards);
      ASSERT_TRUE(store.open());
      ASSERT_TRUE(ledger.begin(store));
      for (int i = 0; i < 8; ++i) {
        ledger.work(store, random, 8);
        if (random.below(3) == 0) {
          ASSERT_TRUE(store->maintain());
        }
      }
      ASSERT_EQ(ledger.failures(), 0) << ledger.last_failure();
      ASSERT_EQ(ledger.judge(store, kNow), "");
    }
    writes += ledger.writes();
    PowerLoss loss(recorder);
    const auto stride = std::max<std::size_t>(1, loss.size() / 60);
    std::size_t at = 0;
    while (at < loss.size() && states < states_to_see) {
      at = std::min(loss.size(), at + 1 + random.below(2 * stride));
      loss.advance(at);
      for (const auto fate : {PowerLoss::Fate::dropped, PowerLoss::Fate::kept, PowerLoss::Fate::random}) {
        const auto disk_seed = random.number();
        auto left = loss.disk(fate, disk_seed);
        const auto wrong = judge_left(*left, ledger, at, random.below(8) == 0, disk_seed);
        ASSERT_EQ(wrong, "") << "after " << loss.describe(at) << ", fate " << static_cast<int>(fate) << ", state "
                             << states;
        ++states;
      }
    }
    start = loss.disk(PowerLoss::Fate::random, random.number());
  }
  testing::Test::RecordProperty("states", states);
  fmt::print("{} writes, {} disks\n", writes, states);
}

TEST(ClientWritesPowerLoss, FixedSeed) { lose_power(20'261'122, client_states_wanted() / 2); }
TEST(ClientWritesPowerLoss, RandomSeed) {
  const char* given = std::getenv("PABAL_SEED");
  lose_power(given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}(), client_states_wanted() / 2);
}

class ClientWritesFailing : public testing::Test {
 protected:
  void SetUp() override {
    TestStore store(*clean, ClientLedger::shards);
    ASSERT_TRUE(store.open());
    ASSERT_TRUE(ClientLedger::make_accounts(store));
    ASSERT_TRUE(before.begin(store));
    SeededRandom random(1);
    for (int i = 0; i < 4; ++i) before.work(store, random, 8);
    ASSERT_TRUE(store->maintain());
    ASSERT_EQ(before.failures(), 0) << before.last_failure();
    ASSERT_TRUE(before.begin(store));
  }

  // A run on a copy of the prepared disk, in which something fails; what is wrong afterwards.
  std::string run(std::uint64_t seed, std::optional<DiskFailure> disk_failure, db::DatabaseFailure database_failure) {
    auto disk = clean->copy();
    ClientLedger ledger = before;
    FailingFileSystem files(*disk);
    {
      TestStore store(files, ClientLedger::shards);
      store.failure = database_failure;
      if (disk_failure) files.fail_at(*disk_failure);
      SeededRandom random(seed);
      if (store.open()) {
        for (int i = 0; i < 3; ++i) ledger.work(store, random, 4);
        [[maybe_unused]] auto done = store->maintain();
      }
      struck = disk_failure ? files.failed() != 0 : store.struck();
    }
    files.heal();
    TestStore store(*disk, ClientLedger::shards);
    if (auto opened = store.open(); !opened) return "open: " + opened.error().log;
    if (auto wrong = ledger.judge(store, kNow); !wrong.empty()) return wrong;
    if (auto begun = ledger.begin(store); !begun) return begun.error().log;
    const auto failures = ledger.failures();
    SeededRandom random(seed + 1);
    ledger.work(store, random, 4);
    if (ledger.failures() != failures) return "it still fails: " + ledger.last_failure();
    return ledger.judge(store, kNow);
  }
  void each_disk_operation(DiskOperation operation, int error_number, bool for_ever, std::uint64_t step) {
    for (std::uint64_t nth = 1;; nth += step * kSlower) {
      DiskFailure failure;
      failure.operation = operation;
      failure.nth = nth;
      failure.error_number = error_number;
      failure.for_ever = for_ever;
      failure.written_before = nth * 100;
      ASSERT_EQ(run(nth, failure, {}), "") << name_of(operation) << " " << nth;
      if (!struck) break;
      ASSERT_LT(nth, 5000);
    }
  }

  std::unique_ptr<MemoryFileSystem> clean = std::make_unique<MemoryFileSystem>();
  ClientLedger before{[] { return std::size_t{0}; }};
  bool struck = false;
};

TEST_F(ClientWritesFailing, EachFlush) { each_disk_operation(DiskOperation::sync, EIO, false, 1); }
TEST_F(ClientWritesFailing, WritesOnAFullDisk) { each_disk_operation(DiskOperation::write, ENOSPC, false, 13); }
TEST_F(ClientWritesFailing, WritesFromThenOn) { each_disk_operation(DiskOperation::write, EIO, true, 23); }
TEST_F(ClientWritesFailing, Reads) { each_disk_operation(DiskOperation::read, EIO, false, 41); }

TEST_F(ClientWritesFailing, Statements) {
  for (const bool ends : {false, true}) {
    for (std::uint64_t nth = 1;; nth += 37 * kSlower) {
      db::DatabaseFailure failure;
      failure.statement = nth;
      failure.ends_transaction = ends;
      ASSERT_EQ(run(nth, std::nullopt, failure), "")
          << "statement " << nth << (ends ? ", which ends the transaction" : "");
      if (!struck) break;
      ASSERT_LT(nth, 20'000);
    }
  }
}

TEST_F(ClientWritesFailing, Commits) {
  for (const bool happened : {false, true}) {
    for (std::uint64_t nth = 1;; nth += 2 * kSlower) {
      db::DatabaseFailure failure;
      failure.commit = nth;
      failure.commit_happened = happened;
      ASSERT_EQ(run(nth, std::nullopt, failure), "") << "commit " << nth << (happened ? ", which happened" : "");
      if (!struck) break;
    }
  }
}

}  // namespace
}  // namespace pabal::store
