#include "net/proxy_protocol.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace pabal::net {

namespace ip = boost::asio::ip;

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kVersion1 = "PROXY "sv;
constexpr std::size_t kMostVersion1 = 107;  // §2.1, CRLF included
constexpr std::string_view kVersion2 = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t kFixedVersion2 = 16;
constexpr std::size_t kUnixPath = 108;

using Parsed = Result<std::optional<ProxyHeader>>;

std::unexpected<Error> malformed(std::string log) {
  return fail(ErrorKind::syntax, "malformed PROXY header", "PROXY header: " + std::move(log));
}

/// "192.0.2.1" or "2001:db8::1", of the family that the line names.
std::optional<ip::address> parse_address(std::string_view text, bool v6) {
  boost::system::error_code failed;
  auto address = ip::make_address(std::string(text), failed);
  if (failed || address.is_v6() != v6 || text.contains('%')) return std::nullopt;
  return address;
}

/// §2.1: decimal, no leading zeros, 0 to 65535.
std::optional<std::uint16_t> parse_port(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  const auto number = parse_decimal(text, 65535);
  if (!number) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

Parsed parse_version1(std::string_view octets) {
  const auto window = octets.substr(0, kMostVersion1);
  const auto end = window.find('\n');
  if (end == std::string_view::npos) {
    if (window.size() == kMostVersion1) return malformed("a line of more than 107 octets");
    return std::nullopt;
  }
  if (window[end - 1] != '\r') return malformed("a line that ends without CR");
  const auto line = window.substr(0, end - 1);
  if (std::ranges::any_of(line, [](char c) { return c < ' ' || c > '~'; })) return malformed("octets that are no text");
  ProxyHeader header{.size = end + 1, .source = {}, .destination = {}};
  const auto words = split(line, ' ');
  // §2.1: a receiver ignores what stands behind UNKNOWN.
  if (words.size() >= 2 && words[1] == "UNKNOWN") return header;
  if (words.size() != 6 || (words[1] != "TCP4" && words[1] != "TCP6")) {
    return malformed("'" + printable(line) + "'");
  }
  const bool v6 = words[1] == "TCP6";
  const auto source = parse_address(words[2], v6);
  const auto destination = parse_address(words[3], v6);
  const auto source_port = parse_port(words[4]);
  const auto destination_port = parse_port(words[5]);
  if (!source || !destination || !source_port || !destination_port) return malformed("'" + printable(line) + "'");
  header.source = Endpoint::of(*source, *source_port);
  header.destination = Endpoint::of(*destination, *destination_port);
  return header;
}

unsigned octet(std::string_view octets, std::size_t at) { return static_cast<unsigned char>(octets[at]); }

std::uint16_t number16(std::string_view octets, std::size_t at) {
  return static_cast<std::uint16_t>(octet(octets, at) << 8 | octet(octets, at + 1));
}

template <class Address>
ip::address address_at(std::string_view octets, std::size_t at) {
  typename Address::bytes_type bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(octets[at + i]);
  return Address(bytes);
}

Endpoint unix_at(std::string_view octets, std::size_t at) {
  const auto path = octets.substr(at, kUnixPath);
  return Endpoint::unix_socket(std::string(path.substr(0, path.find('\0'))));
}

/// §2.2.7's extensions are passed over, but what claims to be one must fit.
bool are_extensions(std::string_view octets) {
  while (!octets.empty()) {
    if (octets.size() < 3) return false;
    const std::size_t size = 3U + number16(octets, 1);
    if (octets.size() < size) return false;
    octets.remove_prefix(size);
  }
  return true;
}

Parsed parse_version2(std::string_view octets) {
  if (octets.size() < kFixedVersion2) return std::nullopt;
  const auto command = octet(octets, 12);
  const auto family = octet(octets, 13);
  if (command >> 4 != 2 || (command & 0xFU) > 1) return malformed("version or command unknown");
  const std::size_t size = kFixedVersion2 + number16(octets, 14);
  if (size > kMostProxyHeader) return fail(ErrorKind::limit, "PROXY header too long");
  if (octets.size() < size) return std::nullopt;
  ProxyHeader header{.size = size, .source = {}, .destination = {}};
  const auto body = octets.substr(kFixedVersion2, size - kFixedVersion2);
  // §2.2: LOCAL is the balancer itself (health checks), and all addresses with it are passed over.
  if ((command & 0xFU) == 0) return header;
  std::size_t used = 0;
  switch (family) {
    case 0x00:  // UNSPEC: as UNKNOWN in version 1
      return header;
    case 0x11:  // TCP over IPv4
      used = 12;
      if (body.size() < used) return malformed("too short for IPv4");
      header.source = Endpoint::of(address_at<ip::address_v4>(body, 0), number16(body, 8));
      header.destination = Endpoint::of(address_at<ip::address_v4>(body, 4), number16(body, 10));
      break;
    case 0x21:  // TCP over IPv6
      used = 36;
      if (body.size() < used) return malformed("too short for IPv6");
      header.source = Endpoint::of(address_at<ip::address_v6>(body, 0), number16(body, 32));
      header.destination = Endpoint::of(address_at<ip::address_v6>(body, 16), number16(body, 34));
      break;
    case 0x31:  // Unix stream
      used = 2 * kUnixPath;
      if (body.size() < used) return malformed("too short for Unix sockets");
      header.source = unix_at(body, 0);
      header.destination = unix_at(body, kUnixPath);
      break;
    default:
      return malformed("address family or transport unknown");
  }
  if (!are_extensions(body.substr(used))) return malformed("broken extensions");
  return header;
}

}  // namespace

Result<std::optional<ProxyHeader>> parse_proxy_header(std::string_view octets) {
  for (const auto& [signature, parse] :
       {std::pair(kVersion1, &parse_version1), std::pair(kVersion2, &parse_version2)}) {
    const auto common = std::min(octets.size(), signature.size());
    if (octets.substr(0, common) != signature.substr(0, common)) continue;
    if (common < signature.size()) return std::nullopt;
    return parse(octets);
  }
  return malformed("none at the start of the connection");
}

}  // namespace pabal::net
