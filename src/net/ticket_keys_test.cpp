#include "net/ticket_keys.hpp"

#include <gtest/gtest.h>

namespace pabal::net {
namespace {

using namespace std::chrono_literals;

TEST(TicketKeys, AreNewEveryDay) {
  SteadyTime now{};
  TicketKeys keys([&now] { return now; });
  const auto first = keys.current().value();
  now += 23h + 59min;
  EXPECT_EQ(keys.current()->name, first.name);
  EXPECT_FALSE(keys.find(first.name)->old);
  now += 1min;
  const auto second = keys.current().value();
  EXPECT_NE(second.name, first.name);
  EXPECT_NE(second.cipher, first.cipher);
  EXPECT_NE(second.mac, first.mac);
  EXPECT_TRUE(keys.find(first.name)->old);
  EXPECT_EQ(keys.find(first.name)->key.cipher, first.cipher);
  EXPECT_FALSE(keys.find(second.name)->old);
  now += 24h;
  EXPECT_FALSE(keys.find(first.name));
  EXPECT_TRUE(keys.find(second.name)->old);
  // Nobody came for days: what was sealed before opens no more.
  now += 48h;
  EXPECT_FALSE(keys.find(second.name));
  EXPECT_FALSE(keys.find(TicketKeys::Name{}));
}

}  // namespace
}  // namespace pabal::net
