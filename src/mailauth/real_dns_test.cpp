// SPF, DMARC and the reverse look-up with real name servers: what is proven, forged, refused, silent, cut or aliased.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "mailauth/dmarc.hpp"
#include "mailauth/iprev.hpp"
#include "mailauth/spf.hpp"
#include "net/name_servers_testing.hpp"
#include "net/unbound_resolver.hpp"

namespace pabal::mailauth {
namespace {

std::vector<net::TestZone> mail_zones() {
  const std::string head = "@ 300 SOA ns admin 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n";
  std::string big = "big TXT \"v=spf1 \"";
  for (int i = 0; i < 250; ++i) big += fmt::format(" \"ip4:203.0.113.{} \"", i);
  big += " \"ip4:192.0.2.1 -all\"\n";
  return {
      {.name = "seoul.example",
       .text = head +
               "@ TXT \"v=spf1 mx include:_spf.busan.example -all\"\n@ MX 10 mx\nmx A 192.0.2.1\nreverse A 9.9.9.1\n"
               "_dmarc TXT \"v=DMARC1; p=reject\"\nalias CNAME seoul.example.\n",
       .sign = true},
      {.name = "busan.example",
       .text = head + "_spf TXT \"v=spf1 ip4:198.51.100.0/24 ?all\"\n" + big +
               "refused TXT \"v=spf1 a:mx.refused.example -all\"\n"
               "forged TXT \"v=spf1 include:forged.example -all\"\n"
               "loop TXT \"v=spf1 a:one.loop -all\"\n@ TXT \"other\"\n"
               "circle TXT \"v=spf1 a:one.busan.example -all\"\none CNAME two\ntwo CNAME one\n"},
      {.name = "forged.example",
       .text = head + "@ TXT \"v=spf1 ip4:192.0.2.66 -all\"\n_dmarc TXT \"v=DMARC1; p=reject; sp=reject\"\n",
       .sign = true,
       .forge_from = "192.0.2.66",
       .forge_to = "192.0.2.1"},
      {.name = "9.9.9.in-addr.arpa",
       .text = "@ 300 SOA ns.seoul.example. admin 1 3600 600 86400 60\n@ NS ns.seoul.example.\n"
               "1 PTR reverse.seoul.example.\n2 PTR reverse.seoul.example.\n"},
  };
}

class RealDns : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (net::NameServers::installed()) {
      servers = std::make_unique<net::NameServers>(mail_zones(), std::vector<std::string>{"refused.example"});
    }
  }
  static void TearDownTestSuite() { servers.reset(); }
  void SetUp() override {
    if (!servers) GTEST_SKIP() << "knot and unbound are not installed";
    RealFileSystem files;
    auto made =
        net::UnboundResolver::make(files, {.servers = {servers->resolver()}, .trust_anchor = servers->trust_anchor()});
    ASSERT_TRUE(made) << made.error().log;
    resolver = *std::move(made);
  }
  std::string spf(const std::string& domain, const std::string& ip = "192.0.2.1") const {
    const auto outcome = run_blocking(check_spf(*resolver, {.address = *IpAddress::parse(ip),
                                                            .helo = "client.example",
                                                            .mail_from = "x@" + domain,
                                                            .receiver = {},
                                                            .now = SystemTime()}));
    return fmt::format("{} {}", name_of(outcome.result), outcome.mechanism);
  }

  static inline std::unique_ptr<net::NameServers> servers;
  std::unique_ptr<net::UnboundResolver> resolver;
};

TEST_F(RealDns, spfOfEverySort) {
  EXPECT_EQ(spf("seoul.example"), "pass mx");
  EXPECT_EQ(spf("alias.seoul.example"), "pass mx");
  EXPECT_EQ(spf("seoul.example", "198.51.100.9"), "pass include:_spf.busan.example");
  EXPECT_EQ(spf("seoul.example", "203.0.113.1"), "fail -all");
  EXPECT_EQ(spf("big.busan.example"), "pass ip4:192.0.2.1");  // too long for a datagram
  EXPECT_EQ(spf("refused.busan.example"), "temperror a:mx.refused.example");
  EXPECT_EQ(spf("refused.example"), "temperror ");
  EXPECT_EQ(spf("forged.example"), "temperror ");
  EXPECT_EQ(spf("forged.busan.example"), "temperror include:forged.example");
  EXPECT_EQ(spf("circle.busan.example"), "temperror a:one.busan.example");
  EXPECT_EQ(spf("busan.example"), "none ");
  EXPECT_EQ(spf("nowhere.busan.example"), "none ");
}

TEST_F(RealDns, dmarcAndIprev) {
  const auto suffixes = PublicSuffix::system();
  if (!suffixes) GTEST_SKIP() << "there is no public suffix list";
  const auto dmarc = [&](const std::string& domain) {
    DmarcFacts facts;
    facts.authors = {"x@" + domain};
    facts.spf = SpfResult::pass;
    facts.spf_domain = "bounce.seoul.example";
    return run_blocking(check_dmarc(*resolver, *suffixes, std::move(facts), DmarcStandard::rfc7489)).result;
  };
  EXPECT_EQ(dmarc("seoul.example"), DmarcResult::pass);
  EXPECT_EQ(dmarc("mail.seoul.example"), DmarcResult::pass);
  EXPECT_EQ(dmarc("refused.example"), DmarcResult::temperror);
  EXPECT_EQ(dmarc("busan.example"), DmarcResult::none);
  EXPECT_EQ(run_blocking(check_iprev(*resolver, *IpAddress::parse("9.9.9.1"))).result, IprevResult::pass);
  EXPECT_EQ(run_blocking(check_iprev(*resolver, *IpAddress::parse("9.9.9.2"))).result, IprevResult::fail);
  EXPECT_EQ(run_blocking(check_iprev(*resolver, *IpAddress::parse("9.9.9.3"))).result, IprevResult::permerror);
}

}  // namespace
}  // namespace pabal::mailauth
