// IMAP URLs: the examples of RFC 5092, RFC 4467 and RFC 5550, and what is none.
#include "imap/url.hpp"

#include <gtest/gtest.h>

namespace pabal::imap {
namespace {

std::string read(std::string_view text) {
  const auto url = Url::parse(text);
  return url ? describe(*url) : "wrong";
}

struct Case {
  std::string_view url;
  std::string_view is;
};

TEST(ImapUrl, IsRead) {
  const std::string token = "91354a473744909de610943775f92038";
  const std::string by = ":internal:" + token;
  const std::string expiring =
      "imap://joe@example.com/INBOX/;uid=20/;section=1.2;expire=2013-01-01T00:00:00+09:00;"
      "urlauth=user+fr%20ed" +
      by;
  const Case cases[] = {
      {"imap://minbari.example.org/gray-council;UIDVALIDITY=385759045/;UID=20/;PARTIAL=0.1024",
       "[||minbari.example.org|143]gray-council validity=385759045 uid=20 partial=0.1024"},
      {"imap://psicorp.example.org/~peter/%E6%97%A5%E6%9C%AC%E8%AA%9E/%E5%8F%B0%E5%8C%97",
       "[||psicorp.example.org|143]~peter/日本語/台北"},
      {"imap://;AUTH=GSSAPI@minbari.example.org/gray-council/;uid=20/;section=1.2",
       "[|GSSAPI|minbari.example.org|143]gray-council uid=20 section=1.2"},
      {"imap://;AUTH=*@minbari.example.org/gray%20council?SUBJECT%20shadows",
       "[|*|minbari.example.org|143]gray council search"},
      {"imap://john;AUTH=*@minbari.example.org/babylon5/personel?charset%20UTF-8%20SUBJECT%20%7B14+%7D",
       "[john|*|minbari.example.org|143]babylon5/personel search"},
      {"imap://michael@example.org/INBOX", "[michael||example.org|143]INBOX"},
      {"imap://bester@example.org/INBOX/;uid=20/;section=1.2;urlauth=submit+fred",
       "[bester||example.org|143]INBOX uid=20 section=1.2 access=3:fred by= rump=72"},
      {"imap://Ex.ORG:993/inbox/;UID=5/;SECTION=HEADER.FIELDS%20(Subject%20To)",
       "[||ex.org|993]INBOX uid=5 section=HEADER.FIELDS (Subject To)"},
      {"imap://[::1]:1143/a/b/", "[||::1|1143]a/b"},
      {"imap://h/a/;UID=1/;PARTIAL=7", "[||h|143]a uid=1 partial=7.9223372036854775807"},
      {"imap://h", "[||h|143]-"},
      {"//h/a", "[||h|143]a"},
      {"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER", "Drafts validity=385759045 uid=20 section=HEADER"},
      {";UID=20/;SECTION=1.MIME", "- uid=20 section=1.MIME"},
      {"Sent/2026;uidvalidity=7/;uid=3", "Sent/2026 validity=7 uid=3"},
      {expiring,
       "[joe||example.com|143]INBOX uid=20 section=1.2 access=2:fr ed expires=1356966000 by=INTERNAL rump=103"},
  };
  for (const auto& one : cases) EXPECT_EQ(read(one.url), one.is) << one.url;
  // Behind "/;uid=2" a prefix is a URL where a piece ends, or where the authorization does.
  std::size_t whole = 0;
  for (std::size_t end = expiring.find("/;uid="); end <= expiring.size(); ++end) {
    whole += read(expiring.substr(0, end)) == "wrong" ? 0 : 1;
  }
  EXPECT_EQ(whole, 12U);
}

TEST(ImapUrl, IsRefused) {
  const std::string_view wrong[] = {
      "",
      "http://h/a",
      "imap:///a",
      "imap://@h/a",
      "imap://h:0/a",
      "imap://h:70000/a",
      "imap://[::1/a",
      "imap://u:p@h/a",
      "imap://h/a;UIDVALIDITY=0",
      "imap://h/a;UIDVALIDITY=",
      "imap://h/;UID=1",
      "imap://h/a/;UID=0",
      "imap://h/a/;UID=4294967296",
      "imap://h/a/;SECTION=1",
      "imap://h/a/;UID=1/;SECTION=",
      "imap://h/a/;UID=1/;SECTION=x",
      "imap://h/a/;UID=1/;PARTIAL=0.0",
      "imap://h/a/;UID=1/;PARTIAL=0.1/;SECTION=1",
      "imap://h/a/;UID=1/;UID=1",
      "imap://h/a%00",
      "imap://h/a%0D%0A",
      "imap://h/a%FF",
      "imap://h/a%2",
      "imap://h/a b",
      "imap://h/a#b",
      "imap://h//a",
      "imap://h/a?x%0A",
      "imap://h/a/;URLAUTH=anonymous",
      "/a/;UID=1;URLAUTH=anonymous",
      "imap://h/a/;UID=1;URLAUTH=nobody",
      "imap://h/a/;UID=1;URLAUTH=user+",
      "imap://h/a/;UID=1;URLAUTH=anonymous:internal",
      "imap://h/a/;UID=1;URLAUTH=anonymous:internal:12",
      "imap://h/a/;UID=1;URLAUTH=anonymous::91354a473744909de610943775f92038",
      "imap://h/a/;UID=1;EXPIRE=2013-01-01;URLAUTH=anonymous",
      "imap://h/a/;UID=1;EXPIRE=2013-02-30T00:00:00Z;URLAUTH=anonymous",
      "imap://h/a/;UID=1;EXPIRE=2013-01-01T00:00:00;URLAUTH=anonymous",
  };
  for (const auto text : wrong) EXPECT_EQ(read(text), "wrong") << text;
  EXPECT_EQ(read("imap://h/" + std::string(kLongestUrl, 'a')), "wrong");
}

}  // namespace
}  // namespace pabal::imap
