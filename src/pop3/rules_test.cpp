#include "pop3/rules.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pabal::pop3 {
namespace {

// Each verb's refusal in a row of states: "." is allowed.
std::string row(Verb verb) {
  const Facts states[] = {
      {.logged_in = false, .tls = false, .tls_available = true, .plaintext_allowed = false, .utf8 = false},
      {.logged_in = false, .tls = false, .tls_available = false, .plaintext_allowed = true, .utf8 = false},
      {.logged_in = false, .tls = false, .tls_available = true, .plaintext_allowed = false, .utf8 = true},
      {.logged_in = false, .tls = true, .tls_available = true, .plaintext_allowed = true, .utf8 = false},
      {.logged_in = true, .tls = true, .tls_available = true, .plaintext_allowed = true, .utf8 = false},
  };
  std::string out;
  for (const auto& facts : states) {
    if (!out.empty()) out += " | ";
    const auto refused = refusal(verb, facts);
    if (!refused) {
      out += ".";
      continue;
    }
    append(out, *refused, Language::english);
    out.resize(out.size() - 2);
  }
  return out;
}

TEST(Rules, WhatMayBeDoneWhen) {
  const std::string no = "-ERR not in this state";
  const std::string before = ". | . | . | . | " + no;
  const std::string after = no + " | " + no + " | " + no + " | " + no + " | .";
  const std::string both = ". | . | . | . | .";
  const std::string plain = "-ERR [AUTH] passwords in plain text only over TLS";
  const std::string apop = "-ERR APOP is not offered, use AUTH";
  EXPECT_EQ(row(Verb::quit), both);
  EXPECT_EQ(row(Verb::capa), both);
  EXPECT_EQ(row(Verb::lang), both);
  EXPECT_EQ(row(Verb::auth), before);
  EXPECT_EQ(row(Verb::utf8), before);
  for (const auto verb :
       {Verb::dele, Verb::list, Verb::noop, Verb::retr, Verb::rset, Verb::stat, Verb::top, Verb::uidl}) {
    EXPECT_EQ(row(verb), after) << info(verb).name;
  }
  EXPECT_EQ(row(Verb::user), plain + " | . | " + plain + " | . | " + no);
  EXPECT_EQ(row(Verb::pass), plain + " | . | " + plain + " | . | " + no);
  EXPECT_EQ(row(Verb::apop), apop + " | " + apop + " | " + apop + " | " + apop + " | " + no);
  EXPECT_EQ(row(Verb::stls),
            ". | -ERR TLS is not available here | -ERR STLS comes before UTF8 | -ERR TLS is active already | " + no);
}

TEST(Rules, Capabilities) {
  const std::string_view scram[] = {"SCRAM-SHA-256"};
  const std::string_view all[] = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"};
  const std::string common = "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n";
  const std::string last = "UTF8 USER\r\nLANG\r\nIMPLEMENTATION Pabal\r\n";
  EXPECT_EQ(capabilities({.tls_available = true}, scram), common + "SASL SCRAM-SHA-256\r\nSTLS\r\n" + last);
  EXPECT_EQ(capabilities({}, {}), common + last);
  const std::string sasl = "USER\r\nSASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN\r\n";
  EXPECT_EQ(capabilities({.tls = true, .tls_available = true, .plaintext_allowed = true}, all), common + sasl + last);
  // STLS is not possible after login (RFC 2595 §4).
  EXPECT_EQ(capabilities({.logged_in = true, .tls_available = true, .plaintext_allowed = true}, all),
            common + sasl + last);
}

TEST(Reply, Forms) {
  const auto line = [](const Reply& reply, Language language) {
    std::string out;
    append(out, reply, language);
    return out;
  };
  EXPECT_EQ(line(yes(Text::octets, 120), Language::english), "+OK 120 octets\r\n");
  EXPECT_EQ(line(yes(Text::octets, 120), Language::korean), "+OK 120옥텟\r\n");
  EXPECT_EQ(line(yes(Text::listing, 2, 320), Language::english), "+OK 2 messages (320 octets)\r\n");
  EXPECT_EQ(line(no(Text::login_failed, Code::auth), Language::english), "-ERR [AUTH] wrong name or password\r\n");
  EXPECT_EQ(line(no(Text::internal, Code::sys_temp), Language::korean), "-ERR [SYS/TEMP] 서버 내부 오류입니다\r\n");
  Reply stat = yes(Text::summary);
  stat.verbatim = "2 320";
  EXPECT_EQ(line(stat, Language::english), "+OK 2 320\r\n");
  Reply lang = yes(Text::language_set);
  lang.verbatim = "ko";
  EXPECT_EQ(line(lang, Language::korean), "+OK ko 이제부터 한국어로 응답합니다\r\n");
}

TEST(Reply, BothLanguagesSayEverythingWithTheSameArguments) {
  const auto holes = [](std::string_view text) {
    int count = 0;
    for (std::size_t at = 0; (at = text.find("{}", at)) != std::string_view::npos; ++at) ++count;
    return count;
  };
  for (std::size_t i = 0; i < kTexts; ++i) {
    const auto text = static_cast<Text>(i);
    const auto english = words(text, Language::english);
    const auto korean = words(text, Language::korean);
    EXPECT_EQ(english.empty(), korean.empty()) << english;
    EXPECT_EQ(holes(english), holes(korean)) << english;
    EXPECT_TRUE(is_ascii(english)) << english;
    EXPECT_TRUE(is_utf8(korean)) << korean;
    if (!english.empty()) EXPECT_FALSE(is_ascii(korean)) << korean;
    // RFC 2449 §4: the first line of a response has at most 512 octets.
    std::string out;
    append(out, {.ok = false, .code = Code::sys_temp, .text = text, .first = UINT64_MAX, .second = UINT64_MAX},
           Language::korean);
    EXPECT_LE(out.size(), 512U);
    // Words that begin with a bracket would look like a response code (RFC 2449 §8).
    EXPECT_FALSE(english.starts_with('['));
    // A greeting with <…> would offer APOP (RFC 1939 §7).
    EXPECT_EQ(english.find('<'), std::string_view::npos);
  }
}

TEST(Reply, LanguageRanges) {
  const auto found = [](std::string_view range) {
    const auto language = find_language(range);
    return language ? info(*language).tag : std::string_view("none");
  };
  EXPECT_EQ(found("ko"), "ko");
  EXPECT_EQ(found("KO-Kore-KR"), "ko");
  EXPECT_EQ(found("en-US"), "en");
  EXPECT_EQ(found("*"), "en");
  EXPECT_EQ(found("i-default"), "en");
  EXPECT_EQ(found("fr"), "none");
  EXPECT_EQ(found("kok"), "none");
  EXPECT_EQ(found("-"), "none");
  EXPECT_EQ(found(""), "none");
}

}  // namespace
}  // namespace pabal::pop3
