// What DANE (RFC 7672) and MTA-STS (RFC 8461) make of routes.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "dns/scripted_resolver.hpp"
#include "queue/routes.hpp"

namespace pabal::queue {
namespace {

using dns::Status;
using dns::Type;

const std::string digest(64, 'a');

std::string zone() {
  return fmt::format(R"($TTL 300
$ORIGIN busan.example.
@ SOA ns admin 1 3600 600 86400 60
@ MX 10 mx1
@ MX 20 mx2
mx1 A 192.0.2.1
mx2 A 192.0.2.2
_25._tcp.mx1 TLSA 3 1 1 {0}
_25._tcp.mx1 TLSA 2 0 1 {0}
_25._tcp.mx1 TLSA 1 1 1 {0}
implicit A 192.0.2.3
_25._tcp.implicit TLSA 3 1 1 {0}
unusable MX 10 mx3
mx3 A 192.0.2.4
_25._tcp.mx3 TLSA 0 0 1 {0}
_25._tcp.mx3 TLSA 3 2 1 {0}
_25._tcp.mx3 TLSA 3 1 3 {0}
_25._tcp.mx3 TLSA 3 1 1 abcd
_25._tcp.mx3 TLSA 3 1 2 {0}
alias-both MX 10 alias1
alias1 CNAME mx1
alias-own MX 10 alias2
alias2 CNAME mx2
_25._tcp.alias2 TLSA 3 0 0 abcd
alias-out MX 10 alias3
alias3 CNAME host.insecure.test.
_25._tcp.alias3 TLSA 3 1 1 {0}
domain-alias CNAME busan.example.
insecure-mx MX 10 mx.insecure.test.
$ORIGIN insecure.test.
host A 192.0.2.5
_25._tcp.host TLSA 3 1 1 {0}
mx A 192.0.2.6
_25._tcp.mx TLSA 3 1 1 {0}
to-secure MX 10 mx1.busan.example.
)",
                     digest);
}

std::string dump(const RouteAnswer& answer) {
  if (!answer) {
    return fmt::format("{} {} {}", answer.error().lasting ? "lasting" : "passing", answer.error().status,
                       answer.error().words);
  }
  std::string text;
  for (const auto& hop : answer->hops) {
    if (!text.empty()) text += "; ";
    text += fmt::format("{} {}", hop.host, name_of(hop.tls));
    if (!hop.tlsa.empty()) text += fmt::format(" {} {}", hop.tlsa.size(), fmt::join(hop.names, ","));
  }
  return text;
}

/// Web servers by name, each with what it gives; the rest can't be reached.
class ScriptedHttps final : public net::HttpsClient {
 public:
  Async<Result<net::HttpsResponse>> get(net::HttpsRequest request) override {
    ++asked;
    last = request;
    co_await sleep_for(delay);
    const auto found = documents.find(request.host);
    if (found == documents.end()) co_return fail(ErrorKind::closed, "refused");
    co_return found->second;
  }

  std::map<std::string, net::HttpsResponse> documents;
  std::chrono::milliseconds delay{0};
  int asked = 0;
  net::HttpsRequest last;
};

class SafeRoutes : public testing::Test {
 protected:
  SafeRoutes() { resolver.secure("example"); }

  std::string find(std::string_view to, RouteSettings settings = {}) {
    DnsRoutes routes(resolver, &policies, random, std::move(settings));
    return dump(run_blocking(routes.find(*Domain::parse(to))));
  }
  StsPolicies::Found policy(std::string_view domain) { return run_blocking(policies.find(*Domain::parse(domain))); }
  static net::HttpsResponse document(std::string_view mode, std::string_view mx, int max_age = 1000) {
    return {.status = 200,
            .media_type = "text/plain",
            .body = fmt::format("version: STSv1\nmode: {}\nmx: {}\nmax_age: {}\n", mode, mx, max_age)};
  }
  /// A domain with a policy, whose one host is mx.DOMAIN.
  void publish(const std::string& domain, const std::string& id) {
    resolver.set_zone(
        fmt::format("$ORIGIN {}.\n@ MX 10 mx\nmx A 192.0.2.10\n_mta-sts TXT \"v=STSv1; id={};\"\n"
                    "mta-sts A 192.0.2.11\n",
                    domain, id));
  }

  dns::ScriptedResolver resolver{zone()};
  ManualClock clock{SystemTime(std::chrono::seconds(1000))};
  SeededRandom random{1};
  ScriptedHttps https;
  StsPolicies policies{resolver, https, clock};
};

struct Case {
  std::string to;
  std::string expected;
};

TEST_F(SafeRoutes, Dane) {
  const std::vector<Case> cases = {
      {"busan.example", "mx1.busan.example dane 2 mx1.busan.example,busan.example; mx2.busan.example opportunistic"},
      {"implicit.busan.example", "implicit.busan.example dane 1 implicit.busan.example"},
      // RFC 7672 §2.2: records that nobody can use still say that there is TLS.
      {"unusable.busan.example", "mx3.busan.example encrypted"},
      // RFC 7672 §2.2.2: where the alias leads first, then its own name.
      {"alias-both.busan.example", "alias1.busan.example dane 2 mx1.busan.example,alias-both.busan.example"},
      {"alias-own.busan.example", "alias2.busan.example dane 1 alias2.busan.example,alias-own.busan.example"},
      {"alias-out.busan.example", "alias3.busan.example dane 1 alias3.busan.example,alias-out.busan.example"},
      {"domain-alias.busan.example",
       "mx1.busan.example dane 2 mx1.busan.example,domain-alias.busan.example,busan.example; mx2.busan.example "
       "opportunistic"},
      // Nothing that isn't proven counts: neither hosts, nor records.
      {"insecure-mx.busan.example", "mx.insecure.test opportunistic"},
      {"to-secure.insecure.test", "mx1.busan.example opportunistic"},
  };
  for (const auto& c : cases) EXPECT_EQ(find(c.to), c.expected) << c.to;
  EXPECT_EQ(resolver.asked("_25._tcp.mx.insecure.test", Type::tlsa), 0U);
  EXPECT_EQ(resolver.asked("_25._tcp.host.insecure.test", Type::tlsa), 0U);
}

TEST_F(SafeRoutes, RecordsThatCantBeLookedUpMakeTheHostUnusable) {
  for (const auto status : {Status::failed, Status::timed_out, Status::bogus}) {
    resolver.fail("_25._tcp.mx1.busan.example", Type::tlsa, status, "why");
    EXPECT_EQ(find("busan.example"), "mx2.busan.example opportunistic");
    EXPECT_EQ(find("alias-both.busan.example"),
              fmt::format("passing 4.7.5 no mail host of alias-both.busan.example may be trusted now "
                          "(alias1.busan.example: its TLSA records can't be looked up: {} (why))",
                          dns::words_of(status)));
  }
  // Insecure records are none.
  dns::Answer insecure{.status = Status::ok, .secure = false, .name = *dns::Name::parse("_25._tcp.mx1.busan.example")};
  insecure.records.emplace_back(dns::Tlsa{.usage = 3, .selector = 1, .matching = 1, .data = std::string(32, 'x')});
  resolver.answer("_25._tcp.mx1.busan.example", Type::tlsa, insecure);
  EXPECT_EQ(find("busan.example"), "mx1.busan.example opportunistic; mx2.busan.example opportunistic");
}

TEST_F(SafeRoutes, DaneByTheSettings) {
  RouteSettings settings;
  settings.set = {{.domain = "*", .host = "mx1.busan.example"}};
  EXPECT_EQ(find("x.test", settings), "mx1.busan.example dane 2 mx1.busan.example");
  settings.set[0].tls = TlsPolicy::dane;
  EXPECT_EQ(find("x.test", settings), "mx1.busan.example dane 2 mx1.busan.example");
  settings.set[0].tls = TlsPolicy::none;
  EXPECT_EQ(find("x.test", settings), "mx1.busan.example none");
  settings.set[0] = {.domain = "*", .host = "mx2.busan.example", .tls = TlsPolicy::dane};
  EXPECT_EQ(
      find("x.test", settings),
      "passing 4.7.5 no mail host of x.test may be trusted now (mx2.busan.example: the settings want DANE, and it "
      "has no TLSA records that can be used)");
  settings.set[0] = {.domain = "*", .tls = TlsPolicy::dane};
  EXPECT_EQ(find("busan.example", settings), "mx1.busan.example dane 2 mx1.busan.example,busan.example");
  // The port is part of the question.
  settings.set[0] = {.domain = "*", .host = "mx1.busan.example", .port = 587};
  EXPECT_EQ(find("x.test", settings), "mx1.busan.example opportunistic");
  EXPECT_EQ(resolver.asked("_587._tcp.mx1.busan.example", Type::tlsa), 1U);
}

TEST_F(SafeRoutes, MtaSts) {
  publish("a.test", "1");
  https.documents["mta-sts.a.test"] = document("enforce", "mx.a.test");
  EXPECT_EQ(find("a.test"), "mx.a.test mta-sts enforce");
  EXPECT_EQ(https.last.path, "/.well-known/mta-sts.txt");
  EXPECT_EQ(https.last.addresses.at(0).text(), "192.0.2.11:443");
  EXPECT_EQ(find("a.test"), "mx.a.test mta-sts enforce");
  EXPECT_EQ(https.asked, 1);

  publish("a.test", "2");
  https.documents["mta-sts.a.test"] = document("testing", "other.a.test");
  EXPECT_EQ(find("a.test"), "mx.a.test mta-sts testing");
  publish("a.test", "3");
  https.documents["mta-sts.a.test"] = document("enforce", "other.a.test");
  EXPECT_EQ(
      find("a.test"),
      "passing 4.7.5 no mail host of a.test may be trusted now (mx.a.test: it is none of the hosts of the MTA-STS "
      "policy)");
  publish("a.test", "4");
  https.documents["mta-sts.a.test"] = document("none", "mx.a.test");
  EXPECT_EQ(find("a.test"), "mx.a.test opportunistic");
  // What the operator has set counts before what the domain wants.
  publish("a.test", "5");
  https.documents["mta-sts.a.test"] = document("enforce", "other.a.test");
  RouteSettings settings;
  settings.set = {{.domain = "a.test", .tls = TlsPolicy::encrypted}};
  EXPECT_EQ(find("a.test", settings), "mx.a.test encrypted");
}

TEST_F(SafeRoutes, DaneStandsAboveMtaSts) {
  resolver.set_zone(zone() + "$ORIGIN busan.example.\n_mta-sts TXT \"v=STSv1; id=1\"\nmta-sts A 192.0.2.11\n");
  https.documents["mta-sts.busan.example"] = document("enforce", "*.busan.example");
  EXPECT_EQ(find("busan.example"),
            "mx1.busan.example dane 2 mx1.busan.example,busan.example; mx2.busan.example mta-sts enforce");
  resolver.fail("_25._tcp.mx1.busan.example", Type::tlsa, Status::bogus, "forged");
  EXPECT_EQ(find("busan.example"), "mx2.busan.example mta-sts enforce");
}

TEST_F(SafeRoutes, PoliciesStayInForce) {
  publish("a.test", "1");
  https.documents["mta-sts.a.test"] = document("enforce", "mx.a.test", 1000);
  EXPECT_TRUE(policy("a.test").policy);
  // RFC 8461 §5.1: neither a record that is gone, nor a web server that fails, takes it away.
  resolver.set_zone("a.test. MX 10 mx.a.test.\n");
  auto found = policy("a.test");
  EXPECT_TRUE(found.policy);
  EXPECT_EQ(found.how, std::vector<std::string>{"TXT _mta-sts.a.test: no such name: the remembered MTA-STS policy 1 "
                                                "(enforce, 1 hosts) stays in force"});
  publish("a.test", "2");
  https.documents.clear();
  found = policy("a.test");
  EXPECT_EQ(found.policy->mode, smtp::StsMode::enforce);
  EXPECT_EQ(found.how, (std::vector<std::string>{"MTA-STS policy 2: refused",
                                                 "the new one can't be fetched: the remembered MTA-STS policy 1 "
                                                 "(enforce, 1 hosts) stays in force"}));
  // It isn't asked for again at once.
  EXPECT_TRUE(policy("a.test").policy);
  EXPECT_EQ(https.asked, 2);
  clock.advance(std::chrono::seconds(301));
  EXPECT_TRUE(policy("a.test").policy);
  EXPECT_EQ(https.asked, 3);
  clock.advance(std::chrono::seconds(700));
  EXPECT_FALSE(policy("a.test").policy);
  https.documents["mta-sts.a.test"] = document("testing", "mx.a.test");
  clock.advance(std::chrono::seconds(301));
  EXPECT_EQ(policy("a.test").policy->mode, smtp::StsMode::testing);
  EXPECT_EQ(policies.counts().policies, 1U);
  EXPECT_EQ(policies.counts().fetched, 2U);
}

TEST_F(SafeRoutes, PoliciesThatAreNone) {
  const auto how = [&](net::HttpsResponse response) {
    publish("a.test", "1");
    https.documents["mta-sts.a.test"] = std::move(response);
    clock.advance(std::chrono::seconds(301));
    const auto found = policy("a.test");
    EXPECT_FALSE(found.policy);
    return fmt::format("{}", fmt::join(found.how, "\n"));
  };
  EXPECT_EQ(how({.status = 404, .media_type = "text/plain", .body = {}}), "MTA-STS policy 1: mta-sts.a.test says 404");
  EXPECT_EQ(how({.status = 301, .media_type = "text/plain", .body = {}}), "MTA-STS policy 1: mta-sts.a.test says 301");
  EXPECT_EQ(how({.status = 200, .media_type = "text/html", .body = document("enforce", "mx.a.test").body}),
            "MTA-STS policy 1: mta-sts.a.test gives something else than text/plain");
  EXPECT_EQ(how({.status = 200, .media_type = "text/plain", .body = "nothing"}),
            "MTA-STS policy 1: a line has no colon: nothing");
  // No record, no question to a web server.
  const auto asked = https.asked;
  resolver.set_zone("b.test. MX 10 mx.b.test.\n_mta-sts.b.test. TXT \"v=STSv1\"\n");
  EXPECT_FALSE(policy("a.test").policy);
  EXPECT_FALSE(policy("b.test").policy);
  EXPECT_EQ(https.asked, asked);
  resolver.set_zone("c.test. TXT x\n_mta-sts.c.test. TXT \"v=STSv1; id=1\"\n");
  EXPECT_EQ(policy("c.test").how, std::vector<std::string>{"MTA-STS policy 1: mta-sts.c.test has no address"});
}

Async<> find_into(StsPolicies* policies, int* found) {
  const auto one = co_await policies->find(*Domain::parse("a.test"));
  if (one.policy) ++*found;
}

TEST_F(SafeRoutes, OneFetchesForAllWhoAsk) {
  publish("a.test", "1");
  https.documents["mta-sts.a.test"] = document("enforce", "mx.a.test");
  https.delay = std::chrono::milliseconds(5);
  asio::io_context io(1);
  int found = 0;
  for (int i = 0; i < 10; ++i) {
    asio::co_spawn(io, find_into(&policies, &found), [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
  }
  io.run();
  EXPECT_EQ(found, 10);
  EXPECT_EQ(https.asked, 1);
}

TEST_F(SafeRoutes, FewPoliciesAreRemembered) {
  StsPolicies few(resolver, https, clock, {.most_policies = 2});
  const auto ask = [&](const std::string& domain) {
    publish(domain, "1");
    https.documents["mta-sts." + domain] = document("enforce", "mx." + domain);
    EXPECT_TRUE(run_blocking(few.find(*Domain::parse(domain))).policy);
  };
  for (const auto* domain : {"a.test", "b.test", "a.test", "c.test", "a.test"}) ask(domain);
  EXPECT_EQ(few.counts().policies, 2U);
  EXPECT_EQ(few.counts().fetched, 3U);  // b, the longest unused, had to go
}

}  // namespace
}  // namespace pabal::queue
