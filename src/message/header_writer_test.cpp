#include "message/header_writer.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "base/text.hpp"
#include "codec/unicode.hpp"
#include "message/encoded_word.hpp"
#include "message/mailboxes.hpp"

namespace pabal::message {
namespace {

Correspondent who(std::string name, std::string_view address) {
  return {std::move(name), EmailAddress::parse(address).value()};
}

// The fields with their line ends shown as '|'.
std::string lines(const HeaderWriter& header) {
  std::string out = header.fields();
  for (std::size_t at = 0; (at = out.find("\r\n", at)) != std::string::npos;) out.replace(at, 2, "|");
  return out;
}

std::string text_field(std::string_view text, HeaderStyle style = HeaderStyle::ascii) {
  HeaderWriter header(style);
  const auto done = header.text("Subject", text);
  return done ? lines(header) : "no: " + done.error().log;
}

TEST(HeaderWriter, TextTable) {
  struct Case {
    std::string text;
    std::string expected;
  };
  const Case cases[] = {
      {"", "Subject:|"},
      {"Hello", "Subject: Hello|"},
      {"  two  spaces  ", "Subject: two  spaces|"},
      {"tab\tand\r\nBcc: x@y", "Subject: tab and  Bcc: x@y|"},
      {std::string("nul\0here", 8), "Subject: nul here|"},
      {"Re: 한국어 test", "Subject: Re: =?utf-8?B?7ZWc6rWt7Ja0?= test|"},
      {"über alles", "Subject: =?utf-8?B?w7xiZXI=?= alles|"},
      {"a 가 나 b", "Subject: a =?utf-8?B?6rCAIOuCmA==?= b|"},
      {"=?utf-8?Q?x?=", "Subject: =?utf-8?B?PT91dGYtOD9RP3g/PQ==?=|"},
      {"bad \xFF octet", "Subject: bad =?utf-8?B?77+9?= octet|"},
      {"The relay post of old Korea carried letters on horseback from one station to the next",
       "Subject: The relay post of old Korea carried letters on horseback from one| station to the next|"},
      {std::string(200, 'x'), "Subject: " + std::string(200, 'x') + "|"},
      {"오늘 저녁 회의는 일곱 시에 시작합니다. 모두 참석해 주시기 바랍니다.",
       "Subject: "
       "=?utf-8?B?7Jik64qYIOyggOuFgSDtmozsnZjripQg7J286rOxIOyLnOyXkCA=?=| "
       "=?utf-8?B?7Iuc7J6R7ZWp64uI64ukLiDrqqjrkZAg7LC47ISd7ZW0IOyjvOyLnOq4sCA=?=| =?utf-8?B?67CU656N64uI64ukLg==?=|"},
      {"Grüße aus dem fernen Korea", "Subject: =?utf-8?B?R3LDvMOfZQ==?= aus dem fernen Korea|"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(text_field(text), expected) << printable(text);
  EXPECT_EQ(text_field("Re: 한국어 test", HeaderStyle::utf8), "Subject: Re: 한국어 test|");
}

TEST(HeaderWriter, TextIsReadAsItWas) {
  SeededRandom random(11);
  const std::string_view pieces[] = {
      " ",  "  ",   "a",  "word", "=?", "?=", "=",  "_",        "가",  "é",    "\xF0\x9F\x98\x80",
      "\"", "long", "\t", "\r\n", ",",  "<",  "\\", "\xC3\x28", "?Q?", "utf-8"};
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (auto left = random.below(60); left > 0; --left) text += pieces[random.below(std::size(pieces))];
    for (const auto style : {HeaderStyle::ascii, HeaderStyle::utf8}) {
      HeaderWriter header(style);
      ASSERT_TRUE(header.text("Subject", text));
      HeaderReader reader(header.fields());
      const auto field = reader.next();
      ASSERT_TRUE(field && !reader.next() && !reader.malformed());
      ASSERT_EQ(decode_text(field->body), clean_text(text)) << header.fields();
      for (const auto line : split(header.fields(), '\n')) ASSERT_LE(line.size(), 999U);
    }
  }
}

TEST(HeaderWriter, Addresses) {
  const auto list = [](HeaderStyle style, std::vector<Recipient> recipients) {
    HeaderWriter header(style);
    const auto done = header.addresses("To", recipients);
    return done ? lines(header) : "no: " + done.error().log;
  };
  constexpr auto ascii = HeaderStyle::ascii;
  constexpr auto utf8 = HeaderStyle::utf8;
  EXPECT_EQ(list(ascii, {}), "");
  EXPECT_EQ(list(ascii, {who("", "a@x")}), "To: a@x|");
  EXPECT_EQ(list(ascii, {who("Alice Kim", "a@x")}), "To: Alice Kim <a@x>|");
  EXPECT_EQ(list(ascii, {who("Kim, Alice", "a@x")}), "To: \"Kim, Alice\" <a@x>|");
  EXPECT_EQ(list(ascii, {who("A \"B\" \\", "a@x")}), "To: \"A \\\"B\\\" \\\\\" <a@x>|");
  EXPECT_EQ(list(ascii, {who("a\r\nBcc: b@y", "a@x")}), "To: \"a  Bcc: b@y\" <a@x>|");
  EXPECT_EQ(list(ascii, {who("김영희", "a@x")}), "To: =?utf-8?B?6rmA7JiB7Z2s?= <a@x>|");
  EXPECT_EQ(list(utf8, {who("김영희", "영희@서울.example")}), "To: 김영희 <영희@서울.example>|");
  EXPECT_EQ(list(ascii, {who("", "a@서울.example")}), "To: a@xn--2i4bq6h.example|");
  EXPECT_EQ(list(ascii, {who("", "영희@x")}), "no: header field To: an address that only SMTPUTF8 can carry");
  EXPECT_EQ(list(ascii, {who("", "\"a b\"@x"), who("", "b@[192.0.2.1]")}), "To: \"a b\"@x, b@[192.0.2.1]|");
  EXPECT_EQ(list(ascii, {CorrespondentGroup{"Friends", {who("", "a@x"), who("B", "b@x")}}, who("", "c@x")}),
            "To: Friends: a@x, B <b@x>;, c@x|");
  EXPECT_EQ(list(ascii, {CorrespondentGroup{"undisclosed-recipients", {}}}), "To: undisclosed-recipients:;|");
  EXPECT_EQ(list(ascii, {CorrespondentGroup{" ", {}}}), "no: header field To: a group without a name");
  EXPECT_EQ(list(ascii, {who("First Correspondent", "first.correspondent@seoul.example"),
                         who("Second Correspondent", "second.correspondent@seoul.example")}),
            "To: First Correspondent <first.correspondent@seoul.example>,| Second Correspondent "
            "<second.correspondent@seoul.example>|");
}

TEST(HeaderWriter, ManyAddressesAreReadBack) {
  std::vector<Recipient> recipients;
  std::vector<EmailAddress> expected;
  for (int i = 0; i < 500; ++i) {
    recipients.emplace_back(who(i % 3 == 0   ? "이름 " + std::to_string(i)
                                : i % 3 == 1 ? "A; b, \"c\""
                                             : "",
                                "user" + std::to_string(i) + "@example.com"));
    expected.push_back(std::get<Correspondent>(recipients.back()).address);
  }
  HeaderWriter header;
  ASSERT_TRUE(header.addresses("To", recipients));
  HeaderReader reader(header.fields());
  EXPECT_EQ(addresses_in(reader.next()->body).value(), expected);
  for (const auto line : split(header.fields(), '\n')) EXPECT_LE(line.size(), 79U) << line;
}

TEST(HeaderWriter, DatesAndIds) {
  HeaderWriter header;
  EXPECT_TRUE(header.date("Date", SystemTime(std::chrono::seconds(1'795'318'461)), 540));
  EXPECT_TRUE(header.message_id("Message-ID", "a.b@seoul.example"));
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) ids.push_back("identifier-number-" + std::to_string(i) + "@mail.seoul.example");
  EXPECT_TRUE(header.message_ids("References", ids));
  EXPECT_EQ(lines(header),
            "Date: Sun, 22 Nov 2026 12:34:21 +0900|Message-ID: <a.b@seoul.example>|"
            "References: <identifier-number-0@mail.seoul.example>|"
            " <identifier-number-1@mail.seoul.example>|"
            " <identifier-number-2@mail.seoul.example>|"
            " <identifier-number-3@mail.seoul.example>|");
  EXPECT_EQ(header.date("Date", {}).error().kind, ErrorKind::exists);
  HeaderWriter other;
  for (const std::string bad : {"", "a b", "a>b", "a\r\nb", "가@x"})
    EXPECT_EQ(other.message_id("Message-ID", bad).error().kind, ErrorKind::syntax) << bad;
  EXPECT_EQ(other.fields(), "");
  SeededRandom random(1);
  const auto id = make_message_id(SystemTime(std::chrono::seconds(1)), random, "seoul.example");
  EXPECT_TRUE(is_message_id(id) && id.ends_with("@seoul.example")) << id;
  EXPECT_NE(id, make_message_id(SystemTime(std::chrono::seconds(1)), random, "seoul.example"));
}

TEST(HeaderWriter, ReferencesForAnAnswer) {
  std::vector<std::string> parents = {"1@x", "bad id", "2@x"};
  EXPECT_EQ(references_for_answer(parents, "3@x"), (std::vector<std::string>{"1@x", "2@x", "3@x"}));
  EXPECT_EQ(references_for_answer({}, "3@x"), (std::vector<std::string>{"3@x"}));
  for (int i = 0; i < 300; ++i) parents.push_back(std::to_string(i) + "@y");
  const auto ids = references_for_answer(parents, "last@x");
  EXPECT_EQ(ids.size(), 100U);
  EXPECT_EQ(ids.front(), "1@x");
  EXPECT_EQ(ids.back(), "last@x");
}

TEST(HeaderWriter, Parameters) {
  const auto written = [](std::string_view value, std::vector<FieldParameter> parameters,
                          HeaderStyle style = HeaderStyle::ascii) {
    HeaderWriter header(style);
    const auto done = header.parameterized("Content-Disposition", value, parameters);
    return done ? lines(header) : "no: " + done.error().log;
  };
  EXPECT_EQ(written("inline", {}), "Content-Disposition: inline|");
  EXPECT_EQ(written("attachment", {{"filename", "a.pdf", {}}}), "Content-Disposition: attachment; filename=a.pdf|");
  EXPECT_EQ(written("attachment", {{"filename", "a \"b\"; c.pdf", {}}}),
            R"(Content-Disposition: attachment; filename="a \"b\"; c.pdf"|)");
  EXPECT_EQ(written("attachment", {{"filename", "보고서.pdf", {}}}),
            "Content-Disposition: attachment;| filename*=utf-8''%EB%B3%B4%EA%B3%A0%EC%84%9C.pdf|");
  EXPECT_EQ(written("attachment", {{"filename", "보고서.pdf", {}}}, HeaderStyle::utf8),
            "Content-Disposition: attachment; filename=\"보고서.pdf\"|");
  EXPECT_EQ(written("a\r\nb", {}), "no: header field Content-Disposition: not a token");
  EXPECT_EQ(written("a", {{"x\r\n", "", {}}}), "no: header field Content-Disposition: not a parameter's name");
  EXPECT_EQ(written("a", {{"x", "1\r\nBcc: y", {}}}), "Content-Disposition: a; x=\"1  Bcc: y\"|");
}

TEST(HeaderWriter, FileNamesOpenEverywhere) {
  const std::string name = "2026년 상반기 사업 보고서 최종 (수정본).hwp";
  HeaderWriter header;
  ASSERT_TRUE(header.content_type("application/x-hwp", {}, name));
  const FieldParameter parameter = {"filename", name, {}};
  ASSERT_TRUE(header.parameterized("Content-Disposition", "attachment", {&parameter, 1}));
  HeaderReader reader(header.fields());
  const auto type = reader.next();
  const auto disposition = reader.next();
  EXPECT_EQ(*parse_parameters(type->body).find("name"), name) << type->body;
  EXPECT_EQ(*parse_parameters(disposition->body).find("filename"), name) << disposition->body;
  for (const auto line : split(header.fields(), '\n')) EXPECT_LE(line.size(), 78U) << line;
  // macOS gives Hangul taken apart; what is written is form C, which Windows shows.
  HeaderWriter composed;
  ASSERT_TRUE(composed.content_type("text/plain", {}, "\xE1\x84\x91\xE1\x85\xA1.txt"));
  HeaderWriter same;
  ASSERT_TRUE(same.content_type("text/plain", {}, "파.txt"));
  EXPECT_EQ(composed.fields(), same.fields());
}

TEST(HeaderWriter, StructuredAndCopied) {
  HeaderWriter header;
  EXPECT_TRUE(header.structured("Auto-Submitted", "auto-replied"));
  EXPECT_EQ(header.structured("X", "a\r\nb").error().kind, ErrorKind::syntax);
  EXPECT_EQ(header.structured("X", "가").error().kind, ErrorKind::unsupported);
  EXPECT_EQ(header.structured("", "a").error().kind, ErrorKind::syntax);
  EXPECT_EQ(header.structured("X Y", "a").error().kind, ErrorKind::syntax);
  EXPECT_EQ(header.structured("X:", "a").error().kind, ErrorKind::syntax);
  EXPECT_TRUE(header.copy({"X-Old", " a\r\n\tb"}));
  for (const std::string bad : {" a\r\nb", " a\r\n\r\n b", " a\r\n \r\n b", " a\nb", " a\rb", " a\r\n", " \xFF"})
    EXPECT_FALSE(header.copy({"X-Old", bad})) << printable(bad);
  EXPECT_FALSE(header.copy({"X-Old", std::string(998, 'x')}));
  EXPECT_EQ(lines(header), "Auto-Submitted: auto-replied|X-Old: a|\tb|");
}

}  // namespace
}  // namespace pabal::message
