#include "message/email_json.hpp"

#include <gtest/gtest.h>

#include "base/sanitized.hpp"
#include "base/text.hpp"
#include "message/derived_json.hpp"
#include "message/header_forms.hpp"
#include "message/suites_testing.hpp"

namespace pabal::message {
namespace {

TEST(HeaderForms, Allowed) {
  struct Row {
    std::string_view name;
    std::string_view forms;
  };
  static const Row rows[] = {
      {"Subject", "Raw Text"},
      {"COMMENTS", "Raw Text"},
      {"Keywords", "Raw Text"},
      {"From", "Raw Addresses GroupedAddresses"},
      {"Resent-Reply-To", "Raw Addresses GroupedAddresses"},
      {"Message-ID", "Raw MessageIds"},
      {"Resent-Message-ID", "Raw MessageIds"},
      {"Date", "Raw Date"},
      {"List-Unsubscribe", "Raw URLs"},
      {"Received", "Raw"},
      {"Return-Path", "Raw"},
      {"List-Id", "Raw Text Addresses GroupedAddresses MessageIds Date URLs"},
      {"X-Anything", "Raw Text Addresses GroupedAddresses MessageIds Date URLs"},
      {"X-A-Name-That-Is-Longer-Than-All", "Raw Text Addresses GroupedAddresses MessageIds Date URLs"},
  };
  for (const auto& row : rows) {
    std::string forms;
    for (const auto form : kHeaderForms) {
      if (is_allowed(row.name, form)) forms.append(forms.empty() ? "" : " ").append(name_of(form));
    }
    EXPECT_EQ(forms, row.forms) << row.name;
  }
}

TEST(HeaderForms, Dates) {
  EXPECT_EQ(date_form(" Thu, 30 Oct 2014 14:12:00 +0800"), "2014-10-30T14:12:00+08:00");
  EXPECT_EQ(date_form(" 30 Oct 2014 06:12 GMT (x)"), "2014-10-30T06:12:00Z");
  EXPECT_EQ(date_form(" 1 Jan 2014 01:00:00 -0330"), "2014-01-01T01:00:00-03:30");
  EXPECT_EQ(date_form(" yesterday"), std::nullopt);
  // as mailers write them that don't know the standard's form
  EXPECT_EQ(date_form(" Mon, 5 Jan 2026 10:00:00 AM +0900"), "2026-01-05T10:00:00+09:00");
  EXPECT_EQ(date_form(" 2026-01-05 10:00:00 +0900"), "2026-01-05T10:00:00+09:00");
}

TEST(HeaderForms, Urls) {
  using Urls = std::vector<std::string>;
  EXPECT_EQ(urls_form(" <mailto:a@b?subject=x>, (web) <http://x/\r\n y>"),
            (Urls{"mailto:a@b?subject=x", "http://x/y"}));
  EXPECT_EQ(urls_form(" (<no>) NO"), std::nullopt);
  EXPECT_EQ(urls_form(" <never closed"), std::nullopt);
  EXPECT_EQ(urls_form(" :( <http://x/>"), (Urls{"http://x/"}));
}

TEST(HeaderForms, TextAndRaw) {
  EXPECT_EQ(text_form("  =?utf-8?Q?=EC=95=88?=\r\n =?utf-8?Q?=EB=85=95?= x"), "안녕 x");
  EXPECT_EQ(text_form(" e\xCC\x81"), "\u00E9");
  EXPECT_EQ(text_form(" a\r\n\tb"), "a b");
  EXPECT_EQ(raw_form(std::string_view(" a\r\n b\0c\xFF", 9)), " a\r\n bc\xEF\xBF\xBD");
}

constexpr std::string_view kMessage =
    "Received: one\r\nReceived: two\r\nFrom: =?utf-8?B?7JWI64WV?= <a@b.example>\r\nTo: Team: c@d, \"E, F\" <e@f>;, "
    "g@h\r\n"
    "Subject: =?utf-8?Q?=EC=95=88=EB=85=95?=\r\nMessage-ID: <1@b.example>\r\nReferences: <x@y>\r\n <z@w>\r\n"
    "Date: Thu, 30 Oct 2014 14:12:00 +0800\r\nX-Two: 1\r\nx-two: 2\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\nworld\r\n--b\r\n"
    "Content-Type: application/pdf; name=\"x.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n";

TEST(EmailJson, Properties) {
  const auto email = email_json(kMessage, {.blob_id = "B1"});
  const auto at = [&](std::string_view pointer) { return json::serialize(json::value(email).at_pointer(pointer)); };
  static const std::pair<std::string_view, std::string_view> rows[] = {
      {"/id", "null"},
      {"/blobId", "\"B1\""},
      {"/threadId", "null"},
      {"/receivedAt", "null"},
      {"/headers/0", R"({"name":"Received","value":" one"})"},
      {"/messageId", R"(["1@b.example"])"},
      {"/inReplyTo", "null"},
      {"/references", R"(["x@y","z@w"])"},
      {"/sender", "null"},
      {"/from", R"([{"name":"안녕","email":"a@b.example"}])"},
      {"/to", R"([{"name":null,"email":"c@d"},{"name":"E, F","email":"e@f"},{"name":null,"email":"g@h"}])"},
      {"/cc", "null"},
      {"/subject", "\"안녕\""},
      {"/sentAt", "\"2014-10-30T14:12:00+08:00\""},
      {"/hasAttachment", "true"},
      {"/preview", "\"Hello world\""},
      {"/bodyValues", R"({"1":{"value":"Hello\nworld","isEncodingProblem":false,"isTruncated":false}})"},
      {"/textBody/0/partId", "\"1\""},
      {"/textBody/0/charset", "\"us-ascii\""},
      {"/htmlBody/0/partId", "\"1\""},
      {"/attachments/0/blobId", "\"B1-2\""},
      {"/attachments/0/name", "\"x.pdf\""},
      {"/attachments/0/size", "3"},
      {"/attachments/0/charset", "null"},
      {"/attachments/0/disposition", "null"},
      {"/bodyStructure/partId", "null"},
      {"/bodyStructure/type", "\"multipart/mixed\""},
      {"/bodyStructure/subParts/1/partId", "\"2\""},
      {"/bodyStructure/subParts/1/subParts", "null"},
      {"/header:Received", "\" two\""},
      {"/header:Received:all", R"([" one"," two"])"},
      {"/header:Subject:asText", "\"안녕\""},
      {"/header:To:asGroupedAddresses",
       R"([{"name":"Team","addresses":[{"name":null,"email":"c@d"},{"name":"E, F","email":"e@f"}]},)"
       R"({"name":null,"addresses":[{"name":null,"email":"g@h"}]}])"},
      {"/header:References:asMessageIds:all", R"([["x@y","z@w"]])"},
      {"/header:x-two:asText", "\"2\""},
      {"/header:x-two:asText:all", R"(["1","2"])"},
      {"/header:x-two:asDate", "null"},
  };
  for (const auto& [pointer, value] : rows) EXPECT_EQ(at(pointer), value) << pointer;
  EXPECT_FALSE(email.contains("header:Subject:asAddresses"));
  EXPECT_FALSE(email.contains("header:Received:asText"));
}

TEST(EmailJson, Limits) {
  const auto email = email_json(kMessage, {.blob_id = "B1", .max_body_value_octets = 3, .header_forms = false});
  EXPECT_EQ(json::serialize(email.at("bodyValues")),
            R"({"1":{"value":"Hel","isEncodingProblem":false,"isTruncated":true}})");
  EXPECT_FALSE(email.contains("header:Subject"));
}

TEST(EmailJson, EveryPrefixIsAnEmail) {
  for (std::size_t size = 0; size <= kMessage.size(); ++size) {
    const auto text = json::serialize(email_json(kMessage.substr(0, size), {.blob_id = "B"}));
    EXPECT_TRUE(is_utf8(text));
  }
}

// What is listed without opening the message is what the message says. Trailing white space of subjects isn't kept.
void expect_listed(const json::object& email, std::string_view message, const std::string& which) {
  const auto stored = decode_derived(encode_derived(derive(message)));
  ASSERT_TRUE(stored) << which;
  for (const auto& property : listed_json(*stored)) {
    auto expected = json::serialize(email.at(property.key()));
    auto listed = json::serialize(property.value());
    if (property.key() == "subject") {
      const auto trimmed = [](const json::value& value) {
        return value.is_null() ? std::string("null") : std::string(trim(std::string_view(value.as_string())));
      };
      expected = trimmed(email.at("subject"));
      listed = trimmed(property.value());
    }
    EXPECT_EQ(listed, expected) << which << " " << std::string_view(property.key());
  }
}

TEST(EmailJson, ListedFromWhatWasDerived) {
  expect_listed(email_json(kMessage, {.blob_id = "B"}), kMessage, "message");
  EXPECT_EQ(listed_json(derive(kMessage)).size(), 14U);
}

// Every file of the public suites is an Email object in well-formed UTF-8 that JSON's reader takes.
TEST(EmailJson, Suites) {
  const auto paths = suite_files({"mime", "dsn", "spam-dev", "spam-rules", "dkim", "arc", "markers"});
  if (paths.empty()) GTEST_SKIP() << "no ../shared/suites";
  std::size_t files = 0;
  for (const auto& path : paths) {
    if (files++ % kSlower != 0) continue;
    const std::string message = file_contents(path);
    const auto email = email_json(message, {.blob_id = "B"});
    const auto text = json::serialize(email);
    ASSERT_TRUE(is_utf8(text)) << path;
    expect_listed(email, message, path.string());
    // Reading all of them back takes long under the sanitizers.
    if (kSlower == 1 || files % 20 == 1) ASSERT_TRUE(parse_json(text)) << path;
  }
  EXPECT_GT(files, 1000U);
}

}  // namespace
}  // namespace pabal::message
