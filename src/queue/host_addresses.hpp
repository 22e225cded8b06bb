// The addresses of a host, looked up in both families at once.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "dns/resolver.hpp"
#include "net/endpoint.hpp"

namespace pabal::queue {

struct HostAddresses {
  std::vector<net::Endpoint> addresses;  ///< IPv6 first
  /// What was said of AAAA and A.
  dns::Answer aaaa;
  dns::Answer a;

  /// Every answer that told something was proven, and one has an address.
  [[nodiscard]] bool secure() const noexcept;
  /// No address, and that for a reason that may pass.
  [[nodiscard]] bool failed() const noexcept;
  /// The name that the addresses are of: where aliases led to.
  [[nodiscard]] const dns::Name& name() const noexcept;
  /// What failed, in words; empty where nothing did.
  [[nodiscard]] std::string why() const;
  [[nodiscard]] std::chrono::seconds ttl() const noexcept;
};

/// An address that is nobody's (RFC 6890) or a group's: no host's. IPv4 addresses that are mapped into IPv6 are looked
/// at as what they are.
[[nodiscard]] bool is_nobodys(const boost::asio::ip::address& address);

/// From two answers.
[[nodiscard]] HostAddresses addresses_from(dns::Answer aaaa, dns::Answer a, std::uint16_t port);
/// Asks for both. The resolver must live until then.
[[nodiscard]] Async<HostAddresses> addresses_of(dns::Resolver& resolver, dns::Name name, std::uint16_t port);

}  // namespace pabal::queue
