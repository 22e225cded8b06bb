#include "queue/local_retry.hpp"

#include <gtest/gtest.h>

namespace pabal::queue {
namespace {

using namespace std::chrono_literals;

constexpr SystemTime kStart{std::chrono::seconds(1'800'000'000)};

// A queue in memory.
class MemoryLetters final : public LocalLetters {
 public:
  struct Row {
    store::QueuedLocal letter;
    SystemTime next;
    std::optional<SystemTime> claimed_until;
    bool held = false;
  };
  std::vector<Row> rows;
  const ManualClock* clock = nullptr;
  std::size_t fail_at = SIZE_MAX;  ///< the nth operation
  std::size_t throw_at = SIZE_MAX;
  std::size_t operations = 0;

  Async<Result<std::vector<store::QueuedLocal>>> due(std::size_t at_most, std::chrono::seconds claim_for) override {
    if (auto allowed = ask(); !allowed) co_return pass(allowed);
    std::vector<store::QueuedLocal> out;
    for (auto& row : rows) {
      if (out.size() == at_most) break;
      if (row.held || row.next > clock->now() || (row.claimed_until && *row.claimed_until > clock->now())) continue;
      row.claimed_until = clock->now() + claim_for;
      out.push_back(row.letter);
    }
    co_return out;
  }
  Async<Result<void>> postpone(store::QueuedLocal letter, SystemTime next, std::string why) override {
    if (auto allowed = ask(); !allowed) co_return allowed;
    auto& row = find(letter);
    row.next = next;
    row.claimed_until.reset();
    ++row.letter.attempts;
    row.letter.last_error = std::move(why);
    co_return Result<void>();
  }
  Async<Result<void>> hold(store::QueuedLocal letter, std::string why) override {
    if (auto allowed = ask(); !allowed) co_return allowed;
    auto& row = find(letter);
    row.held = true;
    row.letter.last_error = std::move(why);
    co_return Result<void>();
  }
  Async<Result<std::optional<SystemTime>>> next_due() override {
    if (auto allowed = ask(); !allowed) co_return pass(allowed);
    std::optional<SystemTime> next;
    for (const auto& row : rows) {
      if (!row.held) next = std::min(next.value_or(row.next), row.next);
    }
    co_return next;
  }

  void add(std::string id) {
    store::QueuedLocal letter{};
    letter.delivery_id = std::move(id);
    letter.recipient = "bob@busan.example";
    letter.arrived = clock->now();
    rows.push_back({.letter = std::move(letter), .next = clock->now(), .claimed_until = {}});
  }
  Row& find(const store::QueuedLocal& letter) {
    return *std::ranges::find_if(rows, [&](const Row& row) { return row.letter.delivery_id == letter.delivery_id; });
  }

 private:
  Result<void> ask() {
    if (++operations == throw_at) throw std::bad_alloc();
    if (operations == fail_at) return fail(ErrorKind::io, "disk");
    return {};
  }
};

// A worker whose deliveries end as `outcome` says; success removes the row, as the store does.
struct World {
  explicit World(RetryOptions options = {})
      : letters(new MemoryLetters),
        worker(
            io.get_executor(), std::unique_ptr<LocalLetters>(letters),
            [this](store::QueuedLocal letter) { return deliver(std::move(letter)); }, clock, random,
            Log::to_lines(lines), metrics, options) {
    letters->clock = &clock;
  }

  Async<Result<store::Delivered>> deliver(store::QueuedLocal letter) {
    tried.push_back(letter.delivery_id);
    auto result = outcome(letter);
    if (!result) co_return pass(result);
    std::erase_if(letters->rows, [&](const auto& row) { return row.letter.delivery_id == letter.delivery_id; });
    co_return store::Delivered{};
  }

  std::string round() {
    std::string out;
    asio::co_spawn(io.get_executor(), worker.round(), [&](std::exception_ptr thrown, LocalRetry::Round done) {
      if (thrown) std::rethrow_exception(thrown);
      out = fmt::format("delivered {} postponed {} held {} failed {} sleep {}", done.delivered, done.postponed,
                        done.held, done.failed, done.sleep.count());
    });
    io.restart();
    io.run();
    return out;
  }

  asio::io_context io{1};
  ManualClock clock{kStart};
  SeededRandom random{1};
  Metrics metrics;
  std::shared_ptr<std::vector<std::string>> lines = std::make_shared<std::vector<std::string>>();
  std::vector<std::string> tried;
  std::function<Result<void>(const store::QueuedLocal&)> outcome = [](const auto&) { return Result<void>(); };
  MemoryLetters* letters;
  LocalRetry worker;
};

TEST(LocalRetry, WaitsGrowToTheLongestWithJitter) {
  SeededRandom random(7);
  const RetryOptions options;
  store::QueuedLocal letter{};
  letter.arrived = kStart;
  const Error busy{ErrorKind::busy, "", ""};
  for (const auto& [attempts, minutes] :
       {std::pair(0, 30.0), {1, 45.0}, {2, 67.5}, {3, 101.25}, {6, 240.0}, {1000, 240.0}}) {
    letter.attempts = attempts;
    for (int i = 0; i < 100; ++i) {
      const auto next = next_try(letter, busy, kStart, options, random);
      EXPECT_TRUE(next);
      const double wait = std::chrono::duration<double, std::ratio<60>>(next.value_or(kStart) - kStart).count();
      EXPECT_GE(wait, minutes * 0.89);
      EXPECT_LE(wait, minutes * 1.11);
    }
  }
}

TEST(LocalRetry, WhatLastsIsHeldAndWhatPassesIsTriedForDays) {
  SeededRandom random(7);
  const RetryOptions options;
  store::QueuedLocal letter{};
  letter.arrived = kStart;
  const auto verdict = [&](ErrorKind kind, std::chrono::microseconds age) {
    return next_try(letter, {kind, "", ""}, kStart + age, options, random) ? "wait" : "hold";
  };
  EXPECT_STREQ(verdict(ErrorKind::busy, 1h), "wait");
  EXPECT_STREQ(verdict(ErrorKind::io, 119h), "wait");
  EXPECT_STREQ(verdict(ErrorKind::io, 120h), "hold");
  EXPECT_STREQ(verdict(ErrorKind::quota, 1h), "wait");
  EXPECT_STREQ(verdict(ErrorKind::quota, 121h), "hold");
  EXPECT_STREQ(verdict(ErrorKind::not_found, 1h), "hold");
}

TEST(LocalRetry, DeliversWhatIsDue) {
  World world;
  world.letters->add("a");
  world.letters->add("b");
  EXPECT_EQ(world.round(), "delivered 2 postponed 0 held 0 failed 0 sleep 60000");
  EXPECT_TRUE(world.letters->rows.empty());
}

TEST(LocalRetry, AFullMailboxIsTriedUntilItHasRoom) {
  World world;
  world.letters->add("a");
  world.outcome = [](const auto&) -> Result<void> { return fail(ErrorKind::quota, "full"); };
  EXPECT_EQ(world.round(), "delivered 0 postponed 1 held 0 failed 0 sleep 60000");
  EXPECT_EQ(world.letters->rows[0].letter.last_error, "full");
  // Not before its time.
  world.clock.advance(20min);
  EXPECT_EQ(world.round(), "delivered 0 postponed 0 held 0 failed 0 sleep 60000");
  world.clock.advance(20min);
  world.outcome = [](const auto&) { return Result<void>(); };
  EXPECT_EQ(world.round(), "delivered 1 postponed 0 held 0 failed 0 sleep 60000");
  EXPECT_EQ(world.tried.size(), 2U);
}

TEST(LocalRetry, NothingIsLostAfterDaysInVain) {
  World world;
  world.letters->add("a");
  world.outcome = [](const auto&) -> Result<void> { return fail(ErrorKind::busy, "locked"); };
  for (int hours = 0; hours < 200; ++hours) {
    world.round();
    world.clock.advance(1h);
  }
  EXPECT_EQ(world.letters->rows.size(), 1U);
  EXPECT_TRUE(world.letters->rows[0].held);
  EXPECT_NE(world.lines->back().find("queued_letter_held"), std::string::npos);
  // 30 minutes growing to 4 hours in 5 days.
  EXPECT_GT(world.tried.size(), 25U);
  EXPECT_LT(world.tried.size(), 40U);
}

TEST(LocalRetry, SleepsUntilTheNextIsDue) {
  World world({.look = 1h});
  world.letters->add("a");
  world.letters->rows[0].next = kStart + 90s;
  EXPECT_EQ(world.round(), "delivered 0 postponed 0 held 0 failed 0 sleep 90000");
}

TEST(LocalRetry, BatchesUntilNothingIsDue) {
  World world({.batch = 10});
  for (int i = 0; i < 35; ++i) world.letters->add(std::to_string(i));
  EXPECT_EQ(world.round(), "delivered 35 postponed 0 held 0 failed 0 sleep 60000");
}

TEST(LocalRetry, NthQueueOperationFailsAndNothingIsLost) {
  for (std::size_t nth = 1; nth < 12; ++nth) {
    World world({.batch = 2});
    for (int i = 0; i < 3; ++i) world.letters->add(std::to_string(i));
    world.outcome = [](const auto& letter) -> Result<void> {
      if (letter.delivery_id == "1") return fail(ErrorKind::not_found, "gone");
      if (letter.delivery_id == "2") return fail(ErrorKind::busy, "busy");
      return {};
    };
    world.letters->fail_at = nth;
    for (int i = 0; i < 5; ++i) {
      world.round();
      world.clock.advance(1h);
    }
    EXPECT_EQ(world.letters->rows.size(), 2U) << nth;
    EXPECT_TRUE(world.letters->rows[0].held) << nth;
    EXPECT_FALSE(world.letters->rows[1].held) << nth;
  }
}

TEST(LocalRetry, StartsWorksAndStops) {
  World world;
  world.letters->add("a");
  bool stopped = false;
  world.worker.start();
  world.io.poll();
  EXPECT_EQ(world.tried.size(), 1U);
  // A letter that comes later is found at once when somebody says so.
  world.letters->add("b");
  world.worker.kick();
  world.io.restart();
  world.io.poll();
  EXPECT_EQ(world.tried.size(), 2U);
  world.worker.stop([&] { stopped = true; });
  world.io.restart();
  world.io.run();
  EXPECT_TRUE(stopped);
}

TEST(LocalRetry, ALetterThatThrowsWaitsAndTheOthersAreDelivered) {
  World world;
  for (const char* id : {"a", "b", "c"}) world.letters->add(id);
  world.outcome = [](const auto& letter) -> Result<void> {
    if (letter.delivery_id == "b") throw std::bad_alloc();
    return {};
  };
  EXPECT_EQ(world.round(), "delivered 2 postponed 1 held 0 failed 0 sleep 60000");
  EXPECT_EQ(world.letters->rows[0].letter.last_error, "the delivery threw: std::bad_alloc");
}

TEST(LocalRetry, AnExceptionEndsItsRoundAndNotTheWorker) {
  World world;
  world.letters->add("a");
  world.letters->throw_at = 1;
  world.worker.start();
  world.io.poll();
  EXPECT_TRUE(world.tried.empty());
  EXPECT_NE(world.lines->back().find("queue_round_failed why=std::bad_alloc"), std::string::npos)
      << world.lines->back();
  world.worker.kick();
  world.io.restart();
  world.io.poll();
  EXPECT_EQ(world.tried.size(), 1U);
  world.worker.stop([] {});
  world.io.restart();
  world.io.run();
}

TEST(LocalRetry, ChangedTimesCountFromTheNextAttempt) {
  World world;
  world.letters->add("a");
  world.outcome = [](const auto&) -> Result<void> { return fail(ErrorKind::busy, "locked"); };
  world.worker.change({.retry = 60s, .retry_max = 60s, .give_up_after = 5min});
  world.io.poll();
  world.round();
  EXPECT_LE(world.letters->rows[0].next, kStart + 66s);
  world.clock.advance(6min);
  EXPECT_EQ(world.round(), "delivered 0 postponed 0 held 1 failed 0 sleep 60000");
}

TEST(LocalRetry, StopsAlsoWhereItNeverBegan) {
  World world;
  bool stopped = false;
  world.worker.stop([&] { stopped = true; });
  world.io.run();
  EXPECT_TRUE(stopped);
}

}  // namespace
}  // namespace pabal::queue
