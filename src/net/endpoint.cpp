#include "net/endpoint.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace pabal::net {

namespace ip = boost::asio::ip;

namespace {

ip::address unmapped(const ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, address.to_v6());
  return address;
}

template <class Bytes>
bool same_prefix(const Bytes& a, const Bytes& b, unsigned prefix) {
  for (std::size_t i = 0; i < a.size() && prefix > 0; ++i) {
    const unsigned bits = std::min(prefix, 8U);
    const auto mask = static_cast<unsigned char>(0xFF00U >> bits);
    if (((a[i] ^ b[i]) & mask) != 0) return false;
    prefix -= bits;
  }
  return true;
}

template <class Address>
bool has_bits_behind(const Address& address, unsigned prefix) {
  auto bytes = address.to_bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const unsigned kept = prefix > i * 8 ? std::min<unsigned>(prefix - static_cast<unsigned>(i) * 8, 8U) : 0;
    if ((bytes[i] & (0xFFU >> kept)) != 0) return true;
  }
  return false;
}

}  // namespace

Endpoint Endpoint::of(const ip::address& address, std::uint16_t port) {
  return {.address = unmapped(address), .port = port, .path = {}};
}

Endpoint Endpoint::of(const ip::tcp::endpoint& endpoint) { return of(endpoint.address(), endpoint.port()); }

Endpoint Endpoint::unix_socket(std::string path) {
  return {.address = std::nullopt, .port = 0, .path = std::move(path)};
}

bool Endpoint::is_loopback() const noexcept { return !address || address->is_loopback(); }

std::string Endpoint::host() const { return address ? address->to_string() : "unix:" + path; }

std::string Endpoint::text() const {
  if (!address) return "unix:" + path;
  return address->is_v6() ? fmt::format("[{}]:{}", address->to_string(), port)
                          : fmt::format("{}:{}", address->to_string(), port);
}

Result<Network> Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  boost::system::error_code failed;
  const auto address = ip::make_address(std::string(text.substr(0, slash)), failed);
  if (failed || (address.is_v6() && address.to_v6().scope_id() != 0)) {
    return fail(ErrorKind::syntax, fmt::format("'{}' is not a network such as 10.0.0.0/8", printable(text)));
  }
  const unsigned width = address.is_v4() ? 32 : 128;
  unsigned prefix = width;
  if (slash != std::string_view::npos) {
    const auto number = parse_decimal(text.substr(slash + 1), width);
    if (!number)
      return fail(ErrorKind::syntax, fmt::format("the prefix of '{}' is not 0 to {}", printable(text), width));
    prefix = static_cast<unsigned>(*number);
  }
  if (address.is_v4() ? has_bits_behind(address.to_v4(), prefix) : has_bits_behind(address.to_v6(), prefix)) {
    return fail(ErrorKind::syntax, fmt::format("'{}' has bits set behind its prefix", printable(text)));
  }
  return Network(address, prefix);
}

bool Network::contains(const ip::address& address) const noexcept {
  const auto other = unmapped(address);
  if (address_.is_v4() != other.is_v4()) return false;
  return other.is_v4() ? same_prefix(address_.to_v4().to_bytes(), other.to_v4().to_bytes(), prefix_)
                       : same_prefix(address_.to_v6().to_bytes(), other.to_v6().to_bytes(), prefix_);
}

std::string Network::text() const { return fmt::format("{}/{}", address_.to_string(), prefix_); }

}  // namespace pabal::net
