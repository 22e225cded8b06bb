#include "mailauth/authentication_results.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "message/fold.hpp"

namespace pabal::mailauth {
namespace {

using message::AuthenticationResult;

AuthenticationResult spf_result() {
  SpfOutcome outcome;
  outcome.result = SpfResult::pass;
  outcome.domain = "seoul.example";
  outcome.sender = "alice@seoul.example";
  outcome.check.why = "mx: 192.0.2.1 is an address of (mx) \\seoul.example";
  return result_of(outcome);
}

/// The field is whole lines of at most 998 octets, each but the first begun with white space.
void expect_lines(std::string_view field) {
  ASSERT_TRUE(field.ends_with("\r\n"));
  bool first = true;
  for (const auto line : split(field.substr(0, field.size() - 2), '\n')) {
    const auto text = line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
    EXPECT_LE(text.size(), 998U);
    EXPECT_FALSE(trim(text).empty());
    if (!first) {
      EXPECT_TRUE(text.starts_with(' ') || text.starts_with('\t'));
    }
    for (const char c : text) EXPECT_TRUE(c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
    first = false;
  }
}

std::string body_of(std::string_view field) { return std::string(field.substr(field.find(':') + 1)); }

TEST(AuthenticationResults, writesAllMethods) {
  DkimOutcome dkim;
  dkim.result = DkimResult::pass;
  dkim.domain = "seoul.example";
  dkim.selector = "s1";
  dkim.algorithm = "rsa-sha256";
  dkim.identity = "@seoul.example";
  dkim.signature = "ab/cd+ef=gh";
  dkim.bits = 2048;
  ArcOutcome arc;
  arc.cv = ArcStatus::pass;
  arc.sets.resize(2);
  arc.sets.back().instance = 2;
  arc.sets.back().seal.domain = "list.example";
  DmarcOutcome dmarc;
  dmarc.result = DmarcResult::pass;
  dmarc.domain = "seoul.example";
  dmarc.policy_domain = "seoul.example";
  dmarc.policy = DmarcPolicy::reject;
  dmarc.policy_tag = "p";
  dmarc.record.emplace();
  IprevOutcome iprev;
  iprev.result = IprevResult::pass;
  iprev.address = *IpAddress::parse("2001:db8::1");
  iprev.name = "mx.seoul.example";
  const std::vector<AuthenticationResult> results{
      spf_result(),     result_of(dkim),  result_of(arc, *IpAddress::parse("192.0.2.1")),
      result_of(dmarc), result_of(iprev), authenticated("alice")};
  const auto field = authentication_results_field("mx.busan.example", results);
  EXPECT_EQ(field,
            "Authentication-Results: mx.busan.example;\r\n"
            " spf=pass (mx: 192.0.2.1 is an address of \\(mx\\) \\\\seoul.example)\r\n"
            " smtp.mailfrom=alice@seoul.example;\r\n"
            " dkim=pass (2048-bit key) header.d=seoul.example header.i=@seoul.example\r\n"
            " header.s=s1 header.a=rsa-sha256 header.b=\"ab/cd+ef\";\r\n"
            " arc=pass (i=2 list.example) header.oldest-pass=0 smtp.remote-ip=192.0.2.1;\r\n"
            " dmarc=pass (p=reject) header.from=seoul.example policy.dmarc=reject;\r\n"
            " iprev=pass (mx.seoul.example) policy.iprev=\"2001:db8::1\";\r\n"
            " auth=pass smtp.auth=alice\r\n");
  const auto read = message::parse_authentication_results(body_of(field));
  EXPECT_EQ(read.authserv_id, "mx.busan.example");
  ASSERT_EQ(read.results.size(), 6U);
  EXPECT_EQ(read.results[0].comment, "mx: 192.0.2.1 is an address of (mx) \\seoul.example");
  EXPECT_EQ(read.results[1].property("header", "b"), "ab/cd+ef");
  EXPECT_EQ(read.results[2].property("header", "oldest-pass"), "0");
  EXPECT_EQ(read.results[4].property("policy", "iprev"), "2001:db8::1");
  const auto text = authentication_results_text("mx.busan.example", results);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(message::parse_authentication_results("i=3; " + text).instance, 3U);
  EXPECT_EQ(message::parse_authentication_results("i=3; " + text).results.size(), 6U);
}

TEST(AuthenticationResults, withoutResults) {
  EXPECT_EQ(authentication_results_field("mx.example", {}), "Authentication-Results: mx.example; none\r\n");
  EXPECT_TRUE(message::parse_authentication_results(" mx.example; none").results.empty());
}

// Whatever a stranger says, it stays the value it is.
TEST(AuthenticationResults, hostileValues) {
  const std::string long_value(5000, 'x');
  for (const std::string& value : {std::string("a\r\nX-Evil: yes"),
                                   std::string("a; dmarc=pass header.from=x"),
                                   std::string("a\" b"),
                                   std::string("a\\"),
                                   std::string("(open"),
                                   std::string(")close"),
                                   std::string("\0\x01\x7f", 3),
                                   std::string("\xFF\xFE"),
                                   long_value,
                                   std::string("\"a b\"@seoul.example"),
                                   std::string("a=b;c"),
                                   std::string(""),
                                   std::string(" "),
                                   std::string("\t\r\n"),
                                   std::string("x@\r\n y"),
                                   std::string("\xED\x95\x9C@seoul.example"),
                                   std::string("a..b@seoul.example"),
                                   std::string(".a@seoul.example"),
                                   std::string("=?utf-8?Q?x?=@seoul.example"),
                                   std::string("a(b)@seoul.example")}) {
    AuthenticationResult one = spf_result();
    one.comment = value;
    one.reason = value;
    one.properties = {{"smtp", "mailfrom", value}, {"smtp", "helo", "last.example"}};
    const std::vector<AuthenticationResult> results{one, authenticated("bob")};
    const auto field = authentication_results_field("mx.example", results);
    expect_lines(field);
    const auto read = message::parse_authentication_results(body_of(field));
    EXPECT_EQ(read.authserv_id, "mx.example");
    ASSERT_EQ(read.results.size(), 2U) << field;
    EXPECT_EQ(read.results[0].result, "pass");
    ASSERT_EQ(read.results[0].properties.size(), 2U) << field;
    EXPECT_EQ(read.results[0].property("smtp", "helo"), "last.example") << field;
    EXPECT_EQ(read.results[1].method, "auth");
    EXPECT_EQ(read.results[1].property("smtp", "auth"), "bob");
    const auto clean = message::clean_text(value);
    if (clean.size() <= 256) {
      EXPECT_EQ(read.results[0].property("smtp", "mailfrom"), clean) << field;
    }
  }
}

TEST(AuthenticationResults, findsTheWordsInLongValues) {
  const std::string mark = "\xEF\xBB\xBF";
  std::string marks;
  for (int i = 0; i < 400; ++i) marks += mark;
  for (const auto& value : {std::string(1100, ' ') + "x", marks + "x", marks + std::string(1100, '\t') + mark + "x",
                            "x" + std::string(1100, ' ') + marks}) {
    auto result = spf_result();
    result.properties = {{.type = "smtp", .name = "mailfrom", .value = value}};
    const auto text = authentication_results_text("mx.example", {&result, 1});
    EXPECT_TRUE(text.ends_with(" smtp.mailfrom=x")) << text;
  }
  auto result = spf_result();
  result.properties = {{.type = "smtp", .name = "mailfrom", .value = "a" + marks + "b"}};
  EXPECT_TRUE(authentication_results_text("mx.example", {&result, 1}).ends_with(" smtp.mailfrom=ab"));
}

TEST(AuthenticationResults, leavesOutWhatIsNoName) {
  AuthenticationResult bad = spf_result();
  bad.method = "spf=pass; x";
  AuthenticationResult odd = spf_result();
  odd.properties = {{"smtp.x", "y", "z"}, {"smtp", "", "z"}, {"smtp", "helo", "ok.example"}};
  const std::vector<AuthenticationResult> results{bad, odd};
  const auto read = message::parse_authentication_results(body_of(authentication_results_field("mx.example", results)));
  ASSERT_EQ(read.results.size(), 1U);
  ASSERT_EQ(read.results[0].properties.size(), 1U);
  const std::vector<AuthenticationResult> many(1000, spf_result());
  EXPECT_EQ(
      message::parse_authentication_results(body_of(authentication_results_field("mx.example", many))).results.size(),
      100U);
}

TEST(ReceivedSpf, asTheStandardHasIt) {
  SpfOutcome outcome;
  outcome.result = SpfResult::softfail;
  outcome.domain = "seoul.example";
  outcome.sender = "alice@seoul.example";
  outcome.mechanism = "~all";
  SpfQuery query{.address = *IpAddress::parse("2001:db8::1"),
                 .helo = "mx.seoul.example",
                 .mail_from = "alice@seoul.example",
                 .receiver = "mx.busan.example",
                 .now = SystemTime()};
  EXPECT_EQ(received_spf_field(outcome, query),
            "Received-SPF: softfail (mx.busan.example: seoul.example probably does not let\r\n"
            " 2001:db8::1 send for it) client-ip=\"2001:db8::1\";\r\n"
            " envelope-from=\"alice@seoul.example\"; helo=mx.seoul.example;\r\n"
            " receiver=mx.busan.example; identity=mailfrom; mechanism=~all\r\n");
  query.helo = "a)\r\nX: y; client-ip=\"1.2.3.4\"";
  query.mail_from = "\"; receiver=evil.example;\"@\xFF";
  outcome.domain = "(((";
  outcome.problem = std::string(3000, ';');
  const auto field = received_spf_field(outcome, query);
  expect_lines(field);
  EXPECT_EQ(field.find("\nX:"), std::string::npos);
  EXPECT_NE(field.find("\\\"; receiver=evil"), std::string::npos) << field;
}

}  // namespace
}  // namespace pabal::mailauth
