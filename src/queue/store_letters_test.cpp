// The worker over a real store.
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include "db/sqlite/sqlite.hpp"
#include "queue/local_retry.hpp"

namespace pabal::queue {
namespace {

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().log);
  return *std::move(result);
}

struct World {
  World() {
    static int count = 0;
    folder = std::filesystem::temp_directory_path() / fmt::format("pabal-queue-{}-{}", ::getpid(), ++count);
    std::filesystem::create_directories(folder);
    database = must(db::sqlite::open(files, folder / "shard.db"));
    store::StoreOptions options;
    options.upkeep_every = std::chrono::milliseconds(0);
    store = must(store::Store::open({{.id = ShardId{1}, .database = database.get(), .folder = folder.string()}}, files,
                                    pool, clock, random, Log(), metrics, options));
    if (!store->create_account(full, 10) || !store->create_account(roomy, std::nullopt))
      throw std::runtime_error("accounts");
  }
  ~World() {
    store.reset();
    database.reset();
    std::filesystem::remove_all(folder);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void deliver_to_both() {
    store::Delivery delivery;
    delivery.id = "a1";
    delivery.content = store->receive(0);
    delivery.content.append("Subject: x\r\n\r\nhello\r\n");
    for (const auto place : {roomy, full}) {
      store::DeliveryTarget target;
      target.place = place;
      target.recipient = fmt::format("user{}@seoul.example", place.account.value);
      delivery.targets.push_back(std::move(target));
    }
    must(run_blocking(store->deliver(std::move(delivery))));
  }
  std::size_t letters_of_account(store::Place place) {
    return must(run_blocking(store->list_mailbox(place, "INBOX"))).entries.size();
  }

  const store::Place full{.account = AccountId{1}, .shard = ShardId{1}};
  const store::Place roomy{.account = AccountId{2}, .shard = ShardId{1}};
  asio::io_context io{1};  ///< the first: what the pool still holds of it goes before it
  std::filesystem::path folder;
  RealFileSystem files;
  Pool pool{1, Log()};
  ManualClock clock{SystemTime(std::chrono::seconds(1'800'000'000))};
  SeededRandom random{3};
  Metrics metrics;
  std::unique_ptr<db::Database> database;
  std::unique_ptr<store::Store> store;

  LocalRetry::Round round() {
    LocalRetry worker(io.get_executor(), letters_of(*store),
                      [this](store::QueuedLocal letter) { return store->retry_local(std::move(letter)); }, clock,
                      random, Log(), metrics, {});
    return run_blocking(worker.round());
  }
};

TEST(StoreLetters, ALetterWaitsForRoomAndArrivesOnce) {
  World world;
  world.deliver_to_both();
  const auto round = [&] {
    const auto done = world.round();
    return fmt::format("delivered {} postponed {} held {} failed {}", done.delivered, done.postponed, done.held,
                       done.failed);
  };
  world.clock.advance(std::chrono::hours(1));
  EXPECT_EQ(round(), "delivered 0 postponed 1 held 0 failed 0");
  EXPECT_EQ(round(), "delivered 0 postponed 0 held 0 failed 0");
  EXPECT_TRUE(world.store->set_quota(world.full, std::nullopt));
  world.clock.advance(std::chrono::hours(1));
  EXPECT_EQ(round(), "delivered 1 postponed 0 held 0 failed 0");
  EXPECT_EQ(world.letters_of_account(world.full), 1U);
  EXPECT_EQ(world.letters_of_account(world.roomy), 1U);
  EXPECT_TRUE(must(world.store->queue_rows()).empty());
  EXPECT_TRUE(must(world.store->check()).empty());
}

TEST(StoreLetters, WhatIsGivenUpIsHeldNotLost) {
  World world;
  world.deliver_to_both();
  world.clock.advance(std::chrono::hours(121));
  EXPECT_EQ(world.round().held, 1U);
  world.clock.advance(std::chrono::hours(121));
  EXPECT_EQ(world.round().held, 0U);
  const auto rows = must(world.store->queue_rows());
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_NE(rows.front().find("\"state\":\"held\""), std::string::npos);
}

}  // namespace
}  // namespace pabal::queue
