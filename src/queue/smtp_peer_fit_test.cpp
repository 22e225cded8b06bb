// Letters that go otherwise than they came, since the host lacks something.
#include <gtest/gtest.h>

#include "queue/peer_rig.hpp"

namespace pabal::queue {
namespace {

std::vector<OutgoingTransaction> alone(OutgoingTransaction letter) {
  std::vector<OutgoingTransaction> all;
  all.push_back(std::move(letter));
  return all;
}

// A letter that was said to need SMTPUTF8 and doesn't, by its header, goes to whom an old host can reach.
TEST(SmtpPeerFit, SmtpUtf8IsNeededByTheHeaderAlone) {
  struct Case {
    std::string_view octets;
    std::string_view fates;
  };
  const Case cases[] = {
      {"Subject: x\r\n\r\nx\r\n", "delivered:250 lasting:5.6.7"},
      {"Subject: x\r\n\r\n\xEB\xB0\xA5\r\n", "delivered:250 lasting:5.6.7"},
      {"Subject: \xEB\xB0\xA5\r\n\r\nx\r\n", "lasting:5.6.7 lasting:5.6.7"},
      {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX: \xEB\xB0\xA5\r\n\r\n--b--\r\n",
       "lasting:5.6.7 lasting:5.6.7"},
  };
  const std::vector<std::string> replies = {
      "220 hi\r\n", "250-mx\r\n250 8BITMIME\r\n", "250 a\r\n", "250 b\r\n", "354 c\r\n", "250 d\r\n"};
  const auto letter = [](std::shared_ptr<MemoryOctets> octets) {
    auto made = PeerRig::letter(2);
    made.recipients[1].address = EmailAddress::parse("\xEB\xB0\xA5@busan.example").value();
    made.smtputf8 = true;
    made.body = smtp::Body::eight_bit_mime;
    made.octets = std::move(octets);
    return made;
  };
  for (const auto& [octets, fates] : cases) {
    PeerRig rig;
    rig.host({.replies = replies});
    const auto told = rig.run(alone(letter(std::make_shared<MemoryOctets>(std::string(octets)))));
    EXPECT_EQ(told.fates(), fates) << octets;
    EXPECT_FALSE(told.wrote[0].contains("SMTPUTF8"));
    EXPECT_EQ(told.wrote[0].contains(octets), fates.contains("delivered")) << "as it is";
  }
  // Where our own disk fails nobody knows, so that it waits; one too big to look at is taken at its word.
  PeerRig rig;
  rig.host({.replies = replies});
  const auto damaged = std::make_shared<MemoryOctets>(std::string(cases[0].octets), true, 5);
  EXPECT_EQ(rig.run(alone(letter(damaged))).fates(), "passing:4.3.0 passing:4.3.0");
  auto settings = PeerRig::quick();
  settings.convert_at_most = 10;
  PeerRig small(settings);
  small.host({.replies = replies});
  const auto big = std::make_shared<MemoryOctets>(std::string(cases[0].octets));
  EXPECT_EQ(small.run(alone(letter(big))).fates(), "lasting:5.6.7 lasting:5.6.7");
}

// RFC 8689 §5: a notice about a letter that had to go over TLS asks for the same, or returns nothing of it.
TEST(SmtpPeerFit, ANoticeAboutASecretLetterGoesWithItsHeaderWhereThatIsKept) {
  constexpr std::string_view kBefore =
      "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nsorry\r\n--b\r\n"
      "Content-Type: message/delivery-status\r\n\r\nx\r\n";
  constexpr std::string_view kReturned = "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: secret\r\n\r\n";
  const auto run = [&](std::string verified, std::string_view offers, bool with_sender = false) {
    auto settings = PeerRig::quick();
    settings.sign_again = [](std::string converted) -> Async<Result<std::string>> {
      co_return "DKIM: new\r\n" + converted;
    };
    PeerRig rig(settings);
    rig.host(
        {.replies = {"220 hi\r\n", "250-mx\r\n250 STARTTLS\r\n", "220 go\r\n",
                     fmt::format("250-mx\r\n250 {}\r\n", offers), "250 a\r\n", "250 b\r\n", "354 c\r\n", "250 d\r\n"},
         .verified = std::move(verified)});
    auto notice = PeerRig::letter(1, fmt::format("{}{}--b--\r\n", kBefore, kReturned));
    if (!with_sender) notice.sender = std::nullopt;
    notice.require_tls = true;
    const auto told = rig.run(alone(std::move(notice)));
    const auto& wrote = told.wrote[0];
    return fmt::format("{}{}{}{}", told.fates(), wrote.contains(" REQUIRETLS\r\n") ? " required" : "",
                       wrote.contains("secret") ? " whole" : "",
                       wrote.contains(fmt::format("DKIM: new\r\n{}--b--\r\n.\r\n", kBefore)) ? " redacted" : "");
  };
  EXPECT_EQ(run("DANE 3 1 1", "REQUIRETLS"), "delivered:250 required whole");
  EXPECT_EQ(run("DANE 3 1 1", "DSN"), "delivered:250 redacted");
  EXPECT_EQ(run("", "REQUIRETLS"), "delivered:250 redacted");
  EXPECT_EQ(run("", "REQUIRETLS", true), "lasting:5.7.10") << "a letter isn't cut down";
}

}  // namespace
}  // namespace pabal::queue
