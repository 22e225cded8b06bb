// IpAddress: the address of who speaks to us, as SPF and the reverse look-up see it.
#pragma once
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dns/name.hpp"
#include "dns/record.hpp"

namespace pabal::mailauth {

/// IPv4 or IPv6. An IPv4-mapped IPv6 address (::ffff:192.0.2.1) becomes the IPv4 one (RFC 7208 §5).
class IpAddress {
 public:
  /// 0.0.0.0.
  IpAddress() = default;
  explicit IpAddress(const dns::A& address) noexcept;
  explicit IpAddress(const dns::Aaaa& address) noexcept;
  /// "192.0.2.1", "2001:db8::1"; nothing where it isn't one.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
  /// 4 or 16 octets in network order; nothing for other numbers of them.
  [[nodiscard]] static std::optional<IpAddress> of_octets(std::span<const std::uint8_t> octets) noexcept;

  [[nodiscard]] bool is_v6() const noexcept { return v6_; }
  /// The 4 or 16 octets; a view into this.
  [[nodiscard]] std::span<const std::uint8_t> octets() const noexcept {
    return std::span<const std::uint8_t>(octets_).first(v6_ ? 16 : 4);
  }
  /// In the usual form (RFC 5952).
  [[nodiscard]] std::string text() const;
  /// Under in-addr.arpa or ip6.arpa: where its PTR records are.
  [[nodiscard]] dns::Name reverse_name() const;
  /// Whether the first `bits` bits of both are the same; false for different families.
  [[nodiscard]] bool is_in(const IpAddress& network, unsigned bits) const noexcept;

  friend bool operator==(const IpAddress&, const IpAddress&) noexcept = default;
  friend auto operator<=>(const IpAddress&, const IpAddress&) noexcept = default;

 private:
  std::array<std::uint8_t, 16> octets_{};
  bool v6_ = false;
};

}  // namespace pabal::mailauth
