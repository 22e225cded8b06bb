#include "message/derived.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "base/sanitized.hpp"
#include "base/text.hpp"
#include "message/imap_forms.hpp"

namespace pabal::message {
namespace {

std::string with_crlf(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? "\r\n" : std::string(1, c);
  return out;
}

constexpr ImapForm kRev1{};
constexpr ImapForm kUtf8{.rev2 = true, .utf8 = true};

TEST(ImapForms, Envelopes) {
  struct Row {
    std::string_view header;
    std::string_view envelope;
    ImapForm form = kRev1;
  };
  static const Row rows[] = {
      {"", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"},
      {"Date: x\nSubject: y\nFrom: A B <a@b>\nTo: c@d, e\nMessage-ID: <1@b>\nIn-Reply-To: <0@b>\n\n",
       R"(("x" "y" (("A B" NIL "a" "b")) (("A B" NIL "a" "b")) (("A B" NIL "a" "b")) ((NIL NIL "c" "d")(NIL NIL "e" "")) )"
       R"(NIL NIL "<0@b>" "<1@b>"))"},
      {"From: a@b\nSender: s@b\nReply-To: r@b\nCc: c@c\nBcc: d@d\nSubject:\n\n",
       R"((NIL "" ((NIL NIL "a" "b")) ((NIL NIL "s" "b")) ((NIL NIL "r" "b")) NIL ((NIL NIL "c" "c")) ((NIL NIL "d" "d")) NIL NIL))"},
      {"From: a@b\nReply-To:\nTo: Team: c@d, e@f;\n\n",
       R"((NIL NIL ((NIL NIL "a" "b")) ((NIL NIL "a" "b")) ((NIL NIL "a" "b")) )"
       R"(((NIL NIL "Team" NIL)(NIL NIL "c" "d")(NIL NIL "e" "f")(NIL NIL NIL NIL)) NIL NIL NIL NIL))"},
      {"To: undisclosed-recipients:;\n\n",
       R"((NIL NIL NIL NIL NIL ((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL)) NIL NIL NIL NIL))"},
      {"From: =?utf-8?B?7JWI64WV?= <a@b>\nSubject: =?utf-8?Q?x=C3=A9?=\n\n",
       R"((NIL "=?utf-8?Q?x=C3=A9?=" (("=?utf-8?B?7JWI64WV?=" NIL "a" "b")) (("=?utf-8?B?7JWI64WV?=" NIL "a" "b")) )"
       R"((("=?utf-8?B?7JWI64WV?=" NIL "a" "b")) NIL NIL NIL NIL NIL))"},
      {"Subject: 안녕\n\n", R"((NIL "=?utf-8?B?7JWI64WV?=" NIL NIL NIL NIL NIL NIL NIL NIL))"},
      {"Subject: 안녕\n\n", R"((NIL "안녕" NIL NIL NIL NIL NIL NIL NIL NIL))", kUtf8},
      {"To: 안 <녕@파발.example>\n\n",
       "(NIL NIL NIL NIL NIL ((\"=?utf-8?B?7JWI?=\" NIL {3}\r\n녕 \"xn--ih3bl33b.example\")) NIL NIL NIL NIL)"},
      {"To: 안 <녕@파발.example>\n\n", R"((NIL NIL NIL NIL NIL (("안" NIL "녕" "파발.example")) NIL NIL NIL NIL))",
       kUtf8},
      {"Subject: a \"b\" \\c\n\n", R"((NIL "a \"b\" \\c" NIL NIL NIL NIL NIL NIL NIL NIL))"},
      {"From: <@x,@y:a@b>\n\n",
       R"((NIL NIL ((NIL "@x,@y" "a" "b")) ((NIL "@x,@y" "a" "b")) ((NIL "@x,@y" "a" "b")) NIL NIL NIL NIL NIL))"},
      {"Subject: one\nSubject: two\n folded\n\n", R"((NIL "two folded" NIL NIL NIL NIL NIL NIL NIL NIL))"},
  };
  for (const auto& row : rows) {
    Derived derived;
    derived.envelope = read_header_facts(with_crlf(row.header)).envelope;
    EXPECT_EQ(imap_envelope(*derived.envelope, row.form), row.envelope) << row.header;
    std::string out = "* ";
    EXPECT_TRUE(append_imap_envelope(out, encode_derived(derived), row.form));
    EXPECT_EQ(out.substr(2), row.envelope) << row.header;
  }
}

TEST(ImapForms, BodyStructures) {
  struct Row {
    std::string_view message;
    std::string_view structure;
  };
  static const Row rows[] = {
      {"\nhello\n", R"(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 7 1 NIL NIL NIL NIL))"},
      {"Content-Type: TEXT/Html; charset=\"x\"\nContent-Transfer-Encoding: BASE64\nContent-ID: <a@b>\n"
       "Content-Description: =?utf-8?Q?d?=\nContent-MD5: m\nContent-Language: ko, en\nContent-Location: l\n"
       "Content-Disposition: attachment; filename=f\n\nAAAA",
       R"(("TEXT" "Html" ("charset" "x") "<a@b>" "=?utf-8?Q?d?=" "BASE64" 4 0 "m" ("attachment" ("filename" "f")) ("ko" "en") "l"))"},
      {"Content-Type: multipart/alternative; boundary=b\n\n--b\n\nx\n--b\nContent-Type: text/html\n\ny\n--b--\n",
       R"((("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 0 NIL NIL NIL NIL)("text" "html" NIL NIL NIL "7bit" 1 0 NIL NIL NIL NIL) )"
       R"("alternative" ("boundary" "b") NIL NIL NIL))"},
      {"Content-Type: message/rfc822\n\nSubject: in\n\nx\n",
       R"(("message" "rfc822" NIL NIL NIL "7bit" 18 (NIL "in" NIL NIL NIL NIL NIL NIL NIL NIL) )"
       R"(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 1 NIL NIL NIL NIL) 3 NIL NIL NIL NIL))"},
      {"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nAAAA",
       R"(("application" "octet-stream" NIL NIL NIL "base64" 4 NIL NIL NIL NIL))"},
      {"Content-Type: message/global\n\nSubject: in\n\nx\n",
       R"(("message" "global" NIL NIL NIL "7bit" 18 NIL NIL NIL NIL))"},
      {"Content-Type: multipart/mixed; boundary=b\n\nno parts\n",
       R"(("text" "plain" NIL NIL NIL "7bit" 10 1 NIL NIL NIL NIL))"},
      {"Content-Type: application/pdf\nContent-Disposition: inline\n\nx",
       R"(("application" "pdf" NIL NIL NIL "7bit" 1 NIL ("inline" NIL) NIL NIL))"},
  };
  for (const auto& row : rows) {
    const auto message = with_crlf(row.message);
    EXPECT_EQ(imap_body_structure(derive(message).parts, true, kRev1), row.structure) << row.message;
  }
  const auto global = with_crlf("Content-Type: message/global\n\nSubject: in\n\nx\n");
  EXPECT_TRUE(imap_body_structure(derive(global).parts, false, kUtf8)
                  .starts_with(R"(("message" "global" NIL NIL NIL "7bit" 18 (NIL "in")"));
}

TEST(Derived, Marks) {
  struct Row {
    std::string_view header;
    Marks marks;
  };
  const auto bits = [](auto... marks) { return (0U | ... | static_cast<Marks>(marks)); };
  const Row rows[] = {
      {"", 0},
      {"List-Id: <x>\nPrecedence: bulk\n", bits(Mark::list, Mark::bulk)},
      {"Auto-Submitted: auto-replied (x)\n", bits(Mark::auto_submitted)},
      {"Auto-Submitted: no\n", 0},
      {"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n", bits(Mark::delivery_report)},
      {"Content-Type: multipart/report; report-type=\"disposition-notification\"; boundary=b\n",
       bits(Mark::disposition_report)},
      {"Content-Type: multipart/report; boundary=b; report-type=feedback-report\n", bits(Mark::feedback_report)},
      {"Disposition-Notification-To: a@b\nX-Priority: 1 (Highest)\n", bits(Mark::wants_disposition, Mark::important)},
      {"Content-Type: multipart/signed; boundary=b\n", bits(Mark::is_signed)},
      {"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n", bits(Mark::encrypted, Mark::attachment)},
      {"Content-Type: text/calendar\n", bits(Mark::calendar, Mark::attachment)},
      {"Content-Type: application/pdf\n", bits(Mark::attachment)},
  };
  for (const auto& row : rows) {
    const auto message = with_crlf(std::string(row.header) + "\n--b\n\nx\n--b--\n");
    EXPECT_EQ(derive(message).marks, row.marks) << row.header;
  }
}

const std::string& usual_letter() {
  static const std::string letter = with_crlf(
      "Received: from a by b; Thu, 30 Oct 2014 14:12:01 +0900\n"
      "From: =?utf-8?B?7JWI64WV?= <alice@seoul.example>\nTo: Bob <bob@busan.example>, carol@busan.example\n"
      "Cc: Team: d@x.example;\nSubject: =?utf-8?Q?Re:_=ED=8C=8C=EB=B0=9C?=\nDate: Thu, 30 Oct 2014 14:12:00 +0900\n"
      "Message-ID: <1@seoul.example>\nIn-Reply-To: <0@busan.example>\nReferences: <a@x> <0@busan.example>\n"
      "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b\"\n\npreamble\n--b\n"
      "Content-Type: multipart/alternative; boundary=c\n\n--c\nContent-Type: text/plain; charset=utf-8\n"
      "Content-Transfer-Encoding: base64\n\n7JWI64WV\n--c\nContent-Type: text/html; charset=utf-8\n"
      "Content-Transfer-Encoding: quoted-printable\n\n<p>=EC=95=88</p>\n--c--\n--b\n"
      "Content-Type: message/rfc822\nContent-Disposition: attachment; filename*=utf-8''%ec%95%88.eml\n\n"
      "From: x@y\nSubject: inner\n\nbody\n--b--\n");
  return letter;
}

TEST(Derived, ThereAndBack) {
  const auto derived = derive(usual_letter());
  const auto octets = encode_derived(derived);
  EXPECT_LT(octets.size(), 600U);
  const auto again = decode_derived(octets);
  ASSERT_TRUE(again) << again.error().log;
  EXPECT_EQ(encode_derived(*again), octets);
  EXPECT_EQ(again->preview, "안녕");
  EXPECT_EQ(again->sent, (SentDate{.seconds = 1414645920, .offset_minutes = 540}));
  EXPECT_EQ(again->size, usual_letter().size());
  for (const auto form : {kRev1, kUtf8}) {
    EXPECT_EQ(imap_envelope(*again->envelope, form), imap_envelope(*derived.envelope, form));
    EXPECT_EQ(imap_body_structure(again->parts, true, form), imap_body_structure(derived.parts, true, form));
  }
  ASSERT_EQ(again->parts.size(), 6U);
  EXPECT_EQ(again->parts[2].decoded_size, 6U);
  EXPECT_EQ(usual_letter().substr(again->parts[2].body_begin, again->parts[2].body_end - again->parts[2].body_begin),
            "7JWI64WV");
}

// Cut off anywhere, an envelope is printed whole or not at all.
TEST(ImapForms, EnvelopesOfPrefixes) {
  const auto derived = derive(usual_letter());
  const auto whole = imap_envelope(*derived.envelope, kUtf8);
  const auto octets = encode_derived(derived);
  std::size_t printed = 0;
  for (std::size_t size = 0; size < octets.size(); ++size) {
    std::string out = "x";
    const bool done = append_imap_envelope(out, std::string_view(octets).substr(0, size), kUtf8);
    EXPECT_EQ(out, done ? "x" + whole : "x") << size;
    printed += done ? 1 : 0;
  }
  EXPECT_GT(printed, 0U);  // where only parts are missing
  Derived without;
  std::string out;
  EXPECT_FALSE(append_imap_envelope(out, encode_derived(without), kUtf8));
}

TEST(Derived, DatesAsMailersWriteThem) {
  const SentDate sent{.seconds = 1767574800, .offset_minutes = 540};
  for (const std::string_view date : {"Mon, 5 Jan 2026 10:00:00 +0900", "Mon, 5 Jan 2026 10:00:00 AM +0900",
                                      "2026-01-05 10:00:00 +0900", "2026-01-05T10:00:00+09:00"}) {
    EXPECT_EQ(derive(fmt::format("Date: {}\r\n\r\nx", date)).sent, sent) << date;
  }
  EXPECT_EQ(derive("Date: yesterday\r\n\r\nx").sent, std::nullopt);
}

TEST(Derived, TheHeadersPlaceIsFoundWithoutTheRest) {
  const std::string many = "To: a b <a@b>, g: c@d;, e@f\r\nReferences: <1@x> <2@x>\r\nSubject: s\r\n";
  for (const auto& header : {std::string(), std::string("X: y\r\n"), many}) {
    const auto octets = encode_derived(derive(header + "\r\nbody\r\n"));
    const auto place = header_in(octets);
    ASSERT_TRUE(place) << header;
    EXPECT_EQ(place->begin, 0U);
    EXPECT_EQ(place->end, header.size() + 2);
    for (std::size_t size = 0; size < octets.size() / 2; ++size) static_cast<void>(header_in(octets.substr(0, size)));
    EXPECT_FALSE(header_in(octets.substr(0, 6)));
  }
  EXPECT_FALSE(header_in("\x7F"));
  Derived without;
  EXPECT_FALSE(header_in(encode_derived(without)));
}

TEST(Derived, DecodingRefusesWhatIsDamaged) {
  const auto octets = encode_derived(derive(usual_letter()));
  for (std::size_t size = 0; size < octets.size(); ++size) EXPECT_FALSE(decode_derived(octets.substr(0, size)));
  EXPECT_FALSE(decode_derived(octets + "x"));
  EXPECT_EQ(decode_derived("\x7F").error().kind, ErrorKind::state);
  SeededRandom random(3);
  for (int i = 0; i < 20'000; ++i) {
    auto changed = octets;
    const auto noise = random.octets(3);
    const auto at =
        (static_cast<std::size_t>(static_cast<unsigned char>(noise[0])) << 8) + static_cast<unsigned char>(noise[1]);
    changed[at % changed.size()] = noise[2];
    if (const auto decoded = decode_derived(changed)) {
      EXPECT_LE(encode_derived(*decoded).size(), kMostDerivedOctets);
      if (!decoded->parts.empty()) {
        EXPECT_FALSE(imap_body_structure(decoded->parts, true, kRev1).empty());
      }
    }
  }
}

TEST(Derived, WhatIsTooBigIsLeftOut) {
  std::string many = "To: ";
  for (int i = 0; i < 1'000; ++i) many += "a@b.example, ";
  const auto listed = decode_derived(encode_derived(derive(many + "\r\n\r\nx")));
  ASSERT_TRUE(listed);
  EXPECT_FALSE(listed->envelope);
  EXPECT_EQ(listed->parts.size(), 1U);
  std::string parts = "Subject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (int i = 0; i < 1'000; ++i) parts += "--b\r\n\r\nx\r\n";
  const auto octets = encode_derived(derive(parts));
  EXPECT_LE(octets.size(), kMostDerivedOctets);
  const auto split = decode_derived(octets);
  ASSERT_TRUE(split);
  EXPECT_TRUE(split->parts.empty());
  EXPECT_EQ(split->envelope->subject, "s");
  for (const auto& hostile : {std::string(100'000, 'a'), "Subject: " + std::string(100'000, 'a') + "\r\n\r\n",
                              "References: " + std::string(100'000, '<') + "\r\n\r\n",
                              "Content-Type: a/b; c=" + std::string(100'000, 'd') + "\r\n\r\n"}) {
    const auto small = encode_derived(derive(hostile));
    EXPECT_LE(small.size(), kMostDerivedOctets);
    EXPECT_TRUE(decode_derived(small));
  }
}

// All that delivery derives for a letter of 10 KiB: at most 40 µs of a quiet core. The best of many runs, since the
// machine is never quiet; sanitizers cost many times as much.
TEST(Derived, Budget) {
  if constexpr (kSlower != 1) GTEST_SKIP() << "measured without sanitizers";
  std::string html = "<html><body>";
  std::string plain;
  while (html.size() < 5'000) html += "<p class=3D\"x\">The relay post of old Korea &amp; its <b>horses</b>.</p>\r\n";
  while (plain.size() < 5'000) plain += "The relay post of old Korea carried letters on horseback.=20\r\n";
  const std::string head = "Content-Transfer-Encoding: quoted-printable\r\nContent-Type: text/";
  const auto letter = std::string(usual_letter().substr(0, usual_letter().find("Content-Type: multipart"))) +
                      "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n" + head +
                      "plain; charset=utf-8\r\n\r\n" + plain + "--b\r\n" + head + "html; charset=utf-8\r\n\r\n" + html +
                      "--b--\r\n";
  auto best = std::chrono::nanoseconds::max();
  for (int i = 0; i < 500; ++i) {
    const auto began = std::chrono::steady_clock::now();
    const auto octets = encode_derived(derive(letter));
    const auto keys = thread_keys(*derive("Subject: x\r\n\r\n").envelope);
    EXPECT_FALSE(octets.empty());
    EXPECT_TRUE(keys.ids.empty());
    best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - began);
  }
  EXPECT_LE(best, std::chrono::microseconds(40));
}

TEST(Derived, LinearOnHostileInput) {
  const auto repeated = [](std::string begin, std::string_view unit, std::size_t size) {
    while (begin.size() < size) begin += unit;
    return begin;
  };
  const std::string multipart = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  const std::string hostile[] = {
      repeated("", "A: b\r\n", 4 << 20),
      repeated("", "From: a@b\r\n", 4 << 20),
      repeated("To: ", "a@b, ", 4 << 20),
      repeated("References: ", "<a@b> ", 4 << 20),
      repeated("Subject: ", "[a] re: ", 1 << 20),
      repeated(multipart, "--b\r\n\r\nx\r\n", 4 << 20),
      repeated(multipart, "--b\r\nContent-Type: message/rfc822\r\n\r\n", 4 << 20),
      repeated("Content-Type: text/plain; ", "a=b;", 4 << 20),
      repeated("Content-Type: text/html\r\n\r\n", "<a \"", 4 << 20),
      repeated("Content-Transfer-Encoding: quoted-printable\r\n\r\n", "=", 4 << 20),
      repeated("Content-Transfer-Encoding: base64\r\n\r\n", "=", 4 << 20),
      repeated("Content-Transfer-Encoding: base64\r\n\r\n", "A\r\n", 4 << 20),
  };
  for (const auto& message : hostile) {
    const auto began = std::chrono::steady_clock::now();
    EXPECT_TRUE(decode_derived(encode_derived(derive(message)))) << message.substr(0, 40);
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10)) << message.substr(0, 40);
  }
}

TEST(Derived, ThreadKeys) {
  const auto keys = thread_keys(*derive(usual_letter()).envelope);
  EXPECT_EQ(keys.subject, "파발");
  EXPECT_EQ(keys.ids, (std::vector<std::string>{"1@seoul.example", "0@busan.example", "a@x"}));
  std::string header = "Message-ID: <own>\r\nReferences:";
  for (int i = 0; i < 50; ++i) header += " <" + std::to_string(i) + ">";
  const auto many = thread_keys(read_header_facts(header + "\r\n\r\n").envelope, 5);
  EXPECT_EQ(many.ids, (std::vector<std::string>{"own", "49", "0", "47", "46"}));
}

}  // namespace
}  // namespace pabal::message
