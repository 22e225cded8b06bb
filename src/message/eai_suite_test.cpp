// What an internationalised mail system must do (../shared/suites/eai, tables of MTA, MSA, MDA, MSP, MUA): the rows
// that reading and writing of messages and addresses answer are tested here, each known by its summary; the others
// belong to the servers, and are counted, so that none is forgotten.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "codec/transfer.hpp"
#include "message/address_list.hpp"
#include "message/builder.hpp"
#include "message/downgrade.hpp"
#include "message/encoded_word.hpp"
#include "message/strict_check.hpp"

namespace pabal::message {
namespace {

// Local parts and domains of the kinds that the tables name.
constexpr std::string_view kAddresses[] = {"영희@서울.example", "bob@서울.example", "영희@seoul.example",
                                           "用户@例え.example", "δοκιμή@παράδειγμα.example"};
constexpr std::string_view kText = "안녕하세요 — 世界";

std::string letter(HeaderStyle style, std::string_view field, std::string_view address) {
  OutgoingMessage message(style);
  const auto parsed = EmailAddress::parse(address);
  if (!parsed) return "no address";
  if (const auto done = message.header().address(field, {"이름", *parsed}); !done) return "no: " + done.error().log;
  if (!message.header().text("Subject", kText)) return "no subject";
  SeededRandom random(1);
  if (!message.header().message_id("Message-ID", make_message_id({}, random, "xn--2i4bq6h.example"))) return "no id";
  message.set_body(Entity::text("x"));
  const auto text = message.text(random, {style == HeaderStyle::utf8 ? Carriage::eight_bit : Carriage::seven_bit});
  if (!text) return "no: " + text.error().log;
  EXPECT_EQ(strict_check(*text, {.utf8_header = style == HeaderStyle::utf8}), std::vector<std::string>()) << *text;
  return *text;
}

std::string field_of(std::string_view message, std::string_view name) {
  HeaderReader reader(message);
  while (const auto field = reader.next()) {
    if (equal_ignoring_case(field->name, name)) return std::string(field->body);
  }
  return {};
}

// RFC 6532: as it is, no encoded word, and read back the same.
void raw_addresses(std::initializer_list<std::string_view> fields) {
  for (const auto field : fields) {
    for (const auto address : kAddresses) {
      const std::string text = letter(HeaderStyle::utf8, field, address);
      const std::string body = field_of(text, field);
      EXPECT_NE(body.find(address), std::string::npos) << text;
      EXPECT_EQ(body.find("=?"), std::string::npos);
      const auto groups = parse_address_list(body);
      ASSERT_TRUE(groups.size() == 1 && groups[0].mailboxes.size() == 1) << text;
      EXPECT_EQ(groups[0].mailboxes[0].address(), address);
      EXPECT_EQ(groups[0].mailboxes[0].name, "이름");
    }
  }
}

void originators() { raw_addresses({"From", "Reply-To"}); }
void destinations() { raw_addresses({"To", "Cc", "Bcc"}); }

void raw_subject() {
  const std::string text = letter(HeaderStyle::utf8, "From", kAddresses[0]);
  EXPECT_EQ(trim(field_of(text, "Subject")), kText);
}

// To servers without SMTPUTF8: A-labels where that is enough, refused where it isn't.
void ascii_addresses(std::initializer_list<std::string_view> fields) {
  for (const auto field : fields) {
    for (const auto address : kAddresses) {
      const std::string text = letter(HeaderStyle::ascii, field, address);
      if (EmailAddress::parse(address)->needs_smtputf8()) {
        EXPECT_NE(text.find("only SMTPUTF8"), std::string::npos) << text;
      } else {
        EXPECT_NE(text.find("<" + EmailAddress::parse(address)->text() + ">"), std::string::npos) << text;
        EXPECT_TRUE(is_ascii(text));
      }
    }
  }
}
void ascii_originators() { ascii_addresses({"From", "Reply-To"}); }
void ascii_destinations() { ascii_addresses({"To", "Cc", "Bcc"}); }

void ascii_subject() {
  const std::string text = letter(HeaderStyle::ascii, "From", "bob@seoul.example");
  EXPECT_TRUE(is_ascii(field_of(text, "Subject")));
  EXPECT_EQ(decode_text(field_of(text, "Subject")), kText);
}

void ascii_message_id() {
  EXPECT_TRUE(is_ascii(field_of(letter(HeaderStyle::utf8, "From", kAddresses[0]), "Message-ID")));
  HeaderWriter header;
  EXPECT_FALSE(header.message_id("Message-ID", "가@x").has_value());
}

void shown_as_unicode() {
  for (const auto address : kAddresses) EXPECT_EQ(EmailAddress::parse(address)->display(), address);
}

// message/global as a part and as the whole body, to a server without SMTPUTF8: encoded, so that it is ASCII.
void global_parts() {
  const std::string inner = "From: 영희@x\r\nSubject: 안녕\r\n\r\n안쪽\r\n";
  for (const bool within : {false, true}) {
    OutgoingMessage message;
    std::vector<Entity> parts;
    parts.push_back(Entity::message(source_of(inner), "message/global"));
    message.set_body(within ? Entity::mixed(std::move(parts)) : std::move(parts.front()));
    SeededRandom random(1);
    const auto eight = message.text(random, {Carriage::eight_bit});
    ASSERT_TRUE(eight.has_value());
    const auto tree = parse_mime(*eight);
    EXPECT_EQ(tree.parts[within ? 1 : 0].kind, PartKind::message);
    const auto seven = message.text(random, {Carriage::seven_bit});
    ASSERT_TRUE(seven.has_value());
    EXPECT_TRUE(is_ascii(*seven));
    StringSink sink;
    ASSERT_TRUE(downgrade(*eight, tree, {}, sink).has_value());
    EXPECT_TRUE(is_ascii(sink.text));
    EXPECT_NE(sink.text.find("message/global"), std::string::npos);
  }
}

void long_lines() {
  OutgoingMessage message(HeaderStyle::utf8);
  std::string words;
  for (int i = 0; i < 1'000; ++i) words += "가나다라";
  EXPECT_TRUE(message.header().text("Subject", words).has_value());
  message.set_body(Entity::text(words));
  SeededRandom random(1);
  const auto text = message.text(random, {Carriage::eight_bit});
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(strict_check(*text, {.utf8_header = true, .eight_bit = true}), std::vector<std::string>());
}

void downgraded_for_old_servers() {
  const std::string text = letter(HeaderStyle::utf8, "From", "bob@서울.example");
  StringSink sink;
  ASSERT_TRUE(downgrade(text, parse_mime(text), {}, sink).has_value());
  EXPECT_TRUE(is_ascii(sink.text)) << sink.text;
  EXPECT_EQ(decode_text(field_of(sink.text, "Subject")), kText);
}

// What answers a row, by the sentence that the tables' column "Summary" has for it. Several tables ask the same.
struct Answer {
  std::string_view summary;
  void (*test)();
};
constexpr Answer kAnswers[] = {
    {"EAI originator header values are transmitted to SMTPUTF8 server", originators},
    {"EAI destination address header values are transmitted to SMTPUTF8 server", destinations},
    {"Unicode unstructured header values are transmitted to SMTPUTF8 server", raw_subject},
    {"EAI messages sent to non-SMTPUTF8 server are rejected or transformed", downgraded_for_old_servers},
    {"EAI originator header values are transmitted to non-SMTPUTF8 server as ASCII", ascii_originators},
    {"EAI destination address header values are transmitted to non-SMTPUTF8 server as ASCII", ascii_destinations},
    {"Unicode unstructured header values are transmitted to non-SMTPUTF8 server as ASCII", ascii_subject},
    {"Message-ID of EAI message transmitted to non-SMTPUTF8 server is ASCII-only", ascii_message_id},
    {"Message with EAI address in originator header is delivered", originators},
    {"Message with EAI address in destination address header is delivered", destinations},
    {"Message with Unicode value in unstructured header is delivered", raw_subject},
    {"Local part of address containing Unicode is displayed as entered", shown_as_unicode},
    {"Domain part of address containing Unicode is displayed as entered", shown_as_unicode},
    {"Originator fields display EAI address local part as Unicode", shown_as_unicode},
    {"Originator fields display EAI address domain part as Unicode", shown_as_unicode},
    {"Destination address fields display EAI address local part as Unicode", shown_as_unicode},
    {"Destination address fields display EAI address domain part as Unicode", shown_as_unicode},
    {"Originator fields accept EAI values", originators},
    {"Destination address fields accept EAI values", destinations},
    {"Unstructured header fields accept Unicode", raw_subject},
    {"Unicode header values are not encoded with MIME encoded-words", raw_subject},
    {"Message-ID of EAI message submitted to non-SMTPUTF8 server is ASCII-only", ascii_message_id},
    {"Multipart MIME message parts of type message/global are recognized", global_parts},
    {"Single-part MIME messages of type message/global are recognized", global_parts},
    {"Multipart MIME message parts of type message/global are sent to non-SMTPUTF8 servers with a valid "
     "content-transfer-encoding",
     global_parts},
    {"Single-part MIME messages of type message/global are sent to non-SMTPUTF8 servers with a valid "
     "content-transfer-encoding",
     global_parts},
    {"Local part of EAI values in atoms are displayed as Unicode", shown_as_unicode},
    {"Domain part of EAI values in atoms are displayed as Unicode", shown_as_unicode},
    {"Message lines longer than 998 characters are limited to 998 octets", long_lines},
};

TEST(EaiSuite, WhatMessagesAnswer) {
  for (const auto& [summary, test] : kAnswers) {
    SCOPED_TRACE(summary);
    test();
  }
}

// The column of a line; none of those that are looked at has commas in it.
std::string_view column(std::string_view line, std::size_t number) {
  const auto columns = split(line, ',');
  return number < columns.size() ? columns[number] : std::string_view();
}

TEST(EaiSuite, EveryRowIsSomebodys) {
  const auto folder = std::filesystem::path(PABAL_SOURCE_DIR) / "../shared/suites/eai";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "the suites are not here";
  std::set<std::string_view> asked;
  std::size_t all_here = 0;
  for (const auto table : {"MTA", "MSA", "MDA", "MSP", "MUA"}) {
    std::ifstream in(folder / (std::string(table) + ".csv"));
    std::size_t here = 0;
    std::size_t others = 0;
    for (std::string line; std::getline(in, line);) {
      if (!line.starts_with(fmt::format("EAI-{}-", table))) continue;
      const auto* const answer = std::ranges::find(kAnswers, column(line, 1), &Answer::summary);
      if (answer == std::end(kAnswers)) {
        ++others;
      } else {
        ++here;
        asked.insert(answer->summary);
      }
    }
    std::cout << fmt::format(
        "{}: {} rows answered by messages, {} belong to servers, their clients and the mail page\n", table, here,
        others);
    EXPECT_GT(here + others, 0U);
    all_here += here;
  }
  EXPECT_GE(all_here, std::size(kAnswers));
  for (const auto& answer : kAnswers)
    EXPECT_TRUE(asked.contains(answer.summary)) << "no table asks: " << answer.summary;
}

}  // namespace
}  // namespace pabal::message
