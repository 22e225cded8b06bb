// The rigs of the store's hardest tests, for any ledger of what a store has promised: the power goes at any moment of a
// run, and each operation of disk and database fails once. What was promised by then must be there, exactly once, and
// the store must go on.
//
// `Use` says how a ledger is worked with:
//   Ledger, what (its promises, in print)
//   now                                        a moment behind all that there are
//   rounds, at_once                            of a run that loses its power
//   int wanted(int states)                     how many disks of those that are asked for
//   void prepare(ledger, store, random)        before the runs in which something fails
//   void run(ledger, store, random)            in which something fails
//   std::string go_on(ledger, store, random)   after it; what is wrong
//   Result<void> take_up(ledger, store, moment)  from what a store has kept
//   std::string judge_run(ledger, store)       at the end of a run in which nothing failed
//   std::size_t count(ledger)                  of promises
#pragma once
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "base/failing_file.hpp"
#include "base/recording_file.hpp"
#include "base/sanitized.hpp"
#include "store/store_fixture.hpp"

namespace pabal::store {

/// Given to repeat a run (as far as threads allow), else a new one.
inline std::uint64_t seed_wanted() {
  const char* given = std::getenv("PABAL_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

template <class Use>
class PowerLossRig {
 public:
  using Ledger = typename Use::Ledger;

  static int states_wanted(int usual) {
    const char* more = std::getenv("PABAL_POWER_LOSS_STATES");
    return more != nullptr ? Use::wanted(std::atoi(more)) : usual;
  }

  static void run(std::uint64_t seed, int states_to_see) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    fmt::print("seed {}\n", seed);
    SeededRandom random(seed);
    auto start = std::make_unique<MemoryFileSystem>();
    Ledger left_over([] { return std::size_t{0}; });
    {
      // Making the accounts is a run of its own, so that later a state without them is a loss.
      TestStore store(*start, Ledger::shards);
      ASSERT_TRUE(store.open());
      ASSERT_TRUE(Ledger::make_accounts(store));
      ASSERT_TRUE(Use::take_up(left_over, store, 0));
    }
    int states = 0;
    std::size_t promises = 0;
    while (states < states_to_see) {
      RecordingFileSystem recorder(std::move(start));
      Ledger ledger([&recorder] { return recorder.position(); });
      ledger.adopt(left_over);
      work(recorder, ledger, random);
      if (testing::Test::HasFatalFailure()) return;
      promises += Use::count(ledger);
      PowerLoss loss(recorder);
      const auto stride = std::max<std::size_t>(1, loss.size() / 100);
      std::size_t at = 0;
      while (at < loss.size() && states < states_to_see) {
        at = std::min(loss.size(), at + 1 + random.below(2 * stride));
        loss.advance(at);
        for (const auto fate : {PowerLoss::Fate::dropped, PowerLoss::Fate::kept, PowerLoss::Fate::random}) {
          const auto disk_seed = random.number();
          auto left = loss.disk(fate, disk_seed);
          const auto wrong = judge(*left, ledger, at, random.below(8) == 0, disk_seed);
          ASSERT_EQ(wrong, "") << "after " << loss.describe(at) << ", fate " << static_cast<int>(fate) << ", state "
                               << states;
          ++states;
        }
      }
      // The next run begins on a disk that this one may have left.
      start = loss.disk(PowerLoss::Fate::random, random.number());
      left_over = ledger;
      TestStore store(*start, Ledger::shards);
      auto opened = store.open();
      ASSERT_TRUE(opened) << opened.error().log;
      ASSERT_EQ(left_over.judge(store, at), "");
      ASSERT_TRUE(Use::take_up(left_over, store, at));
    }
    testing::Test::RecordProperty("states", states);
    fmt::print("{} {}, {} disks\n", promises, Use::what, states);
  }

 private:
  static void work(RecordingFileSystem& recorder, Ledger& ledger, Random& random) {
    TestStore store(recorder, Ledger::shards);
    auto opened = store.open();
    ASSERT_TRUE(opened) << opened.error().log;
    for (int i = 0; i < Use::rounds; ++i) {
      ledger.work(store, random, Use::at_once);
      if (random.below(3) != 0) continue;
      auto done = store->maintain();
      ASSERT_TRUE(done) << done.error().log;
    }
    ASSERT_EQ(ledger.failures(), 0) << ledger.last_failure();
    ASSERT_EQ(Use::judge_run(ledger, store), "");
  }

  // What is wrong with a disk that was left. Some are also gone on with.
  static std::string judge(MemoryFileSystem& left, Ledger ledger, std::size_t moment, bool go_on, std::uint64_t seed) {
    TestStore store(left, Ledger::shards);
    if (auto opened = store.open(); !opened) return "open: " + opened.error().log;
    if (auto wrong = ledger.judge(store, moment); !wrong.empty() || !go_on) return wrong;
    if (auto taken = Use::take_up(ledger, store, moment); !taken) return taken.error().log;
    SeededRandom random(seed);
    for (int i = 0; i < 2; ++i) {
      ledger.work(store, random, Use::at_once / 2);
      if (auto done = store->maintain(); !done) return "upkeep: " + done.error().log;
    }
    if (ledger.failures() != 0) return "gone on with, it fails: " + ledger.last_failure();
    if (auto wrong = ledger.judge(store, Use::now); !wrong.empty()) return "gone on with: " + wrong;
    if (auto opened = store.open(); !opened) return "open again: " + opened.error().log;
    if (auto wrong = ledger.judge(store, Use::now); !wrong.empty()) return "opened again: " + wrong;
    return {};
  }
};

template <class Use>
class FailingRig : public testing::Test {
 protected:
  using Ledger = typename Use::Ledger;

  void SetUp() override {
    TestStore store(*clean, Ledger::shards);
    auto opened = store.open();
    ASSERT_TRUE(opened) << opened.error().log;
    ASSERT_TRUE(Ledger::make_accounts(store));
    ASSERT_TRUE(Use::take_up(before, store, 0));
    SeededRandom random(1);
    Use::prepare(before, store, random);
    ASSERT_EQ(before.failures(), 0) << before.last_failure();
  }

  // A run on a copy of the prepared disk, in which something fails; what is wrong afterwards.
  std::string run(std::uint64_t seed, std::optional<DiskFailure> disk_failure, db::DatabaseFailure database_failure) {
    auto disk = clean->copy();
    Ledger ledger = before;
    FailingFileSystem files(*disk);
    {
      TestStore store(files, Ledger::shards);
      store.failure = database_failure;
      if (disk_failure) files.fail_at(*disk_failure);
      SeededRandom random(seed);
      if (store.open()) Use::run(ledger, store, random);
      struck = disk_failure ? files.failed() != 0 : store.struck();
    }
    files.heal();
    TestStore store(*disk, Ledger::shards);
    if (auto opened = store.open(); !opened) return "open: " + opened.error().log;
    if (auto wrong = ledger.judge(store, Use::now); !wrong.empty()) return wrong;
    if (auto taken = Use::take_up(ledger, store, Use::now); !taken) return taken.error().log;
    const auto failures = ledger.failures();
    SeededRandom random(seed + 1);
    if (auto wrong = Use::go_on(ledger, store, random); !wrong.empty()) return wrong;
    if (ledger.failures() != failures) return "it still fails: " + ledger.last_failure();
    return ledger.judge(store, Use::now);
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
  void each_statement(std::uint64_t step) {
    for (const bool ends : {false, true}) {
      for (std::uint64_t nth = 1;; nth += step * kSlower) {
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
  void each_commit(std::uint64_t step) {
    for (const bool happened : {false, true}) {
      for (std::uint64_t nth = 1;; nth += step * kSlower) {
        db::DatabaseFailure failure;
        failure.commit = nth;
        failure.commit_happened = happened;
        ASSERT_EQ(run(nth, std::nullopt, failure), "") << "commit " << nth << (happened ? ", which happened" : "");
        if (!struck) break;
      }
    }
  }
  void each_begin(std::uint64_t step) {
    for (std::uint64_t nth = 1;; nth += step * kSlower) {
      db::DatabaseFailure failure;
      failure.begin = nth;
      ASSERT_EQ(run(nth, std::nullopt, failure), "") << "begin " << nth;
      if (!struck) break;
    }
  }

  std::unique_ptr<MemoryFileSystem> clean = std::make_unique<MemoryFileSystem>();
  Ledger before{[] { return std::size_t{0}; }};
  bool struck = false;
};

}  // namespace pabal::store
