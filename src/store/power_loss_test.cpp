// The power goes at any moment of a run of mixed deliveries, expunges, moves, reclaims and checkpoints: each disk that
// may be left opens, check() is clean, and every letter that was promised is there, byte by byte, exactly once.
#include <cstdlib>

#include <gtest/gtest.h>

#include "base/recording_file.hpp"
#include "store/store_ledger.hpp"

namespace pabal::store {
namespace {

int states_wanted() {
  const char* more = std::getenv("PABAL_POWER_LOSS_STATES");
  return more != nullptr ? std::atoi(more) : 300;
}

/// Given to repeat a run (as far as threads allow), else a new one.
std::uint64_t seed_wanted() {
  const char* given = std::getenv("PABAL_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

std::string first_run(TestStore& store) {
  if (auto opened = store.open(); !opened) return opened.error().log;
  if (auto made = Ledger::make_accounts(store); !made) return made.error().log;
  return {};
}

// What is wrong with a disk that was left. Some are also gone on with.
std::string judge(MemoryFileSystem& left, Ledger ledger, std::size_t moment, bool go_on, std::uint64_t seed) {
  TestStore store(left, Ledger::shards);
  if (auto opened = store.open(); !opened) return "open: " + opened.error().log;
  if (auto wrong = ledger.judge(store, moment); !wrong.empty() || !go_on) return wrong;
  ledger.settle(store, moment);
  SeededRandom random(seed);
  ledger.work(store, random, 8);
  if (auto done = store->maintain(); !done) return "upkeep: " + done.error().log;
  ledger.work(store, random, 8);
  if (auto wrong = ledger.judge(store, LedgerLetter::never - 1); !wrong.empty()) return "gone on with: " + wrong;
  if (auto opened = store.open(); !opened) return "open again: " + opened.error().log;
  if (auto wrong = ledger.judge(store, LedgerLetter::never - 1); !wrong.empty()) return "opened again: " + wrong;
  return {};
}

void run(std::uint64_t seed, int states_to_see) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  fmt::print("seed {}\n", seed);
  SeededRandom random(seed);
  int states = 0;
  auto start = std::make_unique<MemoryFileSystem>();
  {
    // Making the accounts is a run of its own, so that later a state without them is a loss.
    TestStore store(*start, Ledger::shards);
    ASSERT_EQ(first_run(store), "");
  }
  Ledger left_over([] { return std::size_t{0}; });
  while (states < states_to_see) {
    RecordingFileSystem recorder(std::move(start));
    Ledger ledger([&recorder] { return recorder.position(); });
    {
      TestStore store(recorder, Ledger::shards);
      auto opened = store.open();
      ASSERT_TRUE(opened) << opened.error().log;
      ledger.adopt(left_over);
      for (int i = 0; i < 12; ++i) {
        ledger.work(store, random, 24);
        if (random.below(3) == 0) {
          auto done = store->maintain();
          ASSERT_TRUE(done) << done.error().log;
        }
      }
      ASSERT_EQ(ledger.failures(), 0);
    }
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
    // The next run begins on a disk that this one may have left, its queue emptied: what waits there is in no mailbox
    // yet, where the ledger would look for it.
    start = loss.disk(PowerLoss::Fate::random, random.number());
    left_over = ledger;
    TestStore store(*start, Ledger::shards);
    auto opened = store.open();
    ASSERT_TRUE(opened) << opened.error().log;
    ASSERT_EQ(left_over.judge(store, at), "");
    left_over.settle(store, at);
  }
  testing::Test::RecordProperty("states", states);
}

TEST(StorePowerLoss, PromisesSurviveFixedSeed) { run(20'260'101, states_wanted() / 2); }
TEST(StorePowerLoss, PromisesSurviveRandomSeed) { run(seed_wanted(), states_wanted() / 2); }

}  // namespace
}  // namespace pabal::store
