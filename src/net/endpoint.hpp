// Endpoint: where a connection comes from or goes to.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/error.hpp"

namespace pabal::net {

/// An IP address and port, or a Unix socket (path may be empty for an unnamed peer).
struct Endpoint {
  std::optional<boost::asio::ip::address> address;  ///< v4-mapped v6 addresses are stored as v4
  std::uint16_t port = 0;
  std::string path;

  /// Of an address as the system gives it: v4-mapped v6 becomes v4.
  [[nodiscard]] static Endpoint of(const boost::asio::ip::address& address, std::uint16_t port);
  [[nodiscard]] static Endpoint of(const boost::asio::ip::tcp::endpoint& endpoint);
  [[nodiscard]] static Endpoint unix_socket(std::string path);

  [[nodiscard]] bool is_loopback() const noexcept;  ///< 127.0.0.0/8, ::1, or a Unix socket
  /// "192.0.2.1", "2001:db8::1", or "unix:PATH"; without the port.
  [[nodiscard]] std::string host() const;
  /// "192.0.2.1:25", "[2001:db8::1]:25", or "unix:PATH".
  [[nodiscard]] std::string text() const;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// A block of addresses, "10.0.0.0/8" or "2001:db8::/32"; an address alone is a block of one.
class Network {
 public:
  /// Error: syntax, also where bits behind the prefix are set.
  [[nodiscard]] static Result<Network> parse(std::string_view text);
  /// v4-mapped v6 addresses are looked at as v4.
  [[nodiscard]] bool contains(const boost::asio::ip::address& address) const noexcept;
  [[nodiscard]] std::string text() const;

 private:
  Network(boost::asio::ip::address address, unsigned prefix) : address_(std::move(address)), prefix_(prefix) {}
  boost::asio::ip::address address_;
  unsigned prefix_;
};

}  // namespace pabal::net
