// Many domains behind one host: its limits are kept, its connections are shared, and all have their turn.
#include <gtest/gtest.h>

#include "queue/host_table.hpp"
#include "queue/relay.hpp"
#include "queue/relay_world.hpp"

namespace pabal::queue {
namespace {

using namespace std::chrono_literals;

NoPeer too_many() {
  NoPeer no;
  no.reply = smtp::ClientReply{.code = 421, .status = "4.7.0", .text = "4.7.0 too many connections from you"};
  no.status = "4.7.0";
  no.at = "greeting";
  return no;
}

RelayOptions keeping() {
  auto options = RelayWorld::quick();
  options.keep_connection = 100ms;
  return options;
}

void start(RelayWorld& world) {
  world.relay->start();
  world.io.restart();
  world.io.run_for(10ms);
}

// A smart host that takes ten connections, and sixty letters to sixty domains.
TEST(RelayHosts, WhatIsTooManyForAHostWaitsForItsTurn) {
  for (const auto keep : {0ms, 100ms}) {
    auto options = keeping();
    options.keep_connection = keep;
    options.first_connections_per_host = 20;
    RelayWorld world(options);
    world.one_host = "smart.example";
    world.slowness = 40ms;
    std::size_t refused = 0;
    world.on_connect = [&](const std::string& /*host*/) -> Async<std::optional<NoPeer>> {
      co_await sleep_for(20ms);
      if (world.open < 10) co_return std::nullopt;
      ++refused;
      co_return too_many();
    };
    for (int i = 0; i < 60; ++i) world.send(world.letter(fmt::format("d{}", i), {fmt::format("x@d{}.example", i)}));
    EXPECT_EQ(world.round(), "delivered 60 postponed 0 failed 0 notices 0");
    EXPECT_EQ(world.most_open, 10);
    EXPECT_GE(refused, 1);
    if (keep != 0ms) EXPECT_LE(refused, 50) << "those that were on their way with the first";
    if (keep == 0ms) {
      EXPECT_EQ(world.connections, 60 + refused);
    } else {
      EXPECT_EQ(world.connections, 10 + refused) << "the others went over these";
    }
  }
}

// The same as they come.
TEST(RelayHosts, WhatComesMeanwhileWaitsForItsTurn) {
  RelayWorld world(keeping());
  world.one_host = "smart.example";
  world.slowness = 20ms;
  world.on_connect = [&](const std::string& /*host*/) -> Async<std::optional<NoPeer>> {
    co_await sleep_for(1ms);
    if (world.open < 6) co_return std::nullopt;
    co_return too_many();
  };
  start(world);
  for (int i = 0; i < 60; ++i) {
    hand_over(world, world.letter(fmt::format("d{}", i), {fmt::format("x@d{}.example", i)}));
    world.io.run_for(3ms);
  }
  run_until(world, [&] { return world.rows() == 0; });
  EXPECT_EQ(world.most_open, 6);
  bool over = false;
  end(world, over);
}

TEST(RelayHosts, AHostThatIsOfNoUseIsNoLineToWaitIn) {
  RelayWorld world(keeping());
  world.one_host = "smart.example";
  world.on_connect = [](const std::string& /*host*/) -> Async<std::optional<NoPeer>> {
    co_await sleep_for(5ms);
    co_return unreachable();
  };
  for (int i = 0; i < 30; ++i) world.send(world.letter(fmt::format("d{}", i), {fmt::format("x@d{}.example", i)}));
  EXPECT_EQ(world.round(), "delivered 0 postponed 30 failed 0 notices 0 next +30m");
  // And where it says so itself.
  world.on_connect = [](const std::string& /*host*/) -> Async<std::optional<NoPeer>> { co_return too_many(); };
  world.store.clock.advance(31min);
  EXPECT_EQ(world.round(), "delivered 0 postponed 30 failed 0 notices 0 next +45m");
}

// Nobody waits in line before a host that takes connections and never says a word.
TEST(RelayHosts, ASilentHostHoldsNobody) {
  auto options = keeping();
  options.first_connections_per_host = 2;
  RelayWorld world(options);
  world.one_host = "silent.example";
  bool over = false;
  world.on_connect = [&](const std::string& /*host*/) -> Async<std::optional<NoPeer>> {
    co_return co_await silence(&over);
  };
  start(world);
  for (int i = 0; i < 30; ++i) hand_over(world, world.letter(fmt::format("d{}", i), {fmt::format("x@d{}.example", i)}));
  run_until(world, [&] { return world.connections == 30; });
  end(world, over);
}

TEST(RelayHosts, AnotherDomainsLetterGoesOverTheConnectionThatIsThere) {
  RelayWorld world(keeping());
  world.one_host = "mx.provider.example";
  start(world);
  for (int i = 0; i < 5; ++i) {
    hand_over(world, world.letter(fmt::format("d{}", i), {fmt::format("x@d{}.example", i)}));
    run_until(world, [&] { return world.rows() == 0; });
  }
  EXPECT_EQ(world.connections, 1);
  const auto traces = world.store->traces("d3");
  ASSERT_TRUE(traces);
  std::string all;
  for (const auto& one : *traces) all += one;
  EXPECT_TRUE(all.contains("made for letters to d2.example")) << all;
  // What asks for more of the way has a connection of its own.
  auto safe = world.letter("safe", {"x@d9.example"});
  safe.tls = store::TlsWish::required;
  hand_over(world, std::move(safe));
  run_until(world, [&] { return world.rows() == 0; });
  EXPECT_EQ(world.connections, 2);
  bool over = false;
  end(world, over);
  EXPECT_EQ(world.open, 0);
}

// One connection at most: what rests in it makes room, without its time-out being waited for.
TEST(RelayHosts, AConnectionOfAnotherKindMakesRoom) {
  auto options = keeping();
  options.keep_connection = 60s;
  options.max_connections_per_destination = 1;
  RelayWorld world(options);
  world.one_host = "mx.provider.example";
  start(world);
  for (int i = 0; i < 6; ++i) {
    auto made = world.letter(fmt::format("d{}", i), {fmt::format("x@d{}.example", i)});
    if (i % 2 == 1) made.tls = store::TlsWish::waived;
    hand_over(world, std::move(made));
  }
  run_until(world, [&] { return world.rows() == 0; });
  EXPECT_EQ(world.most_open, 1);
  bool over = false;
  end(world, over);
}

TEST(RelayHosts, NobodyWaitsForAllOfAnothersLetters) {
  auto options = keeping();
  options.max_connections_per_destination = 1;
  options.window_unproven = 200;
  options.batch = 200;
  RelayWorld world(options);
  world.one_host = "smart.example";
  world.slowness = 1ms;
  for (int i = 0; i < 80; ++i) world.send(world.letter(fmt::format("b{}", i), {"x@bulk.example"}));
  start(world);
  run_until(world, [&] { return world.said.size() > 3; });
  const auto before = world.said.size();
  hand_over(world, world.letter("one", {"y@other.example"}, "carol@seoul.example"));
  const auto is_out = [&] {
    return std::ranges::any_of(world.said, [](const auto& line) { return line.contains("y@other.example"); });
  };
  run_until(world, is_out);
  EXPECT_LE(world.said.size(), before + options.letters_per_turn + 2);
  run_until(world, [&] { return world.rows() == 0; });
  EXPECT_EQ(world.most_open, 1);
  EXPECT_EQ(world.connections, 1);
  bool over = false;
  end(world, over);
}

// Who writes to a hundred domains behind one host has one turn of two.
TEST(RelayHosts, SendersTakeTurnsAtAHost) {
  auto options = keeping();
  options.max_connections_per_destination = 1;
  RelayWorld world(options);
  world.one_host = "smart.example";
  world.slowness = 1ms;
  start(world);
  for (int i = 0; i < 100; ++i)
    hand_over(world, world.letter(fmt::format("b{}", i), {fmt::format("x@d{}.example", i)}));
  run_until(world, [&] { return world.said.size() > 3; });
  const auto before = world.said.size();
  hand_over(world, world.letter("one", {"y@other.example"}, "carol@seoul.example"));
  run_until(world, [&] {
    return std::ranges::any_of(world.said, [](const auto& line) { return line.contains("y@other.example"); });
  });
  EXPECT_LE(world.said.size(), before + 4);
  run_until(world, [&] { return world.rows() == 0; });
  bool over = false;
  end(world, over);
}

TEST(RelayHosts, AHostThatSaysThatItIsTooMuchHasFewerAndRests) {
  auto options = keeping();
  options.first_connections_per_host = 8;
  RelayWorld world(options);
  world.one_host = "smart.example";
  bool slow_down = false;
  world.on_recipient = [&](const auto&, const auto&, const auto&) {
    RelayWorld::Answer answer;
    if (std::exchange(slow_down, false)) answer = {.fate = Fate::passing, .reply = "450 4.7.1 rate limit exceeded"};
    return answer;
  };
  start(world);
  hand_over(world, world.letter("first", {"x@first.example"}));
  run_until(world, [&] { return world.rows() == 0; });
  world.talk();
  slow_down = true;
  for (int i = 0; i < 12; ++i) hand_over(world, world.letter(fmt::format("d{}", i), {fmt::format("x@d{}.example", i)}));
  run_until(world, [&] { return !world.said.empty(); });
  world.io.run_for(100ms);
  EXPECT_LE(world.said.size(), 8U) << "what was on its way to it already";
  // It goes on, slowly.
  for (int i = 0; i < 300 && world.rows() > 1; ++i) {
    world.store.clock.advance(100ms);
    world.io.run_for(2ms);
  }
  EXPECT_EQ(world.rows(), 1U) << "which waits for its next attempt";
  bool over = false;
  end(world, over);
}

TEST(WaitingLanes, SendersTakeTurns) {
  WaitingLanes waiting;
  waiting.add("a", {"1.example"});
  waiting.add("a", {"2.example"});
  waiting.add("a", {"2.example"});
  waiting.add("a", {"3.example"});
  waiting.add("b", {"3.example"});
  std::string order;
  while (const auto next = waiting.pop()) order += next->sender + next->lane.destination.substr(0, 1) + " ";
  EXPECT_EQ(order, "a1 b3 a2 a3 ");
  EXPECT_TRUE(waiting.empty());
}

TEST(Pace, AfterEnoughNobodyTriesMoreForAWhile) {
  PaceOptions options;
  options.first = 10;
  Pace pace(options);
  const SteadyTime now{std::chrono::hours(1)};
  pace.has_enough(4, now);
  for (int i = 0; i < 100; ++i) pace.succeeded(now + 59s);
  EXPECT_EQ(pace.connections(), 4);
  for (int i = 0; i < 100; ++i) pace.succeeded(now + 60s);
  EXPECT_GT(pace.connections(), 4);
}

TEST(KindOfConnection, IsTheSameWhereNothingElseWasAsked) {
  Route one;
  one.destination = "one.example";
  Route other = one;
  other.destination = "other.example";
  NextHop hop;
  hop.host = "mx.one.example";
  NextHop another = hop;
  another.host = "mx.other.example";
  const auto kind = [](const Route& route, const NextHop& at, store::TlsWish wish = store::TlsWish::none) {
    return kind_of_connection(route, at, wish);
  };
  EXPECT_EQ(kind(one, hop), kind(other, another));
  EXPECT_NE(kind(one, hop), kind(one, hop, store::TlsWish::waived));
  hop.tls = another.tls = TlsPolicy::mta_sts_enforce;
  EXPECT_NE(kind(one, hop), kind(other, another)) << "another name was verified";
  EXPECT_EQ(kind(one, hop), kind(other, hop));
  auto dane = hop;
  dane.tls = TlsPolicy::dane;
  dane.tlsa = {{3, 1, 1, "digest"}};
  auto other_dane = dane;
  other_dane.tlsa = {{3, 1, 1, "other"}};
  EXPECT_NE(kind(one, dane), kind(one, other_dane));
  other.credentials = RouteCredentials{"us", "secret"};
  EXPECT_NE(kind(one, hop), kind(other, hop));
  auto third = other;
  third.credentials->password = "other";
  EXPECT_NE(kind(third, hop), kind(other, hop));
  other = one;
  other.sources = {boost::asio::ip::make_address("192.0.2.7")};
  EXPECT_NE(kind(one, hop), kind(other, hop));
  hop.tls = TlsPolicy::mta_sts_testing;
  EXPECT_FALSE(kind(one, hop));
  hop.tls = TlsPolicy::opportunistic;
  hop.fault = TlsFault{};
  EXPECT_FALSE(kind(one, hop));
}

}  // namespace
}  // namespace pabal::queue
