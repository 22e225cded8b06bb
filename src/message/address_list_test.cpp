#include "message/address_list.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pabal::message {
namespace {

// "name|local|domain" for a mailbox, "{group: …}" for a group, one after the other with spaces.
std::string dump(std::string_view body) {
  std::string out;
  for (const auto& group : parse_address_list(body)) {
    if (group.named) out += fmt::format("{{{}:", group.name);
    for (const auto& mailbox : group.mailboxes) {
      if (!out.empty() && !out.ends_with(':')) out += ' ';
      out += fmt::format("{}|{}|{}", mailbox.name, mailbox.local_part, mailbox.domain);
      if (!mailbox.route.empty()) out += fmt::format("^{}", mailbox.route);
    }
    if (group.named) out += '}';
  }
  return out;
}

TEST(AddressList, AsTheyCome) {
  struct Case {
    std::string_view body;
    std::string_view result;
  };
  static constexpr Case cases[] = {
      {"", ""},
      {" \r\n ", ""},
      {",,", ""},
      {"a@b.c", "|a|b.c"},
      {"<a@b.c>", "|a|b.c"},
      {"Alice <a@b.c>", "Alice|a|b.c"},
      {"Alice Kim <a@b.c>", "Alice Kim|a|b.c"},
      {"\"Kim, Alice\" <a@b.c>", "Kim, Alice|a|b.c"},
      {"\"Kim \\\"A\\\" \\\\\" <a@b.c>", "Kim \"A\" \\|a|b.c"},
      {"a@b, c@d", "|a|b |c|d"},
      {"A <a@b>, B <c@d>", "A|a|b B|c|d"},
      {"A <a@b>,\r\n\tB <c@d>", "A|a|b B|c|d"},
      // RFC 5322 appendix A
      {"\"Joe Q. Public\" <john.q.public@example.com>", "Joe Q. Public|john.q.public|example.com"},
      {"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
       "Mary Smith|mary|x.test |jdoe|example.org Who?|one|y.test"},
      {"<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
       "|boss|nil.test Giant; \"Big\" Box|sysservices|example.net"},
      {"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
       "{A Group:Ed Jones|c|a.test |joe|where.test John|jdoe|one.test}"},
      {"Undisclosed recipients:;", "{Undisclosed recipients:}"},
      {"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "Pete|pete|silly.test"},
      {"A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n         joe@example.org,\r\n  "
       "John <jdoe@one.test> (my dear friend); (the end of the group)",
       "{A Group:Chris Jones|c|public.example |joe|example.org John|jdoe|one.test}"},
      {"(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", "{Hidden recipients:}"},
      {"Joe Q. Public <john.q.public@example.com>", "Joe Q. Public|john.q.public|example.com"},
      {"Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
       "Mary Smith|mary|example.net^@node.test |jdoe|test.example"},
      {"<@a.test,@b.test:c@d.test>", "|c|d.test^@a.test,@b.test"},
      {"john . smith @ example . com", "|john.smith|example.com"},
      {"a:b@c;d@e", "{a:|b|c} |d|e"},
      {"x@y, a:b@c;, d@e", "|x|y{a:|b|c} |d|e"},
      // names in comments
      {"a@b.c (Alice Kim)", "Alice Kim|a|b.c"},
      {"a@b.c (Alice (Busan) Kim)", "Alice (Busan) Kim|a|b.c"},
      {"Alice <a@b.c> (home)", "Alice|a|b.c"},
      {"<a@b.c> (home)", "home|a|b.c"},
      // quoted local parts, literals
      {"\"a b\"@c.d", "|a b|c.d"},
      {"\"a@b\"@c.d", "|a@b|c.d"},
      {"a.\"b\".c@d", "|a.b.c|d"},
      {"a@[192.0.2.1]", "|a|[192.0.2.1]"},
      {"A <a@[IPv6:2001:db8::1]>", "A|a|[IPv6:2001:db8::1]"},
      {"a@[IPv6:2001:db8::1], b@c", "|a|[IPv6:2001:db8::1] |b|c"},
      {"[Team] <a@b>", "[Team]|a|b"},
      // internationalised
      {"앨리스 <앨리스@서울.한국>", "앨리스|앨리스|서울.한국"},
      {"=?utf-8?B?7YyM67Cc?= <a@b>", "파발|a|b"},
      {"\"=?utf-8?B?7YyM67Cc?=\" <a@b>", "파발|a|b"},
      {"=?utf-8?B?7Yw=?= =?utf-8?B?jOuwnA==?= <a@b>", "파발|a|b"},
      {"=?euc-kr?B?xsS53w==?=<a@b>", "파발|a|b"},
      {"\xC6\xC4\xB9\xDF <a@b>", "파발|a|b"},
      {"a@b (=?utf-8?B?7YyM67Cc?=)", "파발|a|b"},
      {"=?utf-8?Q?Kim,_Alice?= <a@b>, c@d", "Kim, Alice|a|b |c|d"},
      {"=?utf-8?Q?a@b_<c>?= <d@e>", "a@b <c>|d|e"},
      {"=?utf-8?Q?Kim", "Kim||"},
      // what real mailers produce
      {"Kim, Alice <a@b>", "|Kim| Alice|a|b"},
      {"Alice Kim a@b.c", "Alice Kim|a|b.c"},
      {"a@b.c Alice Kim", "Alice Kim|a|b.c"},
      {"a@b c@d", "|a|b |c|d"},
      {"a@b; c@d;", "|a|b |c|d"},
      {"A <a@b>; C <c@d>", "A|a|b C|c|d"},
      {"A <a@b> C <c@d>", "A|a|b C|c|d"},
      {"<<a@b>>", "|a|b"},
      {"Alice <a@b", "Alice|a|b"},
      {"Alice <a@b, c@d", "Alice|a|b |c|d"},
      {"Alice a@b>", "Alice|a|b"},
      {"<a@b> Alice", "Alice|a|b"},
      {"\"Alice <a@b>", "Alice|a|b"},
      {"Alice\" <a@b>", "Alice|a|b"},
      {"Alice (Kim <a@b>", "Alice (Kim|a|b"},
      {"Alice) <a@b>", "Alice)|a|b"},
      {"a@b <a@b>", "a@b|a|b"},
      {"'a@b' <a@b>", "'a@b'|a|b"},
      {"J. Smith j@x", "J. Smith|j|x"},
      {"j@x. J. Smith", "J. Smith|j|x."},
      {"J. Smith <a@b>", "J. Smith|a|b"},
      {"Re: Alice <a@b>", "{Re:Alice|a|b}"},
      {"mailto:a@b", "|a|b"},
      {"<mailto:a@b>", "|a|b"},
      {"mailto<a@b>:", "mailto|a|b"},
      {">>>mailto<a@b>:>>", "mailto|a|b"},
      {"a@b@c", "|a@b|c"},
      {"<a b@c>", "|a b|c"},
      {"a@", "|a|"},
      {"@b", "||b"},
      {"<>", ""},
      {"MAILER-DAEMON <>", "MAILER-DAEMON||"},
      {"root", "|root|"},
      {"<root>", "|root|"},
      {"root (Cron Daemon)", "Cron Daemon|root|"},
      {"The Cron Daemon", "The Cron Daemon||"},
      {"undisclosed-recipients:", "{undisclosed-recipients:}"},
      {"a..b.@c", "|a..b.|c"},
      {"Alice\\, Kim <a@b>", "Alice, Kim|a|b"},
      {"Alice\t\tKim   <a@b>", "Alice Kim|a|b"},
      {"\\", ""},
      {"\"", ""},
      {"(", "|(|"},
      {"@", ""},
      {":", ""},
      {";", ""},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(dump(c.body), c.result) << c.body;
    for (std::size_t n = 0; n < c.body.size(); ++n) {
      EXPECT_TRUE(is_utf8(dump(c.body.substr(0, n)))) << c.body.substr(0, n);
    }
  }
}

TEST(AddressList, Written) {
  const auto written = [](std::string_view body) { return parse_address_list(body).at(0).mailboxes.at(0).address(); };
  EXPECT_EQ(written("a.b@c"), "a.b@c");
  EXPECT_EQ(written("\"a b\"@c"), "\"a b\"@c");
  EXPECT_EQ(written("\"a\\\"b\\\\\"@c"), "\"a\\\"b\\\\\"@c");
  EXPECT_EQ(written("\"\"@c"), "\"\"@c");
  EXPECT_EQ(written("a..b@c"), "\"a..b\"@c");
  EXPECT_EQ(written("root"), "root");
  EXPECT_EQ(written("Name <>"), "");
  EXPECT_EQ(written("파발@서울.한국"), "파발@서울.한국");
}

TEST(AddressList, Limits) {
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += "a@b, ";
  EXPECT_EQ(parse_address_list(many).at(0).mailboxes.size(), 10'000U);
  std::string groups;
  for (int i = 0; i < 20'000; ++i) groups += "a:;";
  EXPECT_EQ(parse_address_list(groups).size(), 10'000U);
  std::string words;
  for (int i = 0; i < 20'000; ++i) words += "a@b ";
  EXPECT_EQ(parse_address_list(words).at(0).mailboxes.size(), 10'000U);
}

// Each would take minutes if its time were quadratic.
TEST(AddressList, LinearOnHostileInput) {
  for (const std::string_view piece :
       {"(",  "\"",    "<",  ",",   "a@b,", "a ", "=?", "=?a?q?,", "\\",     "(a)", "@",  "a. ",
        "a@", "<a@b>", "a:", "a:;", "[",    "@[", ".",  " . ",     "\"a\" ", "()",  "((", "(\""}) {
    std::string text;
    while (text.size() < 1U << 18) text += piece;
    SCOPED_TRACE(piece);
    const auto began = std::chrono::steady_clock::now();
    EXPECT_LT(parse_address_list(text, 1'000'000).size(), 1'000'001U) << piece;
    EXPECT_LT(parse_message_ids(text).size(), 1'001U) << piece;
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
  }
  // Words behind the last '@' of many are not gone through for each address.
  std::string trailing;
  for (int i = 0; i < 30'000; ++i) trailing += "a@b ";
  for (int i = 0; i < 1'000'000; ++i) trailing += "x ";
  const auto began = std::chrono::steady_clock::now();
  const auto found = parse_address_list(trailing, 1'000'000);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].mailboxes.size(), 30'000U);
  EXPECT_TRUE(found[0].mailboxes.back().name.starts_with("x x "));
  EXPECT_LE(found[0].mailboxes.back().name.size(), 200'000U);
  std::string million;
  for (int i = 0; i < 300'000; ++i) million += "a@b,";
  EXPECT_EQ(parse_address_list(million, 1'000'000).at(0).mailboxes.size(), 300'000U);
}

std::string ids(std::string_view body, std::size_t limit = 1000) {
  std::string out;
  for (const auto& id : parse_message_ids(body, limit)) out += (out.empty() ? "" : " ") + id;
  return out;
}

TEST(MessageIds, AsTheyCome) {
  struct Case {
    std::string_view body;
    std::string_view result;
  };
  static constexpr Case cases[] = {
      {"", ""},
      {"<a@b>", "a@b"},
      {" <a@b>\r\n <c@d>", "a@b c@d"},
      {"<a@b><c@d>", "a@b c@d"},
      {"<a@b>, <c@d>", "a@b c@d"},
      {"(see <x@y>) <a@b> (and)", "a@b"},
      {"Your message of Monday <a@b>", "a@b"},
      {"Your message of Monday", ""},
      {"fred@a.example's message of \"Wed, 4 Sep 2002 23:07:41 -0400\"", ""},
      {"Message from fred@a.example of Monday", ""},
      {"<a@b", "a@b"},
      {"<a@b <c@d>", "a@b c@d"},
      {"a@b", "a@b"},
      {"a@b c@d", "a@b c@d"},
      {"nothing", "nothing"},
      {"<a\r\n b@c>", "ab@c"},
      {"<\"a(b\"@c>", "\"a(b\"@c"},
      {"(open <a@b>", "a@b"},
      {"<1234   @   local(blah)  .machine .example>", "1234@local.machine.example"},  // RFC 5322 §A.6.3
      {"<a(b@c>", "a(b@c"},
      {"<>", ""},
      {"<\xC6\xC4\xB9\xDF@b>", "파발@b"},
  };
  for (const auto& c : cases) EXPECT_EQ(ids(c.body), c.result) << c.body;
  EXPECT_EQ(ids("<1> <2> <3>", 2), "2 3");
}

}  // namespace
}  // namespace pabal::message
