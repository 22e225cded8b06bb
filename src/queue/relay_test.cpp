#include "queue/relay.hpp"

#include <gmock/gmock.h>
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
  const auto until = world.relay->room(made.sender, made.remote, made.tls);
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
  EXPECT_FALSE(world.relay->room(again.sender, again.remote, again.tls));
  EXPECT_TRUE(world.relay->room(again.sender, world.letter("d", {"x@daegu.example"}).remote, store::TlsWish::none));
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

// With BY (RFC 2852): after that time it comes back, or its sender hears that it takes longer.
void send_by(RelayWorld& world, const char* id, const char* recipient, std::chrono::seconds time, bool returns) {
  auto made = world.letter(id, {recipient});
  made.terms.deliver_by = store::DeliverBy{world.store.clock.now() + time, returns, false};
  world.send(std::move(made));
}

TEST(Relay, DeliverBy) {
  RelayWorld world;
  world.on_recipient = always(refused("452 4.3.1 no room"));
  send_by(world, "a", "bob@busan.example", 10min, true);
  send_by(world, "b", "carl@busan.example", 10min, false);
  EXPECT_EQ(world.round(), "delivered 0 postponed 2 failed 0 notices 0 next +10m");
  world.store.clock.advance(10min);
  world.round();
  // Whichever is written first: they go side by side.
  const std::string both[] = {"failed bob@busan.example 5.4.7\n", "delayed carl@busan.example 4.3.1\n"};
  EXPECT_THAT(world.told(), testing::AnyOf(both[0] + both[1], both[1] + both[0]));
  world.store.clock.advance(25min);
  world.round();
  EXPECT_THAT(world.told(), testing::AnyOf(both[0] + both[1], both[1] + both[0]));
}

// Who was warned that it takes long hears once more when his time is over.
TEST(Relay, DeliverByAfterAWarning) {
  RelayWorld world;
  world.on_recipient = always(refused("452 4.3.1 no room"));
  send_by(world, "a", "bob@busan.example", 6h, false);
  const auto until = [&](std::chrono::minutes time) {
    for (const auto end = world.store.clock.now() + time; world.store.clock.now() < end;) {
      world.store.clock.advance(10min);
      world.round();
    }
  };
  const std::string one = "delayed bob@busan.example 4.3.1\n";
  until(5h);
  EXPECT_EQ(world.told(), one);
  until(65min);
  EXPECT_EQ(world.told(), one + one);
  until(10h);
  EXPECT_EQ(world.told(), one + one);
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

// What was delivered doesn't wait for word of it; the trace says that nobody was told.
TEST(Relay, WordOfSuccessThatCantBeGivenLeavesAMark) {
  RelayWorld world;
  world.addressees_fail = true;
  auto made = world.letter("a", {"bob@busan.example"});
  made.remote[0].notify = "SUCCESS";
  world.send(std::move(made));
  EXPECT_EQ(world.round(), "delivered 1 postponed 0 failed 0 notices 0");
  EXPECT_TRUE(world.store->traces("a")->front().contains(R"("success_untold":"no directory")"));
  EXPECT_EQ(world.rows(), 0U);
}

TEST(Relay, ABounceIsSignedAndOneThatCantBeGoesUnsigned) {
  RelayWorld world;
  bool fails = true;
  std::string signed_one;
  world.sign_notice = [&](std::string content) -> Async<Result<std::string>> {
    if (fails) co_return fail(ErrorKind::busy, "no key");
    signed_one = "DKIM-Signature: x\r\n" + content;
    co_return signed_one;
  };
  world.start();
  world.on_recipient = always(refused("550 5.1.1 no"));
  world.send(world.letter("a", {"bob@busan.example"}));
  EXPECT_EQ(world.round(), "delivered 0 postponed 0 failed 1 notices 1");
  EXPECT_EQ(world.told(), "failed bob@busan.example 5.1.1\n");
  EXPECT_EQ(signed_one, "");
  fails = false;
  world.send(world.letter("b", {"bob@busan.example"}));
  EXPECT_EQ(world.round(), "delivered 0 postponed 0 failed 1 notices 1");
  EXPECT_TRUE(signed_one.contains("Final-Recipient: rfc822; bob@busan.example")) << signed_one;
  world.sign_notice = {};  // it refers to what ends before the world
  world.relay.reset();
}

// Connections to hosts that don't answer leave room for those that do.
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

TEST(Relay, WhatTheBestHostPutsOffTheNextMayTake) {
  const auto with = [](Answer best) {
    RelayWorld world;
    world.hops = 2;
    world.on_recipient = [best](const std::string& host, const auto&, const auto& recipient) {
      return host.starts_with("mx1") && recipient.address.text().starts_with("bob") ? best : Answer();
    };
    world.send(world.letter("a", {"bob@busan.example", "carol@busan.example"}));
    const auto round = world.round();
    return world.talk() + round;
  };
  const std::string elsewhere =
      "mx2.busan.example: bob@busan.example=delivered\ndelivered 2 postponed 0 failed 0 notices 0";
  EXPECT_EQ(with(refused("452 4.3.1 disk full")),
            "mx1.busan.example: bob@busan.example=passing carol@busan.example=delivered\n" + elsewhere);
  EXPECT_EQ(with({.fate = Fate::passing, .reply = "450 4.4.2 cut"}),
            "mx1.busan.example: bob@busan.example=passing carol@busan.example=delivered\n" + elsewhere);
  for (const auto* word : {"450 4.7.1 Greylisted, try again later", "451 4.7.0 too many messages, slow down"}) {
    EXPECT_TRUE(with(refused(word)).contains("delivered 1 postponed 1")) << word;
  }
  EXPECT_TRUE(with(refused("550 5.1.1 no")).contains("delivered 1 postponed 0 failed 1"));
}

// The first doubt waits for its time; a host that leaves it in doubt again is passed by, one more with each attempt.
TEST(Relay, AHostThatAlwaysLeavesDoubtIsPassedBy) {
  RelayWorld world;
  world.hops = 3;
  world.on_recipient = [](const std::string& host, const auto&, const auto&) {
    return host.starts_with("mx3") ? Answer() : Answer{.fate = Fate::in_doubt, .reply = "450 4.4.2 silence"};
  };
  world.send(world.letter("a", {"bob@busan.example"}));
  const std::string first = "mx1.busan.example: bob@busan.example=in_doubt\n";
  const std::string second = "mx2.busan.example: bob@busan.example=in_doubt\n";
  world.round();
  EXPECT_EQ(world.talk(), first);
  world.store.clock.advance(2h);
  world.round();
  EXPECT_EQ(world.talk(), first + second);
  world.store.clock.advance(2h);
  EXPECT_EQ(world.round(), "delivered 1 postponed 0 failed 0 notices 0");
  EXPECT_EQ(world.talk(), first + second + "mx3.busan.example: bob@busan.example=delivered\n");
}

// Of equals another may come first with each look-up (RFC 5321 §5.1): who lacked something is passed by all the same.
TEST(Relay, EqualsInAnotherOrder) {
  for (const bool first_lacks : {true, false}) {
    RelayWorld world;
    world.hops = 2;
    world.equals_turn = true;
    const std::string lacking = first_lacks ? "mx1" : "mx2";
    world.on_recipient = [&](const std::string& host, const auto&, const auto&) {
      return host.starts_with(lacking)
                 ? Answer{.fate = Fate::lasting, .reply = "550 5.6.7 no UTF-8 here", .host_lacks = true}
                 : Answer();
    };
    for (int i = 0; i < 4; ++i) world.send(world.letter(fmt::format("l{}", i), {fmt::format("b{}@busan.example", i)}));
    EXPECT_EQ(world.round(), "delivered 4 postponed 0 failed 0 notices 0");
    EXPECT_EQ(world.rows(), 0);
  }
}

// A host that always asks for time, as many say of any trouble: the third attempt goes on to the next host.
TEST(Relay, AHostThatAlwaysAsksForTimeIsPassedByAtLast) {
  for (const auto* words : {"451 Temporary local problem", "450 4.2.0 greylisted", "451 4.7.1 later"}) {
    RelayWorld world;
    world.hops = 2;
    world.on_recipient = [&](const std::string& host, const auto&, const auto&) {
      return host.starts_with("mx2") ? Answer() : Answer{.fate = Fate::passing, .reply = words};
    };
    world.send(world.letter("a", {"bob@busan.example"}));
    for (int attempt = 1; attempt < 3; ++attempt) {
      world.round();
      EXPECT_EQ(world.talk(), "mx1.busan.example: bob@busan.example=passing\n") << words;
      world.store.clock.advance(5h);
    }
    world.round();
    world.store.clock.advance(5s);  // it asked for time between letters, too
    world.round();
    EXPECT_EQ(world.talk(),
              "mx1.busan.example: bob@busan.example=passing\nmx2.busan.example: bob@busan.example=delivered\n")
        << words;
    EXPECT_EQ(world.rows(), 0) << words;
  }
}

TEST(Relay, ALetterThatTheBestHostCantTakeSpeaksForItselfAlone) {
  RelayWorld world;
  world.hops = 2;
  bool second_answers = false;
  world.on_connect = [&](const std::string& host) -> Async<std::optional<NoPeer>> {
    if (host.starts_with("mx2") && !second_answers) co_return unreachable();
    co_return std::nullopt;
  };
  world.on_recipient = [](const auto&, const auto&, const OutgoingRecipient& recipient) {
    if (!recipient.address.text().starts_with("odd")) return Answer();
    return Answer{.fate = Fate::lasting, .reply = "550 5.6.7 no UTF-8 here", .host_lacks = true};
  };
  world.send(world.letter("a", {"odd@busan.example"}));
  for (int i = 0; i < 8; ++i) world.send(world.letter(fmt::format("b{}", i), {"bob@busan.example"}));
  EXPECT_EQ(world.round(), "delivered 8 postponed 1 failed 0 notices 0 next +30m");
  // The others go on meanwhile.
  world.send(world.letter("c", {"bob@busan.example"}));
  EXPECT_EQ(world.round(), "delivered 1 postponed 0 failed 0 notices 0 next +30m");
  second_answers = true;
  world.store.clock.advance(31min);
  EXPECT_EQ(world.round(), "delivered 0 postponed 0 failed 1 notices 1");
  EXPECT_EQ(world.told(), "failed odd@busan.example 5.6.7\n");
}

// Whom the host lacks something for goes to the next one; who wasn't tried is tried again at this one.
TEST(Relay, EachGroupGoesItsOwnWay) {
  RelayWorld world;
  world.hops = 2;
  bool first = true;
  world.on_recipient = [&](const std::string& host, const auto&, const OutgoingRecipient& recipient) {
    if (host.starts_with("mx2")) return Answer();
    if (recipient.address.text().starts_with("odd"))
      return Answer{.fate = Fate::lasting, .reply = "550 5.6.7 no UTF-8 here", .host_lacks = true};
    return std::exchange(first, false) ? Answer{.fate = Fate::untried, .reply = "450 4.4.2 gone"} : Answer();
  };
  world.send(world.letter("a", {"odd@busan.example", "bob@busan.example"}));
  EXPECT_EQ(world.round(), "delivered 2 postponed 0 failed 0 notices 0");
  const auto talk = world.talk();
  EXPECT_TRUE(talk.starts_with("mx1.busan.example: odd@busan.example=lasting bob@busan.example=untried\n")) << talk;
  EXPECT_TRUE(talk.contains("mx2.busan.example: odd@busan.example=delivered\n")) << talk;
  EXPECT_TRUE(talk.contains("mx1.busan.example: bob@busan.example=delivered\n")) << talk;
}

/// A time of day that can be set back, over a steady clock that goes on.
class SetClock final : public Clock {
 public:
  explicit SetClock(const Clock& base) : base_(&base) {}
  [[nodiscard]] SystemTime now() const noexcept override { return base_->now() - back; }
  [[nodiscard]] SteadyTime steady() const noexcept override { return base_->steady(); }
  std::chrono::microseconds back{0};

 private:
  const Clock* base_;
};

TEST(Relay, AClockThatIsSetBackHoldsUpNobody) {
  RelayWorld world;
  SetClock clock(world.store.clock);
  world.other_clock = &clock;
  world.start();
  bool dead = true;
  world.on_connect = [&](const std::string& /*host*/) -> Async<std::optional<NoPeer>> {
    co_return dead ? std::optional(unreachable()) : std::nullopt;
  };
  world.send(world.letter("a", {"bob@busan.example"}));
  EXPECT_EQ(world.round(), "delivered 0 postponed 1 failed 0 notices 0 next +30m");
  clock.back = 24h;
  dead = false;
  world.store.clock.advance(2min);
  // Its destination rests no longer than it would have.
  world.send(world.letter("b", {"bob@busan.example"}));
  EXPECT_EQ(world.round().substr(0, 11), "delivered 1");
  world.relay.reset();
}

TEST(Relay, RowsComeForwardWhereTheClockIsSetBack) {
  RelayWorld world;
  SetClock clock(world.store.clock);
  world.other_clock = &clock;
  world.start();
  world.relay->start();
  run_until(world, [&] { return !world.store.log->empty() || world.connections == 0; });
  world.io.run_for(20ms);
  clock.back = 24h;
  world.relay->kick();
  run_until(world, [&] {
    return std::ranges::any_of(*world.store.log, [](const auto& line) { return line.contains("clock_set_back"); });
  });
  bool over = true;
  end(world, over);
}

// A letter whose author can't be written to at all isn't thrown away: an operator decides.
TEST(Relay, WhatNobodyCanBeToldOfIsHeld) {
  RelayWorld world;
  world.options.hostname = "no host";
  world.start();
  world.on_recipient = always(refused("550 5.1.1 no"));
  world.send(world.letter("a", {"bob@busan.example"}));
  EXPECT_EQ(world.round(), "delivered 0 postponed 0 failed 0 notices 0");
  const auto row = world.store->queue_rows_of("a");
  ASSERT_TRUE(row && row->size() == 1);
  EXPECT_TRUE(row->front().contains(R"("state":"held")") && row->front().contains("550 5.1.1 no")) << row->front();
  // Nobody wanted to be told of this one.
  auto never = world.letter("b", {"bob@busan.example"});
  never.remote.front().notify = "NEVER";
  world.send(std::move(never));
  EXPECT_EQ(world.round(), "delivered 0 postponed 0 failed 1 notices 0");
}

// Held while it was in memory, it isn't sent; let go again, it doesn't wait for the end of its claim.
TEST(Relay, WhatAnOperatorHoldsGoesNowhere) {
  RelayWorld world;
  world.on_connect = [&](const std::string&) -> Async<std::optional<NoPeer>> {
    EXPECT_TRUE(world.store->change_queue({.recipient = "bob@busan.example"}, store::Store::QueueAction::hold));
    co_return std::nullopt;
  };
  world.send(world.letter("a", {"bob@busan.example", "carl@busan.example"}));
  world.send(world.letter("b", {"bob@busan.example"}));
  EXPECT_EQ(world.round(), "delivered 1 postponed 0 failed 0 notices 0");
  EXPECT_EQ(world.talk(), "mx1.busan.example: carl@busan.example=delivered\n");
  EXPECT_EQ(world.rows(), 2U);
  world.on_connect = [](const std::string&) -> Async<std::optional<NoPeer>> { co_return std::nullopt; };
  ASSERT_EQ(world.store->change_queue(store::QueueFilter{}, store::Store::QueueAction::release)->changed, 2);
  EXPECT_EQ(world.round(), "delivered 2 postponed 0 failed 0 notices 0");
  EXPECT_EQ(world.rows(), 0U);
}

TEST(Relay, WhatSendersWishOfTlsHasConnectionsOfItsOwn) {
  RelayWorld world;
  for (const auto wish : {store::TlsWish::none, store::TlsWish::required, store::TlsWish::waived}) {
    for (int i = 0; i < 2; ++i) {
      auto made = world.letter(fmt::format("{}-{}", static_cast<int>(wish), i), {"bob@busan.example"});
      made.tls = wish;
      world.send(std::move(made));
    }
  }
  EXPECT_EQ(world.round(), "delivered 6 postponed 0 failed 0 notices 0");
  const auto trace = [&](const char* id) { return world.store->traces(id)->front(); };
  EXPECT_TRUE(trace("1-0").contains(R"(["MX busan.example","required"])") || trace("1-1").contains(R"("required"])"));
  EXPECT_TRUE(trace("2-0").contains(R"(["MX busan.example","waived"])") || trace("2-1").contains(R"("waived"])"));
  EXPECT_FALSE(trace("0-0").contains("required") || trace("0-0").contains("waived"));
  // A bounce of what had to go over TLS has its header alone, and goes over TLS.
  bool bounce_requires = false;
  world.on_recipient = [&](const auto&, const OutgoingTransaction& letter, const auto&) {
    if (letter.sender) return refused("550 5.1.1 no");
    bounce_requires = letter.require_tls;
    return Answer();
  };
  auto made = world.letter("secret", {"bob@busan.example"}, "zoe@gwangju.example");
  made.tls = store::TlsWish::required;
  world.send(std::move(made));
  EXPECT_EQ(world.round(), "delivered 1 postponed 0 failed 1 notices 1");
  EXPECT_TRUE(bounce_requires);
  for (const auto& [key, count] : world.taken) EXPECT_FALSE(key.starts_with("zoe") && key.contains("\r\nhello"));
  const auto bounce = std::ranges::find_if(world.taken, [](const auto& one) { return one.first.starts_with("zoe"); });
  ASSERT_NE(bounce, world.taken.end());
  const auto text = bounce->first.substr(bounce->first.find(' ') + 1);
  EXPECT_TRUE(text.contains("Subject: secret")) << text;
  const auto redacted = message::without_returned(text, message::parse_mime(text));
  ASSERT_TRUE(redacted) << text;
  EXPECT_FALSE(redacted->contains("Subject: secret")) << *redacted;
}

TEST(Lane, SendersTakeTurnsAndTheUrgentComeFirst) {
  Lane lane({"busan.example"}, {});
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
  const SteadyTime now{std::chrono::seconds(1'800'000'000)};
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
