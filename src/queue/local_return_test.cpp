#include "queue/local_return.hpp"

#include <gtest/gtest.h>

#include "queue/relay_world.hpp"

namespace pabal::queue {
namespace {

ConclusionOptions conclusion_options() { return {.schedule = {}, .hostname = "mail.seoul.example"}; }

struct World : RelayWorld {
  World() {
    if (!store->create_account(store::TestStore::place(2), 10)) throw std::runtime_error("account");
    if (!store->create_account(store::TestStore::place(3), std::nullopt)) throw std::runtime_error("account");
    letters = outgoing_of(*store);
  }
  void deliver(const std::string& id, std::string sender, std::string notify = {}) {
    auto made =
        store.letter(id, "Subject: x\r\n\r\nhello\r\n", {store::TestStore::target(2), store::TestStore::target(3)});
    made.sender = std::move(sender);
    made.targets.front().notify = std::move(notify);
    send(std::move(made));
  }
  std::string tries() {
    LocalReturnServices services;
    services.letters = letters.get();
    services.addressees = [](EmailAddress author) -> Async<Result<Addressees>> {
      Addressees found;
      if (author.text() == "alice@seoul.example") found.local.push_back(store::TestStore::target(1));
      co_return found;
    };
    services.clock = &store.clock;
    services.random = &random;
    LocalRetry worker(
        io.get_executor(), letters_of(*store),
        [this](store::QueuedLocal one) { return store->retry_local(std::move(one)); }, store.clock, random, Log(),
        metrics, {}, send_back(services, conclusion_options, Log()), warn(services, conclusion_options, Log()));
    const auto done = run(worker.round());
    return fmt::format("delivered {} postponed {} held {} returned {}", done.delivered, done.postponed, done.held,
                       done.returned);
  }
  std::unique_ptr<OutgoingLetters> letters;
};

TEST(LocalReturn, AfterDaysTheAuthorIsTold) {
  World world;
  world.deliver("a", "alice@seoul.example");
  world.store.clock.advance(std::chrono::hours(1));
  EXPECT_EQ(world.tries(), "delivered 0 postponed 1 held 0 returned 0");
  world.store.clock.advance(std::chrono::hours(120));
  EXPECT_EQ(world.tries(), "delivered 0 postponed 0 held 0 returned 1");
  EXPECT_EQ(world.told(), "failed user2@example.org 4.4.7\n");
  EXPECT_EQ(world.rows(), 0);
  EXPECT_EQ(world.store.check(), "");
}

TEST(LocalReturn, WhoWaitsForLongIsTold) {
  World world;
  world.deliver("a", "alice@seoul.example");
  world.deliver("b", "alice@seoul.example", "FAILURE");
  world.deliver("c", "");
  world.store.clock.advance(std::chrono::hours(3));
  EXPECT_EQ(world.tries(), "delivered 0 postponed 3 held 0 returned 0");
  EXPECT_EQ(world.told(), "");
  for (int i = 0; i < 3; ++i) {
    world.store.clock.advance(std::chrono::hours(5));
    EXPECT_EQ(world.tries(), "delivered 0 postponed 3 held 0 returned 0");
    EXPECT_EQ(world.told(), "delayed user2@example.org 4.2.2\n") << "once";
  }
  const auto row = world.store->queue_rows_of("a")->front();
  EXPECT_TRUE(row.contains(R"("attempts":5)")) << row;
}

TEST(LocalReturn, WhatHasNobodyToGoBackToIsHeld) {
  World world;
  world.deliver("a", "");
  world.deliver("b", "gone@seoul.example");
  world.deliver("c", "alice@seoul.example", "NEVER");
  world.store.clock.advance(std::chrono::hours(121));
  EXPECT_EQ(world.tries(), "delivered 0 postponed 0 held 2 returned 1");
  EXPECT_EQ(world.told(), "");
  EXPECT_EQ(world.rows(), 2);
}

}  // namespace
}  // namespace pabal::queue
