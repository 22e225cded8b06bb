#include "message/bounce.hpp"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "message/suites_testing.hpp"

namespace pabal::message {
namespace {

std::string dump(const std::optional<Bounce>& bounce) {
  if (!bounce) return "none";
  std::string out = fmt::format("{} {}", bounce->rule, name_of(bounce->kind));
  for (const auto& each : bounce->recipients) {
    out += fmt::format(" | {} {} {} {}", each.address, each.status, each.smtp_code, name_of(each.reason));
  }
  return out;
}

std::optional<Bounce> recognise(std::string_view message) { return recognise_bounce(message, parse_mime(message)); }

TEST(Bounce, Table) {
  struct Case {
    std::string message;
    std::string expected;
  };
  const Case cases[] = {
      {"From: a@x\r\nSubject: failure of the harvest\r\n\r\nNo rain, 550 acres lost.\r\n", "none"},
      {"From: MAILER-DAEMON@x\r\nSubject: failure notice\r\n\r\nHi. This is the qmail-send program at x.\r\n\r\n"
       "<b@y>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n\r\n--- Below this line is a copy of the "
       "message.\r\n\r\nTo: c@z\r\n",
       "qmail failure | b@y 5.1.1 0 unknown-user"},
      {"From: MAILER-DAEMON@x\r\nSubject: failure notice\r\n\r\n<b@y>:\r\n192.0.2.1 said: 552 5.2.2 Mailbox full\r\n"
       "<c@z>:\r\nConnection timed out\r\n",
       "qmail failure | b@y 5.2.2 552 mailbox-full | c@z  0 unreachable"},
      {"From: Mail Delivery Subsystem <MAILER-DAEMON@x>\r\nSubject: Returned mail: x\r\n\r\n"
       "   ----- Transcript of session follows -----\r\n550 <b@y>... User unknown\r\n",
       "sendmail-5 failure | b@y  550 unknown-user"},
      {"From: a@x\r\nAuto-Submitted: auto-replied\r\nSubject: away\r\n\r\nI am away; write to c@x\r\n",
       "rfc3834 auto-reply"},
      {"From: postmaster@x\r\nSubject: Undeliverable: x\r\n\r\nnothing said\r\n", "daemon failure"},
  };
  for (const auto& [message, expected] : cases) {
    EXPECT_EQ(dump(recognise(message)), expected) << message;
    for (std::size_t n = 0; n < message.size(); ++n) EXPECT_NO_THROW(auto part = recognise(message.substr(0, n)));
  }
}

TEST(Bounce, Codes) {
  EXPECT_EQ(find_status("550 5.1.1 no"), "5.1.1");
  EXPECT_EQ(find_status("at 192.5.1.1 and 5.1.1.9"), "");
  EXPECT_EQ(find_status("(#5.7.509)"), "5.7.509");
  EXPECT_EQ(find_status("version v5.1.1"), "");
  EXPECT_EQ(find_smtp_code("said: 550-5.1.1"), 550);
  EXPECT_EQ(find_smtp_code("room 4501"), 0);
  EXPECT_EQ(find_smtp_code("421"), 421);
  EXPECT_EQ(bounce_reason("", "5.2.2", 0), BounceReason::mailbox_full);
  EXPECT_EQ(bounce_reason("Mailbox Full", "5.1.1", 0), BounceReason::mailbox_full);
  EXPECT_EQ(bounce_reason("gibberish", "", 0), BounceReason::unknown);
}

TEST(Bounce, SuiteOfSixtyServers) {
  const auto files = suite_files({"dsn/sisimai"});
  if (files.empty()) GTEST_SKIP() << "the suites are not here";
  std::size_t messages = 0;
  std::size_t recognised = 0;
  std::size_t with_recipient = 0;
  std::size_t with_reason = 0;
  std::map<std::string, int> rules;
  const bool verbose = std::getenv("PABAL_LIST_BOUNCES") != nullptr;
  for (const auto& path : files) {
    if (path.extension() != ".eml") continue;
    ++messages;
    const std::string message = file_contents(path);
    const auto bounce = recognise(message);
    if (verbose) std::cout << path.filename().string() << ": " << dump(bounce) << '\n';
    EXPECT_TRUE(bounce) << path;
    if (!bounce) continue;
    ++recognised;
    ++rules[bounce->rule];
    // A complaint may keep its recipient to itself (RFC 5965 §3.2), an answering machine has none.
    if (!bounce->recipients.empty() || bounce->kind == BounceKind::auto_reply ||
        bounce->kind == BounceKind::complaint) {
      ++with_recipient;
    } else {
      ADD_FAILURE() << "no recipient: " << path;
    }
    if (!bounce->recipients.empty() && bounce->recipients.front().reason != BounceReason::unknown) ++with_reason;
  }
  std::cout << fmt::format("{} messages: {} recognised, {} with a recipient, {} with a reason\n", messages, recognised,
                           with_recipient, with_reason);
  for (const auto& [rule, count] : rules) std::cout << fmt::format("  {:20} {}\n", rule, count);
  EXPECT_GE(with_reason, 177U) << "of " << messages << ": so many when this was written";
}

// Read by eye in the files: address, status, reply code and reason as the server gave them.
TEST(Bounce, WhatServersSaid) {
  const auto folder = std::filesystem::path(PABAL_SOURCE_DIR) / "../shared/suites/dsn/sisimai";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "the suites are not here";
  static constexpr std::pair<std::string_view, std::string_view> expected[] = {
      {"lhost-amazonses-06", "rfc3464 failure | bounce@simulator.amazonses.com 5.1.1 550 unknown-user"},
      {"lhost-amazonses-18", "rfc3464 failure | kijitora@neko.nyaan.example.edu 5.4.4 550 host-unknown"},
      {"lhost-barracuda-01", "rfc3464 failure | kijitora@example.org 5.7.1 550 spam"},
      {"lhost-dragonfly-14", "dragonfly failure | mesgtoobig@libsisimai.net 5.3.4 554 too-big"},
      {"lhost-exchange2003-07", "exchange-2003 failure | kijitora@EXAMPLE.ORG  0 unknown-user"},
      {"lhost-exim-05", "exim failure | kijitora@neko.example.co.jp 5.1.1 553 unknown-user"},
      {"lhost-exim-61", "exim failure | xxxx@xxxx.net 5.1.1 550 unknown-user"},
      {"lhost-gmail-19", "gmail failure | neko-nyaan@google.example.com  0 mailbox-full"},
      {"lhost-imailserver-06", "imail failure | kijitora@example.jp  550 spam"},
      {"lhost-messagingserver-03",
       "rfc3464-in-text failure | sabineko@example.org 5.7.1 550 unknown-user | mikeneko@example.org 5.7.1 550 "
       "unknown-user"},
      {"lhost-mfilter-03", "m-filter failure | kijitora@example.org  550 unknown-user"},
      {"lhost-office365-02", "exchange failure | kijitora@example.onmicrosoft.com 5.1.1 550 unknown-user"},
      {"lhost-opensmtpd-16", "rfc3464 delay | systemfull@libsisimai.net 4.4.7 0 expired"},
      {"lhost-postfix-16", "rfc3464 failure | kijitora@example.go.jp 5.1.6 550 unknown-user"},
      {"lhost-postfix-62", "rfc3464 failure | nyaan@libsisimai.org 5.0.0 550 virus"},
      {"lhost-postfix-74", "rfc3464 failure | kijitora@y.example.ca 4.7.0 421 blocked"},
      {"lhost-qmail-03", "qmail failure | kijitora@example.org 5.7.1 550 blocked"},
      {"lhost-qmail-15",
       "qmail failure | pseudo-local-part-of-microsoft-outlook@outlook.com 5.7.509 550 authentication"},
      {"lhost-sendmail-03", "rfc3464 failure | bounce0@example.org 5.1.1 550 unknown-user"},
      {"lhost-sendmail-15", "rfc3464 failure | kijitora@example.org 5.1.2 0 host-unknown"},
      {"lhost-sendmail-28",
       "rfc3464 failure | this-local-part-does-not-exist-on-the-system@uqmobile.jp 5.1.1 550 unknown-user"},
      {"lhost-x1-01", "mail2000 failure | kijitora@example.co.jp  0 unknown-user"},
      {"lhost-yahoo-05", "yahoo failure | kijitora@example.co.jp 5.2.1 550 unknown-user"},
      {"lhost-yandex-03", "rfc3464 failure | kijitora@6jo.example.jp 4.4.1 0 unreachable"},
      {"rfc3464-09", "rfc3464 delay | kijitora-cat@mx4.gr3.example.jp 4.3.0 0 mailbox-full"},
      {"rfc3464-61", "rfc3464 failure | kijitora@example.com 5.0.0 0 spam"},
      {"rhost-cox-01", "rfc3464 failure | recipient55@cox.net 5.1.0 550 blocked"},
      {"rhost-franceptt-11", "rfc3464 failure | xxxx@laposte.net 4.2.1 421 blocked"},
      {"rhost-gsuite-01", "rfc3464 failure | kijitora@example.de 5.1.0 550 unknown-user"},
      {"rhost-microsoft-04", "rfc3464 failure | pseudo-local-part-of-microsoft@outlook.com 5.7.509 550 authentication"},
  };
  for (const auto& [name, answer] : expected) {
    EXPECT_EQ(dump(recognise(file_contents(folder / fmt::format("{}.eml", name)))), answer) << name;
  }
}

TEST(Bounce, WhatPeopleWriteIsNone) {
  std::size_t messages = 0;
  std::size_t wrong = 0;
  for (const auto& path : suite_files({"spam-dev/ham"})) {
    ++messages;
    const std::string message = file_contents(path);
    const auto bounce = recognise(message);
    if (!bounce || bounce->kind == BounceKind::auto_reply) continue;
    // Five of them are bounces that somebody got and gave away.
    static constexpr std::string_view real[] = {"01436.dc449ba3", "01507.e06cf7fc", "01542.ed72bf2c", "01304.af5f3a2d",
                                                "01311.b6a06b3e"};
    const std::string name = path.filename().string();
    if (std::ranges::any_of(real, [&](std::string_view each) { return name.starts_with(each); })) continue;
    ++wrong;
    std::cout << path.filename().string() << ": " << dump(bounce) << '\n';
  }
  if (messages == 0) GTEST_SKIP() << "the suites are not here";
  EXPECT_EQ(wrong, 0U) << "of " << messages;
}

}  // namespace
}  // namespace pabal::message
