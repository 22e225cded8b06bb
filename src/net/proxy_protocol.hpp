// The PROXY protocol, versions 1 and 2, as a receiver (HAProxy's proxy-protocol.txt): a balancer before us tells whose
// connection it hands on. Grammar alone; whom to believe is the listener's affair.
#pragma once
#include <cstddef>
#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "net/endpoint.hpp"

namespace pabal::net {

/// The longest header that we take: version 1 has 107 octets at most, version 2 gets room for its extensions.
inline constexpr std::size_t kMostProxyHeader = 4096;

struct ProxyHeader {
  std::size_t size = 0;  ///< octets of the header; what stands behind is the client's
  /// The client and the address it connected to; nothing for UNKNOWN and LOCAL, where the socket's own count.
  std::optional<Endpoint> source;
  std::optional<Endpoint> destination;
};

/// Looks for a whole header at the start of the octets. No value: so far it may be one, more is needed. Errors: syntax
/// for what is no header, limit for one that is too long.
[[nodiscard]] Result<std::optional<ProxyHeader>> parse_proxy_header(std::string_view octets);

}  // namespace pabal::net
