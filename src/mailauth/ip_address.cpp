#include "mailauth/ip_address.hpp"

#include <algorithm>

namespace pabal::mailauth {

IpAddress::IpAddress(const dns::A& address) noexcept { std::ranges::copy(address.octets, octets_.begin()); }

IpAddress::IpAddress(const dns::Aaaa& address) noexcept {
  constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  if (std::ranges::equal(mapped, std::span(address.octets).first<12>())) {
    std::ranges::copy(std::span(address.octets).last<4>(), octets_.begin());
    return;
  }
  octets_ = address.octets;
  v6_ = true;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (const auto v4 = dns::parse_a(text)) return IpAddress(*v4);
  if (const auto v6 = dns::parse_aaaa(text)) return IpAddress(*v6);
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::of_octets(std::span<const std::uint8_t> octets) noexcept {
  if (octets.size() == 4) {
    dns::A address;
    std::ranges::copy(octets, address.octets.begin());
    return IpAddress(address);
  }
  if (octets.size() != 16) return std::nullopt;
  dns::Aaaa address;
  std::ranges::copy(octets, address.octets.begin());
  return IpAddress(address);
}

namespace {

dns::A as_a(std::span<const std::uint8_t> octets) {
  dns::A address;
  std::ranges::copy(octets, address.octets.begin());
  return address;
}

dns::Aaaa as_aaaa(std::span<const std::uint8_t> octets) {
  dns::Aaaa address;
  std::ranges::copy(octets, address.octets.begin());
  return address;
}

}  // namespace

std::string IpAddress::text() const { return v6_ ? dns::text_of(as_aaaa(octets())) : dns::text_of(as_a(octets())); }

dns::Name IpAddress::reverse_name() const {
  return v6_ ? dns::reverse_name(as_aaaa(octets())) : dns::reverse_name(as_a(octets()));
}

bool IpAddress::is_in(const IpAddress& network, unsigned bits) const noexcept {
  if (v6_ != network.v6_) return false;
  const std::size_t whole = std::min<std::size_t>(bits / 8, octets().size());
  if (!std::ranges::equal(octets().first(whole), network.octets().first(whole))) return false;
  const unsigned rest = bits % 8;
  if (rest == 0 || whole == octets().size()) return true;
  return ((octets_[whole] ^ network.octets_[whole]) >> (8 - rest)) == 0;
}

}  // namespace pabal::mailauth
