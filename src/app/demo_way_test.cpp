#include "app/demo_way.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace pabal::app {
namespace {

std::string told(std::string_view attempt, bool waits = false) {
  const auto traces = parse_json(fmt::format(R"({{"traces":[{{"attempts":[{}]}}]}})", attempt));
  EXPECT_TRUE(traces);
  std::string out;
  if (traces) {
    for (const auto& line : way_out(*traces, waits)) out += line + "\n";
  }
  return out;
}

TEST(DemoWay, ADialogueWithTls) {
  EXPECT_EQ(told(R"j({"began":"2026-11-23T23:08:59.764Z","host":"mx","address":"127.0.0.3:25","tls":"TLSv1.3 X",
               "route":["MX b.example: ok b.example 60s: 10 mx.","mx: 127.0.0.3"],
               "opening":[{"time":"2026-11-23T23:09:00Z","client":"(connected to 127.0.0.3:25)","server":"(from 127.0.0.2:9)"},
                          {"time":"2026-11-23T23:09:00Z","server":"220 hi"},
                          {"time":"2026-11-23T23:09:00Z","client":"STARTTLS","server":"220 go"}],
               "said":[{"time":"2026-11-23T23:09:01Z","client":"DATA","server":"250 ok"}],
               "ended":"2026-11-23T23:09:02Z","recipients":[{"address":"b@b","fate":"delivered","reply":"250 ok"}]})j"),
            "  23:08:59  Its turn in the queue: a try begins. Its row stays there until that is over.\n"
            "    DNS: who takes mail for b.example (MX)? 10 mx. (to be remembered for 60 s)\n"
            "    DNS: mx: 127.0.0.3\n"
            "    To mx at 127.0.0.3:25:\n"
            "    23:09:00    connected to 127.0.0.3:25 from 127.0.0.2:9\n"
            "    23:09:00  < 220 hi\n"
            "    23:09:00  > STARTTLS\n"
            "    23:09:00  < 220 go\n"
            "    23:09:00    from here on encrypted: TLSv1.3 X\n"
            "    23:09:01  > DATA\n"
            "    23:09:01  < 250 ok\n"
            "  23:09:02  b@b: delivered: 250 ok\n");
}

// It began before the letter was there.
TEST(DemoWay, AConnectionThatIsUsedAgain) {
  const auto text =
      told(R"j({"began":"2026-11-23T20:00:00Z","host":"mx","address":"127.0.0.3:25","connection":"used again",
                             "said":[{"time":"2026-11-23T23:09:01Z","client":"DATA","server":"250 ok"}],
                             "ended":"2026-11-23T23:09:02Z","recipients":[]})j");
  EXPECT_TRUE(text.starts_with("  23:09:01  Its turn")) << text;
  EXPECT_TRUE(text.contains("is open still, from the letter before, and is used again:\n")) << text;
  EXPECT_FALSE(text.contains("20:00:00")) << text;
}

TEST(DemoWay, NobodyThere) {
  const auto text = told(R"j({"began":"2026-11-23T23:09:01Z","not_connected":[{"host":"mx","why":"refused",
                             "said":[{"time":"2026-11-23T23:09:01Z","client":"(connect to 127.0.0.4:25)",
                                      "server":"(Connection refused)"}]}],
                             "ended":"2026-11-23T23:09:02Z","recipients":[{"address":"c@d","fate":"passing","why":"refused"}]})j");
  EXPECT_TRUE(text.contains("    23:09:01    connect to 127.0.0.4:25: Connection refused\n")) << text;
  EXPECT_TRUE(text.ends_with("    mx can't be had: refused\n  23:09:02  c@d: not now: refused\n")) << text;
}

TEST(DemoWay, WhatTheBounceSays) {
  const auto traces = parse_json(
      R"j({"traces":[{"event":"notice","about":"L1","action":"failed","mailboxes":[{"mailbox":"INBOX","uid":2,"email":8}]}]})j");
  ASSERT_TRUE(traces);
  EXPECT_EQ(bounce_about(*traces, "L1"), "failed");
  EXPECT_EQ(bounce_about(*traces, "L2"), "");
  EXPECT_EQ(email_of(*traces), EmailId{8});
  std::string out;
  for (const auto& line :
       words_of("From: a@b\r\nSubject: =?utf-8?Q?=C3=A9?=\r\nContent-Type: multipart/report; boundary=b\r\n\r\n"
                "--b\r\n\r\nsorry:\r\n\r\n  no\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nX: y\r\n"
                "\r\nother\r\n--b--\r\n")) {
    out += line + "\n";
  }
  EXPECT_EQ(out, "    | From: a@b\n    | Subject: \xC3\xA9\n    |\n    | sorry:\n    |\n    |   no\n");
  EXPECT_EQ(words_of("").size(), 0);
}

}  // namespace
}  // namespace pabal::app
