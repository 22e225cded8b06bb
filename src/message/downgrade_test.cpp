#include "message/downgrade.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.hpp"
#include "codec/transfer.hpp"
#include "message/encoded_word.hpp"
#include "message/suites_testing.hpp"

namespace pabal::message {
namespace {

std::string convert(std::string_view message, Carriage carriage = Carriage::seven_bit, bool ascii_headers = true) {
  StringSink sink;
  const auto tree = parse_mime(message);
  const auto done = downgrade(message, tree, {carriage, ascii_headers}, sink);
  return done ? sink.text : "no: " + done.error().log;
}

// Types and decoded contents of all leaves.
std::string contents(std::string_view message) {
  std::string out;
  for (const auto& part : parse_mime(message).parts) {
    out += fmt::format("{}{}/{}", std::string(part.depth, ' '), to_lower(part.type), to_lower(part.subtype));
    if (part.kind == PartKind::leaf) {
      const auto body = message.substr(part.body_begin, part.body_end - part.body_begin);
      out += " " + codec::decode_body(codec::transfer_encoding(part.encoding), body).octets;
    }
    out += '\n';
  }
  return out;
}

TEST(Downgrade, Bodies) {
  struct Case {
    std::string message;
    std::string expected;
  };
  const Case cases[] = {
      // nothing to do: not an octet changes
      {"Subject: x\r\n\r\nplain\r\n", "Subject: x\r\n\r\nplain\r\n"},
      {"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\né is "
       "rare\r\n",
       "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
       "quoted-printable\r\n\r\n=C3=A9 is rare\r\n"},
      {"Content-Transfer-Encoding: 8BIT\r\n\r\n가나다\r\n",
       "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
       "base64\r\n\r\n6rCA64KY64ukDQo=\r\n"},
      {"Subject: x\r\n\r\n\xE9\xE9 is latin, and so is the rest of it\r\n",
       "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
       "Content-Transfer-Encoding: quoted-printable\r\n\r\n=E9=E9 is latin, and so is the rest of it\r\n"},
      // ASCII that claims more
      {"Content-Transfer-Encoding: 8bit\r\n\r\nplain\r\n", "\r\nplain\r\n"},
      // signed
      {"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\xE9\r\n--b\r\n\r\nsig\r\n--b--\r\n",
       "no: a signed part would have to be changed"},
      {"Content-Type: multipart/signed; boundary=b\r\nContent-Transfer-Encoding: "
       "8bit\r\n\r\n--b\r\n\r\nx\r\n--b\r\n\r\n"
       "sig\r\n--b--\r\n",
       "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\n\r\nsig\r\n--b--\r\n"},
      {"Content-Type: multipart/mixed; boundary=\"\xE9\"\r\n\r\n--\xE9\r\n\r\nx\r\n--\xE9--\r\n",
       "no: a boundary is not ASCII"},
  };
  for (const auto& [message, expected] : cases) EXPECT_EQ(convert(message), expected) << message;
  const std::string eight = "Content-Transfer-Encoding: 8bit\r\n\r\n가\r\n";
  EXPECT_EQ(convert(eight, Carriage::eight_bit), eight);
  EXPECT_EQ(convert("Subject: x\r\n\r\na\nb\r\n", Carriage::eight_bit),
            "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: base64\r\n\r\nYQpiDQo=\r\n");
}

TEST(Downgrade, Structures) {
  const std::string message =
      "From: a@x\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: binary\r\n\r\npreamble "
      "\xE9\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n안녕\r\n--b\r\n"
      "Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n" +
      std::string("\x89PNG\r\n\x1A\n\0\0", 10) +
      "\r\n--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: "
      "안\r\n\r\n안쪽\r\n--b\r\n"
      "Content-Type: multipart/alternative; boundary=c\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--c\r\n\r\nplain\r\n"
      "--c--\r\n--b--\r\nepilogue\r\n";
  const std::string converted = convert(message);
  EXPECT_TRUE(is_ascii(converted)) << converted;
  EXPECT_EQ(carriage_of(converted), Carriage::seven_bit);
  EXPECT_EQ(contents(converted), contents(message)) << converted;
  EXPECT_EQ(converted.find("8bit"), std::string::npos) << converted;
  EXPECT_NE(converted.find("Subject: =?utf-8?"), std::string::npos) << converted;
  // Doing it again changes nothing.
  EXPECT_EQ(convert(converted), converted);
}

// What has a NUL is encoded, and not an octet besides.
TEST(Downgrade, OnlyNuls) {
  const auto convert_nuls = [](std::string_view message) {
    StringSink sink;
    const auto done = downgrade(message, parse_mime(message),
                                {.carriage = Carriage::eight_bit, .ascii_headers = false, .only_nuls = true}, sink);
    return done ? sink.text : "no: " + done.error().log;
  };
  const std::string mixed =
      "Subject: \xE9\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\na\nb\r\n--b\r\n"
      "X: y\r\nContent-Transfer-Encoding: binary\r\n\r\n{}\r\n--b\r\nContent-Transfer-Encoding: "
      "{}\r\n\r\n{}\r\n--b--\r\n";
  using namespace std::string_view_literals;
  EXPECT_EQ(
      convert_nuls(fmt::format(fmt::runtime(mixed), "n\0l"sv, "binary", std::string(2000, 'x'))),
      fmt::format(fmt::runtime(mixed), "?", "binary", std::string(2000, 'x'))
          .replace(mixed.find("Content-Transfer-Encoding: binary\r\n\r\n"), 40,
                   "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nbgBs\r\n"));
  const auto none = fmt::format(fmt::runtime(mixed), "nul", "8bit", "\xE9\n");
  EXPECT_EQ(convert_nuls(none), none);
  EXPECT_EQ(convert_nuls("Content-Type: image/x\r\n\r\n\0\1\2"sv),
            "Content-Type: image/x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n");
  EXPECT_EQ(
      convert_nuls("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\0\r\n--b\r\n\r\nsig\r\n--b--\r\n"sv),
      "no: a signed part would have to be changed");
}

TEST(Downgrade, GlobalMessagesAreEncodedWhole) {
  const std::string inner = "From: 영희@x\r\nSubject: 안\r\n\r\n안쪽\r\n";
  const std::string message =
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/global\r\n\r\n" + inner +
      "\r\n--b--\r\n";
  const std::string converted = convert(message);
  EXPECT_TRUE(is_ascii(converted));
  const auto tree = parse_mime(converted);
  ASSERT_EQ(tree.parts.size(), 2U) << converted;
  const Part& part = tree.parts[1];
  EXPECT_EQ(codec::decode_body(codec::transfer_encoding(part.encoding),
                               std::string_view(converted).substr(part.body_begin, part.body_end - part.body_begin))
                .octets,
            inner);
  // For a reader that only wants ASCII header sections it stays what it is.
  EXPECT_EQ(convert(message, Carriage::binary), message);
}

TEST(Downgrade, Fields) {
  struct Case {
    std::string name;
    std::string body;
    std::string expected;
  };
  const Case cases[] = {
      {"Subject", " plain\r\n folded", "Subject: plain\r\n folded\r\n"},
      {"Subject", " 안녕", "Subject: =?utf-8?B?7JWI64WV?=\r\n"},
      {"From", " 영희 <y@x>", "From: =?utf-8?B?7JiB7Z2s?= <y@x>\r\n"},
      {"From", " y@서울.example", "From: y@xn--2i4bq6h.example\r\n"},
      {"From", " 영희@서울.example", "From: =?utf-8?B?7JiB7Z2sQOyEnOyauC5leGFtcGxl?= :;\r\n"},
      {"To", " a@x, 영희 <영희@x>, b@x", "To: a@x, =?utf-8?B?7JiB7Z2sIOyYge2drEB4?= :;, b@x\r\n"},
      {"Message-ID", " <영희@x>", "Downgraded-Message-ID: =?utf-8?B?POyYge2drEB4Pg==?=\r\n"},
      {"Content-Disposition", " attachment; filename=\"파일.txt\"",
       "Content-Disposition: attachment; filename*=utf-8''%ED%8C%8C%EC%9D%BC.txt\r\n"},
      {"X-Other", " \xE9", "X-Other: =?utf-8?"},
  };
  for (const auto& [name, body, expected] : cases) {
    const std::string field = downgrade_field({.name = name, .body = body});
    EXPECT_TRUE(field.starts_with(expected)) << field;
    EXPECT_TRUE(is_ascii(field) && field.ends_with("\r\n"));
  }
}

TEST(Downgrade, HeadersOnly) {
  const std::string message =
      "From: 영희@x\r\nSubject: 안\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
      "Content-Disposition: attachment; filename=\"파일.txt\"\r\nContent-Transfer-Encoding: "
      "8bit\r\n\r\n안쪽\r\n--b--\r\n";
  const std::string converted = convert(message, Carriage::binary);
  const auto tree = parse_mime(converted);
  EXPECT_TRUE(has_raw_header(message, parse_mime(message)));
  EXPECT_FALSE(has_raw_header(converted, tree));
  EXPECT_NE(converted.find("Content-Transfer-Encoding: 8bit\r\n\r\n안쪽\r\n"), std::string::npos) << converted;
  EXPECT_EQ(contents(converted), contents(message));
}

TEST(Downgrade, AllMessagesOfTheSuites) {
  const auto paths = suite_files({"mime", "spam-dev/ham", "spam-dev/spam", "dsn"});
  if (paths.empty()) GTEST_SKIP() << "the suites are not here";
  std::size_t refused = 0;
  for (const auto& path : paths) {
    const std::string converted = convert(file_contents(path));
    if (converted.starts_with("no: ")) {
      ++refused;
      continue;
    }
    EXPECT_TRUE(is_ascii(converted)) << path;
  }
  EXPECT_LT(refused, paths.size() / 50) << "of " << paths.size();
}

}  // namespace
}  // namespace pabal::message
