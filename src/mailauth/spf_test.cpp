#include "mailauth/spf.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "dns/scripted_resolver.hpp"

namespace pabal::mailauth {
namespace {

struct SpfWorld {
  explicit SpfWorld(const std::string& zone) : resolver("$TTL 300\n" + zone) {}

  SpfOutcome outcome(const std::string& mail_from, const std::string& ip = "192.0.2.1",
                     const std::string& helo = "client.example") {
    return run_blocking(check_spf(resolver, {.address = *IpAddress::parse(ip),
                                             .helo = helo,
                                             .mail_from = mail_from,
                                             .receiver = "mx.receiver.example",
                                             .now = SystemTime()}));
  }
  /// "pass by mx (1, 0)".
  std::string line(const std::string& mail_from, const std::string& ip = "192.0.2.1") {
    const auto found = outcome(mail_from, ip);
    return fmt::format("{} by {} ({}, {})", name_of(found.result), found.mechanism, found.lookups, found.void_lookups);
  }
  dns::ScriptedResolver resolver;
};

TEST(Spf, mechanisms) {
  SpfWorld world(R"(
a.example.          A     192.0.2.1
a.example.          TXT   "v=spf1 a -all"
net.example.        TXT   "v=spf1 a:a.example/24 -all"
mx.example.         TXT   "v=spf1 mx -all"
mx.example.         MX    20 a.example.
mx.example.         MX    10 b.example.
b.example.          A     192.0.2.2
b.example.          AAAA  2001:db8::2
six.example.        TXT   "v=spf1 ip6:2001:db8::/32 ip4:192.0.2.0/28 ?all"
inc.example.        TXT   "v=spf1 include:six.example -all"
red.example.        TXT   "v=spf1 redirect=inc.example"
ex.example.         TXT   "v=spf1 exists:%{i}.list.example -all"
192.0.2.1.list.example. A 127.0.0.2
nothing.example.    TXT   "v=spf1"
ptr.example.        TXT   "v=spf1 ptr:b.example -all"
2.2.0.192.in-addr.arpa. PTR b.example.
1.2.0.192.in-addr.arpa. PTR b.example.
)");
  EXPECT_EQ(world.line("x@a.example"), "pass by a (1, 0)");
  EXPECT_EQ(world.line("x@a.example", "192.0.2.2"), "fail by -all (1, 0)");
  EXPECT_EQ(world.line("x@a.example", "2001:db8::1"), "fail by -all (1, 1)");
  EXPECT_EQ(world.line("x@net.example", "192.0.2.200"), "pass by a:a.example/24 (1, 0)");
  EXPECT_EQ(world.line("x@mx.example"), "pass by mx (1, 0)");
  EXPECT_EQ(world.line("x@mx.example", "2001:db8::2"), "pass by mx (1, 0)");
  EXPECT_EQ(world.line("x@mx.example", "192.0.2.3"), "fail by -all (1, 0)");
  EXPECT_EQ(world.line("x@six.example", "192.0.2.15"), "pass by ip4:192.0.2.0/28 (0, 0)");
  EXPECT_EQ(world.line("x@six.example", "192.0.2.16"), "neutral by ?all (0, 0)");
  EXPECT_EQ(world.line("x@six.example", "2001:db8::9"), "pass by ip6:2001:db8::/32 (0, 0)");
  EXPECT_EQ(world.line("x@six.example", "::ffff:192.0.2.9"), "pass by ip4:192.0.2.0/28 (0, 0)");
  EXPECT_EQ(world.line("x@inc.example"), "pass by include:six.example (1, 0)");
  EXPECT_EQ(world.line("x@inc.example", "192.0.2.99"), "fail by -all (1, 0)");
  EXPECT_EQ(world.line("x@red.example"), "pass by include:six.example (2, 0)");
  EXPECT_EQ(world.line("x@ex.example"), "pass by exists:%{i}.list.example (1, 0)");
  EXPECT_EQ(world.line("x@ex.example", "192.0.2.4"), "fail by -all (1, 1)");
  EXPECT_EQ(world.line("x@nothing.example"), "neutral by default (0, 0)");
  EXPECT_EQ(world.line("x@ptr.example", "192.0.2.2"), "pass by ptr:b.example (1, 0)");
  EXPECT_EQ(world.line("x@ptr.example"), "fail by -all (1, 0)");
}

TEST(Spf, whoIsChecked) {
  SpfWorld world(R"(
a.example.        TXT "v=spf1 exists:%{l}.%{o}.who.example -all exp=why.example"
b.a.example.      TXT "v=spf1 -all exp=why.example"
xn--3e0b707e.example. TXT "v=spf1 exists:%{d}.who.example -all"
xn--3e0b707e.example.who.example. A 127.0.0.2
why.example.      TXT "%{s} %{h} %{r}"
)");
  auto outcome = world.outcome("", "192.0.2.1", "b.a.example");
  EXPECT_EQ(outcome.identity, SpfIdentity::helo);
  EXPECT_EQ(outcome.sender, "postmaster@b.a.example");
  EXPECT_EQ(outcome.explanation, "postmaster@b.a.example b.a.example mx.receiver.example");
  outcome = world.outcome("\"a b\\\"\"@a.example");
  EXPECT_EQ(outcome.explanation, "a b\"@a.example client.example mx.receiver.example");
  EXPECT_EQ(world.resolver.asked("a\\032b\\\".a.example.who.example", dns::Type::a), 1U);
  // U-labels are asked for as A-labels (RFC 8616 §4), and a local part that isn't ASCII matches nothing.
  outcome = world.outcome("x@\xED\x95\x9C\xEA\xB5\xAD.example");
  EXPECT_EQ(outcome.result, SpfResult::pass);
  EXPECT_EQ(outcome.domain, "xn--3e0b707e.example");
  const auto before = world.resolver.asked();
  outcome = world.outcome("\xED\x95\x9C@a.example");
  EXPECT_EQ(outcome.result, SpfResult::fail);
  EXPECT_EQ(outcome.explanation, "");
  EXPECT_EQ(world.resolver.asked(), before + 2);  // the record, and the explanation
  // A final dot, and an address without a local part.
  EXPECT_EQ(world.outcome("x@b.a.example.").result, SpfResult::fail);
  EXPECT_EQ(world.outcome("@b.a.example").sender, "postmaster@b.a.example");
  EXPECT_EQ(world.outcome("b.a.example").sender, "postmaster@b.a.example");
}

TEST(Spf, noneWithoutADomain) {
  SpfWorld world("");
  for (const char* sender : {"x@", "x@localhost", "x@[192.0.2.1]", "x@[IPv6:2001:db8::1]", "x@a..example", "x@.example",
                             "x@\xFF.example", "x@a b", "@", "x@."}) {
    EXPECT_EQ(world.outcome(sender).result, SpfResult::none) << sender;
  }
  EXPECT_EQ(world.outcome("", "192.0.2.1", "").result, SpfResult::none);
  EXPECT_EQ(world.outcome("x@" + std::string(64, 'a') + ".example").result, SpfResult::none);
  EXPECT_EQ(world.resolver.asked(), 0U);
  EXPECT_EQ(world.outcome("x@nowhere.example").result, SpfResult::none);
}

TEST(Spf, failuresOfTheDns) {
  SpfWorld world(R"(
a.example.      TXT "v=spf1 a:dead.example ip4:192.0.2.1 -all"
after.example.  TXT "v=spf1 ip4:192.0.2.1 a:dead.example -all"
mx.example.     TXT "v=spf1 mx -all"
mx.example.     MX  10 dead.example.
mx.example.     MX  20 b.example.
b.example.      A   192.0.2.1
early.example.  TXT "v=spf1 mx -all"
early.example.  MX  10 b.example.
early.example.  MX  20 dead.example.
inc.example.    TXT "v=spf1 include:dead.example +all"
red.example.    TXT "v=spf1 redirect=dead.example"
ptr.example.    TXT "v=spf1 ptr ?all"
exp.example.    TXT "v=spf1 -all exp=dead.example"
)");
  for (const auto status : {dns::Status::failed, dns::Status::timed_out, dns::Status::bogus}) {
    for (const auto type : {dns::Type::a, dns::Type::txt}) world.resolver.fail("dead.example", type, status);
    world.resolver.fail("1.2.0.192.in-addr.arpa", dns::Type::ptr, status);
    EXPECT_EQ(world.line("x@dead.example"), "temperror by  (0, 0)");
    EXPECT_EQ(world.line("x@a.example"), "temperror by a:dead.example (1, 0)");
    EXPECT_EQ(world.line("x@after.example"), "pass by ip4:192.0.2.1 (0, 0)");
    EXPECT_EQ(world.line("x@mx.example"), "temperror by mx (1, 0)");
    EXPECT_EQ(world.line("x@early.example"), "pass by mx (1, 0)");
    EXPECT_EQ(world.line("x@inc.example"), "temperror by include:dead.example (1, 0)");
    EXPECT_EQ(world.line("x@red.example"), "temperror by  (1, 0)");
    EXPECT_EQ(world.line("x@ptr.example"), "neutral by ?all (1, 0)");
    EXPECT_EQ(world.line("x@exp.example"), "fail by -all (0, 0)");
    EXPECT_EQ(world.outcome("x@exp.example").explanation, "");
    EXPECT_FALSE(world.outcome("x@a.example").problem.empty());
    EXPECT_TRUE(world.outcome("x@inc.example").problem.contains("in dead.example: "));
  }
}

TEST(Spf, limits) {
  std::string zone = R"(
loop.example.   TXT "v=spf1 include:loop.example -all"
self.example.   TXT "v=spf1 redirect=self.example"
void.example.   TXT "v=spf1 a:n1.example mx:n2.example exists:n3.example ip4:192.0.2.1 -all"
void2.example.  TXT "v=spf1 a:n1.example mx:n2.example ip4:192.0.2.1 -all"
deep0.example.  TXT "v=spf1 include:deep1.example -all"
mx.example.     TXT "v=spf1 mx mx mx mx -all"
many.example.   TXT "v=spf1 mx -all"
ten.example.    TXT "v=spf1 a a a a a a a a a a ip4:192.0.2.1 -all"
ten.example.    A   198.51.100.1
eleven.example. TXT "v=spf1 a a a a a a a a a a a ip4:192.0.2.1 -all"
eleven.example. A   198.51.100.1
red.example.    TXT "v=spf1 a a a a a a a a a redirect=all.example"
red.example.    A   198.51.100.1
red2.example.   TXT "v=spf1 a a a a a a a a a a redirect=all.example"
red2.example.   A   198.51.100.1
all.example.    TXT "v=spf1 +all"
)";
  for (int i = 1; i <= 12; ++i) {
    zone += fmt::format("deep{}.example. TXT \"v=spf1 include:deep{}.example -all\"\n", i, i + 1);
  }
  zone += "deep13.example. TXT \"v=spf1 +all\"\n";
  for (int i = 1; i <= 10; ++i) zone += fmt::format("mx.example. MX {} nohost{}.example.\n", i, i);
  for (int i = 1; i <= 11; ++i) zone += fmt::format("many.example. MX {} nohost{}.example.\n", i, i);
  SpfWorld world(zone);
  for (const auto* sender : {"x@loop.example", "x@self.example"}) {
    // The cause, not each domain that it was found through.
    const auto why = world.outcome(sender).problem;
    EXPECT_TRUE(why.contains("more than 10 terms ask the DNS (RFC 7208 §4.6.4)") && why.size() < 130) << why;
  }
  EXPECT_EQ(world.line("x@loop.example"), "permerror by include:loop.example (10, 0)");
  EXPECT_EQ(world.line("x@self.example"), "permerror by  (10, 0)");
  EXPECT_EQ(world.line("x@deep0.example"), "permerror by include:deep1.example (10, 0)");
  EXPECT_EQ(world.line("x@void.example"), "permerror by exists:n3.example (3, 3)");
  EXPECT_EQ(world.line("x@void2.example"), "pass by ip4:192.0.2.1 (2, 2)");
  // The hosts of MX records are part of their term.
  EXPECT_EQ(world.line("x@mx.example"), "fail by -all (4, 0)");
  EXPECT_EQ(world.line("x@many.example"), "permerror by mx (1, 0)");
  EXPECT_EQ(world.line("x@ten.example"), "pass by ip4:192.0.2.1 (10, 0)");
  EXPECT_EQ(world.line("x@eleven.example"), "permerror by a (10, 0)");
  EXPECT_EQ(world.line("x@red.example"), "pass by +all (10, 0)");
  EXPECT_EQ(world.line("x@red2.example"), "permerror by  (10, 0)");
}

TEST(Spf, namesOfTheClientAreLookedUpOnceAndTenAtMost) {
  std::string zone = R"(
a.example.  TXT "v=spf1 ptr exists:%{p}.x.example exists:%{p}.y.example ptr:other.example -all exp=why.example"
why.example. TXT "%{p}"
)";
  for (int i = 0; i < 15; ++i) {
    zone += fmt::format("1.2.0.192.in-addr.arpa. PTR host{:02}.other.net.\nhost{:02}.other.net. A 192.0.2.1\n", i, i);
  }
  SpfWorld world(zone);
  const auto outcome = world.outcome("x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::fail);
  EXPECT_TRUE(outcome.explanation.ends_with(".other.net")) << outcome.explanation;
  EXPECT_EQ(world.resolver.asked("1.2.0.192.in-addr.arpa", dns::Type::ptr), 1U);
  EXPECT_EQ(world.resolver.asked(), 1U + 1 + 10 + 2 + 1);
}

TEST(Spf, explanations) {
  SpfWorld world(R"(
a.example.  TXT "v=spf1 include:b.example -all exp=why.a.example"
b.example.  TXT "v=spf1 -all exp=why.b.example"
c.example.  TXT "v=spf1 redirect=b.example exp=why.a.example"
why.a.example. TXT "a: %{d} %{c}"
why.b.example. TXT "b: " "%{d}"
soft.example. TXT "v=spf1 ~all exp=why.a.example"
bad.example. TXT "v=spf1 -all exp=why.bad.example"
why.bad.example. TXT "%{x}"
two.example. TXT "v=spf1 -all exp=why.two.example"
why.two.example. TXT "one"
why.two.example. TXT "two"
helo.example. TXT "v=spf1 -all exp=why.helo.example"
why.helo.example. TXT "said %{h}"
)");
  EXPECT_EQ(world.outcome("x@a.example").explanation, "a: a.example 192.0.2.1");
  EXPECT_EQ(world.outcome("x@c.example").explanation, "b: b.example");
  EXPECT_EQ(world.outcome("x@soft.example").explanation, "");
  EXPECT_EQ(world.outcome("x@bad.example").explanation, "");
  EXPECT_EQ(world.outcome("x@two.example").explanation, "");
  // What the client says can't end a line of our reply.
  EXPECT_EQ(world.outcome("x@helo.example", "192.0.2.1", "a\r\n250 ok").explanation, "");
  EXPECT_EQ(world.outcome("x@helo.example", "192.0.2.1", "[1.2.3.4]").explanation, "said [1.2.3.4]");
}

TEST(Spf, theTreeTellsItAll) {
  SpfWorld world(R"(
a.example.  TXT "v=spf1 mx:n.example include:b.example redirect=c.example a"
a.example.  A   198.51.100.1
b.example.  TXT "v=spf1 ip4:198.51.100.0/24 ?all"
c.example.  TXT "v=spf1 x=y ~all mx"
)");
  const auto outcome = world.outcome("x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::softfail);
  const auto object = json::value(to_json(outcome));
  EXPECT_EQ(object.at("result"), "softfail");
  EXPECT_EQ(object.at("mechanism"), "~all");
  EXPECT_EQ(object.at("lookups"), 4);
  const auto& terms = object.at("evaluation").at("terms").as_array();
  ASSERT_EQ(terms.size(), 4U);
  EXPECT_EQ(terms[0].at("lookups").at(0).at("status"), "no such name");
  EXPECT_EQ(terms[1].at("check").at("terms").at(0).at("match"), "no");
  EXPECT_EQ(terms[2].at("match"), "modifier");
  EXPECT_EQ(terms[2].at("check").at("terms").at(2).at("match"), "not reached");
  EXPECT_EQ(terms[3].at("lookups").at(0).at("records").at(0), "198.51.100.1");
  const auto lesson = teach(outcome);
  for (const char* words : {"MX n.example: no such name", "192.0.2.1 is not in that network", "not reached",
                            "b.example comes to neutral, and only pass would match",
                            "nothing matched, so the record of c.example counts instead", "Result: softfail"}) {
    EXPECT_NE(lesson.find(words), std::string::npos) << words << "\n" << lesson;
  }
}

TEST(Spf, manyTermsAreEvaluatedAndSomeAreTold) {
  std::string record;
  for (int i = 0; i < 400; ++i) record += fmt::format("\"ip4:198.51.100.{} \" ", i % 250);
  SpfWorld world("a.example. TXT \"v=spf1 \" " + record + "\"ip4:192.0.2.1 -all\"\n");
  const auto outcome = world.outcome("x@a.example");
  EXPECT_EQ(outcome.result, SpfResult::pass);
  EXPECT_EQ(outcome.mechanism, "ip4:192.0.2.1");
  EXPECT_EQ(outcome.check.terms.size(), spf_most_told_terms);
  EXPECT_EQ(outcome.check.untold, 402 - spf_most_told_terms);
}

TEST(Spf, nothingOfAStrangerReachesATerminalAsACommand) {
  SpfWorld world("");
  world.resolver.answer("a.example", dns::Type::txt,
                        {.status = dns::Status::ok,
                         .name = *dns::Name::parse("a.example"),
                         .records = {dns::Txt{.strings = {"v=spf1 \x1b[2J\xFF"}}, dns::Txt{.strings = {"\x07"}}}});
  const auto outcome = world.outcome("\x1b[2Jx@a.example", "192.0.2.1", "\x9b");
  EXPECT_EQ(outcome.result, SpfResult::permerror);
  const auto shown = teach(outcome) + json::serialize(to_json(outcome));
  EXPECT_TRUE(is_utf8(shown));
  for (const char c : shown) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << static_cast<int>(c);
}

}  // namespace
}  // namespace pabal::mailauth
