// Nobody waits for others' letters: the dead, those that say nothing, and senders of very many.
#include <gtest/gtest.h>

#include "queue/lane.hpp"
#include "queue/relay.hpp"
#include "queue/relay_world.hpp"
#include "queue/sender_shares.hpp"

namespace pabal::queue {
namespace {

using namespace std::chrono_literals;

TEST(Relay, TheDeadHoldUpNobody) {
  RelayWorld world;
  world.options.max_connections = 6;
  world.options.tries_per_connection = 1;
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
  EXPECT_EQ(world.connections, 1 + 4) << "three quarters for those that have not just come";
  auto made = world.letter("now", {"y@live.example"});
  const auto until = world.relay->room(made.sender, made.remote, made.tls);
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

TEST(Relay, HostsThatSayNothingTakeNobodysTurn) {
  auto options = RelayWorld::quick();
  options.max_connections = 2;  // and 8 tries
  options.window = 100;
  RelayWorld world(options);
  std::size_t tried = 0;
  bool over = false;
  world.on_connect = [&](const std::string& host) -> Async<std::optional<NoPeer>> {
    if (host != "mx1.live.example") {
      ++tried;
      co_return co_await silence(&over);
    }
    co_return std::nullopt;
  };
  for (int i = 0; i < 60; ++i) {
    for (int n = 0; n < 3; ++n)
      world.send(world.letter(fmt::format("d{}-{}", i, n), {fmt::format("r{}@dead{}.example", n, i)}));
  }
  world.relay->start();
  run_until(world, [&] { return tried >= 6; });
  hand_over(world, world.letter("live", {"bob@live.example"}));
  run_until(world, [&] { return !world.said.empty(); });
  EXPECT_EQ(tried, 6) << "the last tries are for what has just come";
  end(world, over);
}

// One whose letters to silent hosts have all just come leaves tries to others; and a little to what he sends next.
TEST(Relay, ABulkSenderHoldsUpNobody) {
  auto options = RelayWorld::quick();
  options.max_connections = 16;  // and 64 tries
  options.window = 1000;
  RelayWorld world(options);
  std::size_t tried = 0;
  bool over = false;
  world.on_connect = [&](const std::string& host) -> Async<std::optional<NoPeer>> {
    if (!host.ends_with(".live.example")) {
      ++tried;
      co_return co_await silence(&over);
    }
    co_return std::nullopt;
  };
  world.relay->start();
  world.io.restart();
  world.io.run_for(10ms);
  for (int i = 0; i < 150; ++i) {
    // Also where each letter has a reverse-path of its own.
    hand_over(world, world.letter(fmt::format("d{}", i), {fmt::format("r@dead{}.example", i)},
                                  fmt::format("alice+r{}=dead@seoul.example", i)));
    world.io.run_for(1ms);
  }
  run_until(world, [&] { return tried >= 48 + TryPace::at_once; });
  // While the clock stands still no more goes beyond a sender's share.
  EXPECT_EQ(tried, 48 + TryPace::at_once);
  const auto before = tried;
  hand_over(world, world.letter("live", {"bob@one.live.example"}, "carol@seoul.example"));
  run_until(world, [&] { return !world.said.empty(); });
  EXPECT_EQ(world.talk(), "mx1.one.live.example: bob@one.live.example=delivered\n");
  // His own: the newest is the next.
  hand_over(world, world.letter("own", {"bob@two.live.example"}));
  run_until(world, [&] {
    // The first of these may go to one that was looked at before his newest had come.
    if (world.said.empty()) world.store.clock.advance(TryPace::every);
    return !world.said.empty();
  });
  EXPECT_EQ(world.talk(), "mx1.two.live.example: bob@two.live.example=delivered\n");
  EXPECT_LE(tried, before + 4);
  end(world, over);
}

TEST(Relay, ABulkSenderLeavesMemoryToOthers) {
  auto options = RelayWorld::quick();
  options.window = 10;
  RelayWorld world(options);
  const auto room = [&](const std::string& sender) {
    return world.relay->room(sender, {{.address = "r@new.example", .destination = "new.example"}}, {}).has_value();
  };
  int handed = 0;
  for (; handed < 40 && room("alice@seoul.example"); ++handed) {
    hand_over(world, world.letter(fmt::format("d{}", handed), {fmt::format("r@d{}.example", handed)}));
    world.io.restart();
    world.io.poll();
  }
  EXPECT_EQ(handed, 16) << "half of three windows";
  EXPECT_FALSE(room("alice+other@seoul.example"));
  EXPECT_TRUE(room("carol@seoul.example"));
  world.relay->start();
  run_until(world, [&] { return world.rows() == 0; });
  // What is in hand a moment longer counts as long as it is.
  run_until(world, [&] { return room("alice@seoul.example"); });
  bool over = false;
  end(world, over);
}

// Two senders have filled a destination's part of memory, which is slow: a third one's letter is the next all the same.
TEST(Relay, ADestinationFullOfOthersLettersHasRoomForOneMore) {
  auto options = RelayWorld::quick();
  options.max_connections_per_destination = 1;
  options.window_unproven = 10;
  options.window_per_destination = 10;
  options.keep_connection = 50ms;
  RelayWorld world(options);
  const auto room = [&](const std::string& sender) {
    return world.relay->room(sender, {{.address = "r@slow.example", .destination = "slow.example"}}, {}).has_value();
  };
  int handed = 0;
  for (const std::string sender : {"alice", "bob", "alice", "bob"}) {
    for (; handed < 40 && room(sender + "@seoul.example"); ++handed) {
      hand_over(world, world.letter(fmt::format("d{}", handed), {"r@slow.example"}, sender + "@seoul.example"));
      world.io.restart();
      world.io.poll();
    }
  }
  EXPECT_EQ(handed, 16) << "eleven of twice the part, and five of what they leave";
  EXPECT_FALSE(room("alice@seoul.example"));
  EXPECT_FALSE(room("bob@seoul.example"));
  ASSERT_TRUE(room("carol@seoul.example"));
  hand_over(world, world.letter("one", {"r@slow.example"}, "carol@seoul.example"));
  world.slowness = 5ms;
  world.relay->start();
  const auto is_out = [&] { return world.taken.contains("r@slow.example Subject: one\r\n\r\nhello\r\n"); };
  run_until(world, is_out);
  EXPECT_LE(world.said.size(), 4U) << world.talk();
  run_until(world, [&] { return world.rows() == 0; });
  bool over = false;
  end(world, over);
}

// A letter that a host put off (greylisting) isn't behind all that another has sent there before, when its time comes.
TEST(Relay, ASecondTryWaitsForNoBulk) {
  auto options = RelayWorld::quick();
  options.max_connections_per_destination = 1;
  options.batch = 5;
  options.window_unproven = 5;
  options.window_per_destination = 10;
  options.keep_connection = 50ms;
  RelayWorld world(options);
  world.slowness = 3ms;
  for (int i = 0; i < 150; ++i) world.send(world.letter(fmt::format("b{}", i), {"r@slow.example"}));
  bool put_off = false;
  world.on_recipient = [&](const auto&, const auto&, const OutgoingRecipient& to) {
    RelayWorld::Answer answer;
    if (to.address.text() == "carl@slow.example" && !std::exchange(put_off, true)) {
      answer = {.fate = Fate::passing, .reply = "451 4.7.1 greylisted, come again"};
    }
    return answer;
  };
  world.relay->start();
  run_until(world, [&] { return world.said.size() > 5; });
  hand_over(world, world.letter("one", {"carl@slow.example"}, "carol@seoul.example"));
  run_until(world, [&] { return put_off; });
  world.io.run_for(50ms);  // until it is written
  ASSERT_LT(world.said.size(), 100U) << "too fast for this test";
  world.store.clock.advance(10min);
  world.relay->tell();
  const auto before = world.said.size();
  const auto is_there = [&] {
    return std::ranges::any_of(world.taken, [](const auto& one) { return one.first.starts_with("carl@"); });
  };
  // The host seems to be in a hurry: there is time between letters.
  for (int i = 0; i < 2000 && !is_there(); ++i) {
    world.store.clock.advance(100ms);
    world.io.run_for(2ms);
  }
  EXPECT_TRUE(is_there());
  EXPECT_LE(world.said.size(), before + 25) << "it was behind the others' rows";
  bool over = false;
  end(world, over);
}

// Also in a lane: who writes each letter under an address of its own has one turn of two.
TEST(SenderShares, TurnsInALaneAreBySender) {
  Lane lane({.destination = "busan.example"}, PaceOptions());
  for (int i = 0; i < 5; ++i) {
    Held held;
    held.letter.author = fmt::format("alice+b{}@seoul.example", i);
    lane.push(std::move(held));
  }
  Held one;
  one.letter.author = "carol@seoul.example";
  lane.push(std::move(one));
  EXPECT_EQ(lane.waiting_of("alice+other@seoul.example"), 5U);
  std::vector<std::string> order;
  while (auto held = lane.pop()) order.push_back(held->letter.author);
  ASSERT_EQ(order.size(), 6U);
  EXPECT_EQ(order[1], "carol@seoul.example");
}

TEST(SenderShares, OneSenderIsOneWhateverAddressesHeUses) {
  EXPECT_EQ(sender_of("alice@seoul.example"), "alice@seoul.example");
  EXPECT_EQ(sender_of("alice+news@seoul.example"), "alice@seoul.example");
  EXPECT_EQ(sender_of("bounce=bob=busan.example@seoul.example"), "bounce@seoul.example");
  EXPECT_EQ(sender_of("+@seoul.example"), "+@seoul.example");
  EXPECT_EQ(sender_of("@seoul.example"), "@seoul.example");
  EXPECT_EQ(sender_of(""), "");
  SenderShares shares;
  shares.add("a");
  shares.add("a");
  shares.remove("a");
  EXPECT_EQ(shares.of("a"), 1);
  shares.remove("a");
  shares.remove("a");
  EXPECT_EQ(shares.of("a"), 0);
  TryPace pace;
  SteadyTime now{std::chrono::hours(1)};
  int taken = 0;
  while (pace.take(now)) ++taken;
  EXPECT_EQ(taken, TryPace::at_once);
  EXPECT_FALSE(pace.take(now + TryPace::every - 1ms));
  EXPECT_TRUE(pace.take(now + TryPace::every));
}

TEST(Relay, MemoryIsBoundedWhateverWaits) {
  auto options = RelayWorld::quick();
  options.max_connections = 1;
  options.window = 12;
  options.look = std::chrono::seconds(1);
  RelayWorld world(options);
  bool over = false;
  world.on_connect = [&](const std::string& /*host*/) -> Async<std::optional<NoPeer>> {
    co_return co_await silence(&over);
  };
  for (int i = 0; i < 40; ++i) {
    for (int n = 0; n < 5; ++n)
      world.send(world.letter(fmt::format("d{}-{}", i, n), {fmt::format("r{}@d{}.example", n, i)}));
  }
  world.relay->start();
  const auto in_memory = [&] {
    const auto text = world.metrics.text();
    const auto at = text.rfind("pabal_relay_window_letters ");
    return at == std::string::npos
               ? -1
               : std::atoi(text.c_str() + at + std::string_view("pabal_relay_window_letters ").size());
  };
  run_until(world, [&] { return in_memory() >= 12; });
  for (int i = 0; i < 20; ++i) {
    world.store.clock.advance(std::chrono::seconds(2));
    world.relay->tell();
    world.io.run_for(std::chrono::milliseconds(25));
    EXPECT_LE(in_memory(), 12);
  }
  // What was not tried is all still there.
  EXPECT_EQ(world.rows(), 200);
  end(world, over);
}

}  // namespace
}  // namespace pabal::queue
