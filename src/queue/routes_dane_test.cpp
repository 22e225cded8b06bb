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
    most_at_once = std::max(most_at_once, ++at_once);
    co_await sleep_for(delay);
    --at_once;
    const auto found = documents.find(request.host);
    if (error) co_return fail(*error, "refused");
    if (found == documents.end()) co_return fail(ErrorKind::closed, "refused");
    co_return found->second;
  }

  std::map<std::string, net::HttpsResponse> documents;
  std::optional<ErrorKind> error;
  std::chrono::milliseconds delay{0};
  int asked = 0;
  int at_once = 0;
  int most_at_once = 0;
  net::HttpsRequest last;
};

/// What was told of TLS before there was a session.
class Outcomes final : public TlsOutcomes {
 public:
  void note(TlsOutcome outcome) noexcept override { all.push_back(std::move(outcome)); }
  std::string take() {
    std::string text;
    for (const auto& one : std::exchange(all, {})) {
      text += fmt::format("{} {} {} {}: {}\n", one.domain, name_of(one.policy),
                          one.failure ? name_of(*one.failure) : "success",
                          one.receiving_host.empty() ? "-" : one.receiving_host, one.reason);
    }
    return text;
  }
  std::vector<TlsOutcome> all;
};

class SafeRoutes : public testing::Test {
 protected:
  SafeRoutes() { resolver.secure("example"); }

  std::string find(std::string_view to, RouteSettings settings = {}, store::TlsWish wish = store::TlsWish::none) {
    return dump(route(to, std::move(settings), wish));
  }
  RouteAnswer route(std::string_view to, RouteSettings settings = {}, store::TlsWish wish = store::TlsWish::none) {
    const DnsRoutes::Told told{.outcomes = &outcomes, .clock = &clock};
    DnsRoutes routes(resolver, &policies, random, std::move(settings), told);
    return run_blocking(routes.find(*Domain::parse(to), wish));
  }
  /// The names that certificates of the hosts must have one of.
  std::string names(std::string_view to, RouteSettings settings) {
    std::string text;
    const auto found = route(to, std::move(settings));
    if (!found) return found.error().words;
    for (const auto& hop : found->hops) {
      text += fmt::format("{}{} {}", text.empty() ? "" : "; ", name_of(hop.tls), fmt::join(hop.names, ","));
    }
    return text;
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
  Outcomes outcomes;
};

// RFC 8689: a sender who requires TLS gets hosts that can be verified under a name that is proven; one who waives it
// gets them as if the domain published nothing.
TEST_F(SafeRoutes, WhatTheSenderWishes) {
  using store::TlsWish;
  const auto required = [&](std::string_view to) { return find(to, {}, TlsWish::required); };
  const auto waived = [&](std::string_view to) { return find(to, {}, TlsWish::waived); };
  // DNSSEC proves these names.
  EXPECT_EQ(required("busan.example"),
            "mx1.busan.example dane 2 mx1.busan.example,busan.example; mx2.busan.example verified");
  EXPECT_EQ(required("unusable.busan.example"), "mx3.busan.example verified");
  EXPECT_EQ(waived("busan.example"), "mx1.busan.example opportunistic; mx2.busan.example opportunistic");
  EXPECT_EQ(waived("unusable.busan.example"), "mx3.busan.example opportunistic");
  // What the operator demands isn't the sender's to waive.
  RouteSettings settings;
  settings.set = {{.domain = "busan.example", .tls = TlsPolicy::verified}};
  EXPECT_EQ(find("busan.example", settings, TlsWish::waived), "mx1.busan.example verified; mx2.busan.example verified");

  publish("plain.test", "1");
  https.documents["mta-sts.plain.test"] = document("testing", "mx.plain.test");
  EXPECT_EQ(required("plain.test"), "mx.plain.test verified");
  const auto before = https.asked;
  EXPECT_EQ(waived("plain.test"), "mx.plain.test opportunistic");
  EXPECT_EQ(https.asked, before);
  // Nothing proves this one, and a domain that is its own host needs no proof but its certificate.
  resolver.set_zone("$ORIGIN bare.test.\n@ MX 10 mx\nmx A 192.0.2.10\n");
  EXPECT_TRUE(required("bare.test").starts_with("lasting 5.7.10 no mail host of bare.test may be trusted now"))
      << required("bare.test");
  resolver.set_zone("$ORIGIN own.test.\n@ A 192.0.2.10\n");
  EXPECT_EQ(required("own.test"), "own.test verified");
}

// RFC 8689 §5: a notice about such a letter goes by what the domain publishes, in plain text to nobody, and isn't
// refused for want of a proof.
TEST_F(SafeRoutes, ANoticeAboutARequiringLetterGoesAsSafelyAsItCan) {
  const auto preferred = [&](std::string_view to, RouteSettings settings = {}) {
    return find(to, std::move(settings), store::TlsWish::preferred);
  };
  EXPECT_EQ(preferred("busan.example"),
            "mx1.busan.example dane 2 mx1.busan.example,busan.example; mx2.busan.example encrypted");
  resolver.set_zone("$ORIGIN bare.test.\n@ MX 10 mx\nmx A 192.0.2.10\n");
  EXPECT_EQ(preferred("bare.test"), "mx.bare.test encrypted");
  publish("a.test", "1");
  https.documents["mta-sts.a.test"] = document("enforce", "mx.a.test");
  EXPECT_EQ(preferred("a.test"), "mx.a.test mta-sts enforce");
  publish("a.test", "2");
  https.documents["mta-sts.a.test"] = document("testing", "mx.a.test");
  EXPECT_EQ(preferred("a.test"), "mx.a.test encrypted");
  RouteSettings settings;
  settings.set = {{.domain = "*", .host = "192.0.2.7"}};
  EXPECT_EQ(preferred("bare.test", settings), "192.0.2.7 encrypted");
  settings.set = {{.domain = "*", .host = "127.0.0.7"}};
  EXPECT_EQ(preferred("bare.test", settings), "127.0.0.7 opportunistic");
}

// A policy that can't be had just now may be had later: the letter waits for it.
TEST_F(SafeRoutes, RequiringTlsWhereThePolicyIsUnknown) {
  const auto required = [&](std::string_view to) { return find(to, {}, store::TlsWish::required).substr(0, 13); };
  publish("a.test", "1");
  EXPECT_EQ(required("a.test"), "passing 4.7.5") << "the record is there, and the web server isn't";
  EXPECT_EQ(required("a.test"), "passing 4.7.5") << "not asked again so soon";
  resolver.fail("_mta-sts.a.test", Type::txt, Status::timed_out, "slow");
  EXPECT_EQ(required("a.test"), "passing 4.7.5");
  resolver.set_zone("$ORIGIN a.test.\n@ MX 10 mx\nmx A 192.0.2.10\n");
  EXPECT_EQ(required("b.test").substr(0, 7), "lasting");
}

// RFC 8460 §4.3: what is wrong before there is a session.
TEST_F(SafeRoutes, WhatIsWrongIsTold) {
  resolver.fail("_25._tcp.mx1.busan.example", Type::tlsa, Status::bogus, "forged");
  EXPECT_EQ(find("busan.example"), "mx2.busan.example opportunistic");
  EXPECT_EQ(
      outcomes.take(),
      "busan.example tlsa dnssec-invalid mx1.busan.example: its TLSA records can't be looked up: bogus (forged)\n");
  RouteSettings settings;
  settings.set = {{.domain = "*", .tls = TlsPolicy::dane}};
  find("unusable.busan.example", settings);
  EXPECT_EQ(outcomes.take(),
            "unusable.busan.example tlsa dane-required mx3.busan.example: the settings want DANE, and it has no TLSA "
            "records that can be used\n");
  settings.set = {{.domain = "*", .host = "mx2.busan.example", .tls = TlsPolicy::dane}};
  find("busan.example", settings);
  EXPECT_EQ(outcomes.take(), "") << "that is not the domain's";

  publish("a.test", "1");
  find("a.test");
  EXPECT_EQ(outcomes.take(), "a.test sts sts-policy-fetch-error -: refused\n");
  find("a.test");
  EXPECT_EQ(outcomes.take(), "a.test sts sts-policy-fetch-error -: refused\n") << "another letter";
  const auto fault = [&](net::HttpsResponse response) {
    clock.advance(std::chrono::seconds(301));
    https.documents["mta-sts.a.test"] = std::move(response);
    find("a.test");
    const auto told = outcomes.take();
    return told.substr(0, told.find(" -:"));
  };
  EXPECT_EQ(fault({.status = 404, .media_type = "text/plain", .body = {}}), "a.test sts sts-policy-fetch-error");
  EXPECT_EQ(fault({.status = 200, .media_type = "text/html", .body = {}}), "a.test sts sts-policy-invalid");
  EXPECT_EQ(fault({.status = 200, .media_type = "text/plain", .body = "x"}), "a.test sts sts-policy-invalid");
  https.error = ErrorKind::policy;
  EXPECT_EQ(fault({}), "a.test sts sts-webpki-invalid");
  https.error.reset();
  EXPECT_EQ(fault(document("enforce", "other.a.test")),
            "a.test sts validation-failure mx.a.test: it is none of the hosts of the MTA-STS policy\n");
  // Under test letters go there, and their sessions are the failures.
  publish("a.test", "2");
  https.documents["mta-sts.a.test"] = document("testing", "other.a.test");
  const auto tested = route("a.test");
  ASSERT_TRUE(tested);
  ASSERT_TRUE(tested->hops.front().fault);
  EXPECT_EQ(tested->hops.front().fault->failure, TlsFailure::validation_failure);
  EXPECT_EQ(outcomes.take(), "");
  // A remembered policy is in force though the new one can't be fetched, and its domain hears of it.
  publish("a.test", "3");
  https.documents.clear();
  EXPECT_EQ(find("a.test"), "mx.a.test mta-sts testing");
  ASSERT_EQ(outcomes.all.size(), 1U);
  EXPECT_EQ(outcomes.all.front().policy_hosts, std::vector<std::string>{"other.a.test"});
  EXPECT_EQ(outcomes.take(), "a.test sts sts-policy-fetch-error -: refused\n");
}

// What the operator demands doesn't fall to a forged MX record: names that nothing proves must be the domain's own.
TEST_F(SafeRoutes, VerifiedByNamesThatAreProven) {
  RouteSettings settings;
  settings.set = {{.domain = "*", .tls = TlsPolicy::verified}};
  EXPECT_EQ(names("busan.example", settings), "verified mx1.busan.example; verified mx2.busan.example");
  resolver.set_zone(
      "$ORIGIN a.test.\n@ MX 10 mx\n@ MX 20 mx.elsewhere.test.\n@ MX 30 mxa.test.\nmx A 192.0.2.10\n"
      "mx.elsewhere.test. A 192.0.2.11\nmxa.test. A 192.0.2.12\n");
  EXPECT_EQ(names("a.test", settings), "verified mx.a.test,a.test; verified a.test; verified a.test");
  resolver.set_zone(
      "$ORIGIN a.test.\n@ MX 10 mx.elsewhere.test.\nmx.elsewhere.test. A 192.0.2.11\n"
      "_mta-sts TXT \"v=STSv1; id=1;\"\nmta-sts A 192.0.2.13\n");
  https.documents["mta-sts.a.test"] = document("testing", "*.elsewhere.test");
  EXPECT_EQ(names("a.test", settings), "verified mx.elsewhere.test") << "an MTA-STS policy proves it";
  EXPECT_EQ(outcomes.take(), "");
  resolver.set_zone("a.test. A 192.0.2.10\n");
  EXPECT_EQ(names("a.test", settings), "verified a.test");
}

// A password is for the host that was meant, also where its TLSA records can't be used.
TEST_F(SafeRoutes, RecordsThatCantBeUsedTakeNothingAway) {
  RouteSettings settings;
  settings.set = {{.domain = "*", .host = "mx3.busan.example", .credentials = RouteCredentials{"user", "secret"}}};
  EXPECT_EQ(find("x.test", settings), "mx3.busan.example verified");
}

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
  // A policy that doesn't name the host takes nothing from what DNSSEC proves.
  https.documents["mta-sts.busan.example"] = document("enforce", "mx2.busan.example");
  resolver.set_zone(zone() + "$ORIGIN busan.example.\n_mta-sts TXT \"v=STSv1; id=2\"\nmta-sts A 192.0.2.11\n");
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

// RFC 8461 §10.2: a policy in use is renewed long before its time is over.
TEST_F(SafeRoutes, PoliciesInUseAreRenewed) {
  using std::chrono::hours;
  publish("a.test", "1");
  https.documents["mta-sts.a.test"] = document("enforce", "mx.a.test", 10 * 86400);
  EXPECT_TRUE(policy("a.test").policy);
  const auto refresh = [&] {
    const auto done = run_blocking(policies.refresh(10));
    std::string text = fmt::format("{}", done.fetched);
    for (const auto& [domain, why] : done.failed) text += fmt::format(" {}: {}", domain.ascii(), why);
    return text;
  };
  EXPECT_EQ(refresh(), "0");
  clock.advance(hours(23));
  EXPECT_EQ(refresh(), "0");
  clock.advance(hours(2));
  EXPECT_EQ(refresh(), "1");
  EXPECT_EQ(https.asked, 2);
  EXPECT_EQ(refresh(), "0");
  // It can't be fetched: tried each hour, told each time, and in force all the while.
  https.error = ErrorKind::closed;
  clock.advance(hours(25));
  EXPECT_EQ(refresh(), "0 a.test: refused");
  EXPECT_EQ(refresh(), "0");
  clock.advance(hours(1));
  EXPECT_EQ(refresh(), "0 a.test: refused");
  EXPECT_EQ(policy("a.test").policy->mode, smtp::StsMode::enforce);
  https.error.reset();
  publish("a.test", "2");
  https.documents["mta-sts.a.test"] = document("testing", "mx.a.test", 10 * 86400);
  clock.advance(hours(1));
  EXPECT_EQ(refresh(), "1") << "the new one, too";
  EXPECT_EQ(policy("a.test").how.front(), "MTA-STS policy 2 (testing, 1 hosts)");
  // A record that was withdrawn is no failure; the policy stays for its time.
  resolver.set_zone("a.test. MX 10 mx.a.test.\n");
  clock.advance(hours(25));
  EXPECT_EQ(refresh(), "0");
  EXPECT_TRUE(policy("a.test").policy);
  // What no letter has needed for a week is left to end.
  publish("a.test", "2");
  clock.advance(hours(7 * 24));
  EXPECT_EQ(refresh(), "0");
  EXPECT_TRUE(policy("a.test").policy) << "its time is not over";
  EXPECT_EQ(refresh(), "1");
  // One with a short time: when half of that is over.
  publish("b.test", "1");
  https.documents["mta-sts.b.test"] = document("none", "mx.b.test", 3600);
  EXPECT_TRUE(policy("b.test").policy);
  clock.advance(std::chrono::minutes(31));
  https.error = ErrorKind::closed;
  EXPECT_EQ(refresh(), "0") << "nobody needs to hear of one that asks for nothing";
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

TEST_F(SafeRoutes, RenewalsGoSideBySide) {
  std::string zone;
  for (int i = 0; i < 20; ++i) {
    const auto domain = fmt::format("d{}.test", i);
    zone += fmt::format("_mta-sts.{0}. TXT \"v=STSv1; id=1\"\nmta-sts.{0}. A 192.0.2.1\n", domain);
    https.documents["mta-sts." + domain] = document("enforce", "mx." + domain, 10 * 86400);
  }
  resolver.set_zone(zone);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(policy(fmt::format("d{}.test", i)).policy);
  clock.advance(std::chrono::hours(25));
  https.delay = std::chrono::milliseconds(10);
  EXPECT_EQ(https.most_at_once, 1);
  EXPECT_EQ(run_blocking(policies.refresh(15)).fetched, 15);
  EXPECT_EQ(https.most_at_once, 8);
  EXPECT_EQ(run_blocking(policies.refresh(15)).fetched, 5);
}

// Big ones push out others of that kind, and none that is as small as most.
TEST_F(SafeRoutes, BigPoliciesTakeTheirOwnPlaces) {
  StsPolicies few(resolver, https, clock, {.most_octets = 20'000});
  const auto ask = [&](const std::string& domain, int hosts) {
    publish(domain, "1");
    auto text = document("enforce", "mx." + domain);
    for (int i = 0; i < hosts; ++i) text.body += fmt::format("mx: {}{}.{}\r\n", std::string(60, 'x'), i, domain);
    https.documents["mta-sts." + domain] = text;
    EXPECT_TRUE(run_blocking(few.find(*Domain::parse(domain))).policy);
  };
  ask("small.test", 0);
  for (int i = 0; i < 10; ++i) ask(fmt::format("big{}.test", i), 90);
  EXPECT_LT(few.counts().policies, 5U);
  const auto before = https.asked;
  ask("small.test", 0);
  EXPECT_EQ(https.asked, before) << "it is still there";
  ask("big9.test", 90);
  EXPECT_EQ(https.asked, before);
  ask("big0.test", 90);
  EXPECT_EQ(https.asked, before + 1);
}

}  // namespace
}  // namespace pabal::queue
