#include "net/connection_limits.hpp"

#include <gtest/gtest.h>

namespace pabal::net {
namespace {

using namespace std::chrono_literals;

AddressKey key(const char* address) { return AddressKey::of(boost::asio::ip::make_address(address)); }

TEST(ConnectionLimits, Ipv6CountsByItsNetwork) {
  EXPECT_EQ(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::"));
  EXPECT_NE(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
  EXPECT_NE(key("192.0.2.1"), key("192.0.2.2"));
  EXPECT_NE(key("0.0.0.0"), key("::"));
}

TEST(ConnectionLimits, OpenAtOnce) {
  ConnectionsByAddress table({.open = 2, .new_per_minute = 1000});
  const auto now = SteadyTime(1h);
  EXPECT_EQ(table.enter(key("192.0.2.1"), now), Admission::welcome);
  EXPECT_EQ(table.enter(key("192.0.2.1"), now), Admission::welcome);
  EXPECT_EQ(table.enter(key("192.0.2.1"), now), Admission::too_many);
  EXPECT_EQ(table.enter(key("192.0.2.2"), now), Admission::welcome);
  table.leave(key("192.0.2.1"));
  EXPECT_EQ(table.enter(key("192.0.2.1"), now), Admission::welcome);
  table.leave(key("203.0.113.1"));  // never came
}

TEST(ConnectionLimits, RateRefillsEvenly) {
  ConnectionsByAddress table({.open = 1000, .new_per_minute = 60});
  auto now = SteadyTime(1h);
  for (int i = 0; i < 60; ++i) EXPECT_EQ(table.enter(key("192.0.2.1"), now), Admission::welcome) << i;
  EXPECT_EQ(table.enter(key("192.0.2.1"), now), Admission::too_often);
  EXPECT_EQ(table.enter(key("192.0.2.2"), now), Admission::welcome);
  now += 1001ms;
  EXPECT_EQ(table.enter(key("192.0.2.1"), now), Admission::welcome);
  EXPECT_EQ(table.enter(key("192.0.2.1"), now), Admission::too_often);
  now += 1h;
  for (int i = 0; i < 60; ++i) EXPECT_EQ(table.enter(key("192.0.2.1"), now), Admission::welcome) << i;
  EXPECT_EQ(table.enter(key("192.0.2.1"), now), Admission::too_often);
}

TEST(ConnectionLimits, ForgetsWhoHasGone) {
  ConnectionsByAddress table({.open = 10, .new_per_minute = 60});
  auto now = SteadyTime(1h);
  const auto come_and_go = [&](std::uint32_t address) {
    const auto who = AddressKey::of(boost::asio::ip::address_v4(address));
    EXPECT_EQ(table.enter(who, now), Admission::welcome);
    table.leave(who);
  };
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    now += 100ms;
    come_and_go(0x0A000000 + i);
  }
  EXPECT_LE(table.size(), 2048U);
}

}  // namespace
}  // namespace pabal::net
