#include "queue/relay.hpp"

#include <gtest/gtest.h>

#include "base/json.hpp"
#include "queue/lane.hpp"
#include "queue/relay_world.hpp"

namespace pabal::queue {
namespace {

using namespace std::chrono_literals;
using Answer = RelayWorld::Answer;

RelayWorld::OnRecipient always(Answer answer) {
  return [answer](const auto&, const auto&, const auto&) { return answer; };
}
Answer refused(std::string reply) {
  const bool lasting = reply.starts_with('5');
  return {.fate = lasting ? Fate::lasting : Fate::passing, .reply = std::move(reply)};
}
NoPeer unreachable() {
  NoPeer no;
  no.status = "4.4.1";
  no.words = "connection refused";
  no.at = "connect";
  return no;
}

TEST(Relay, RecipientsOfADomainInOneTransactionLettersOnOneConnection) {
  RelayWorld world;
  world.options.first_connections = 1;
  world.start();
  world.send(world.letter("a", {"bob@busan.example", "carl@busan.example", "dora@daegu.example"}));
  world.send(world.letter("b", {"bob@busan.example"}));
  EXPECT_EQ(world.round(), "delivered 4 postponed 0 failed 0 notices 0");
  EXPECT_EQ(world.connections, 2);
  EXPECT_EQ(world.said.size(), 3);
  EXPECT_EQ(
      std::ranges::count(world.said, "mx1.busan.example: bob@busan.example=delivered carl@busan.example=delivered"), 1);
  EXPECT_EQ(world.rows(), 0);
  EXPECT_EQ(world.told(), "");
  const auto trace = world.store->traces("a")->front();
  for (const auto* part :
       {"\"host\":\"mx1.busan.example\"", "\"route\":[\"MX busan.example\"]", "\"server\":\"said\""}) {
    EXPECT_NE(trace.find(part), std::string::npos) << trace;
  }
  EXPECT_EQ(world.store.check(), "");
}

TEST(Relay, WhatIsRefusedForGoodComesBackAtOnce) {
  RelayWorld world;
  world.on_recipient = [](const auto&, const auto&, const OutgoingRecipient& recipient) {
    return recipient.address.local_part() == "bob" ? refused("550 5.1.1 No such user") : Answer();
  };
  world.send(world.letter("a", {"bob@busan.example", "carl@busan.example"}));
  world.send(world.letter("b", {"bob@busan.example"}, ""));
  world.send(world.letter("c", {"bob@busan.example"}, "zoe@gwangju.example"));
  auto never = world.letter("d", {"bob@busan.example"});
  never.remote.front().notify = "NEVER";
  world.send(std::move(never));
  world.send(world.letter("e", {"bob@busan.example"}, "gone@seoul.example"));
  EXPECT_EQ(world.round(), "delivered 2 postponed 0 failed 5 notices 2") << "carl, and Zoe's bounce";
  EXPECT_EQ(world.told(), "failed bob@busan.example 5.1.1\n");
  EXPECT_EQ(world.rows(), 0);
  EXPECT_EQ(world.round(), "delivered 0 postponed 0 failed 0 notices 0");
  EXPECT_EQ(world.store.check(), "");
}

TEST(Relay, TriedAgainWarnedGivenUp) {
  RelayWorld world;
  world.on_recipient = always(refused("452 4.2.2 mailbox full"));
  world.send(world.letter("a", {"bob@busan.example"}));
  std::size_t attempts = 0;
  const auto start = world.store.clock.now();
  std::string told;
  std::chrono::hours warned{0};
  while (world.rows() != 0 && attempts < 100) {
    world.round();
    ++attempts;
    if (told.empty() && !world.told().empty()) {
      warned = std::chrono::floor<std::chrono::hours>(world.store.clock.now() - start);
      told = world.told();
    }
    const auto rows = *world.store->queue_rows();
    if (rows.empty()) break;
    const SystemTime next{std::chrono::seconds(parse_json(rows.front())->at("next_attempt").as_int64() + 1)};
    EXPECT_GT(next, world.store.clock.now() + 26min);
    world.store.clock.advance(next - world.store.clock.now());
  }
  EXPECT_EQ(told, "delayed bob@busan.example 4.2.2\n");
  EXPECT_GE(warned, 4h);
  EXPECT_LE(warned, 6h);
  EXPECT_EQ(world.told(), "delayed bob@busan.example 4.2.2\nfailed bob@busan.example 4.4.7\n");
  EXPECT_GT(attempts, 25);
  EXPECT_LT(attempts, 45);
  EXPECT_GE(world.store.clock.now() - start, 120h);
  EXPECT_LE(world.store.clock.now() - start, 125h);
}

TEST(Relay, GreylistingComesBackSoonOnce) {
  RelayWorld world;
  world.on_recipient = always(refused("451 4.7.1 Greylisted, try again"));
  world.send(world.letter("a", {"bob@busan.example"}));
  EXPECT_EQ(world.round(), "delivered 0 postponed 1 failed 0 notices 0 next +5m");
  world.store.clock.advance(6min);
  world.on_recipient = always({});
  EXPECT_EQ(world.round(), "delivered 1 postponed 0 failed 0 notices 0");
}

TEST(Relay, UntriedGoesOnAtOnce) {
  RelayWorld world;
  world.options.first_connections = 1;
  world.start();
  int calls = 0;
  world.on_recipient = [&](const auto&, const auto&, const auto&) {
    return ++calls == 2 ? Answer{.fate = Fate::untried, .reply = ""} : Answer();
  };
  world.send(world.letter("a", {"bob@busan.example"}));
  world.send(world.letter("b", {"bob@busan.example"}));
  EXPECT_EQ(world.round(), "delivered 2 postponed 0 failed 0 notices 0");
  EXPECT_EQ(world.connections, 2);
  // A peer that always hangs up is no endless loop.
  world.on_recipient = always({.fate = Fate::untried, .reply = ""});
  world.send(world.letter("c", {"bob@busan.example"}));
  EXPECT_EQ(world.round(), "delivered 0 postponed 1 failed 0 notices 0 next +30m");
}

TEST(Relay, TheNextHop) {
  RelayWorld world;
  world.hops = 3;
  world.on_connect = [](const std::string& host) -> Async<std::optional<NoPeer>> {
    co_return host.starts_with("mx1") ? std::optional(unreachable()) : std::nullopt;
  };
  world.on_recipient = [](const std::string& host, const auto&, const auto&) {
    return host.starts_with("mx2") ? Answer{.fate = Fate::lasting, .reply = "550 5.6.7 no", .host_lacks = true}
                                   : Answer();
  };
  world.send(world.letter("a", {"bob@busan.example"}));
  EXPECT_EQ(world.round(), "delivered 1 postponed 0 failed 0 notices 0");
  EXPECT_EQ(world.talk(),
            "mx2.busan.example: bob@busan.example=lasting\nmx3.busan.example: bob@busan.example=delivered\n");
  const auto trace = world.store->traces("a")->front();
  EXPECT_NE(trace.find("connection refused"), std::string::npos) << trace;
}

TEST(Relay, NoWay) {
  RelayWorld world;
  world.options.first_connections = 1;
  world.start();
  world.no_route["null.example"] = {true, "5.1.10", "takes no mail", {"MX null.example: 0 ."}};
  world.no_route["slow.example"] = {false, "4.4.3", "the DNS does not answer", {}};
  world.on_connect = [](const std::string& /*host*/) -> Async<std::optional<NoPeer>> { co_return unreachable(); };
  world.send(world.letter("a", {"x@null.example", "x@slow.example", "x@dead.example"}));
  for (int i = 0; i < 5; ++i) world.send(world.letter(fmt::format("b{}", i), {"y@dead.example"}));
  EXPECT_EQ(world.round(), "delivered 0 postponed 7 failed 1 notices 1 next +30m");
  EXPECT_EQ(world.told(), "failed x@null.example 5.1.10\n");
  EXPECT_EQ(world.connections, 1) << "one attempt tells of all letters";
  // A new letter for what is known to be dead waits for its time.
  world.send(world.letter("c", {"z@dead.example"}));
  EXPECT_EQ(world.round(), "delivered 0 postponed 0 failed 0 notices 0 next +1m");
  EXPECT_EQ(world.connections, 1);
  world.on_connect = [](const std::string& /*host*/) -> Async<std::optional<NoPeer>> { co_return std::nullopt; };
  world.relay->kick();
  EXPECT_EQ(world.round().substr(0, 36), "delivered 1 postponed 0 failed 0 not");
}

TEST(Relay, HandedOverWhileBeingAccepted) {
  RelayWorld world;
  auto made = world.letter("a", {"bob@busan.example"});
  const auto until = world.relay->room(made.sender, made.remote);
  ASSERT_TRUE(until);
  made.claim_until = *until;
  auto letters = store::outgoing_letters(made, ShardId{1}, world.store.clock.now());
  world.send(std::move(made));
  EXPECT_EQ(world.round().substr(0, 11), "delivered 0") << "claimed";
  world.relay->hand_over(letters);
  world.relay->hand_over(letters);  // never twice
  EXPECT_EQ(world.round(), "delivered 1 postponed 0 failed 0 notices 0");
  EXPECT_EQ(world.said.size(), 1);
  // One that fails takes nothing directly.
  world.on_connect = [](const std::string& /*host*/) -> Async<std::optional<NoPeer>> { co_return unreachable(); };
  world.send(world.letter("b", {"bob@busan.example"}));
  world.round();
  const auto again = world.letter("c", {"bob@busan.example"});
  EXPECT_FALSE(world.relay->room(again.sender, again.remote));
  EXPECT_TRUE(world.relay->room(again.sender, world.letter("d", {"x@daegu.example"}).remote));
}

TEST(Relay, SuccessIsToldWhereNobodyElseDoes) {
  for (const bool passed_on : {false, true}) {
    RelayWorld world;
    world.peers_have_dsn = passed_on;
    auto made = world.letter("a", {"bob@busan.example", "carl@busan.example"});
    made.remote.front().notify = "SUCCESS,FAILURE";
    world.send(std::move(made));
    world.round();
    EXPECT_EQ(world.told(), passed_on ? "" : "relayed bob@busan.example 2.0.0\n");
    EXPECT_EQ(world.rows(), 0);
  }
}

TEST(Relay, DeliverBy) {
  RelayWorld world;
  world.on_recipient = always(refused("452 4.3.1 no room"));
  auto returns = world.letter("a", {"bob@busan.example"});
  returns.terms.deliver_by = store::DeliverBy{world.store.clock.now() + 10min, true, false};
  world.send(std::move(returns));
  auto notifies = world.letter("b", {"carl@busan.example"});
  notifies.terms.deliver_by = store::DeliverBy{world.store.clock.now() + 10min, false, false};
  world.send(std::move(notifies));
  EXPECT_EQ(world.round(), "delivered 0 postponed 2 failed 0 notices 0 next +10m");
  world.store.clock.advance(10min);
  world.round();
  EXPECT_EQ(world.told(), "failed bob@busan.example 5.4.7\n");
  world.store.clock.advance(25min);
  world.round();
  EXPECT_EQ(world.told(), "failed bob@busan.example 5.4.7\ndelayed carl@busan.example 4.3.1\n");
}

TEST(Relay, ABounceThatCantBeMadeNowKeepsTheRow) {
  RelayWorld world;
  world.on_recipient = always(refused("550 5.1.1 no"));
  world.addressees_fail = true;
  world.send(world.letter("a", {"bob@busan.example"}));
  EXPECT_EQ(world.round(), "delivered 0 postponed 1 failed 0 notices 0 next +5m");
  world.addressees_fail = false;
  world.store.clock.advance(5min);
  EXPECT_EQ(world.round(), "delivered 0 postponed 0 failed 1 notices 1");
}

// Connections to hosts that don't answer leave room for those that do.
TEST(Relay, TheDeadHoldUpNobody) {
  RelayWorld world;
  world.options.max_connections = 6;
  world.start();
  world.send(world.letter("live", {"x@live.example"}));
  world.round();
  auto released = std::make_shared<bool>(false);
  world.on_connect = [released](const std::string& host) -> Async<std::optional<NoPeer>> {
    if (host.ends_with("live.example")) co_return std::nullopt;
    while (!*released) co_await sleep_for(std::chrono::milliseconds(1));
    co_return unreachable();
  };
  for (int i = 0; i < 50; ++i) world.send(world.letter(fmt::format("d{}", i), {fmt::format("x@d{:02}.example", i)}));
  bool over = false;
  asio::co_spawn(world.io.get_executor(), world.relay->round(), [&](std::exception_ptr, Relay::Round) { over = true; });
  world.io.restart();
  const auto work_until = [&](const std::function<bool()>& done) {
    for (int i = 0; i < 20'000 && !done(); ++i) world.io.run_for(std::chrono::milliseconds(1));
  };
  work_until([&] { return world.connections >= 5; });
  EXPECT_EQ(world.connections, 1 + 4) << "two thirds for those of whom nothing is known";
  auto made = world.letter("now", {"y@live.example"});
  const auto until = world.relay->room(made.sender, made.remote);
  ASSERT_TRUE(until);
  made.claim_until = *until;
  auto letters = store::outgoing_letters(made, ShardId{1}, world.store.clock.now());
  world.send(std::move(made));
  world.relay->hand_over(std::move(letters));
  world.talk();
  work_until([&] { return !world.said.empty(); });
  EXPECT_EQ(world.talk(), "mx1.live.example: y@live.example=delivered\n");
  *released = true;
  work_until([&] { return over; });
  EXPECT_TRUE(over);
}

TEST(Relay, StartsWorksAndStops) {
  RelayWorld world;
  world.options.keep_connection = 50ms;
  world.start();
  world.send(world.letter("a", {"bob@busan.example"}));
  world.relay->start();
  bool stopped = false;
  world.io.restart();
  for (int i = 0; i < 5000 && world.said.empty(); ++i) world.io.run_for(std::chrono::milliseconds(2));
  EXPECT_EQ(world.said.size(), 1);
  world.relay->stop([&] { stopped = true; });
  world.io.restart();
  for (int i = 0; i < 5000 && !stopped; ++i) world.io.run_for(std::chrono::milliseconds(2));
  EXPECT_TRUE(stopped);
  EXPECT_EQ(world.rows(), 0);
}

TEST(Lane, SendersTakeTurnsAndTheUrgentComeFirst) {
  Lane lane("busan.example", {});
  const auto push = [&](std::string author, std::string id, int priority = 0) {
    Held held;
    held.letter.author = std::move(author);
    held.letter.id = std::move(id);
    held.letter.priority = priority;
    lane.push(std::move(held));
  };
  for (int i = 0; i < 4; ++i) push("bulk@x", fmt::format("bulk{}", i));
  push("bulk@x", "urgent", 3);
  push("alice@x", "a1");
  push("zoe@x", "z1");
  push("alice@x", "a2");
  std::string order;
  while (auto held = lane.pop()) order += held->letter.id + " ";
  EXPECT_EQ(order, "a1 urgent z1 a2 bulk0 bulk1 bulk2 bulk3 ");
  EXPECT_EQ(lane.waiting(), 0);
}

TEST(Lane, PaceFollowsThePeer) {
  Pace pace(PaceOptions{});
  const SystemTime now{std::chrono::seconds(1'800'000'000)};
  EXPECT_EQ(pace.connections(), 2);
  for (int i = 0; i < 400; ++i) pace.succeeded(now);
  EXPECT_EQ(pace.connections(), 20);
  EXPECT_TRUE(pace.proven());
  pace.was_too_fast(now);
  EXPECT_EQ(pace.connections(), 10);
  EXPECT_TRUE(pace.rests(now + 99ms));
  EXPECT_FALSE(pace.rests(now + 100ms));
  pace.failed(now);
  EXPECT_EQ(pace.connections(), 1);
  EXPECT_EQ(pace.rests_until(), now + 1min);
  for (int i = 0; i < 70; ++i) pace.failed(now);
  EXPECT_EQ(pace.rests_until(), now + 15min);
  EXPECT_FALSE(pace.proven());
  for (int i = 0; i < 100; ++i) pace.succeeded(now);
  EXPECT_FALSE(pace.failing());
}

}  // namespace
}  // namespace pabal::queue
