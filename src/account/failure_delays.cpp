#include "account/failure_delays.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>

#include "codec/hex.hpp"

namespace pabal::account {

std::chrono::milliseconds FailureDelays::before_attempt(std::string_view name) {
  auto names = names_.lock();
  const auto found = names->places.find(name);
  if (found == names->places.end() || found->second->failures == 0) return {};
  const Entry& entry = *found->second;
  if (clock_.steady() - entry.last >= names->options.memory) return {};
  // Twenty doublings pass any sensible limit and no integer's.
  const auto doublings = std::min<std::uint32_t>(entry.failures - 1, 20);
  return std::min(names->options.most, names->options.first * (std::int64_t{1} << doublings));
}

void FailureDelays::failed(std::string_view name) {
  const auto now = clock_.steady();
  auto names = names_.lock();
  const auto found = names->places.find(name);
  if (found != names->places.end()) {
    const auto entry = found->second;
    entry->failures = now - entry->last >= names->options.memory ? 1 : entry->failures + 1;
    entry->last = now;
    names->entries.splice(names->entries.begin(), names->entries, entry);
    return;
  }
  if (names->entries.size() >= names->options.max_tracked && !names->entries.empty()) {
    names->places.erase(names->entries.back().name);
    names->entries.pop_back();
  }
  names->entries.push_front({.name = std::string(name), .failures = 1, .last = now});
  names->places.emplace(names->entries.front().name, names->entries.begin());
}

void FailureDelays::forget(std::string_view name) {
  auto names = names_.lock();
  const auto found = names->places.find(name);
  if (found == names->places.end()) return;
  const auto entry = found->second;
  names->places.erase(found);
  names->entries.erase(entry);
}

std::optional<FailureDelays::Waiting> FailureDelays::begin_wait(std::string_view name, std::size_t most) {
  {
    auto names = names_.lock();
    const auto found = names->places.find(name);
    if (found != names->places.end()) {
      if (found->second->waiting >= most) return std::nullopt;
      ++found->second->waiting;
    }
  }
  return Waiting(*this, std::string(name));
}

void FailureDelays::end_wait(std::string_view name) {
  auto names = names_.lock();
  const auto found = names->places.find(name);
  if (found != names->places.end() && found->second->waiting > 0) --found->second->waiting;
}

std::size_t FailureDelays::size() { return names_.lock()->entries.size(); }

std::string network_of(std::string_view address) {
  if (address.find(':') == std::string_view::npos) return std::string(address);
  std::array<char, sizeof(in6_addr)> octets{};
  if (inet_pton(AF_INET6, std::string(address).c_str(), octets.data()) != 1) return std::string(address);
  return codec::hex({octets.data(), 8}) + "/64";
}

}  // namespace pabal::account
