#include "net/connection_limits.hpp"

#include <algorithm>

namespace pabal::net {

namespace {
/// The table is swept when it has grown to a power of two at least this big.
constexpr std::size_t kSweepFrom = 1024;
}  // namespace

AddressKey AddressKey::of(const boost::asio::ip::address& address) noexcept {
  if (address.is_v4()) return {.value = address.to_v4().to_uint(), .v6 = false};
  const auto bytes = address.to_v6().to_bytes();
  std::uint64_t prefix = 0;
  for (std::size_t i = 0; i < 8; ++i) prefix = prefix << 8 | bytes[i];
  return {.value = prefix, .v6 = true};
}

double ConnectionsByAddress::tokens_now(const AddressLimits& limits, const Entry& entry, SteadyTime now) {
  const auto full = static_cast<double>(limits.new_per_minute);
  const auto minutes = std::chrono::duration<double, std::ratio<60>>(now - entry.at).count();
  return std::min(full, entry.tokens + minutes * full);
}

void ConnectionsByAddress::forget_quiet(Table& table, SteadyTime now) {
  std::erase_if(table.entries, [&](const auto& item) {
    return item.second.open == 0 &&
           tokens_now(table.limits, item.second, now) >= static_cast<double>(table.limits.new_per_minute);
  });
}

Admission ConnectionsByAddress::enter(const AddressKey& address, SteadyTime now) {
  auto table = table_.lock();
  auto& entries = table->entries;
  const auto& limits = table->limits;
  if (entries.size() >= kSweepFrom && (entries.size() & (entries.size() - 1)) == 0 && !entries.contains(address)) {
    forget_quiet(*table, now);
  }
  const auto [place, fresh] =
      entries.try_emplace(address, Entry{.open = 0, .tokens = static_cast<double>(limits.new_per_minute), .at = now});
  auto& entry = place->second;
  entry.tokens = tokens_now(limits, entry, now);
  entry.at = now;
  if (entry.open >= limits.open) return Admission::too_many;
  if (entry.tokens < 1) return Admission::too_often;
  entry.tokens -= 1;
  ++entry.open;
  return Admission::welcome;
}

void ConnectionsByAddress::leave(const AddressKey& address) {
  auto table = table_.lock();
  const auto found = table->entries.find(address);
  if (found != table->entries.end() && found->second.open > 0) --found->second.open;
}

}  // namespace pabal::net
