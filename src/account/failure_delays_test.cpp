#include "account/failure_delays.hpp"

#include <gtest/gtest.h>

namespace pabal::account {
namespace {

using namespace std::chrono;

TEST(FailureDelays, Schedule) {
  ManualClock clock{SystemTime{} + hours(1)};
  FailureDelays delays(clock, {.first = milliseconds(500), .most = seconds(15), .memory = seconds(900)});
  std::string seen;
  for (int i = 0; i < 9; ++i) {
    seen += std::to_string(delays.before_attempt("a").count()) + ' ';
    delays.failed("a");
    clock.advance(seconds(1));
  }
  EXPECT_EQ(seen, "0 500 1000 2000 4000 8000 15000 15000 15000 ");
  EXPECT_EQ(delays.before_attempt("b").count(), 0);
  clock.advance(seconds(898));
  EXPECT_EQ(delays.before_attempt("a").count(), 15000);
  clock.advance(seconds(1));
  EXPECT_EQ(delays.before_attempt("a").count(), 0);
  delays.failed("a");  // the old ones are forgotten
  EXPECT_EQ(delays.before_attempt("a").count(), 500);
  delays.forget("a");
  EXPECT_EQ(delays.before_attempt("a").count(), 0);
  EXPECT_EQ(delays.size(), 0U);
}

TEST(FailureDelays, ManyFailuresDoNotOverflow) {
  ManualClock clock{SystemTime{} + hours(1)};
  FailureDelays delays(clock, {});
  for (int i = 0; i < 1000; ++i) delays.failed("a");
  EXPECT_EQ(delays.before_attempt("a"), seconds(15));
}

TEST(FailureDelays, MemoryIsBounded) {
  ManualClock clock{SystemTime{} + hours(1)};
  FailureDelays delays(clock, {.max_tracked = 100});
  for (int i = 0; i < 10'000; ++i) {
    delays.failed("often");
    delays.failed("n" + std::to_string(i));
  }
  EXPECT_EQ(delays.size(), 100U);
  EXPECT_EQ(delays.before_attempt("often"), seconds(15));
  EXPECT_EQ(delays.before_attempt("n0").count(), 0);
}

TEST(FailureDelays, WaitersAreCounted) {
  ManualClock clock{SystemTime{} + hours(1)};
  FailureDelays delays(clock, {});
  delays.failed("a");
  auto first = delays.begin_wait("a", 2);
  auto second = delays.begin_wait("a", 2);
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(delays.begin_wait("a", 2));
  auto moved = std::move(first);
  first.reset();
  EXPECT_FALSE(delays.begin_wait("a", 2));
  moved.reset();
  EXPECT_TRUE(delays.begin_wait("a", 2));
  EXPECT_TRUE(delays.begin_wait("unknown", 0));
}

// Strangers choose the names. Under a hash that they know, these would all stand in one bucket.
TEST(FailureDelays, TheHashIsEachTablesOwn) {
  const KeyedHash one;
  const KeyedHash other;
  int same = 0;
  for (int i = 0; i < 100; ++i) same += one(std::to_string(i)) == other(std::to_string(i)) ? 1 : 0;
  EXPECT_EQ(same, 0);
  EXPECT_EQ(one("a"), KeyedHash(one)("a"));
}

TEST(FailureDelays, Networks) {
  EXPECT_EQ(network_of("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(network_of("2001:db8:1:2::1"), "20010db800010002/64");
  EXPECT_EQ(network_of("2001:db8:1:2:ffff::9"), "20010db800010002/64");
  EXPECT_EQ(network_of(""), "");
  EXPECT_EQ(network_of("not:an:address"), "not:an:address");
}

}  // namespace
}  // namespace pabal::account
