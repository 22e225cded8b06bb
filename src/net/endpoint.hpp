// Endpoint: where a connection comes from or goes to.
#pragma once
#include <cstdint>
#include <string>
#include <variant>

#include <boost/asio/ip/address.hpp>

namespace pabal::net {

/// An IP address and port, or a Unix socket (path may be empty for an unnamed peer).
struct Endpoint {
  std::optional<boost::asio::ip::address> address;  ///< v4-mapped v6 addresses are stored as v4
  std::uint16_t port = 0;
  std::string path;

  [[nodiscard]] bool is_loopback() const noexcept;  ///< 127.0.0.0/8, ::1, or a Unix socket
  /// "192.0.2.1", "2001:db8::1", or "unix:PATH"; without the port.
  [[nodiscard]] std::string host() const;
  /// "192.0.2.1:25", "[2001:db8::1]:25", or "unix:PATH".
  [[nodiscard]] std::string text() const;
};

}  // namespace pabal::net
