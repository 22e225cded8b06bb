#include "queue/routes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "dns/scripted_resolver.hpp"

namespace pabal::queue {
namespace {

using dns::Status;
using dns::Type;

constexpr std::string_view zone = R"($TTL 300
$ORIGIN busan.example.
@ SOA ns admin 1 3600 600 86400 60
@ MX 10 mx1
@ MX 20 mx2
mx1 A 192.0.2.1
mx1 AAAA 2001:db8::1
mx2 A 192.0.2.2
implicit A 192.0.2.3
bare TXT "nothing here"
null MX 0 .
half MX 0 .
half MX 10 mx2
alias CNAME implicit
aliased-mx MX 10 mx-alias
mx-alias CNAME mx2
dangling MX 10 none
dangling MX 20 none-either
mixed MX 10 none
mixed MX 20 mx2
twice MX 30 mx2
twice MX 10 mx2
twice MX 20 mx1
first MX 5 mx1
first MX 10 mail.seoul.example.
first MX 10 mx2
first MX 20 mx1
last MX 10 mail.seoul.example.
last MX 20 mx2
by-address MX 10 mx1
by-address MX 20 ours
by-address MX 30 mx2
ours A 192.0.2.250
itself A 192.0.2.250
odd MX 10 odd-host
odd-host A 0.0.0.0
odd-host A 224.0.0.1
odd-host AAAA ::
$ORIGIN seoul.example.
mail A 192.0.2.251
)";

std::string dump(const RouteAnswer& answer) {
  if (!answer) {
    return fmt::format("{} {} {}", answer.error().lasting ? "lasting" : "passing", answer.error().status,
                       answer.error().words);
  }
  std::string text = answer->lmtp ? "lmtp" : answer->implicit_tls ? "implicit" : "";
  for (const auto& hop : answer->hops) {
    if (!text.empty()) text += "; ";
    text += fmt::format("{} {} {}", hop.host, hop.preference, name_of(hop.tls));
    for (const auto& address : hop.addresses) text += " " + address.text();
    if (hop.secure_name) text += " secure";
    if (!hop.tlsa.empty()) text += fmt::format(" tlsa={} names={}", hop.tlsa.size(), fmt::join(hop.names, ","));
  }
  return text;
}

RouteSettings settings() {
  RouteSettings made;
  made.own_names = {"mail.seoul.example"};
  made.own_endpoints = {{.address = boost::asio::ip::make_address("0.0.0.0"), .port = 25, .path = {}},
                        {.address = boost::asio::ip::make_address("127.0.0.2"), .port = 10025, .path = {}}};
  made.own_addresses = {boost::asio::ip::make_address("192.0.2.250")};
  return made;
}

class RoutesTest : public testing::Test {
 protected:
  RouteAnswer route(std::string_view to, RouteSettings with = settings()) {
    DnsRoutes routes(resolver, nullptr, random, std::move(with));
    const bool literal = to.starts_with('[');
    auto destination = literal ? Destination(AddressLiteral{std::string(to.substr(1, to.size() - 2))})
                               : Destination(*Domain::parse(to));
    return run_blocking(routes.find(std::move(destination), store::TlsWish::none));
  }
  std::string find(std::string_view to, RouteSettings with = settings()) { return dump(route(to, std::move(with))); }
  static RouteSettings with(SetRoute set) {
    auto made = settings();
    made.set = {std::move(set)};
    return made;
  }

  dns::ScriptedResolver resolver{zone};
  SeededRandom random{1};
};

struct Case {
  std::string to;
  std::string expected;
};

TEST_F(RoutesTest, ByMx) {
  const std::vector<Case> cases = {
      {"busan.example",
       "mx1.busan.example 10 opportunistic [2001:db8::1]:25 192.0.2.1:25; mx2.busan.example 20 opportunistic "
       "192.0.2.2:25"},
      {"implicit.busan.example", "implicit.busan.example 0 opportunistic 192.0.2.3:25"},
      {"alias.busan.example", "alias.busan.example 0 opportunistic 192.0.2.3:25"},
      {"aliased-mx.busan.example", "mx-alias.busan.example 10 opportunistic 192.0.2.2:25"},
      {"half.busan.example", "mx2.busan.example 10 opportunistic 192.0.2.2:25"},
      {"mixed.busan.example", "mx2.busan.example 20 opportunistic 192.0.2.2:25"},
      {"twice.busan.example",
       "mx2.busan.example 10 opportunistic 192.0.2.2:25; mx1.busan.example 20 opportunistic [2001:db8::1]:25 "
       "192.0.2.1:25"},
      {"null.busan.example", "lasting 5.1.10 null.busan.example takes no mail (it says so in the DNS)"},
      {"none.busan.example", "lasting 5.1.2 there is no domain none.busan.example"},
      {"elsewhere.example", "lasting 5.1.2 there is no domain elsewhere.example"},
      {"bare.busan.example", "lasting 5.1.2 bare.busan.example has neither a mail host nor an address"},
      {"dangling.busan.example", "lasting 5.4.4 no mail host of dangling.busan.example has an address"},
      {"odd.busan.example", "lasting 5.4.4 no mail host of odd.busan.example has an address"},
  };
  for (const auto& c : cases) EXPECT_EQ(find(c.to), c.expected) << c.to;
}

TEST_F(RoutesTest, NeverBackToOurselves) {
  const std::vector<Case> cases = {
      // As a backup for others we send only to those before us.
      {"first.busan.example", "mx1.busan.example 5 opportunistic [2001:db8::1]:25 192.0.2.1:25"},
      {"by-address.busan.example", "mx1.busan.example 10 opportunistic [2001:db8::1]:25 192.0.2.1:25"},
      {"last.busan.example",
       "lasting 5.4.6 mail for last.busan.example leads back to this server, which doesn't take it"},
      {"itself.busan.example",
       "lasting 5.4.6 mail for itself.busan.example leads back to this server, which doesn't take it"},
      {"[192.0.2.250]", "lasting 5.4.6 [192.0.2.250] is this server itself"},
      {"[127.0.0.9]", "lasting 5.4.6 [127.0.0.9] is this server itself"},
  };
  for (const auto& c : cases) EXPECT_EQ(find(c.to), c.expected) << c.to;
  // Another port is another server: the demo's two stand on one machine.
  auto elsewhere = settings();
  elsewhere.remote_port = 10025;
  EXPECT_EQ(find("[127.0.0.3]", elsewhere), "127.0.0.3 0 opportunistic 127.0.0.3:10025");
  EXPECT_EQ(find("[127.0.0.2]", elsewhere), "lasting 5.4.6 [127.0.0.2] is this server itself");
}

TEST_F(RoutesTest, Literals) {
  EXPECT_EQ(find("[192.0.2.9]"), "192.0.2.9 0 opportunistic 192.0.2.9:25");
  EXPECT_EQ(find("[IPv6:2001:db8::9]"), "2001:db8::9 0 opportunistic [2001:db8::9]:25");
  RouteSettings dane;
  dane.set = {{.domain = "*", .tls = TlsPolicy::dane}};
  EXPECT_EQ(find("[192.0.2.9]", dane), "lasting 5.7.10 the settings want DANE, and [192.0.2.9] has no name");
  EXPECT_EQ(find("[x-net:abc]"), "lasting 5.1.2 [x-net:abc] is no address that mail can be sent to");
  // What is nobody's, and ourselves, in any form.
  for (const auto* nobodys : {"0.0.0.0", "255.255.255.255", "224.0.0.1", "IPv6:::", "IPv6:ff02::1",
                              "IPv6:::ffff:0.0.0.0", "IPv6:::ffff:239.1.1.1"}) {
    EXPECT_EQ(find(fmt::format("[{}]", nobodys)),
              fmt::format("lasting 5.1.2 [{}] is no address that mail can be sent to", nobodys));
  }
  EXPECT_EQ(find("[IPv6:::ffff:192.0.2.250]"), "lasting 5.4.6 [IPv6:::ffff:192.0.2.250] is this server itself");
  EXPECT_EQ(find("[IPv6:::ffff:127.0.0.1]"), "lasting 5.4.6 [IPv6:::ffff:127.0.0.1] is this server itself");
  EXPECT_EQ(resolver.asked(), 0U);
  // What is set for all holds for them, too.
  EXPECT_EQ(find("[192.0.2.9]", with({.domain = "*", .host = "mx2.busan.example", .port = 26})),
            "mx2.busan.example 0 opportunistic 192.0.2.2:26");
  EXPECT_EQ(find("[192.0.2.9]", with({.domain = "*", .tls = TlsPolicy::verified})),
            "192.0.2.9 0 verified 192.0.2.9:25");
  EXPECT_EQ(find("[192.0.2.9]", with({.domain = "*.example", .tls = TlsPolicy::verified})),
            "192.0.2.9 0 opportunistic 192.0.2.9:25");
}

TEST_F(RoutesTest, WhatFailsForNow) {
  for (const auto status : {Status::failed, Status::timed_out, Status::bogus}) {
    resolver.fail("busan.example", Type::mx, status, "why");
    EXPECT_EQ(find("busan.example"),
              fmt::format("passing 4.4.3 the mail hosts of busan.example can't be looked up: {} (why)",
                          dns::words_of(status)));
  }
  // One family that fails doesn't matter where the other has an address.
  resolver.fail("mx1.busan.example", Type::aaaa, Status::timed_out, "why");
  EXPECT_EQ(find("first.busan.example"), "mx1.busan.example 5 opportunistic 192.0.2.1:25");
  resolver.fail("mx1.busan.example", Type::a, Status::failed, "why not");
  EXPECT_EQ(find("first.busan.example"),
            "passing 4.4.3 the mail hosts of first.busan.example have no address that can be looked up now "
            "(mx1.busan.example: AAAA timed out (why), A failed (why not))");
  // One host that fails doesn't matter where another has an address, and matters where the others have none.
  EXPECT_EQ(find("twice.busan.example"), "mx2.busan.example 10 opportunistic 192.0.2.2:25");
  resolver.fail("none.busan.example", Type::a, Status::failed, "x");
  EXPECT_EQ(find("dangling.busan.example"),
            "passing 4.4.3 the mail hosts of dangling.busan.example have no address that can be looked up now "
            "(none.busan.example: A failed (x))");
}

TEST_F(RoutesTest, EqualsComeInAnyOrder) {
  resolver.set_zone(
      "a. MX 10 x.\na. MX 10 y.\na. MX 5 w.\nw. A 192.0.2.1\nx. A 192.0.2.2\ny. A 192.0.2.3\ny. A 192.0.2.4\n");
  std::map<std::string, int> seen;
  std::map<std::string, int> of_y;
  for (int i = 0; i < 64; ++i) {
    const auto found = *route("a");
    ASSERT_EQ(found.hops.size(), 3U);
    EXPECT_EQ(found.hops[0].host, "w");
    ++seen[found.hops[1].host];
    const auto& y = found.hops[1].host == "y" ? found.hops[1] : found.hops[2];
    ++of_y[y.addresses[0].text()];
  }
  EXPECT_GT(seen["x"], 8);
  EXPECT_GT(seen["y"], 8);
  EXPECT_GT(of_y["192.0.2.3:25"], 8);
  EXPECT_GT(of_y["192.0.2.4:25"], 8);
}

TEST_F(RoutesTest, Bounds) {
  std::string text;
  for (int i = 0; i < 100; ++i) {
    text += fmt::format("a. MX {} h{}.\nh{}. A 192.0.2.1\n", i, i, i);
    text += fmt::format(
        "many. A 192.0.2.{}\nmany. AAAA 2001:db8::{:x}\nfour. A 192.0.2.{}\nsix. A 192.0.2.1\nsix. AAAA "
        "2001:db8::{:x}\n",
        i + 1, i + 1, i + 1, i + 1);
  }
  resolver.set_zone(text);
  const auto found = *route("a");
  EXPECT_EQ(found.hops.size(), 16U);
  EXPECT_EQ(found.hops.back().host, "h15");
  const auto families = [&](std::string_view to) {
    const auto hop = route(to)->hops[0];
    const auto six = std::ranges::count_if(hop.addresses, [](const auto& one) { return one.address->is_v6(); });
    return fmt::format("{} {}", six, hop.addresses.size() - static_cast<std::size_t>(six));
  };
  EXPECT_EQ(families("many"), "8 8");
  EXPECT_EQ(families("four"), "0 16");
  EXPECT_EQ(families("six"), "15 1");
}

TEST_F(RoutesTest, LivesAsLongAsItsShortestAnswer) {
  resolver.set_zone("a. 500 MX 10 h.\nh. 200 A 192.0.2.1\nh. 400 AAAA 2001:db8::1\n");
  EXPECT_EQ(route("a")->ttl, std::chrono::seconds(200));
}

TEST_F(RoutesTest, TellsHow) {
  const auto found = *route("busan.example");
  EXPECT_EQ(fmt::format("{}", fmt::join(found.how, "\n")),
            "MX busan.example: ok busan.example 300s: 10 mx1.busan.example., 20 mx2.busan.example.\n"
            "mx1.busan.example: 2001:db8::1, 192.0.2.1\n"
            "mx2.busan.example: 192.0.2.2");
  EXPECT_EQ(route("last.busan.example").error().how.back(),
            "mail.seoul.example is this server: hosts of preference 10 and above are left out");
  EXPECT_EQ(route("aliased-mx.busan.example")->how.back(),
            "mx-alias.busan.example, an alias of mx2.busan.example: 192.0.2.2");
}

TEST_F(RoutesTest, RoutesThatAreSet) {
  EXPECT_EQ(find("x.example", with({.domain = "x.example", .host = "mx1.busan.example"})),
            "mx1.busan.example 0 opportunistic [2001:db8::1]:25 192.0.2.1:25");
  EXPECT_EQ(find("x.example", with({.domain = "x.example", .host = "192.0.2.7", .port = 2525, .tls = TlsPolicy::none})),
            "192.0.2.7 0 none 192.0.2.7:2525");
  EXPECT_EQ(find("x.example",
                 with({.domain = "*", .host = "mx2.busan.example", .tls = TlsPolicy::verified, .implicit_tls = true})),
            "implicit; mx2.busan.example 0 verified 192.0.2.2:465");
  EXPECT_EQ(find("x.example", with({.domain = "x.example", .host = "unix:/run/lmtp", .lmtp = true})),
            "lmtp; unix:/run/lmtp 0 none unix:/run/lmtp");
  EXPECT_EQ(find("x.example", with({.domain = "x.example", .host = "::1", .lmtp = true})),
            "lmtp; ::1 0 opportunistic [::1]:24");
  // Without a host: by MX, with what else is set.
  EXPECT_EQ(
      find("busan.example", with({.domain = "busan.example", .tls = TlsPolicy::encrypted})),
      "mx1.busan.example 10 encrypted [2001:db8::1]:25 192.0.2.1:25; mx2.busan.example 20 encrypted 192.0.2.2:25");
  EXPECT_EQ(find("x.example", with({.domain = "*", .host = "none.busan.example"})),
            "lasting 5.4.4 no mail host of x.example has an address");
  resolver.fail("mx2.busan.example", Type::a, Status::timed_out, "slow");
  EXPECT_EQ(find("x.example", with({.domain = "*", .host = "mx2.busan.example"})),
            "passing 4.4.3 the mail hosts of x.example have no address that can be looked up now (mx2.busan.example: A "
            "timed out (slow))");

  auto made = with({.domain = "x.example", .host = "192.0.2.7", .credentials = RouteCredentials{"user", "secret"}});
  made.sources = {boost::asio::ip::make_address("192.0.2.100")};
  auto found = *route("x.example", made);
  EXPECT_EQ(found.credentials->user, "user");
  // A password is for the host that was meant, unless it is this machine.
  EXPECT_EQ(found.hops.front().tls, TlsPolicy::verified);
  made.set.front().host = "127.0.0.7";
  made.set.front().port = 2500;
  EXPECT_EQ(route("x.example", made)->hops.front().tls, TlsPolicy::opportunistic);
  made.set.front().host = "mx1.busan.example";
  made.set.front().port = 0;
  EXPECT_EQ(route("x.example", made)->hops.front().tls, TlsPolicy::verified);
  EXPECT_EQ(found.sources, made.sources);
  made.set[0].sources = {boost::asio::ip::make_address("192.0.2.101")};
  EXPECT_EQ(route("x.example", made)->sources, made.set[0].sources);
  EXPECT_EQ(found.how.front(), "the settings say that mail for x.example goes to 192.0.2.7 port 25");
}

// Nothing is sent back for it: the operator mends the settings, and the letters go.
TEST_F(RoutesTest, SettingsThatLeadBackHere) {
  const std::string itself = "passing 4.4.6 the settings send mail for x.example to this server itself";
  EXPECT_EQ(find("x.example", with({.domain = "*", .host = "127.0.0.9"})), itself);
  EXPECT_EQ(find("x.example", with({.domain = "*", .host = "itself.busan.example"})), itself);
  EXPECT_FALSE(find("x.example", with({.domain = "*", .host = "127.0.0.9", .port = 2500})).starts_with("passing"));
}

TEST_F(RoutesTest, TheNearestSetRouteCounts) {
  auto made = settings();
  for (const auto* domain : {"*", "*.example", "a.example", "*.b.example"}) made.set.push_back({.domain = domain});
  const DnsRoutes routes(resolver, nullptr, random, made);
  const auto set = [&](std::string_view domain) { return routes.set_for(*Domain::parse(domain))->domain; };
  EXPECT_EQ(set("a.example"), "a.example");
  EXPECT_EQ(set("b.example"), "*.example");
  EXPECT_EQ(set("x.b.example"), "*.b.example");
  EXPECT_EQ(set("x.a.example"), "*.example");
  EXPECT_EQ(set("example"), "*");
}

}  // namespace
}  // namespace pabal::queue
