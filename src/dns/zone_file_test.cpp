#include "dns/zone_file.hpp"

#include <gtest/gtest.h>

#include "base/memory_file.hpp"

namespace pabal::dns {
namespace {

std::string dump(std::string_view text) {
  const auto zone = parse_zone(text, "z");
  if (!zone) return "no: " + zone.error().peer;
  std::string all;
  for (const auto& record : zone->records) all += text_of(record) + "\n";
  return all;
}

struct Case {
  std::string text;
  std::string expected;
};

TEST(ZoneFile, Table) {
  const std::vector<Case> cases = {
      {"", ""},
      {"\n ; nothing\n\t\n;\n", ""},
      {"a. A 192.0.2.1", "a. 3600 IN A 192.0.2.1\n"},
      {"A.Example. 60 in a 192.0.2.1\r\n", "a.example. 60 IN A 192.0.2.1\n"},
      {"a. IN 60 A 192.0.2.1", "a. 60 IN A 192.0.2.1\n"},
      {"$ORIGIN example.\n@ MX 10 mx\n", "example. 3600 IN MX 10 mx.example.\n"},
      {"$ORIGIN example.\n$ORIGIN sub\n@ MX 0 .\n", "sub.example. 3600 IN MX 0 .\n"},
      {"$TTL 1h30m\na. A 192.0.2.1\nb. 1 A 192.0.2.2\nc. A 192.0.2.3",
       "a. 5400 IN A 192.0.2.1\nb. 1 IN A 192.0.2.2\nc. 5400 IN A 192.0.2.3\n"},
      {"a. 5 A 192.0.2.1\nb. A 192.0.2.2\n", "a. 5 IN A 192.0.2.1\nb. 5 IN A 192.0.2.2\n"},
      {"a. A 192.0.2.1\n  AAAA 2001:db8::1\n\tTXT x\n",
       "a. 3600 IN A 192.0.2.1\na. 3600 IN AAAA 2001:db8::1\na. 3600 IN TXT \"x\"\n"},
      {"example. SOA ns.example. admin.example. ( 2026112201 ; serial\n 1d 2h\n 1w\n 300 )\n",
       "example. 3600 IN SOA ns.example. admin.example. 2026112201 86400 7200 604800 300\n"},
      {"a. SOA b. c. 4294967295 4294967295 2 3 4294967295",
       "a. 3600 IN SOA b. c. 4294967295 4294967295 2 3 4294967295\n"},
      {"$TTL 2147483648\n", "no: z:1: expected a time, like 3600 or 1h, not \"2147483648\""},
      {"a. TXT \"v=spf1 ip4:192.0.2.0/24 ; -all\" \"(\" plain \"q\\\"\\\\ \\195\\164\"",
       "a. 3600 IN TXT \"v=spf1 ip4:192.0.2.0/24 ; -all\" \"(\" \"plain\" \"q\\\"\\\\ \\195\\164\"\n"},
      {"a. TXT \"\"", "a. 3600 IN TXT \"\"\n"},
      {"a. TXT ( \"one\"\n \"two\" )", "a. 3600 IN TXT \"one\" \"two\"\n"},
      {"a\\.b.c. CNAME *.d.", "a\\.b.c. 3600 IN CNAME *.d.\n"},
      {"\\065\\046. NS n\\;s.", "a\\.. 3600 IN NS n\\;s.\n"},
      {"_25._tcp.mx. TLSA 3 1 1 ABCD ( ef01\n 23 )", "_25._tcp.mx. 3600 IN TLSA 3 1 1 abcdef0123\n"},
      {"1.2.0.192.in-addr.arpa. PTR mx.", "1.2.0.192.in-addr.arpa. 3600 IN PTR mx.\n"},
      {"_s._tcp.a. SRV 1 2 3 h.", "_s._tcp.a. 3600 IN SRV 1 2 3 h.\n"},
      {"mx. 0 A 192.0.2.1", "mx. 0 IN A 192.0.2.1\n"},

      {"a. A 192.0.2.1\n A\n", "no: z:2: expected an IPv4 address behind it"},
      {" A 192.0.2.1\n", "no: z:1: expected a name at the beginning of the line: no record before it has one"},
      {"a. A 192.0.2\n", "no: z:1: expected an IPv4 address, not \"192.0.2\""},
      {"a. AAAA 192.0.2.1\n", "no: z:1: expected an IPv6 address, not \"192.0.2.1\""},
      {"\na. CAA 0 issue x\n",
       "no: z:2: expected one of the types A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TLSA, TXT, not \"CAA\""},
      {"a.\n", "no: z:1: expected one of the types A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TLSA, TXT behind the name"},
      {"a. CH A 192.0.2.1",
       "no: z:1: expected one of the types A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TLSA, TXT, not \"CH\""},
      {"a. 1y A 192.0.2.1", "no: z:1: expected a TTL up to 2147483647, not \"1y\""},
      {"a. 2147483648 A 192.0.2.1", "no: z:1: expected a TTL up to 2147483647, not \"2147483648\""},
      {"a. A 192.0.2.1 192.0.2.2", "no: z:1: expected the end of the line"},
      {"a. MX mx.", "no: z:1: expected a preference up to 65535, not \"mx.\""},
      {"a. MX 65536 mx.", "no: z:1: expected a preference up to 65535, not \"65536\""},
      {"a. MX 10 a..b.", "no: z:1: expected a host name (invalid name: a label is empty), not \"a..b.\""},
      {"$INCLUDE other\n", "no: z:1: expected $ORIGIN or $TTL, not \"$INCLUDE\""},
      {"$ORIGIN\n", "no: z:1: expected a name behind it"},
      {"$TTL soon\n", "no: z:1: expected a time, like 3600 or 1h, not \"soon\""},
      {"a. SOA b. (\nc. 1 2 3 4 5\n", "no: z:1: expected a closing parenthesis for the one that is opened here"},
      {"a. SOA b. ( ( ", "no: z:1: expected no second opening parenthesis (line 1 has one)"},
      {"\n\na. A 1.2.3.4 )", "no: z:3: expected an opening parenthesis before the closing one"},
      {"a. TXT \"open\nb. A 192.0.2.1", "no: z:1: expected a closing quotation mark in the same line"},
      {"a. TXT \"\\999\"", "no: z:1: expected \\ with three digits up to 255 or a character behind it, not \"\\999\""},
      {"a. TXT \"" + std::string(256, 'x') + "\"",
       "no: z:1: expected strings of at most 255 octets (put several side by side), not \"" + std::string(60, 'x') +
           "…\""},
      {"a. TLSA 3 1 1 abc", "no: z:1: expected pairs of hexadecimal digits, not \"abc\""},
      {"a. TLSA 3 1 1 \"\"", "no: z:1: expected pairs of hexadecimal digits"},
      {"a. TLSA 3 1 1 xx", "no: z:1: expected pairs of hexadecimal digits, not \"xx\""},
      {"a. TLSA 256 1 1 ab", "no: z:1: expected a certificate usage up to 255, not \"256\""},
      {std::string("a. A\0 192.0.2.1", 15), "no: z:1: expected no control character (\\000)"},
      {"파발. A 192.0.2.1",
       "no: z:1: expected a name (invalid name: not ASCII; its A-labels are wanted), not \"파발.\""},
  };
  for (const auto& c : cases) EXPECT_EQ(dump(c.text), c.expected) << c.text;
}

constexpr std::string_view whole_zone = R"($ORIGIN seoul.example.
$TTL 300
@ IN SOA ns admin ( 1 3600 600 86400 60 )
   NS ns
   MX 10 mail ; the only one
   TXT "v=spf1 mx -all"
mail A 127.0.0.2
sel._domainkey TXT ( "v=DKIM1; k=rsa; "
                     "p=MIIB\"\\;" )
_25._tcp.mail TLSA 3 1 1 0123456789abcdef
)";

TEST(ZoneFile, EveryPrefixEndsWell) {
  for (std::size_t size = 0; size <= whole_zone.size(); ++size) {
    const auto zone = parse_zone(whole_zone.substr(0, size), "z");
    if (zone) {
      EXPECT_LE(zone->records.size(), 7U);
    } else {
      EXPECT_TRUE(zone.error().peer.starts_with("z:")) << zone.error().peer;
    }
  }
}

TEST(ZoneFile, WhatIsPrintedMeansTheSame) {
  const auto printed = dump(whole_zone);
  EXPECT_EQ(std::ranges::count(printed, '\n'), 7);
  EXPECT_EQ(dump(printed), printed);
}

TEST(ZoneFile, KnowsItsLinesAndOrigins) {
  const auto zone = parse_zone("\n$ORIGIN x.\n\na A 192.0.2.1\nb SOA a. b. (\n1 2 3\n4 5)\nc A 192.0.2.2\n", "z");
  ASSERT_TRUE(zone);
  EXPECT_EQ(zone->records[0].line, 4U);
  EXPECT_EQ(zone->records[1].line, 5U);
  EXPECT_EQ(zone->records[2].line, 8U);
  EXPECT_EQ(zone->records[2].origin.text(), "x");
}

TEST(ZoneFile, IsReadFromADisk) {
  MemoryFileSystem files;
  ASSERT_TRUE(replace_file(files, "demo.zone", "a. A 192.0.2.1\n"));
  EXPECT_EQ(read_zone(files, "demo.zone")->records.size(), 1U);
  EXPECT_FALSE(read_zone(files, "none.zone"));
  ASSERT_TRUE(replace_file(files, "bad.zone", "a. A\n"));
  EXPECT_EQ(read_zone(files, "bad.zone").error().peer, "bad.zone:1: expected an IPv4 address behind it");
}

}  // namespace
}  // namespace pabal::dns
