#include "server/smtp/rate_limiter.hpp"

#include <gtest/gtest.h>

namespace pabal::server::smtp {
namespace {

using boost::asio::ip::make_address;

TEST(RateLimiter, ABucketFillsUpAgain) {
  ManualClock clock{SystemTime(std::chrono::hours(1))};
  RateLimiter limiter(3, 64, 1);
  const auto take = [&](const char* address) { return limiter.take(make_address(address), clock.steady()); };
  EXPECT_TRUE(take("192.0.2.1"));
  EXPECT_TRUE(take("192.0.2.1"));
  EXPECT_TRUE(take("192.0.2.1"));
  EXPECT_FALSE(take("192.0.2.1"));
  EXPECT_TRUE(take("192.0.2.2"));
  clock.advance(std::chrono::seconds(21));
  EXPECT_TRUE(take("192.0.2.1"));
  EXPECT_FALSE(take("192.0.2.1"));
}

TEST(RateLimiter, OneCustomerOneBucket) {
  ManualClock clock{SystemTime(std::chrono::hours(1))};
  RateLimiter limiter(1, 64, 1);
  EXPECT_TRUE(limiter.take(make_address("2001:db8:1:2::1"), clock.steady()));
  EXPECT_FALSE(limiter.take(make_address("2001:db8:1:2:ffff::1"), clock.steady()));
  EXPECT_TRUE(limiter.take(make_address("2001:db8:1:3::1"), clock.steady()));
}

TEST(RateLimiter, ManyAddressesTakeNoMoreMemoryAndAreAllServed) {
  ManualClock clock{SystemTime(std::chrono::hours(1))};
  RateLimiter limiter(1, 16, 1);
  for (std::uint32_t i = 1; i < 100'000; ++i) {
    EXPECT_TRUE(limiter.take(boost::asio::ip::address_v4(i), clock.steady()));
    clock.advance(std::chrono::milliseconds(1));
  }
}

TEST(RateLimiter, Off) {
  RateLimiter limiter(0, 16, 1);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(limiter.take(make_address("192.0.2.1"), SteadyTime()));
}

}  // namespace
}  // namespace pabal::server::smtp
