// RateLimiter: how much one client address may do in a while. Token buckets in a table of fixed size.
#pragma once
#include <cstdint>
#include <vector>

#include <boost/asio/ip/address.hpp>

#include "base/clock.hpp"
#include "base/guarded.hpp"

namespace pabal::server::smtp {

/// Any thread. Memory is bounded by the number of addresses that are kept track of: where that is not enough, the one
/// that was quiet longest makes room, and is generously treated when it comes back.
class RateLimiter {
 public:
  /// A bucket holds one minute's worth. A rate of 0 or less allows all.
  RateLimiter(double per_minute, std::size_t addresses, std::uint64_t seed);

  /// Takes one from the address's bucket, and says whether there was one.
  [[nodiscard]] bool take(const boost::asio::ip::address& client, SteadyTime now);

 private:
  static constexpr std::size_t kWays = 4;
  struct Slot {
    std::uint64_t key = 0;  ///< 0: empty
    double tokens = 0;
    SteadyTime seen = {};
  };

  double per_minute_;
  std::uint64_t seed_;
  Guarded<std::vector<Slot>> slots_;  ///< sets of kWays
};

}  // namespace pabal::server::smtp
