// Time on input that is made to be slow: megabytes, done in a moment where the work is linear, and never where it
// isn't.
#include <chrono>

#include <gtest/gtest.h>

#include "message/bounce.hpp"
#include "message/downgrade.hpp"
#include "message/dsn.hpp"
#include "message/flowed.hpp"
#include "message/rebuild.hpp"

namespace pabal::message {
namespace {

std::string repeated(std::string_view text, std::size_t octets) {
  std::string out;
  out.reserve(octets + text.size());
  while (out.size() < octets) out += text;
  return out;
}

// Sanitizers and other work on the machine included.
class Deadline {
 public:
  ~Deadline() { EXPECT_LT(std::chrono::steady_clock::now() - begin_, std::chrono::seconds(20)); }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

constexpr std::size_t kSize = 512U << 10;

std::vector<std::string> nasty() {
  std::string nested = "Subject: x\r\n";
  for (int i = 0; i < 10'000; ++i)
    nested +=
        "Content-Type: multipart/mixed; boundary=b" + std::to_string(i) + "\r\n\r\n--b" + std::to_string(i) + "\r\n";
  return {
      repeated("X-A: \xEA\xB0\x80\r\n", kSize) + "\r\n\xE9\r\n",
      "Subject: " + repeated("\xEA\xB0\x80", kSize) + "\r\n\r\n\xE9\r\n",
      "To: " + repeated("\xEA\xB0\x80@x, ", kSize) + "\r\n\r\nx\r\n",
      "To: " + repeated("(", kSize) + "\xE9\r\n\r\nx\r\n",
      "Content-Type: text/plain; " + repeated("a=\"\xE9\"; ", kSize) + "\r\n\r\nx\r\n",
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + repeated("--b\r\n\r\n\xE9\r\n", kSize),
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n" +
          repeated("--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n--=_x\r\n--c--\r\n", kSize),
      nested + "\xE9\r\n",
      "From: MAILER-DAEMON@x\r\nSubject: failure notice\r\n\r\n" + repeated("<a@x>: ", kSize),
      "From: MAILER-DAEMON@x\r\nSubject: failure notice\r\n\r\n" + repeated(" \r\n", kSize),
      "From: MAILER-DAEMON@x\r\nSubject: Returned mail\r\n\r\n" + repeated("550 <a@x>... no\r\n", kSize),
      "From: MAILER-DAEMON@x\r\nSubject: undeliverable\r\n\r\nyour message to " +
          repeated("your message to a@x ", kSize),
      "\r\n" + repeated("=", kSize) + "\xE9",
      "\r\n" + repeated("\n\r", kSize),
  };
}

TEST(WriteLinear, Messages) {
  for (const auto& message : nasty()) {
    SCOPED_TRACE(message.substr(0, 60));
    const Deadline deadline;
    const auto tree = parse_mime(message);
    StringSink sink;
    const auto converted = downgrade(message, tree, {}, sink);
    const auto bounce = recognise_bounce(message, tree);
    SeededRandom random(1);
    const auto text = rebuild(message, tree).text(random, {Carriage::eight_bit});
    if (converted) EXPECT_EQ(carriage_of(sink.text), Carriage::seven_bit);
    if (bounce) EXPECT_LE(bounce->recipients.size(), 1'000U);
    if (text) EXPECT_GT(text->size(), 0U);
  }
}

TEST(WriteLinear, Values) {
  const Deadline deadline;
  for (const auto value : {" ", "a ", "\xEA\xB0\x80", "\xEA\xB0\x80 ", "=?", "\"", "a, ", "\r\n"}) {
    const std::string text = repeated(value, kSize);
    for (const auto style : {HeaderStyle::ascii, HeaderStyle::utf8}) {
      HeaderWriter header(style);
      EXPECT_TRUE(header.text("Subject", text).has_value());
      EXPECT_TRUE(header.address("From", {text, EmailAddress::parse("a@x").value()}).has_value());
    }
    EXPECT_GT(write_flowed(text + "x").text.size() + with_crlf(text).size(), 0U);
    const auto report = read_delivery_status("Final-Recipient: utf-8; " + repeated("\\x{", kSize) + text);
    EXPECT_TRUE(report.has_value());
  }
}

}  // namespace
}  // namespace pabal::message
