#include "smtp/command.hpp"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pabal::smtp {
namespace {

struct Dump {
  std::string operator()(const Hello& c) const { return fmt::format("{} {}", facts_of(c.verb).name, c.name); }
  std::string operator()(const Mail& c) const {
    std::string out = fmt::format("MAIL <{}>", c.sender ? c.sender->text() : "");
    if (c.size) out += fmt::format(" size={}", *c.size);
    if (c.body == Body::eight_bit_mime) out += " 8bit";
    if (c.body == Body::binary_mime) out += " binary";
    if (c.smtputf8) out += " utf8";
    if (c.require_tls) out += " requiretls";
    if (c.priority) out += fmt::format(" priority={}", *c.priority);
    if (c.hold_for) out += fmt::format(" holdfor={}", c.hold_for->count());
    if (c.hold_until) out += fmt::format(" holduntil={}", to_database(*c.hold_until) / 1'000'000);
    if (c.by) out += fmt::format(" by={}{}{}", c.by->time.count(), c.by->returns ? "R" : "N", c.by->traced ? "T" : "");
    if (!c.auth.empty()) out += " auth=" + c.auth;
    if (!c.ret.empty()) out += " ret=" + c.ret;
    if (!c.envid.empty()) out += " envid=" + c.envid;
    return out;
  }
  std::string operator()(const Rcpt& c) const {
    std::string out = fmt::format("RCPT {}", c.recipient ? c.recipient->text() : "postmaster");
    if (!c.notify.empty()) out += " notify=" + c.notify;
    if (!c.orcpt.empty()) out += " orcpt=" + c.orcpt;
    return out;
  }
  std::string operator()(const Bdat& c) const { return fmt::format("BDAT {}{}", c.size, c.last ? " last" : ""); }
  std::string operator()(const Auth& c) const {
    return fmt::format("AUTH {}{}", c.mechanism, c.initial ? " [" + *c.initial + "]" : "");
  }
  std::string operator()(const Vrfy& c) const { return fmt::format("VRFY {}", c.argument); }
  std::string operator()(const Plain& c) const { return std::string(facts_of(c.verb).name); }
};

std::string dump(std::string_view line, const ParseRules& rules) {
  const auto parsed = parse_command(line, rules);
  if (!parsed) return fmt::format("{} {}", parsed.error().code, parsed.error().status);
  return std::visit(Dump(), *parsed);
}

constexpr ParseRules kAll{.dsn = true,
                          .binary_mime = true,
                          .require_tls = true,
                          .priority = true,
                          .future_release = true,
                          .deliver_by = true};

struct Case {
  std::string line;
  std::string expected;
};

void check(const std::vector<Case>& cases, const ParseRules& rules) {
  for (const auto& [line, expected] : cases) EXPECT_EQ(dump(line, rules), expected) << line;
}

TEST(Command, Hello) {
  check(
      {
          {"HELO a.example", "HELO a.example"},
          {"ehlo A.example  ", "EHLO A.example"},
          {"LHLO [192.0.2.1]", "LHLO [192.0.2.1]"},
          {"EHLO [IPv6:2001:db8::1]", "EHLO [IPv6:2001:db8::1]"},
          {"EHLO my_pc", "EHLO my_pc"},
          {"EHLO -", "EHLO -"},
          {"EHLO", "501 5.5.4"},
          {"EHLO ", "501 5.5.4"},
          {"EHLO a b", "501 5.5.4"},
          {"EHLO a\tb", "501 5.5.4"},
          {"EHLO " + std::string(255, 'x'), "EHLO " + std::string(255, 'x')},
          {"EHLO " + std::string(256, 'x'), "501 5.5.4"},
      },
      {});
}

TEST(Command, MailPaths) {
  check(
      {
          {"MAIL FROM:<a@b.example>", "MAIL <a@b.example>"},
          {"mail from:<a@B.Example>", "MAIL <a@b.example>"},
          {"MAIL FROM:<>", "MAIL <>"},
          {"MAIL FROM: <>", "MAIL <>"},
          {"MAIL FROM:  <a@b.example>  ", "MAIL <a@b.example>"},
          {"MAIL FROM:<@x.example,@y.example:a@b.example>", "MAIL <a@b.example>"},
          {"MAIL FROM:<\"a b\"@b.example>", "MAIL <\"a b\"@b.example>"},
          {"MAIL FROM:<\"a>b\"@b.example>", "MAIL <\"a>b\"@b.example>"},
          {"MAIL FROM:<\"a\\\"b\"@b.example> SIZE=1", "MAIL <\"a\\\"b\"@b.example> size=1"},
          {"MAIL FROM:<a@[192.0.2.1]>", "MAIL <a@[192.0.2.1]>"},
          {"MAIL FROM:<a@b.example> SMTPUTF8", "MAIL <a@b.example> utf8"},
          {"MAIL FROM:<\xED\x95\x9C@b.example> SMTPUTF8", "MAIL <\xED\x95\x9C@b.example> utf8"},
          {"MAIL FROM:<\xED\x95\x9C@b.example>", "550 5.6.7"},
          {"MAIL FROM:<\xED\x95@b.example> SMTPUTF8", "501 5.1.7"},
          {"MAIL", "501 5.5.4"},
          {"MAIL FROM", "501 5.5.4"},
          {"MAIL FROM:", "501 5.1.7"},
          {"MAIL TO:<a@b.example>", "501 5.5.4"},
          {"MAIL FROM :<a@b.example>", "501 5.5.4"},
          {"MAIL FROM:a@b.example", "501 5.1.7"},
          {"MAIL FROM:<a@b.example", "501 5.1.7"},
          {"MAIL FROM:<a>", "501 5.1.7"},
          {"MAIL FROM:<postmaster>", "501 5.1.7"},
          {"MAIL FROM:<@x.example>", "501 5.1.7"},
          {"MAIL FROM:<@x.example:>", "501 5.1.7"},
          {"MAIL FROM:<a@b.example>SIZE=1", "501 5.5.4"},
          {"MAIL FROM:<a@b.example> <c@d.example>", "501 5.5.4"},
          {"MAIL FROM:<a@b.example>>", "501 5.5.4"},
          {"MAIL FROM:<<a@b.example>>", "501 5.1.7"},
          {"MAIL FROM:<a b@b.example>", "501 5.1.7"},
      },
      {});
  check({{"MAIL FROM:a@b.example SIZE=2", "MAIL <a@b.example> size=2"},
         {"MAIL FROM: a@b.example", "MAIL <a@b.example>"},
         {"MAIL FROM:", "501 5.1.7"}},
        {.missing_brackets = true});
  check({{"MAIL FROM: <a@b.example>", "501 5.1.7"}, {"RCPT TO: <a@b.example>", "501 5.1.3"}},
        {.spaces_after_colon = false});
}

TEST(Command, MailParameters) {
  check(
      {
          {"MAIL FROM:<> SIZE=0", "MAIL <> size=0"},
          {"MAIL FROM:<> SIZE=99999999999999999999", "MAIL <> size=18446744073709551615"},
          {"MAIL FROM:<> SIZE=999999999999999999999", "501 5.5.4"},
          {"MAIL FROM:<> SIZE", "501 5.5.4"},
          {"MAIL FROM:<> SIZE=", "501 5.5.4"},
          {"MAIL FROM:<> SIZE=-1", "501 5.5.4"},
          {"MAIL FROM:<> SIZE=1 size=2", "501 5.5.4"},
          {"MAIL FROM:<> body=7bit", "MAIL <>"},
          {"MAIL FROM:<> BODY=8BITMIME", "MAIL <> 8bit"},
          {"MAIL FROM:<> BODY=BINARYMIME", "MAIL <> binary"},
          {"MAIL FROM:<> BODY=9BIT", "501 5.5.4"},
          {"MAIL FROM:<> SMTPUTF8=1", "501 5.5.4"},
          {"MAIL FROM:<> AUTH=<>", "MAIL <> auth=<>"},
          {"MAIL FROM:<> AUTH=a+2Bb@c.example", "MAIL <> auth=a+b@c.example"},
          {"MAIL FROM:<> AUTH=a+2b", "501 5.5.4"},
          {"MAIL FROM:<> AUTH", "501 5.5.4"},
          {"MAIL FROM:<> RET=hdrs ENVID=QQ+2B7", "MAIL <> ret=HDRS envid=QQ+7"},
          {"MAIL FROM:<> RET=SOME", "501 5.5.4"},
          {"MAIL FROM:<> ENVID=" + std::string(101, 'x'), "501 5.5.4"},
          {"MAIL FROM:<> ENVID=a+20b", "MAIL <> envid=a b"},
          {"MAIL FROM:<> ENVID=x+0D+0AEvil:+20y", "501 5.5.4"},
          {"MAIL FROM:<> ENVID=x+00", "501 5.5.4"},
          {"MAIL FROM:<> ENVID=x+7F", "501 5.5.4"},
          {"MAIL FROM:<> ENVID=x+C3+A4", "501 5.5.4"},
          {"MAIL FROM:<> REQUIRETLS", "MAIL <> requiretls"},
          {"MAIL FROM:<> MT-PRIORITY=-9", "MAIL <> priority=-9"},
          {"MAIL FROM:<> MT-PRIORITY=10", "501 5.5.4"},
          {"MAIL FROM:<> MT-PRIORITY=3x", "501 5.5.4"},
          {"MAIL FROM:<> HOLDFOR=3600", "MAIL <> holdfor=3600"},
          {"MAIL FROM:<> HOLDFOR=999999999", "MAIL <> holdfor=999999999"},
          {"MAIL FROM:<> HOLDFOR=1000000000", "501 5.5.4"},
          {"MAIL FROM:<> HOLDFOR=-1", "501 5.5.4"},
          {"MAIL FROM:<> HOLDFOR", "501 5.5.4"},
          {"MAIL FROM:<> HOLDUNTIL=2027-01-15T17:00:00+09:00", "MAIL <> holduntil=1800000000"},
          {"MAIL FROM:<> HOLDUNTIL=tomorrow", "501 5.5.4"},
          {"MAIL FROM:<> HOLDFOR=1 HOLDUNTIL=2027-01-15T08:00:00Z", "501 5.5.4"},
          {"MAIL FROM:<> HOLDUNTIL=2027-01-15T08:00:00Z HOLDFOR=1", "501 5.5.4"},
          {"MAIL FROM:<> BY=120;R", "MAIL <> by=120R"},
          {"MAIL FROM:<> by=-120;nt", "MAIL <> by=-120NT"},
          {"MAIL FROM:<> BY=+1;RT", "MAIL <> by=1RT"},
          {"MAIL FROM:<> BY=0;R", "501 5.5.4"},
          {"MAIL FROM:<> BY=-1;R", "501 5.5.4"},
          {"MAIL FROM:<> BY=1", "501 5.5.4"},
          {"MAIL FROM:<> BY=;N", "501 5.5.4"},
          {"MAIL FROM:<> BY=1234567890;N", "501 5.5.4"},
          {"MAIL FROM:<> BY=1;X", "501 5.5.4"},
          {"MAIL FROM:<> BY=1;NTT", "501 5.5.4"},
          {"MAIL FROM:<> BY=--1;N", "501 5.5.4"},
          {"MAIL FROM:<> XYZ", "555 5.5.4"},
          {"MAIL FROM:<> XYZ=1", "555 5.5.4"},
          {"MAIL FROM:<> -X=1", "501 5.5.4"},
          {"MAIL FROM:<> SIZE=1=2", "501 5.5.4"},
          {"MAIL FROM:<>   SIZE=1   BODY=7BIT", "MAIL <> size=1"},
          {"MAIL FROM:<>\tSIZE=1", "501 5.5.4"},
      },
      kAll);
  check(
      {
          {"MAIL FROM:<> RET=HDRS", "555 5.5.4"},
          {"MAIL FROM:<> ENVID=x", "555 5.5.4"},
          {"MAIL FROM:<> REQUIRETLS", "555 5.5.4"},
          {"MAIL FROM:<> MT-PRIORITY=1", "555 5.5.4"},
          {"MAIL FROM:<> HOLDFOR=1", "555 5.5.4"},
          {"MAIL FROM:<> HOLDUNTIL=2027-01-15T08:00:00Z", "555 5.5.4"},
          {"MAIL FROM:<> BY=1;N", "555 5.5.4"},
          {"MAIL FROM:<> BODY=BINARYMIME", "555 5.6.3"},
          {"RCPT TO:<a@b.example> NOTIFY=NEVER", "555 5.5.4"},
      },
      {});
}

TEST(Command, Rcpt) {
  check(
      {
          {"RCPT TO:<a@b.example>", "RCPT a@b.example"},
          {"rcpt to: <a+tag@b.example>", "RCPT a+tag@b.example"},
          {"RCPT TO:<postmaster>", "RCPT postmaster"},
          {"RCPT TO:<PostMaster>", "RCPT postmaster"},
          {"RCPT TO:<@x.example:a@b.example>", "RCPT a@b.example"},
          {"RCPT TO:<a@\xED\x8C\x8C\xEB\xB0\x9C.example>", "RCPT a@xn--ih3bl33b.example"},
          {"RCPT TO:<>", "501 5.1.3"},
          {"RCPT TO:", "501 5.1.3"},
          {"RCPT TO:<a>", "501 5.1.3"},
          {"RCPT FROM:<a@b.example>", "501 5.5.4"},
          {"RCPT TO:<a@b.example> NOTIFY=NEVER", "RCPT a@b.example notify=NEVER"},
          {"RCPT TO:<a@b.example> NOTIFY=success,delay", "RCPT a@b.example notify=success,delay"},
          {"RCPT TO:<a@b.example> NOTIFY=NEVER,DELAY", "501 5.5.4"},
          {"RCPT TO:<a@b.example> NOTIFY=DELAY,DELAY", "501 5.5.4"},
          {"RCPT TO:<a@b.example> NOTIFY=", "501 5.5.4"},
          {"RCPT TO:<a@b.example> NOTIFY", "501 5.5.4"},
          {"RCPT TO:<a@b.example> ORCPT=rfc822;x+2By@z.example", "RCPT a@b.example orcpt=rfc822;x+y@z.example"},
          {"RCPT TO:<a@b.example> ORCPT=rfc822", "501 5.5.4"},
          {"RCPT TO:<a@b.example> ORCPT=rfc822;x+0D+0A", "501 5.5.4"},
          {"RCPT TO:<a@b.example> ORCPT=rfc822;x+09", "501 5.5.4"},
          {"RCPT TO:<a@b.example> ORCPT=rfc822;+C3+A4@z.example", "501 5.5.4"},
          {"RCPT TO:<a@b.example> ORCPT=utf-8;+C3+A4@z.example", "RCPT a@b.example orcpt=utf-8;\xC3\xA4@z.example"},
          {"RCPT TO:<a@b.example> ORCPT=UTF-8;x+0A", "501 5.5.4"},
          {"RCPT TO:<a@b.example> ORCPT=utf-8;x+7F", "501 5.5.4"},
          {"RCPT TO:<a@b.example> ORCPT=utf-8;x+C2+85", "501 5.5.4"},
          {"RCPT TO:<a@b.example> ORCPT=utf-8;x+C3", "501 5.5.4"},
          {"RCPT TO:<a@b.example> ORCPT=;x", "501 5.5.4"},
          {"RCPT TO:<a@b.example> ORCPT=rfc822;", "501 5.5.4"},
          {"RCPT TO:<a@b.example> SIZE=1", "555 5.5.4"},
      },
      kAll);
}

TEST(Command, TheRest) {
  check(
      {
          {"DATA", "DATA"},
          {"DATA ", "DATA"},
          {"DATA x", "501 5.5.4"},
          {"BDAT 0", "BDAT 0"},
          {"BDAT 1000 LAST", "BDAT 1000 last"},
          {"bdat 18446744073709551615 last", "BDAT 18446744073709551615 last"},
          {"BDAT 18446744073709551616", "501 5.5.4"},
          {"BDAT", "501 5.5.4"},
          {"BDAT x", "501 5.5.4"},
          {"BDAT -1", "501 5.5.4"},
          {"BDAT 1 FIRST", "501 5.5.4"},
          {"BDAT 1 LAST x", "501 5.5.4"},
          {"BDAT LAST", "501 5.5.4"},
          {"AUTH PLAIN", "AUTH PLAIN"},
          {"auth scram-sha-256 biws", "AUTH SCRAM-SHA-256 [biws]"},
          {"AUTH PLAIN =", "AUTH PLAIN [=]"},
          {"AUTH", "501 5.5.4"},
          {"AUTH PLAIN a b", "501 5.5.4"},
          {"AUTH PL!", "501 5.5.4"},
          {"RSET", "RSET"},
          {"RSET now", "501 5.5.4"},
          {"noop whatever", "NOOP"},
          {"HELP", "HELP"},
          {"HELP MAIL", "HELP"},
          {"QUIT", "QUIT"},
          {"STARTTLS", "STARTTLS"},
          {"STARTTLS x", "501 5.5.4"},
          {"VRFY someone", "VRFY someone"},
          {"VRFY", "501 5.5.4"},
          {"EXPN list", "EXPN"},
          {"ETRN x.example", "ETRN"},
          {"", "500 5.5.2"},
          {" ", "500 5.5.2"},
          {" NOOP", "500 5.5.2"},
          {"NOOPX", "500 5.5.2"},
          {"NOOP\tx", "500 5.5.2"},
      },
      {});
}

TEST(Command, HttpIsKnown) {
  EXPECT_TRUE(looks_like_http("GET / HTTP/1.1"));
  EXPECT_TRUE(looks_like_http("POST /x HTTP/1.0"));
  EXPECT_FALSE(looks_like_http("HELP"));
  EXPECT_FALSE(looks_like_http("GET"));
}

// No prefix of anything breaks the parser, and each gives an answer.
TEST(Command, EveryPrefix) {
  for (const std::string line :
       {"MAIL FROM:<@x.example,@y.example:\"a\\\"b\"@[IPv6:2001:db8::1]> SIZE=10 BODY=8BITMIME SMTPUTF8 AUTH=a+2Bb "
        "RET=FULL ENVID=x+2B REQUIRETLS MT-PRIORITY=-3 HOLDUNTIL=2027-01-15T08:00:00Z BY=-1;NT",
        "RCPT TO:<\"a b\"@b.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+40b", "BDAT 12345 LAST",
        "AUTH SCRAM-SHA-256-PLUS cD10bHM="}) {
    for (std::size_t n = 0; n <= line.size(); ++n) {
      EXPECT_FALSE(dump(line.substr(0, n), kAll).empty());
    }
  }
}

}  // namespace
}  // namespace pabal::smtp
