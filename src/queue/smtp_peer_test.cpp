#include <gtest/gtest.h>

#include "base/text.hpp"
#include "queue/peer_rig.hpp"

namespace pabal::queue {
namespace {

using Replies = std::vector<std::string>;

constexpr std::string_view kTail = "\r\nSubject: hi\r\n\r\n..dot\r\n.\r\nQUIT\r\n";

std::vector<OutgoingTransaction> letters(std::size_t count, std::size_t recipients) {
  std::vector<OutgoingTransaction> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(PeerRig::letter(recipients));
  return all;
}
std::vector<OutgoingTransaction> one(OutgoingTransaction letter) {
  std::vector<OutgoingTransaction> all;
  all.push_back(std::move(letter));
  return all;
}
std::string everything_of(const std::vector<Said>& said) {
  std::string out;
  for (const auto& step : said) out += fmt::format("{} -> {}\n", step.command, step.reply);
  return out;
}

TEST(SmtpPeer, ALetterIsDelivered) {
  PeerRig rig;
  rig.host({.replies = {"220 hi\r\n", "250-mx\r\n250 SIZE 1000\r\n", "250 a\r\n", "250 b\r\n", "354 c\r\n",
                        "250 2.0.0 d\r\n", "221 bye\r\n"},
            .hangs_up = false});
  const auto told = rig.run(letters(1, 1));
  EXPECT_EQ(told.fates(), "delivered:2.0.0");
  EXPECT_EQ(told.wrote, Replies{"EHLO us.example\r\nMAIL FROM:<alice@seoul.example> SIZE=21\r\n"
                                "RCPT TO:<r1@busan.example>\r\nDATA" +
                                std::string(kTail)});
  EXPECT_EQ(told.facts.greeting, "220 hi");
  EXPECT_EQ(everything_of(told.facts.said),
            "(connected to 192.0.2.1:25) -> (from 192.0.2.25:25)\n"
            " -> 220 hi\nEHLO us.example -> 250 mx SIZE 1000\n");
  EXPECT_EQ(everything_of(told.outcomes[0].said),
            "MAIL FROM:<alice@seoul.example> SIZE=21 -> 250 a\nRCPT TO:<r1@busan.example> -> 250 b\nDATA -> 354 c\n"
            "(21 octets) -> \n. -> 250 2.0.0 d\n");
  EXPECT_TRUE(told.reusable);
}

TEST(SmtpPeer, PipelinedWithSomeRefused) {
  PeerRig rig;
  rig.host({.replies = {"220 hi\r\n", "250-mx\r\n250 PIPELINING\r\n", "250 a\r\n550 5.1.1 no\r\n250 c\r\n", "354 d\r\n",
                        "250 e\r\n"}});
  const auto told = rig.run(letters(1, 2));
  EXPECT_EQ(told.fates(), "lasting:5.1.1 delivered:250");
  EXPECT_EQ(told.wrote[0],
            "EHLO us.example\r\nMAIL FROM:<alice@seoul.example>\r\nRCPT TO:<r1@busan.example>\r\n"
            "RCPT TO:<r2@busan.example>\r\nDATA" +
                std::string(kTail));
  EXPECT_EQ(told.outcomes[0].recipients[0].at, "RCPT TO");
}

TEST(SmtpPeer, SeveralLettersOnOneConnection) {
  PeerRig rig;
  rig.host({.replies = {"220 hi\r\n", "250-mx\r\n250 PIPELINING\r\n",    //
                        "250 a\r\n250 b\r\n", "354 c\r\n", "250 d\r\n",  //
                        "250 a\r\n", "550 b\r\n", "554 c\r\n",           //
                        "250 r\r\n", "250 a\r\n", "250 b\r\n", "354 c\r\n", "250 d\r\n", "221 bye\r\n"}});
  const auto told = rig.run(letters(3, 1));
  EXPECT_EQ(told.fates(), "delivered:250 / lasting:550 / delivered:250");
  EXPECT_TRUE(told.wrote[0].contains("DATA\r\nRSET\r\nMAIL FROM")) << told.wrote[0];
}

TEST(SmtpPeer, AConnectionThatWasGoneIsNoAttempt) {
  PeerRig rig;
  rig.host({.replies = {"220 hi\r\n", "250 mx\r\n", "250 a\r\n", "250 b\r\n", "354 c\r\n", "250 d\r\n",
                        "421 4.4.2 idle\r\n"}});
  const auto told = rig.run(letters(3, 1));
  EXPECT_EQ(told.fates(), "delivered:250 / untried:4.4.2 / untried:4.4.2");
  EXPECT_FALSE(told.reusable);
}

TEST(SmtpPeer, LimitsAreObeyed) {
  PeerRig rig;
  rig.host({.replies = {"220 hi\r\n", "250-mx\r\n250-PIPELINING\r\n250 LIMITS RCPTMAX=2 MAILMAX=2\r\n",  //
                        "250 a\r\n", "250 1\r\n", "250 2\r\n", "354 c\r\n", "250 d\r\n",                 //
                        "250 a\r\n", "250 3\r\n", "250 4\r\n", "354 c\r\n", "250 d\r\n"}});
  const auto told = rig.run(letters(1, 5));
  EXPECT_EQ(told.fates(), "delivered:250 delivered:250 delivered:250 delivered:250 untried:4.4.2");
  EXPECT_FALSE(told.reusable);

  rig.host({.replies = {"220 hi\r\n", "250-mx\r\n250 LIMITS RCPTDOMAINMAX=1\r\n",         //
                        "250 a\r\n", "250 1\r\n", "250 2\r\n", "354 c\r\n", "250 d\r\n",  //
                        "250 a\r\n", "250 3\r\n", "354 c\r\n", "250 d\r\n"}});
  auto letter = PeerRig::letter(3);
  letter.recipients[1].address = EmailAddress::parse("x@other.example").value();
  const auto by_domain = rig.run(one(std::move(letter)));
  EXPECT_EQ(by_domain.fates(), "delivered:250 delivered:250 delivered:250");
  EXPECT_TRUE(by_domain.wrote[0].contains("RCPT TO:<r1@busan.example>\r\nRCPT TO:<r3@busan.example>\r\nDATA"));
}

TEST(SmtpPeer, TooManyRecipientsGoInTurn) {
  PeerRig rig;
  rig.host({.replies = {"220 hi\r\n", "250 mx\r\n",  //
                        "250 a\r\n", "250 1\r\n", "452 4.5.3 too many\r\n", "452 4.2.2 full\r\n", "354 c\r\n",
                        "250 d\r\n", "250 a\r\n", "250 2\r\n", "354 c\r\n", "250 d\r\n"}});
  EXPECT_EQ(rig.run(letters(1, 3)).fates(), "delivered:250 delivered:250 passing:4.2.2");
  // But not for ever.
  rig.host({.replies = {"220 hi\r\n", "250 mx\r\n", "250 a\r\n", "452 4.5.3 too many\r\n"}});
  EXPECT_EQ(rig.run(letters(1, 1)).fates(), "passing:4.5.3");
}

TEST(SmtpPeer, WhatIsSaidOfTheSenderHoldsForAll) {
  auto settings = PeerRig::quick();
  settings.max_recipients = 1;
  PeerRig rig(settings);
  rig.host({.replies = {"220 hi\r\n", "250 mx\r\n", "553 5.1.8 who?\r\n"}});
  EXPECT_EQ(rig.run(letters(1, 3)).fates(), "lasting:5.1.8 lasting:5.1.8 lasting:5.1.8");
}

TEST(SmtpPeer, Chunks) {
  PeerRig rig;
  const std::string big(600UL << 10, 'x');
  rig.host({.replies = {"220 hi\r\n", "250-mx\r\n250-PIPELINING\r\n250-BINARYMIME\r\n250 CHUNKING\r\n",  //
                        "250 a\r\n", "250 b\r\n", "250 1\r\n", "250 2\r\n", "250 3\r\n",                 //
                        "250 a\r\n", "250 b\r\n", "250 1\r\n"}});
  std::vector<OutgoingTransaction> two;
  two.push_back(PeerRig::letter(1, big));
  two.push_back(PeerRig::letter(1, "a\n.\0b"));
  two[1].body = smtp::Body::binary_mime;
  const auto told = rig.run(std::move(two));
  EXPECT_EQ(told.fates(), "delivered:250 / delivered:250");
  EXPECT_TRUE(told.wrote[0].contains("BDAT 262144\r\nxxx"));
  EXPECT_TRUE(told.wrote[0].contains("x\r\nMAIL FROM:<alice@seoul.example> BODY=BINARYMIME"));
  EXPECT_TRUE(told.wrote[0].contains("BDAT 90114 LAST\r\nxxx"));
  EXPECT_TRUE(told.wrote[0].ends_with("BDAT 3 LAST\r\na\n.QUIT\r\n"))
      << told.wrote[0].substr(told.wrote[0].size() - 60);
}

// A host that says more than it was asked: no reply that was meant for something else is taken for the letter's.
TEST(SmtpPeer, AReplyTooManyIsNoDelivery) {
  struct Case {
    Replies replies;
    std::string_view fates;
  };
  const std::string hello = "250-mx\r\n250 CHUNKING\r\n";
  const Case cases[] = {
      {{"220 hi\r\n", hello + "250 stray\r\n", "250 a\r\n", "250 b\r\n", "554 5.7.1 spam\r\n"}, "untried:4.4.2"},
      {{"220 hi\r\n", hello, "250 a\r\n250 stray\r\n", "250 b\r\n", "554 5.7.1 spam\r\n"}, "passing:4.5.0"},
      {{"220 hi\r\n", hello, "250 a\r\n", "250 b\r\n250 stray\r\n", "554 5.7.1 spam\r\n"}, "passing:4.5.0"},
      {{"220 hi\r\n", hello, "250 a\r\n", "250 b\r\n", "250 stray\r\n554 5.7.1 spam\r\n"}, "in_doubt:5.7.1"},
      {{"220 hi\r\n", hello, "250 a\r\n", "250 b\r\n", "250 c\r\n421 bye\r\n"}, "delivered:250"},
      {{"220 hi\r\n", hello, "250 a\r\n", "250 b\r\n", "250 c\r\n250 c\r\n"}, "delivered:250"},
  };
  for (const auto& [replies, fates] : cases) {
    PeerRig rig;
    rig.host({.replies = replies, .hangs_up = false});
    const auto told = rig.run(letters(1, 1));
    EXPECT_EQ(told.fates(), fates) << replies[1] << replies[2] << replies[3];
    EXPECT_FALSE(told.reusable);
  }
}

// Likewise where it comes a moment later than the reply that was due: before anything is said, and before the end of
// the text, what has come is looked at.
TEST(SmtpPeer, AReplyTooManyIsSeenBeforeItIsTakenForAnother) {
  for (const std::string hello : {"250 mx\r\n", "250-mx\r\n250 PIPELINING\r\n", "250-mx\r\n250 CHUNKING\r\n"}) {
    PeerRig rig;
    rig.host({.replies = {"220 hi\r\n", hello, "250 stray\r\n"}, .hangs_up = false, .talks_ahead = true});
    const auto told = rig.run(letters(1, 1));
    EXPECT_EQ(told.fates(), "passing:4.5.0") << hello;
    EXPECT_FALSE(told.wrote[0].contains("MAIL")) << hello;
  }
}

TEST(SmtpPeer, WhatThisHostLacks) {
  struct Case {
    std::string_view offers;
    std::function<void(OutgoingTransaction&)> change;
    std::string_view fates;
  };
  const auto utf8 = EmailAddress::parse("\xEB\xB0\xA5@busan.example").value();
  const Case cases[] = {
      {"250 mx\r\n",
       [](auto& t) {
         t.smtputf8 = true;
         t.octets = std::make_shared<MemoryOctets>("Subject: \xEB\xB0\xA5\r\n\r\nx\r\n");
       },
       "lasting:5.6.7 lasting:5.6.7"},
      {"250 mx\r\n", [&](auto& t) { t.sender = utf8; }, "lasting:5.6.7 lasting:5.6.7"},
      {"250 mx\r\n", [&](auto& t) { t.recipients[1].address = utf8; }, "delivered:250 lasting:5.6.7"},
      {"250-mx\r\n250 SIZE 20\r\n", [](auto&) {}, "lasting:5.3.4 lasting:5.3.4"},
      {"250-mx\r\n250 REQUIRETLS\r\n", [](auto& t) { t.require_tls = true; }, "lasting:5.7.10 lasting:5.7.10"},
      {"250 mx\r\n", [](auto& t) { t.by = DeliverBy{.seconds = 60, .return_after = true}; },
       "lasting:5.3.3 lasting:5.3.3"},
      {"250-mx\r\n250 DELIVERBY 100\r\n", [](auto& t) { t.by = DeliverBy{.seconds = 60, .return_after = true}; },
       "lasting:5.4.7 lasting:5.4.7"},
  };
  for (const auto& [offers, change, fates] : cases) {
    PeerRig rig;
    rig.host({.replies = {"220 hi\r\n", std::string(offers), "250 a\r\n", "250 b\r\n", "354 c\r\n", "250 d\r\n"}});
    auto letter = PeerRig::letter(2);
    change(letter);
    const auto told = rig.run(one(std::move(letter)));
    EXPECT_EQ(told.fates(), fates);
    EXPECT_TRUE(told.outcomes[0].recipients[1].host_lacks);
    // Nothing is said in vain.
    EXPECT_EQ(told.wrote[0].contains("MAIL"), fates.contains("delivered"));
  }
}

TEST(SmtpPeer, ParametersGoWhereTheyAreOffered) {
  PeerRig rig;
  rig.host({.replies = {"220 hi\r\n",
                        "250-mx\r\n250-SMTPUTF8\r\n250-8BITMIME\r\n250-DSN\r\n250-MT-PRIORITY\r\n250 DELIVERBY\r\n",
                        "250 a\r\n", "250 b\r\n", "354 c\r\n", "250 d\r\n"}});
  auto letter = PeerRig::letter(1);
  letter.smtputf8 = true;
  letter.body = smtp::Body::eight_bit_mime;
  letter.envid = "id=1";
  letter.ret = "HDRS";
  letter.priority = 3;
  letter.by = DeliverBy{.seconds = -5, .trace = true};
  letter.recipients[0].notify = "SUCCESS";
  letter.recipients[0].orcpt = "rfc822;a+b@c.example";
  const auto told = rig.run(one(std::move(letter)));
  EXPECT_EQ(told.fates(), "delivered:250");
  EXPECT_TRUE(
      told.wrote[0].contains("MAIL FROM:<alice@seoul.example> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id+3D1 "
                             "MT-PRIORITY=3 BY=-5;NT\r\nRCPT TO:<r1@busan.example> NOTIFY=SUCCESS "
                             "ORCPT=rfc822;a+2Bb@c.example\r\n"))
      << told.wrote[0];
  EXPECT_TRUE(told.outcomes[0].dsn_passed_on);
  EXPECT_TRUE(told.outcomes[0].deliver_by_passed_on);
}

TEST(SmtpPeer, EightBitLettersAreConvertedForOldHosts) {
  const Replies replies = {"220 hi\r\n", "250 mx\r\n", "250 a\r\n", "250 b\r\n", "354 c\r\n", "250 d\r\n"};
  PeerRig rig;
  rig.host({.replies = replies});
  auto letter = PeerRig::letter(1,
                                "Content-Type: text/plain; charset=utf-8\r\nMIME-Version: 1.0\r\n"
                                "Content-Transfer-Encoding: 8bit\r\n\r\n\xEB\xB0\xA5\r\n");
  letter.body = smtp::Body::eight_bit_mime;
  auto told = rig.run(one(std::move(letter)));
  EXPECT_EQ(told.fates(), "delivered:250");
  EXPECT_TRUE(told.outcomes[0].converted);
  EXPECT_TRUE(is_ascii(told.wrote[0])) << told.wrote[0];
  // What is signed can't be.
  rig.host({.replies = replies});
  auto is_signed = PeerRig::letter(
      1,
      "Content-Type: multipart/signed; boundary=b; protocol=\"application/pgp-signature\"\r\nMIME-Version: 1.0\r\n\r\n"
      "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xEB\xB0\xA5\r\n"
      "--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n");
  is_signed.body = smtp::Body::eight_bit_mime;
  told = rig.run(one(std::move(is_signed)));
  EXPECT_EQ(told.fates(), "lasting:5.6.3");
  // Our own signature is made anew; where that can't be done now, the letter waits.
  auto resigning = PeerRig::quick();
  resigning.sign_again = [](std::string converted) -> Async<Result<std::string>> {
    if (converted.contains("later")) co_return fail(ErrorKind::busy, "not now");
    co_return "DKIM-Signature: new\r\n" + converted;
  };
  for (const bool now : {true, false}) {
    PeerRig again(resigning);
    again.host({.replies = replies});
    auto ours = PeerRig::letter(1, fmt::format("Subject: {}\r\n\r\n\xEB\xB0\xA5\r\n", now ? "now" : "later"));
    ours.body = smtp::Body::eight_bit_mime;
    told = again.run(one(std::move(ours)));
    EXPECT_EQ(told.fates(), now ? "delivered:250" : "passing:4.3.0");
    if (now) EXPECT_TRUE(told.wrote[0].contains("DKIM-Signature: new\r\n")) << told.wrote[0];
  }
  // Nor what is too big for it.
  auto settings = PeerRig::quick();
  settings.convert_at_most = 10;
  PeerRig small(settings);
  small.host({.replies = replies});
  auto big = PeerRig::letter(1, "Subject: x\r\n\r\n\xEB\xB0\xA5\r\n");
  big.body = smtp::Body::eight_bit_mime;
  EXPECT_EQ(small.run(one(std::move(big))).fates(), "lasting:5.6.3");
}

TEST(SmtpPeer, ALetterThatCantBeReadIsNeverEnded) {
  for (const bool chunks : {false, true}) {
    PeerRig rig;
    rig.host({.replies = {"220 hi\r\n", chunks ? "250-mx\r\n250 CHUNKING\r\n" : "250 mx\r\n", "250 a\r\n", "250 b\r\n",
                          chunks ? "250 c\r\n" : "354 c\r\n", "250 d\r\n"}});
    auto letter = PeerRig::letter(1);
    const std::size_t size = 400UL << 10;
    letter.octets = std::make_shared<MemoryOctets>(std::string(size, 'x'), false, 300UL << 10);
    const auto told = rig.run(one(std::move(letter)));
    EXPECT_EQ(told.fates(), "passing:4.3.0");
    EXPECT_FALSE(told.reusable);
    EXPECT_FALSE(told.wrote[0].contains("LAST"));
    EXPECT_FALSE(told.wrote[0].ends_with("\r\n")) << "no final dot, no QUIT";
  }
}

TEST(SmtpPeer, ASilentHostEndsByItsTimeOut) {
  const Replies replies = {"220 hi\r\n", "250 mx\r\n", "250 a\r\n", "250 b\r\n", "354 c\r\n"};
  for (std::size_t count = 0; count <= replies.size(); ++count) {
    PeerRig rig;
    rig.host({.replies = {replies.begin(), replies.begin() + static_cast<std::ptrdiff_t>(count)}, .hangs_up = false});
    const auto told = rig.run(letters(1, 1));
    if (count < 2) {
      EXPECT_TRUE(told.opened.contains("4.4.2: the host did not answer in time")) << told.opened;
    } else {
      EXPECT_EQ(told.fates(), count < 5 ? "passing:4.4.2" : "in_doubt:4.4.2");
    }
  }
}

// An orderly stop: before the end of the letter is out nobody waits for the host, after it for its reply.
TEST(SmtpPeer, InterruptedWhereNothingIsLostByIt) {
  const Replies replies = {"220 hi\r\n", "250 mx\r\n", "250 a\r\n", "250 b\r\n", "354 c\r\n"};
  for (const bool chunks : {false, true}) {
    for (std::size_t count = 0; count <= replies.size(); ++count) {
      auto settings = PeerRig::quick();
      auto& times = settings.timeouts;
      times.greeting = times.hello = times.mail = times.recipient = times.data = std::chrono::hours(1);
      times.end = std::chrono::milliseconds(200);
      PeerRig rig(settings);
      rig.interrupt_after = std::chrono::milliseconds(20);
      Replies some(replies.begin(), replies.begin() + static_cast<std::ptrdiff_t>(count));
      if (chunks && count > 1) some[1] = "250-mx\r\n250 CHUNKING\r\n";
      if (chunks && count == 5) some.pop_back();
      rig.host({.replies = some, .hangs_up = false});
      const auto begun = std::chrono::steady_clock::now();
      const auto told = rig.run(letters(1, 1));
      const auto took = std::chrono::steady_clock::now() - begun;
      const bool ends = count == 5 || (chunks && count == 4);
      if (count < 2) {
        EXPECT_TRUE(told.opened.contains("4.4.2")) << told.opened;
      } else {
        EXPECT_EQ(told.fates(), ends ? "in_doubt:4.4.2" : "passing:4.4.2") << count;
        EXPECT_FALSE(told.reusable);
      }
      if (ends) {
        EXPECT_GE(took, times.end) << "it was cut before the reply's time was over";
      } else {
        EXPECT_LT(took, std::chrono::minutes(1));
      }
    }
  }
}

// RFC 5321 §4.5.3.2's time-outs are for each reply: a host that takes its time for each may hold a connection for
// hours.
TEST(SmtpPeer, ATransactionEndsHoweverLongEachReplyMayTake) {
  auto settings = PeerRig::quick();
  settings.timeouts.mail = settings.timeouts.recipient = settings.timeouts.end = std::chrono::hours(1);
  settings.timeouts.transaction = std::chrono::milliseconds(30);
  settings.timeouts.for_recipient = std::chrono::milliseconds(0);
  for (const Replies& replies :
       {Replies{"220 hi\r\n", "250 mx\r\n"}, Replies{"220 hi\r\n", "250 mx\r\n", "250 a\r\n"}}) {
    PeerRig rig(settings);
    rig.host({.replies = replies, .hangs_up = false});
    const auto told = rig.run(letters(1, 1));
    EXPECT_EQ(told.fates(), "passing:4.4.2");
    EXPECT_FALSE(told.reusable);
  }
}

// The line is cut at every octet that the host says, and at every operation of ours: the letter is delivered if and
// only if the whole reply to it has come.
TEST(SmtpPeer, CutAtEveryOctet) {
  for (const std::string_view offers : {"PIPELINING", "8BITMIME", "CHUNKING", "STARTTLS"}) {
    const bool chunks = offers == "CHUNKING";
    Replies replies = {"220 hi\r\n", fmt::format("250-mx\r\n250 {}\r\n", offers)};
    if (offers == "STARTTLS") {
      replies.emplace_back("220 go\r\n");
      replies.emplace_back("250 mx\r\n");
    }
    for (const auto* reply : {"250 a\r\n", "550 5.1.1 b\r\n", "250 c\r\n"}) replies.emplace_back(reply);
    if (!chunks) replies.emplace_back("354 d\r\n");
    replies.emplace_back("250 2.0.0 done\r\n");
    std::size_t total = 0;
    for (const auto& reply : replies) total += reply.size();
    for (std::size_t cut = 0; cut <= total; ++cut) {
      Replies given;
      std::size_t left = cut;
      for (const auto& reply : replies) {
        given.push_back(reply.substr(0, left));
        left -= std::min(left, reply.size());
      }
      PeerRig rig;
      rig.host({.replies = given});
      rig.host({.refuses = true});  // an opportunistic second try in plain text
      const auto told = rig.run(letters(1, 2));
      const auto fates = told.fates();
      if (cut == total) {
        EXPECT_EQ(fates, "lasting:5.1.1 delivered:2.0.0") << offers;
        continue;
      }
      EXPECT_FALSE(fates.contains("delivered")) << offers << cut;
      EXPECT_EQ(told.opened == "open", !fates.empty());
      if (fates.contains("in_doubt")) EXPECT_TRUE(told.wrote[0].contains(".dot\r\n")) << offers << cut;
      EXPECT_FALSE(told.reusable);
    }
  }
}

TEST(SmtpPeer, EveryOperationFailsOnce) {
  const Replies replies = {"220 hi\r\n",     "250-mx\r\n250 PIPELINING\r\n", "250 a\r\n", "250 b\r\n", "354 c\r\n",
                           "250 2.0.0 d\r\n"};
  for (std::size_t operation = 1; operation < 30; ++operation) {
    PeerRig rig;
    rig.host({.replies = replies, .hangs_up = false, .fail_at = operation});
    const auto told = rig.run(letters(1, 1));
    const auto fates = told.fates();
    if (told.opened != "open") continue;
    const bool whole = told.wrote[0].contains("\r\n.\r\n");
    EXPECT_TRUE(fates == "delivered:2.0.0" || fates == (whole ? "in_doubt:4.4.2" : "passing:4.4.2"))
        << operation << fates;
  }
}

TEST(SmtpPeer, ARefusalBeforeTheHostHangsUpIsHeard) {
  // It says why while we still write, and closes.
  PeerRig rig;
  rig.host({.replies = {"220 hi\r\n", "250 mx\r\n", "250 a\r\n", "250 b\r\n", "354 c\r\n552 5.3.4 too big\r\n"}});
  const auto told = rig.run(letters(1, 1));
  EXPECT_EQ(told.fates(), "lasting:5.3.4");
  EXPECT_FALSE(told.reusable);
  PeerRig nonsense;
  nonsense.host({.replies = {"220 hi\r\n", "250 mx\r\n", "250 a\r\n", "250 b\r\n", "354 c\r\n250 thanks\r\n"}});
  EXPECT_EQ(nonsense.run(letters(1, 1)).fates(), "passing:4.5.0");
}

TEST(SmtpPeer, Lmtp) {
  PeerRig rig;
  rig.host({.replies = {"220 hi\r\n", "250-mx\r\n250 PIPELINING\r\n", "250 a\r\n", "250 1\r\n", "550 2\r\n",
                        "250 3\r\n", "354 c\r\n", "250 2.0.0 one\r\n", "452 4.2.2 three\r\n", "221 bye\r\n"}});
  Route route;
  route.lmtp = true;
  const auto told = rig.run(letters(1, 3), route);
  EXPECT_EQ(told.fates(), "delivered:2.0.0 lasting:550 passing:4.2.2");
  EXPECT_TRUE(told.wrote[0].starts_with("LHLO us.example\r\n"));
}

TEST(SmtpPeer, WhatIsKeptIsBounded) {
  PeerRig rig;
  Replies replies = {"220 hi\r\n", "250 mx\r\n", "250 a\r\n"};
  for (int i = 0; i < 100; ++i) replies.push_back("550 5.1.1 " + std::string(2000, 'n') + "\r\n");
  rig.host({.replies = replies});
  const auto told = rig.run(letters(1, 100));
  std::size_t kept = 0;
  for (const auto& step : told.outcomes[0].said) kept += step.command.size() + step.reply.size();
  EXPECT_LE(kept, 64UL << 10);
  EXPECT_EQ(told.outcomes[0].recipients.size(), 100U);
}

TEST(SmtpPeers, OpeningsThatFail) {
  struct Case {
    ScriptedHost host;
    std::string_view opened;
  };
  const Case cases[] = {
      {{.refuses = true}, "connect 4.4.1: 192.0.2.1:25: Connection refused"},
      {{.replies = {}}, "greeting 4.4.2: the connection was lost: the connection was closed"},
      {{.replies = {"SSH-2.0-x\r\n"}},
       "greeting 4.5.0: the host does not speak as a mail server: not a reply: \"SSH-2.0-x\""},
      {{.replies = {"554 5.7.1 listed\r\n"}}, "greeting 5.7.1 lasting: takes no mail now: 554 5.7.1 listed"},
      {{.replies = {"220 hi\r\n", "450 no\r\n"}}, "EHLO 4.3.0: refused our EHLO: 450 no"},
  };
  for (const auto& [host, opened] : cases) {
    PeerRig rig;
    rig.host(host);
    EXPECT_EQ(rig.run(letters(1, 1)).opened, opened);
  }
}

// RFC 5321 §5.1: each address in turn, until one takes letters.
TEST(SmtpPeers, AnAddressThatTakesNothingIsNotTheHost) {
  const ScriptedHost busy{.replies = {"421 4.3.2 busy\r\n"}};
  const ScriptedHost never{.replies = {"554 5.7.1 no PTR\r\n"}};
  const ScriptedHost good{.replies = {"220 hi\r\n", "250 mx\r\n", "250 a\r\n", "250 b\r\n", "354 c\r\n", "250 d\r\n"}};
  const ScriptedHost gone{.refuses = true};
  struct Case {
    std::vector<ScriptedHost> hosts;
    std::string_view opened;
  };
  const std::vector<Case> cases = {
      {{busy, good}, "open"},
      {{never, good}, "open"},
      {{never, busy, good}, "open"},
      {{never, busy, busy}, "greeting 4.3.2: refused our greeting: 421 4.3.2 busy"},
      {{busy, never, never}, "greeting 4.3.2: refused our greeting: 421 4.3.2 busy"},
      {{never, never, never}, "greeting 5.7.1 lasting: takes no mail now: 554 5.7.1 no PTR"},
      {{never, gone}, "greeting 5.7.1 lasting: takes no mail now: 554 5.7.1 no PTR"},
      {{busy, gone}, "greeting 4.3.2: refused our greeting: 421 4.3.2 busy"},
  };
  for (const auto& [hosts, opened] : cases) {
    PeerRig rig;
    for (const auto& host : hosts) rig.host(host);
    NextHop hop;
    for (const auto* address : {"2001:db8::1", "192.0.2.1", "192.0.2.2"}) {
      hop.addresses.push_back(net::Endpoint::of(boost::asio::ip::make_address(address), 25));
    }
    const auto told = rig.run(letters(1, 1), {}, hop);
    EXPECT_EQ(told.opened, opened);
    EXPECT_TRUE(everything_of(told.facts.said).contains("[2001:db8::1]:25")) << everything_of(told.facts.said);
    if (opened == "open") EXPECT_EQ(told.fates(), "delivered:250");
  }
}

TEST(SmtpPeers, TlsByPolicy) {
  const Replies with_tls = {
      "220 hi\r\n", "250-mx\r\n250 STARTTLS\r\n", "220 go\r\n", "250 mx\r\n", "250 a\r\n", "250 b\r\n", "354 c\r\n",
      "250 d\r\n"};
  const Replies without = {"220 hi\r\n", "250 mx\r\n", "250 a\r\n", "250 b\r\n", "354 c\r\n", "250 d\r\n"};
  const Replies refused = {
      "220 hi\r\n", "250-mx\r\n250 STARTTLS\r\n", "454 no\r\n", "250 a\r\n", "250 b\r\n", "354 c\r\n", "250 d\r\n"};
  struct Case {
    TlsPolicy policy;
    std::vector<ScriptedHost> hosts;
    std::string_view opened;
    bool tls;
  };
  // The sixth operation on the stream is the handshake: fill, write, fill, write, fill, then that.
  const ScriptedHost breaks{.replies = with_tls, .fail_at = 6};
  const std::vector<Case> cases = {
      {TlsPolicy::none,
       {{.replies = {"220 hi\r\n", "250-mx\r\n250 STARTTLS\r\n", "250 a\r\n", "250 b\r\n", "354 c\r\n", "250 d\r\n"}}},
       "open",
       false},
      {TlsPolicy::opportunistic, {{.replies = with_tls}}, "open", true},
      {TlsPolicy::opportunistic, {{.replies = without}}, "open", false},
      {TlsPolicy::opportunistic, {{.replies = refused}}, "open", false},
      {TlsPolicy::opportunistic, {breaks, {.replies = without}}, "open", false},
      {TlsPolicy::encrypted, {{.replies = with_tls}}, "open", true},
      {TlsPolicy::encrypted,
       {{.replies = without}},
       "STARTTLS 4.7.4: TLS is required, and the host does not offer it",
       false},
      {TlsPolicy::encrypted, {{.replies = refused}}, "STARTTLS 4.7.4: refused our STARTTLS: 454 no", false},
      {TlsPolicy::encrypted, {breaks, {.replies = without}}, "TLS 4.7.5: failed as the test asked", false},
      {TlsPolicy::verified, {breaks, {.replies = without}}, "TLS 4.7.5: failed as the test asked", false},
      {TlsPolicy::mta_sts_enforce,
       {{.replies = without}},
       "STARTTLS 4.7.4: TLS is required, and the host does not offer it",
       false},
      {TlsPolicy::dane, {breaks, {.replies = without}}, "TLS 4.7.5: failed as the test asked", false},
      {TlsPolicy::mta_sts_testing, {{.replies = with_tls}}, "open", true},
      {TlsPolicy::mta_sts_testing, {breaks, {.replies = with_tls}}, "open", true},
      {TlsPolicy::mta_sts_testing, {breaks, breaks, {.replies = without}}, "open", false},
  };
  for (const auto& [policy, hosts, opened, tls] : cases) {
    PeerRig rig;
    for (const auto& host : hosts) rig.host(host);
    NextHop hop;
    hop.tls = policy;
    const auto told = rig.run(letters(1, 1), {}, hop);
    EXPECT_EQ(told.opened, opened) << static_cast<int>(policy);
    EXPECT_EQ(told.facts.tls.has_value(), tls) << static_cast<int>(policy);
    EXPECT_EQ(told.facts.tls_failure.empty(), hosts.size() == 1 || opened != "open") << told.facts.tls_failure;
    if (opened == "open") EXPECT_EQ(told.fates(), "delivered:250");
  }
}

TEST(SmtpPeers, RequireTlsGoesOnlyOverVerifiedTls) {
  const auto run = [](std::string verified, std::string_view offers) {
    PeerRig rig;
    rig.host(
        {.replies = {"220 hi\r\n", "250-mx\r\n250 STARTTLS\r\n", "220 go\r\n",
                     fmt::format("250-mx\r\n250 {}\r\n", offers), "250 a\r\n", "250 b\r\n", "354 c\r\n", "250 d\r\n"},
         .verified = std::move(verified)});
    auto letter = PeerRig::letter(1);
    letter.require_tls = true;
    const auto told = rig.run(one(std::move(letter)));
    return told.fates() + (told.wrote[0].contains("> REQUIRETLS\r\n") ? " said" : "");
  };
  EXPECT_EQ(run("DANE 3 1 1", "REQUIRETLS"), "delivered:250 said");
  EXPECT_EQ(run("", "REQUIRETLS"), "lasting:5.7.10");
  EXPECT_EQ(run("name mx.example", "DSN"), "lasting:5.7.30");
}

TEST(SmtpPeers, LoginsAreNotInTheTrace) {
  PeerRig rig;
  rig.host({.replies = {"220 hi\r\n", "250-mx\r\n250 STARTTLS\r\n", "220 go\r\n", "250-mx\r\n250 AUTH PLAIN\r\n",
                        "235 in\r\n", "250 a\r\n", "250 b\r\n", "354 c\r\n", "250 d\r\n"}});
  Route route;
  route.credentials = RouteCredentials{.user = "user", .password = "secret"};
  const auto told = rig.run(letters(1, 1), route);
  EXPECT_EQ(told.fates(), "delivered:250");
  EXPECT_TRUE(told.wrote[0].contains("AUTH PLAIN AHVzZXIAc2VjcmV0\r\n"));
  EXPECT_TRUE(everything_of(told.facts.said).contains("AUTH PLAIN (hidden) -> 235 in"));
  EXPECT_FALSE(everything_of(told.facts.said).contains("AHVzZXI"));
}

}  // namespace
}  // namespace pabal::queue
