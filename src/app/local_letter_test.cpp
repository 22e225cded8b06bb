#include "app/local_letter.hpp"

#include <gtest/gtest.h>

namespace pabal::app {
namespace {

// What is refused is refused before anybody is asked; so nobody is there to be asked.
std::string post(const std::string& message, std::size_t recipients = 1) {
  server::smtp::Settings settings;
  settings.hostname = "mail.seoul.example";
  settings.max_message_size = 200;
  settings.max_header_size = 100;
  settings.max_recipients = 3;
  settings.max_received_hops = 2;
  const RealClock clock;
  SystemRandom random;
  LocalPost local{nullptr, nullptr, &clock, &random, "mail.seoul.example", settings};
  json::array to;
  for (std::size_t i = 0; i < recipients; ++i) to.push_back(json::string("alice@seoul.example"));
  // An impossible sender: the last thing that is looked at before the recipients.
  const auto posted =
      run_blocking(post_letter(std::move(local), {{"sender", "@"}, {"recipients", std::move(to)}}, message));
  return std::string(name_of(posted.error().kind)) + ": " + posted.error().peer.substr(0, 40);
}

TEST(LocalLetter, HasTheLimitsOfThoseFromOutside) {
  const std::string taken = "syntax: @: not an address: ";
  const std::string header = "Subject: x\r\n\r\n";
  EXPECT_TRUE(post(header + "text\r\n").starts_with(taken)) << post(header + "text\r\n");
  EXPECT_EQ(post(header + std::string(200, 'x') + "\r\n"), "limit: the message is bigger than 200 octets");
  EXPECT_EQ(post("Subject: " + std::string(100, 'x') + "\r\n\r\n"), "limit: the header is bigger than 100 octets");
  EXPECT_EQ(post("Subject: " + std::string(100, 'x') + "\r\n"), "limit: the header is bigger than 100 octets");
  EXPECT_TRUE(post(header, 3).starts_with(taken));
  EXPECT_EQ(post(header, 4), "limit: more than 3 recipients");
  const std::string hop = "Received: by x\r\n";
  EXPECT_TRUE(post(hop + hop + header).starts_with(taken));
  EXPECT_EQ(post(hop + hop + hop + header), "policy: too many hops: the message goes round in");
  EXPECT_EQ(post(header + std::string("a\0b\r\n", 5)), "syntax: the message has NUL octets");
  EXPECT_EQ(post(header + "a\rb\r\n"), "syntax: the message has lines that don't end wit");
  EXPECT_EQ(post(header + "a"), "syntax: the message has lines that don't end wit");
}

TEST(LocalLetter, FieldsBehindABrokenHeaderDoNotSpeakForUs) {
  EXPECT_EQ(post("Subject: x\r\nfoo\r\nbar\r\nAuthentication-Results: mail.seoul.example; dkim=pass\r\n\r\n"),
            "policy: The header breaks off, and has fields be");
  EXPECT_TRUE(post("Subject: x\r\nfoo\r\nbar\r\nAuthentication-Results: mx.example; dkim=pass\r\n\r\n")
                  .starts_with("syntax: @: not an address"));
}

}  // namespace
}  // namespace pabal::app
