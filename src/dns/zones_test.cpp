#include "dns/zones.hpp"

#include <gtest/gtest.h>

#include "dns/scripted_resolver.hpp"
#include "dns/zone_resolver.hpp"

namespace pabal::dns {
namespace {

Zones zones_of(std::string_view text) {
  const auto file = parse_zone(text, "z");
  if (!file) throw std::invalid_argument(file.error().log);
  auto zones = Zones::of({*file});
  if (!zones) throw std::invalid_argument(zones.error().log);
  return *std::move(zones);
}

std::string dump(const Zones& zones, std::string_view name, Type type) {
  const auto found = zones.find(*Name::parse(name), type);
  if (!found) return "not ours";
  if (found->elsewhere)
    return "elsewhere: " + found->answer.name.text() + " " + std::to_string(found->answer.ttl.count()) + "s";
  return text_of(found->answer);
}

constexpr std::string_view zone = R"($TTL 300
$ORIGIN busan.example.
@ SOA ns admin 1 3600 600 86400 60
@ MX 10 mx1
@ 100 MX 20 mx2
@ MX 10 mx1 ; said twice
mx1 A 192.0.2.1
mx2 200 CNAME mx3
mx3 A 192.0.2.3
mx3 400 A 192.0.2.4
out CNAME host.elsewhere.test.
loop1 CNAME loop2
loop2 CNAME loop1
a.b.c TXT deep
*.wild TXT any
*.wild MX 10 mx1
there.wild A 192.0.2.5
deep.below.wild A 192.0.2.6
*.aliases CNAME mx1
$ORIGIN 2.0.192.in-addr.arpa.
1 PTR mx1.busan.example.
$ORIGIN .
lone.test. A 192.0.2.9
)";

struct Case {
  std::string name;
  Type type;
  std::string expected;
};

TEST(Zones, Table) {
  const auto zones = zones_of(zone);
  const std::vector<Case> cases = {
      {"busan.example", Type::mx, "ok busan.example 100s: 10 mx1.busan.example., 20 mx2.busan.example."},
      {"BUSAN.example", Type::a, "no such record busan.example 60s"},
      {"mx1.busan.example", Type::a, "ok mx1.busan.example 300s: 192.0.2.1"},
      {"mx1.busan.example", Type::aaaa, "no such record mx1.busan.example 60s"},
      {"none.busan.example", Type::a, "no such name none.busan.example 60s"},
      {"mx2.busan.example", Type::a, "ok mx3.busan.example 200s: 192.0.2.3, 192.0.2.4"},
      {"mx2.busan.example", Type::cname, "ok mx2.busan.example 200s: mx3.busan.example."},
      {"mx2.busan.example", Type::aaaa, "no such record mx3.busan.example 60s"},
      {"out.busan.example", Type::a, "elsewhere: host.elsewhere.test 300s"},
      {"out.busan.example", Type::cname, "ok out.busan.example 300s: host.elsewhere.test."},
      // RFC 4592 §2.2.2: names without records exist where others stand below them.
      {"b.c.busan.example", Type::txt, "no such record b.c.busan.example 60s"},
      {"c.busan.example", Type::txt, "no such record c.busan.example 60s"},
      {"x.c.busan.example", Type::txt, "no such name x.c.busan.example 60s"},
      {"x.wild.busan.example", Type::txt, "ok x.wild.busan.example 300s: \"any\""},
      {"y.x.wild.busan.example", Type::txt, "ok y.x.wild.busan.example 300s: \"any\""},
      {"x.wild.busan.example", Type::a, "no such record x.wild.busan.example 60s"},
      {"*.wild.busan.example", Type::txt, "ok *.wild.busan.example 300s: \"any\""},
      // What exists isn't made of the wildcard, nor what stands below it.
      {"there.wild.busan.example", Type::txt, "no such record there.wild.busan.example 60s"},
      {"x.there.wild.busan.example", Type::txt, "no such name x.there.wild.busan.example 60s"},
      {"below.wild.busan.example", Type::txt, "no such record below.wild.busan.example 60s"},
      {"x.below.wild.busan.example", Type::txt, "no such name x.below.wild.busan.example 60s"},
      {"wild.busan.example", Type::txt, "no such record wild.busan.example 60s"},
      {"x.aliases.busan.example", Type::a, "ok mx1.busan.example 300s: 192.0.2.1"},
      {"1.2.0.192.in-addr.arpa", Type::ptr, "ok 1.2.0.192.in-addr.arpa 300s: mx1.busan.example."},
      {"2.2.0.192.in-addr.arpa", Type::ptr, "no such name 2.2.0.192.in-addr.arpa 60s"},
      {"lone.test", Type::a, "ok lone.test 300s: 192.0.2.9"},
      {"below.lone.test", Type::a, "no such name below.lone.test 60s"},
      {"other.test", Type::a, "not ours"},
      {"example", Type::a, "not ours"},
      {"notbusan.example", Type::a, "not ours"},
  };
  for (const auto& c : cases) EXPECT_EQ(dump(zones, c.name, c.type), c.expected) << c.name;
  const auto loop = dump(zones, "loop1.busan.example", Type::a);
  EXPECT_TRUE(loop.starts_with("failed ")) << loop;
  EXPECT_TRUE(loop.contains("more than 16 aliases")) << loop;
}

TEST(Zones, WithoutSoa) {
  const auto zones = zones_of("$ORIGIN seoul.example.\nmail A 127.0.0.2\n");
  EXPECT_EQ(dump(zones, "mail.seoul.example", Type::a), "ok mail.seoul.example 3600s: 127.0.0.2");
  EXPECT_EQ(dump(zones, "seoul.example", Type::mx), "no such record seoul.example 60s");
  EXPECT_EQ(dump(zones, "x.seoul.example", Type::mx), "no such name x.seoul.example 60s");
  EXPECT_EQ(zones.size(), 1U);
}

TEST(Zones, OfSeveralFiles) {
  const auto first = parse_zone("$ORIGIN example.\n@ SOA a. b. 1 2 3 4 5\nx TXT outer\n*.w TXT outer\n", "one");
  const auto second = parse_zone("$ORIGIN w.example.\n@ SOA a. b. 1 2 3 4 6\n", "two");
  const auto zones = *Zones::of({*first, *second});
  EXPECT_EQ(dump(zones, "x.example", Type::txt), "ok x.example 3600s: \"outer\"");
  // A zone's wildcard says nothing about another zone's names, and the inner zone is asked for its own.
  EXPECT_EQ(zones.find(*Name::parse("q.w.example"), Type::a)->answer.ttl, std::chrono::seconds(6));
}

TEST(Zones, TheRootIsAZoneLikeAnyOther) {
  const auto zones = zones_of(". SOA a. b. 1 2 3 4 5\nx. A 192.0.2.1\n");
  EXPECT_EQ(dump(zones, "x", Type::a), "ok x 3600s: 192.0.2.1");
  EXPECT_EQ(dump(zones, "y.z", Type::a), "no such name y.z 5s");
  EXPECT_EQ(dump(zones, ".", Type::a), "no such record . 5s");
}

TEST(Zones, RefusesWhatCantBe) {
  const auto fault = [](std::string_view text) {
    const auto made = Zones::of({*parse_zone(text, "z")});
    return made ? "none" : made.error().peer;
  };
  EXPECT_EQ(fault("a. A 192.0.2.1\na. CNAME b.\n"), "z:2: a CNAME stands beside no other record");
  EXPECT_EQ(fault("a. CNAME b.\na. A 192.0.2.1\n"), "z:2: nothing stands beside the name's CNAME");
  EXPECT_EQ(fault("a. CNAME b.\na. CNAME c.\n"), "z:2: a CNAME stands beside no other record");
  EXPECT_EQ(fault("a. CNAME b.\na. CNAME b.\n"), "none");
  EXPECT_EQ(fault("a. SOA b. c. 1 2 3 4 5\na. SOA b. c. 2 2 3 4 5\n"), "z:2: the zone has a SOA record already");
}

TEST(ZoneResolver, AsksTheNextOneForTheRest) {
  ScriptedResolver next("host.elsewhere.test. 50 A 192.0.2.77\nother.test. 3600 A 192.0.2.78\n");
  next.secure("test");
  ZoneResolver resolver(zones_of(zone), next);
  const auto ask = [&](std::string_view name, Type type) {
    return text_of(run_blocking(resolver.resolve(*Name::parse(name), type)));
  };
  EXPECT_EQ(ask("mx1.busan.example", Type::a), "ok mx1.busan.example 300s: 192.0.2.1");
  EXPECT_EQ(ask("none.busan.example", Type::a), "no such name none.busan.example 60s");
  EXPECT_EQ(next.asked(), 0U);
  EXPECT_EQ(ask("other.test", Type::a), "ok secure other.test 3600s: 192.0.2.78");
  EXPECT_EQ(ask("out.busan.example", Type::a), "ok host.elsewhere.test 50s: 192.0.2.77");
  EXPECT_EQ(ask("out.busan.example", Type::aaaa), "no such record host.elsewhere.test 60s");
  next.fail("host.elsewhere.test", Type::a, Status::bogus, "forged");
  EXPECT_EQ(ask("out.busan.example", Type::a), "bogus host.elsewhere.test 0s (forged)");
}

}  // namespace
}  // namespace pabal::dns
