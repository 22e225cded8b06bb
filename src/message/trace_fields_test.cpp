#include "message/trace_fields.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pabal::message {
namespace {

std::string dump_received(std::string_view body) {
  const Received received = parse_received(body);
  std::string out;
  const auto add = [&out](std::string_view name, std::string_view value) {
    if (!value.empty()) out += fmt::format("{}={}|", name, value);
  };
  add("from", received.from);
  add("fromc", received.from_comment);
  add("by", received.by);
  add("byc", received.by_comment);
  add("via", received.via);
  add("with", received.with);
  add("id", received.id);
  add("for", received.recipient);
  for (const auto& comment : received.comments) add("c", comment);
  if (received.date) add("date", codec::format_date(received.date->time, received.date->offset_minutes));
  return out;
}

struct Case {
  std::string_view body;
  std::string_view result;
};

TEST(TraceFields, Received) {
  static constexpr Case cases[] = {
      {"", ""},
      {"from a.example (b.example [192.0.2.1])\r\n by c.example (Postfix) with ESMTPS id 4XyZ\r\n for "
       "<x@y.example>;\r\n "
       "Sun, 22 Nov 2026 03:34:21 +0900 (KST)",
       "from=a.example|fromc=b.example [192.0.2.1]|by=c.example|byc=Postfix|with=ESMTPS|id=4XyZ|for=x@y.example|"
       "date=Sun, 22 Nov 2026 03:34:21 +0900|"},
      {"(qmail 123 invoked by uid 0); 1 Jan 2000 00:00:00 -0000",
       "c=qmail 123 invoked by uid 0|date=Sat, 01 Jan 2000 00:00:00 +0000|"},
      {"from unknown (HELO a) (192.0.2.1) by b with SMTP; 1 Jan 2000 00:00:00 -0000",
       "from=unknown|fromc=HELO a|by=b|with=SMTP|c=192.0.2.1|date=Sat, 01 Jan 2000 00:00:00 +0000|"},
      {"FROM a BY b WITH Microsoft SMTP Server; 1 Jan 2000 00:00:00 +0000",
       "from=a|by=b|with=Microsoft SMTP Server|date=Sat, 01 Jan 2000 00:00:00 +0000|"},
      {"from a by b via UUCP id <1@c>", "from=a|by=b|via=UUCP|id=<1@c>|"},
      {"from a by b from c", "from=a|by=b|"},
      {"from a by b; not a date", "from=a|by=b|"},
      {"from a by b; x; 1 Jan 2000 00:00:00 +0000", "from=a|by=b|date=Sat, 01 Jan 2000 00:00:00 +0000|"},
      {"from a (open by b", "from=a open|by=b|"},
      {"from [192.0.2.1] by b for \"x y\"@z", "from=[192.0.2.1]|by=b|for=x y @z|"},
      {"nothing known", ""},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(dump_received(c.body), c.result) << c.body;
    for (std::size_t n = 0; n < c.body.size(); ++n) EXPECT_TRUE(is_utf8(dump_received(c.body.substr(0, n))));
  }
}

std::string dump_results(std::string_view body) {
  const auto parsed = parse_authentication_results(body);
  std::string out;
  if (parsed.instance) out += fmt::format("i={} ", *parsed.instance);
  out += parsed.authserv_id;
  if (!parsed.version.empty()) out += "/" + parsed.version;
  for (const auto& result : parsed.results) {
    out += fmt::format(" {}{}{}={}", result.method, result.method_version.empty() ? "" : "/", result.method_version,
                       result.result);
    if (!result.comment.empty()) out += fmt::format("({})", result.comment);
    if (!result.reason.empty()) out += fmt::format("\"{}\"", result.reason);
    for (const auto& property : result.properties) {
      out += fmt::format(",{}.{}={}", property.type, property.name, property.value);
    }
  }
  return out;
}

TEST(TraceFields, AuthenticationResults) {
  static constexpr Case cases[] = {
      {"", ""},
      // RFC 8601 appendix B
      {"example.org 1; none", "example.org/1"},
      {"example.com;\r\n spf=pass smtp.mailfrom=example.net", "example.com spf=pass,smtp.mailfrom=example.net"},
      {"example.com;\r\n auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n spf=pass smtp.mailfrom=example.net",
       "example.com auth=pass(cram-md5),smtp.auth=sender@example.net spf=pass,smtp.mailfrom=example.net"},
      {"example.com;\r\n dkim=pass reason=\"good signature\"\r\n header.i=@mail-router.example.net;\r\n dkim=fail "
       "reason=\"bad signature\" header.i=@newyork.example.com",
       "example.com dkim=pass\"good signature\",header.i=@mail-router.example.net dkim=fail\"bad "
       "signature\",header.i=@newyork.example.com"},
      {"foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n policy "
       "(A dot can go here) . (like that) expired\r\n (this surprised me) = (as I wasn't expecting it) 1362471462",
       "foo.example.net/1 dkim/1=fail(A dot can go here),policy.expired=1362471462"},
      // as found
      {"mx.example; dkim=pass header.i=@a.b header.s=x header.b=\"Ab+/c=\"; dmarc=pass (p=REJECT sp=NONE) "
       "header.from=a.b",
       "mx.example dkim=pass,header.i=@a.b,header.s=x,header.b=Ab+/c= dmarc=pass(p=REJECT sp=NONE),header.from=a.b"},
      {"mx.example; dkim=pass header.b=Ab+/c==", "mx.example dkim=pass,header.b=Ab+/c=="},
      {"spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a.b; dkim=none header.d=none;compauth=pass reason=100",
       " spf=pass(sender IP is 192.0.2.1),smtp.mailfrom=a.b dkim=none,header.d=none compauth=pass\"100\""},
      {"i=1; mx.example; spf=pass smtp.mailfrom=a@b", "i=1 mx.example spf=pass,smtp.mailfrom=a@b"},
      {"MX.Example; SPF=Pass SMTP.MailFrom=A@b", "mx.example spf=pass,smtp.mailfrom=A@b"},
      {"mx; spf=pass smtp.mailfrom=\"a b\"@c", "mx spf=pass,smtp.mailfrom=a b@c"},
      {"mx; spf=; dkim=pass", "mx dkim=pass"},
      {"mx;;; dkim=pass;", "mx dkim=pass"},
      {"mx; =pass; x y z; dkim=pass", "mx dkim=pass"},
      {"mx; dkim=pass (open", "mx dkim=pass"},
      {"mx; dkim=\"pass", "mx dkim=pass"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(dump_results(c.body), c.result) << c.body;
    for (std::size_t n = 0; n < c.body.size(); ++n) EXPECT_TRUE(is_utf8(dump_results(c.body.substr(0, n))));
  }
  const auto parsed = parse_authentication_results("a; dkim=pass header.d=x header.d=y");
  EXPECT_EQ(parsed.results.at(0).property("header", "d"), "x");
  EXPECT_EQ(parsed.results.at(0).property("header", "s"), "");
}

TEST(TraceFields, Lists) {
  const auto urls = [](std::string_view body) {
    std::string out;
    for (const auto& url : parse_list_urls(body)) out += (out.empty() ? "" : " ") + url;
    return out;
  };
  // RFC 2369 §3
  EXPECT_EQ(urls("<mailto:list@host.com?subject=help> (List Instructions)"), "mailto:list@host.com?subject=help");
  EXPECT_EQ(urls("<ftp://ftp.host.com/list.txt>, <mailto:list@host.com?subject=help>"),
            "ftp://ftp.host.com/list.txt mailto:list@host.com?subject=help");
  EXPECT_EQ(urls("(Use this command to join the list)\r\n <mailto:list-manager@host.com?body=subscribe%20list>"),
            "mailto:list-manager@host.com?body=subscribe%20list");
  EXPECT_EQ(urls("NO (posting not allowed on this list)"), "");
  EXPECT_EQ(urls("<http://a/\r\n b>"), "http://a/b");
  EXPECT_EQ(urls("<http://a/x,y(z)>"), "http://a/x,y(z)");
  EXPECT_EQ(urls("<>, <open"), "");
  EXPECT_EQ(urls(":( <http://x/>"), "http://x/");
  EXPECT_EQ(urls("<http://x/(> (<no>) \"<no>\" <http://y/\"q\"?a=)>"), "http://x/( http://y/\"q\"?a=)");

  const auto id = [](std::string_view body) {
    const ListId found = parse_list_id(body);
    return found.description + "|" + found.id;
  };
  // RFC 2919 §3
  EXPECT_EQ(id("List Header Mailing List <list-header.nisto.com>"), "List Header Mailing List|list-header.nisto.com");
  EXPECT_EQ(id("<commonspace-users.list-id.within.com>"), "|commonspace-users.list-id.within.com");
  EXPECT_EQ(id("\"Lena's Personal Joke List\"\r\n <lenas-jokes.da39efc25c530ad145d41b86f7420c3b.021999.localhost>"),
            "Lena's Personal Joke List|lenas-jokes.da39efc25c530ad145d41b86f7420c3b.021999.localhost");
  EXPECT_EQ(id("=?utf-8?B?7YyM67Cc?= <a.b>"), "파발|a.b");
  EXPECT_EQ(id("a.b"), "|a.b");
  EXPECT_EQ(id("a b"), "a b|");
  EXPECT_EQ(id("<a.b"), "|a.b");
  EXPECT_EQ(id(""), "|");
}

TEST(TraceFields, LinearOnHostileInput) {
  for (const std::string_view piece :
       {"(", "\"", ";", "a=b ", "a=b;", "=", "a ", "\\", "(a)", "<", "<a>", ",", "a.b=c "}) {
    std::string text;
    while (text.size() < 1U << 20) text += piece;
    SCOPED_TRACE(piece);
    const auto began = std::chrono::steady_clock::now();
    EXPECT_LE(parse_authentication_results(text).results.size(), 1'000U);
    EXPECT_LE(parse_received(text).comments.size(), 50U);
    EXPECT_LE(parse_list_urls(text).size(), 100U);
    EXPECT_TRUE(is_utf8(parse_list_id(text).id));
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
  }
}

}  // namespace
}  // namespace pabal::message
