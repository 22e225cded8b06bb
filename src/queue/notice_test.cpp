#include "queue/notice.hpp"

#include <gtest/gtest.h>

#include "message/content.hpp"
#include "message/downgrade.hpp"
#include "message/mime.hpp"

namespace pabal::queue {
namespace {

using namespace std::chrono_literals;
using message::DsnAction;

const SystemTime kNow{std::chrono::seconds(1'800'000'000)};
constexpr std::string_view kLetter =
    "Subject: hello\r\nMessage-ID: <1@seoul.example>\r\nFrom: alice@seoul.example\r\n\r\nthe body\r\n";

struct Case {
  store::OutgoingLetter letter;
  NoticeFacts facts;
  SeededRandom random{5};

  Case() {
    letter.id = "L1";
    letter.author = "alice@seoul.example";
    letter.arrived = kNow - 1h;
    letter.envelope_id = "E 1";
    facts.letter = &letter;
    facts.content = kLetter;
    facts.whole = true;
    facts.hostname = "mail.seoul.example";
    facts.now = kNow;
    facts.retry_until = kNow + 100h;
    facts.recipients = {{.address = "bob@busan.example",
                         .original_recipient = "rfc822;b@x",
                         .status = "5.1.1",
                         .diagnostic = "550 5.1.1 No such user",
                         .smtp = true,
                         .remote_host = "mx.busan.example"}};
  }
  std::string write() {
    auto written = write_notice(facts, random);
    return written ? written->content : "error: " + written.error().log;
  }
  /// "failed bob@busan.example 5.1.1 | smtp; … | headers"
  static std::string report_in(const std::string& text) {
    const auto tree = message::parse_mime(text);
    const auto dsn = message::read_dsn(text, tree);
    if (!dsn) return "no report";
    std::string line = dsn->report.envelope_id + " ";
    for (const auto& one : dsn->report.recipients) {
      line += fmt::format("{} {} {} {}; {} ({}) ", name_of(one.action), one.final_recipient.text, one.status,
                          one.diagnostic.type, one.diagnostic.text, one.original_recipient.text);
    }
    using Kind = message::Returned::Kind;
    const auto kind = dsn->returned.kind;
    return line + (kind == Kind::message ? "message" : kind == Kind::headers ? "headers" : "nothing");
  }
};

TEST(Notice, AStrangersSubjectStandsInTheTextAlone) {
  Case one;
  const auto text = one.write();
  EXPECT_NE(text.find("\r\nSubject: Your letter could not be delivered\r\n"), std::string::npos) << text;
  EXPECT_NE(text.find("  Subject: hello\r\n"), std::string::npos) << text;
}

TEST(Notice, ABounce) {
  Case one;
  one.letter.account = AccountId{7};
  const auto text = one.write();
  EXPECT_EQ(Case::report_in(text), "E 1 failed bob@busan.example 5.1.1 smtp; 550 5.1.1 No such user (b@x) message");
  for (const std::string_view part :
       {"To: alice@seoul.example\r\n", "Subject: Your letter could not be delivered: hello\r\n",
        "In-Reply-To: <1@seoul.example>\r\n", "Auto-Submitted: auto-replied\r\n", "There is no such address there.",
        "mx.busan.example said: 550 5.1.1 No such user", "the body\r\n", "Final-Log-ID: L1\r\n"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  const auto bounce = message::recognise_bounce(text, message::parse_mime(text));
  ASSERT_TRUE(bounce);
  EXPECT_EQ(bounce->recipients.front().reason, message::BounceReason::unknown_user);
}

TEST(Notice, HeadersWhereNotTheWhole) {
  Case one;
  one.facts.whole = false;
  EXPECT_TRUE(Case::report_in(one.write()).ends_with("headers"));
  EXPECT_TRUE(one.write().contains("The header of what you wrote is attached."));
  one.facts.content = "Subject: a header without end";
  EXPECT_TRUE(Case::report_in(one.write()).ends_with("nothing"));
  EXPECT_FALSE(one.write().contains("attached"));
  one.facts.whole = true;
  const std::string binary("Subject: x\r\n\r\na\0b", 17);
  one.facts.content = binary;
  EXPECT_TRUE(Case::report_in(one.write()).ends_with("headers")) << one.write();
}

TEST(Notice, OfALetterThatHadToGoOverTls) {
  Case one;
  one.letter.account = AccountId{7};
  one.facts.telling = Telling::header_apart;
  const auto text = one.write();
  EXPECT_TRUE(Case::report_in(text).ends_with("headers")) << text;
  EXPECT_EQ(text.find("hello"), text.rfind("hello")) << "in the header that is returned, and nowhere else";
  EXPECT_TRUE(text.contains("In-Reply-To: <1@seoul.example>\r\n")) << text;
  EXPECT_TRUE(text.contains("(REQUIRETLS)")) << text;
  EXPECT_FALSE(text.contains("attached")) << text;
  one.facts.telling = Telling::nothing;
  for (const auto action : {DsnAction::failed, DsnAction::delivered}) {
    one.facts.action = action;
    one.facts.recipients.front().status = action == DsnAction::failed ? "5.1.1" : "2.0.0";
    EXPECT_TRUE(Case::report_in(one.write()).ends_with("nothing"));
    EXPECT_FALSE(one.write().contains("hello"));
  }
}

TEST(Notice, DelayedAndHandedOn) {
  Case one;
  one.letter.account = AccountId{7};
  one.facts.action = DsnAction::delayed;
  one.facts.recipients.front().status = "4.4.1";
  one.facts.recipients.front().diagnostic = "connection timed out";
  one.facts.recipients.front().smtp = false;
  auto text = one.write();
  EXPECT_TRUE(Case::report_in(text).starts_with("E 1 delayed bob@busan.example 4.4.1 x-pabal; connection timed out"))
      << Case::report_in(text);
  EXPECT_TRUE(Case::report_in(text).ends_with("headers"));
  EXPECT_NE(text.find("Will-Retry-Until: "), std::string::npos);
  EXPECT_NE(text.find("no need to send it again"), std::string::npos) << text;
  one.facts.action = DsnAction::relayed;
  one.facts.recipients.front().status = "2.0.0";
  text = one.write();
  EXPECT_NE(text.find("Subject: Your letter was handed on: hello"), std::string::npos) << text;
}

TEST(Notice, TheAuthorsLanguage) {
  struct Language_ {
    const char* author;
    const char* head;
    bool korean;
  };
  for (const auto& [author, head, korean] :
       {Language_{"a@seoul.example", "", false}, Language_{"a@snu.ac.kr", "", true},
        Language_{"a@x.xn--3e0b707e", "", true}, Language_{"a@x.example", "Content-Language: en, ko-KR\r\n\r\n", true},
        Language_{"a@x.example", "Content-Type: text/plain; charset=EUC-KR\r\n\r\n", true},
        Language_{"a@x.example", "Subject: =?utf-8?B?7JWI64WV?=\r\n\r\n", true},
        Language_{"a@x.example", "Subject: =?utf-8?B?w7w=?=\r\n\r\n", false}}) {
    EXPECT_EQ(language_of(author, head) == Language::korean, korean) << author << head;
  }
  Case one;
  one.letter.author = "alice@seoul.kr";
  one.facts.recipients.front().gave_up = true;
  const auto text = one.write();
  EXPECT_TRUE(Case::report_in(text).starts_with("E 1 failed bob@busan.example 5.1.1")) << text;
  EXPECT_NE(text.find("charset"), std::string::npos);
  for (int reason = 0; reason <= static_cast<int>(message::BounceReason::system); ++reason) {
    const auto which = static_cast<message::BounceReason>(reason);
    EXPECT_FALSE(sentence(which, Language::korean).empty());
    EXPECT_NE(sentence(which, Language::korean), sentence(which, Language::english));
  }
}

// What this server itself found, with a sentence for each status that it gives; "attached" only what is.
TEST(Notice, OurOwnRefusals) {
  struct Own {
    const char* status;
    const char* words;
    const char* english;
    const char* korean;
  };
  for (const auto& [status, words, english, korean] :
       {Own{"5.6.7", "the letter is in UTF-8 (SMTPUTF8), which the host does not take", "SMTPUTF8).", "SMTPUTF8)."},
        Own{"5.6.3", "the host takes 7-bit letters alone", "plain characters alone", "7비트"},
        Own{"5.7.10", "the sender requires TLS", "proven who it is", "확인된 서버와의"},
        Own{"4.7.5", "certificate verify failed", "No secure connection", "안전한 연결"},
        Own{"5.7.30", "the host has no REQUIRETLS", "REQUIRETLS), which", "REQUIRETLS), 받는"},
        Own{"5.3.3", "by a time", "DELIVERBY), which", "DELIVERBY), 받는"},
        Own{"5.4.7", "the host can't deliver it in the time that is left", "is over.", "지났습니다."},
        Own{"4.4.3", "the name servers failed", "could not be looked up", "찾아볼 수"},
        Own{"5.4.4", "no mail host of x has an address", "names no mail server", "메일 서버를 찾을 수"},
        Own{"5.1.10", "x takes no mail (it says so in the DNS)", "takes no mail. Please", "메일을 받지 않습니다."},
        Own{"5.4.6", "x is this server itself", "in a circle", "맴돌고"},
        Own{"5.3.4", "the host takes letters of 1,000 octets at most", "too big", "너무 커서"},
        Own{"4.4.2", "the host did not answer in time", "could not be reached", "연결할 수 없었습니다"}}) {
    for (const bool is_korean : {false, true}) {
      Case one;
      if (is_korean) one.letter.author = "alice@seoul.kr";
      one.facts.recipients = {{.address = "bob@busan.example", .status = status, .diagnostic = words}};
      const auto written = one.write();
      const auto said = message::text_of(written, message::parse_mime(written).parts.at(1)).utf8;
      EXPECT_TRUE(said.contains(is_korean ? korean : english)) << status << said;
    }
  }
}

// RFC 3464 §2.3.5 knows names, and addresses in brackets.
TEST(Notice, WhoSaidItHasAName) {
  Case one;
  for (const auto& [host, name] : {std::pair("mx.busan.example", "mx.busan.example"),
                                   {"192.0.2.1", "[192.0.2.1]"},
                                   {"2001:db8::1", "[IPv6:2001:db8::1]"},
                                   {"unix:/run/secret/lmtp", "mail.seoul.example"}}) {
    one.facts.recipients.front().remote_host = host;
    const auto text = one.write();
    EXPECT_TRUE(text.contains(fmt::format("\r\nRemote-MTA: dns; {}\r\n", name))) << text;
    EXPECT_TRUE(text.contains(fmt::format("  {} said: 550 5.1.1 No such user", name))) << text;
    EXPECT_FALSE(text.contains("secret")) << text;
    EXPECT_TRUE(Case::report_in(text).contains("smtp; 550 5.1.1 No such user")) << text;
  }
}

// What others said and wrote can't break out of where it stands.
TEST(Notice, HostileWords) {
  Case one;
  one.facts.recipients.front().diagnostic = "550 no\r\nBcc: x@y\r\n\r\n--b";
  one.facts.recipients.front().original_recipient = "rfc822;a\r\nX: y";
  one.letter.envelope_id = "a\r\nAction: delivered";
  one.facts.content = "Subject: =?utf-8?B?DQpCY2M6IHhAeQ==?=\r\n\r\n";
  const auto text = one.write();
  EXPECT_EQ(text.find("\r\nBcc:"), std::string::npos) << text;
  EXPECT_EQ(text.find("\r\nX: y"), std::string::npos) << text;
  EXPECT_EQ(text.find("\r\nAction: delivered"), std::string::npos) << text;
}

TEST(Notice, WideLetters) {
  Case one;
  one.letter.author = "앨리스@seoul.example";
  one.letter.smtputf8 = true;
  one.facts.recipients.front().address = "밥@busan.example";
  const auto written = write_notice(one.facts, one.random);
  ASSERT_TRUE(written) << written.error().log;
  EXPECT_TRUE(written->smtputf8);
  EXPECT_EQ(written->form, store::ContentForm::eight_bit);
  EXPECT_NE(Case::report_in(written->content).find("failed 밥@busan.example"), std::string::npos);
}

// Only the recipient's address was such: the author's host needs no SMTPUTF8 for word of it (RFC 6533 §3).
TEST(Notice, ARecipientInUtf8ToAnAuthorInAscii) {
  Case one;
  one.facts.recipients.front().address = "밥@busan.example";
  const auto written = write_notice(one.facts, one.random);
  ASSERT_TRUE(written) << written.error().log;
  EXPECT_FALSE(written->smtputf8);
  EXPECT_NE(written->content.find("Final-Recipient: utf-8; \\x{BC25}@busan.example\r\n"), std::string::npos)
      << written->content;
  EXPECT_FALSE(message::needs_smtputf8(written->content));
}

}  // namespace
}  // namespace pabal::queue
