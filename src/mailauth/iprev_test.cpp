#include "mailauth/iprev.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "dns/scripted_resolver.hpp"

namespace pabal::mailauth {
namespace {

TEST(Iprev, results) {
  std::string zone = R"($TTL 300
1.2.0.192.in-addr.arpa. PTR mx.example.
mx.example.             A   192.0.2.1
2.2.0.192.in-addr.arpa. PTR liar.example.
liar.example.           A   198.51.100.1
3.2.0.192.in-addr.arpa. PTR liar.example.
3.2.0.192.in-addr.arpa. PTR three.example.
three.example.          A   192.0.2.3
5.2.0.192.in-addr.arpa. PTR dead.example.
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR six.example.
six.example.            AAAA 2001:db8::1
)";
  for (int i = 0; i < 12; ++i) zone += fmt::format("7.2.0.192.in-addr.arpa. PTR h{}.example.\n", i);
  dns::ScriptedResolver resolver(zone);
  resolver.fail("dead.example", dns::Type::a, dns::Status::timed_out);
  resolver.fail("6.2.0.192.in-addr.arpa", dns::Type::ptr, dns::Status::failed);
  const auto line = [&](const char* ip) {
    const auto outcome = run_blocking(check_iprev(resolver, *IpAddress::parse(ip)));
    EXPECT_FALSE(outcome.reason.empty());
    EXPECT_EQ(to_json(outcome).at("result").as_string(), name_of(outcome.result));
    return fmt::format("{} {}", name_of(outcome.result), outcome.name);
  };
  EXPECT_EQ(line("192.0.2.1"), "pass mx.example");
  EXPECT_EQ(line("::ffff:192.0.2.1"), "pass mx.example");
  EXPECT_EQ(line("192.0.2.2"), "fail liar.example");
  EXPECT_EQ(line("192.0.2.3"), "pass three.example");
  EXPECT_EQ(line("192.0.2.4"), "permerror ");
  EXPECT_EQ(line("192.0.2.5"), "temperror dead.example");
  EXPECT_EQ(line("192.0.2.6"), "temperror ");
  EXPECT_EQ(line("2001:db8::1"), "pass six.example");
  const auto before = resolver.asked();
  EXPECT_TRUE(line("192.0.2.7").starts_with("fail h"));
  EXPECT_EQ(resolver.asked() - before, 1 + iprev_most_names);
}

TEST(IpAddress, familiesAndNetworks) {
  EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.1")->text(), "192.0.2.1");
  EXPECT_EQ(IpAddress::parse("2001:DB8:0:0:0:0:0:1")->text(), "2001:db8::1");
  for (const char* wrong : {"", "192.0.2", "192.0.2.1/24", "192.0.2.01", "[::1]", "::1%lo", "1.2.3.4.5", "x"}) {
    EXPECT_FALSE(IpAddress::parse(wrong)) << wrong;
  }
  const auto a = *IpAddress::parse("192.0.2.129");
  EXPECT_TRUE(a.is_in(*IpAddress::parse("192.0.2.0"), 24));
  EXPECT_FALSE(a.is_in(*IpAddress::parse("192.0.2.0"), 25));
  EXPECT_TRUE(a.is_in(*IpAddress::parse("192.0.2.128"), 31));
  EXPECT_FALSE(a.is_in(*IpAddress::parse("192.0.2.128"), 32));
  EXPECT_TRUE(a.is_in(*IpAddress::parse("0.0.0.0"), 0));
  EXPECT_FALSE(a.is_in(*IpAddress::parse("::"), 0));
  EXPECT_EQ(a.reverse_name().text(), "129.2.0.192.in-addr.arpa");
  EXPECT_EQ(IpAddress::of_octets(a.octets()), a);
  EXPECT_FALSE(IpAddress::of_octets(a.octets().first(3)));
}

}  // namespace
}  // namespace pabal::mailauth
