#include "net/proxy_protocol.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace pabal::net {
namespace {

using namespace std::string_literals;

std::string dump(const Result<std::optional<ProxyHeader>>& parsed) {
  if (!parsed) return std::string(name_of(parsed.error().kind));
  if (!*parsed) return "more";
  const auto& header = **parsed;
  if (!header.source) return fmt::format("{} own", header.size);
  return fmt::format("{} {} > {}", header.size, header.source->text(), header.destination->text());
}

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

std::string version2(char command, char family, const std::string& body) {
  return kSignature + command + family + static_cast<char>(body.size() >> 8) + static_cast<char>(body.size() & 0xFF) +
         body;
}

const std::string kIpv4 = "\xC0\x00\x02\x07\xC0\x00\x02\x19\x9C\x40\x00\x19"s;
const std::string kIpv6 =
    "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x07\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x19\x9C\x40\x00\x19"s;

std::string unix_path(std::string path) {
  path.resize(108, '\0');
  return path;
}

TEST(ProxyProtocol, Table) {
  const std::pair<std::string, std::string> cases[] = {
      {"PROXY TCP4 192.0.2.7 192.0.2.25 40000 25\r\n", "42 192.0.2.7:40000 > 192.0.2.25:25"},
      {"PROXY TCP4 192.0.2.7 192.0.2.25 40000 25\r\nEHLO", "42 192.0.2.7:40000 > 192.0.2.25:25"},
      {"PROXY TCP6 2001:db8::7 2001:db8::19 0 65535\r\n", "45 [2001:db8::7]:0 > [2001:db8::19]:65535"},
      {"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", "37 192.0.2.7:1 > [::1]:2"},
      {"PROXY UNKNOWN\r\n", "15 own"},
      {"PROXY UNKNOWN ffff:f...f:ffff whatever 65535 65535\r\n", "52 own"},
      {"", "more"},
      {"PROXY", "more"},
      {"PROXY TCP4 192.0.2.7", "more"},
      {"PROXY TCP4 192.0.2.7 192.0.2.25 40000 25\r", "more"},
      {"PROXY TCP4 192.0.2.7 192.0.2.25 40000 25\n", "syntax"},
      {"PROXY TCP4 192.0.2.7 192.0.2.25 40000\r\n", "syntax"},
      {"PROXY TCP4 192.0.2.7 192.0.2.25 40000 25 x\r\n", "syntax"},
      {"PROXY TCP4  192.0.2.7 192.0.2.25 40000 25\r\n", "syntax"},
      {"PROXY TCP4 192.0.2.7 192.0.2.25 040000 25\r\n", "syntax"},
      {"PROXY TCP4 192.0.2.7 192.0.2.25 65536 25\r\n", "syntax"},
      {"PROXY TCP4 192.0.2.7 192.0.2.25 -1 25\r\n", "syntax"},
      {"PROXY TCP4 192.0.2.256 192.0.2.25 1 25\r\n", "syntax"},
      {"PROXY TCP4 ::1 ::1 1 25\r\n", "syntax"},
      {"PROXY TCP6 192.0.2.7 192.0.2.25 1 25\r\n", "syntax"},
      {"PROXY TCP6 fe80::1%lo ::1 1 25\r\n", "syntax"},
      {"PROXY TCP5 192.0.2.7 192.0.2.25 1 25\r\n", "syntax"},
      {"PROXY \r\n", "syntax"},
      {"PROXY TCP4 192.0.2.7\0 192.0.2.25 1 25\r\n"s, "syntax"},
      {"proxy TCP4 192.0.2.7 192.0.2.25 1 25\r\n", "syntax"},
      {"PROXY UNKNOWN " + std::string(91, 'x') + "\r\n", "107 own"},
      {"PROXY UNKNOWN " + std::string(92, 'x') + "\r\n", "syntax"},
      {"PROXY UNKNOWN " + std::string(92, 'x'), "more"},
      {"PROXY UNKNOWN " + std::string(93, 'x'), "syntax"},
      {"EHLO mail.example\r\n", "syntax"},
      {"\r\n", "more"},
      {"\r\n\r\nX", "syntax"},
      {kSignature, "more"},
      {version2('\x21', '\x11', kIpv4), "28 192.0.2.7:40000 > 192.0.2.25:25"},
      {version2('\x21', '\x11', kIpv4) + "EHLO", "28 192.0.2.7:40000 > 192.0.2.25:25"},
      {version2('\x21', '\x11', kIpv4 + "\x04\x00\x02xy"s), "33 192.0.2.7:40000 > 192.0.2.25:25"},
      {version2('\x21', '\x11', kIpv4 + "\x04\x00\x03xy"s), "syntax"},
      {version2('\x21', '\x11', kIpv4 + "\x04\x00"s), "syntax"},
      {version2('\x21', '\x11', kIpv4.substr(1)), "syntax"},
      {version2('\x21', '\x21', kIpv6), "52 [2001:db8::7]:40000 > [2001:db8::19]:25"},
      {version2('\x21', '\x21', kIpv4), "syntax"},
      {version2('\x21', '\x31', unix_path("/run/a") + unix_path("/run/b")), "232 unix:/run/a > unix:/run/b"},
      {version2('\x21', '\x31', unix_path("/run/a")), "syntax"},
      {version2('\x21', '\x12', kIpv4), "syntax"},  // UDP
      {version2('\x21', '\x41', kIpv4), "syntax"},
      {version2('\x21', '\x00', ""), "16 own"},
      {version2('\x21', '\x00', "anything"), "24 own"},
      {version2('\x20', '\x00', ""), "16 own"},
      {version2('\x20', '\x11', kIpv4), "28 own"},
      {version2('\x20', '\x99', "x"), "17 own"},
      {version2('\x22', '\x11', kIpv4), "syntax"},
      {version2('\x11', '\x11', kIpv4), "syntax"},
      {version2('\x20', '\x00', std::string(4080, 'x')), "4096 own"},
      {version2('\x20', '\x00', std::string(4081, 'x')), "limit"},
  };
  for (const auto& [octets, expected] : cases) {
    EXPECT_EQ(dump(parse_proxy_header(octets)), expected) << octets;
    // Every prefix asks for more until the verdict is there, and the verdict then stays.
    const auto parsed = parse_proxy_header(octets);
    bool decided = false;
    for (std::size_t n = 0; n <= octets.size(); ++n) {
      const auto verdict = dump(parse_proxy_header(std::string_view(octets).substr(0, n)));
      if (verdict == "more") {
        EXPECT_FALSE(decided) << octets << " at " << n;
        continue;
      }
      EXPECT_EQ(verdict, expected) << octets << " at " << n;
      if (parsed) EXPECT_GE(n, (*parsed)->size);
      decided = true;
    }
  }
}

}  // namespace
}  // namespace pabal::net
