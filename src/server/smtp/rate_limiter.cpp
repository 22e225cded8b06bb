#include "server/smtp/rate_limiter.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

namespace pabal::server::smtp {

namespace {

std::uint64_t mix(std::uint64_t x) noexcept {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// An IPv4 address, or the /64 that one IPv6 customer has.
std::uint64_t key_of(const boost::asio::ip::address& client, std::uint64_t seed) noexcept {
  std::uint64_t raw = 0;
  if (client.is_v4()) {
    raw = (1ULL << 32) | client.to_v4().to_uint();
  } else {
    const auto octets = client.to_v6().to_bytes();
    std::memcpy(&raw, octets.data(), sizeof raw);
    raw = mix(raw ^ 0x6b79a3c1);
  }
  const auto key = mix(raw ^ seed);
  return key == 0 ? 1 : key;
}

}  // namespace

RateLimiter::RateLimiter(double per_minute, std::size_t addresses, std::uint64_t seed)
    : per_minute_(per_minute),
      seed_(seed),
      slots_(per_minute > 0 ? kWays * std::bit_ceil(std::max<std::size_t>(addresses / kWays, 1)) : 0) {}

bool RateLimiter::take(const boost::asio::ip::address& client, SteadyTime now) {
  if (per_minute_ <= 0) return true;
  const auto key = key_of(client, seed_);
  auto slots = slots_.lock();
  const auto first = (key & (slots->size() / kWays - 1)) * kWays;
  const std::span<Slot> ways(slots->data() + first, kWays);
  auto slot = std::ranges::find(ways, key, &Slot::key);
  if (slot == ways.end()) {
    slot = std::ranges::min_element(ways, {}, &Slot::seen);
    *slot = Slot{.key = key, .tokens = per_minute_, .seen = now};
  }
  const std::chrono::duration<double, std::ratio<60>> passed = now - slot->seen;
  slot->tokens = std::min(per_minute_, slot->tokens + passed.count() * per_minute_);
  slot->seen = now;
  if (slot->tokens < 1) return false;
  slot->tokens -= 1;
  return true;
}

}  // namespace pabal::server::smtp
