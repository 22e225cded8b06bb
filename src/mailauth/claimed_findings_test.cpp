#include "mailauth/claimed_findings.hpp"

#include <gtest/gtest.h>

namespace pabal::mailauth {
namespace {

constexpr OwnNames kOurs{.authserv_id = "example.org", .hostname = "mx.xn--3e0b707e.example"};

/// What stays of a letter; or why it isn't taken.
std::string kept(std::string letter) {
  const auto taken = take_out_claimed_findings(letter, kOurs);
  return taken ? letter : "! " + taken.error().peer.substr(0, 24);
}

TEST(ClaimedFindings, GoWhereTheyBearOurName) {
  struct Case {
    std::string_view field;
    bool goes;
  };
  const Case cases[] = {
      {"Authentication-Results: example.org; dkim=pass\r\n", true},
      {"authentication-results : (yes) \"EXAMPLE.org\" (really) 1;\r\n\tspf=pass;\r\n dmarc=pass\r\n", true},
      {"Authentication-Results: example.org.; none\r\n", true},
      {"Authentication-Results: mx.xn--3e0b707e.example; none\r\n", true},
      {"Authentication-Results: mx.한국.example; none\r\n", true},
      {"Authentication-Results:\r\n", true},
      {"Authentication-Results: mx.example.org; dkim=pass\r\n", false},
      {"ARC-Authentication-Results: i=1; example.org; spf=pass\r\n", false},
      {"X-Authentication-Results: example.org; dkim=pass\r\n", false},
      {"Received-SPF: pass (mx.xn--3e0b707e.example: it may) client-ip=192.0.2.1\r\n", true},
      {"Received-SPF: pass client-ip=192.0.2.1; receiver=MX.xn--3e0b707e.example; x=y\r\n", true},
      {"Received-SPF: pass client-ip=192.0.2.1; receiver=\"mx.xn--3e0b707e.example\"\r\n", true},
      {"Received-SPF: pass (mx.example: it may) receiver=mx.example; helo=mx.xn--3e0b707e.example\r\n", false},
  };
  const auto letter = [](std::string_view field) {
    std::string text = "Subject: x\r\n";
    text += field;
    return text += "To: y\r\n\r\nAuthentication-Results: example.org; text\r\n";
  };
  for (const auto& [field, goes] : cases) EXPECT_EQ(kept(letter(field)), letter(goes ? "" : field)) << field;
}

TEST(ClaimedFindings, SeveralAndAtTheEnds) {
  const std::string ours = "Authentication-Results: example.org; dkim=pass\r\n";
  EXPECT_EQ(kept(ours + "A: b\r\n" + ours + ours + "\r\ntext\r\n"), "A: b\r\n\r\ntext\r\n");
  EXPECT_EQ(kept(ours), "");
  EXPECT_EQ(kept(""), "");
  EXPECT_EQ(kept("\r\n" + ours), "\r\n" + ours);
  std::string many;
  for (int i = 0; i < 20; ++i) many += ours;
  EXPECT_EQ(kept(many + "\r\n"), "\r\n");
  EXPECT_EQ(kept(many + ours + "\r\n"), "! Too many header fields c");
}

TEST(ClaimedFindings, BehindABreakOfTheHeaderTheyAreNotTaken) {
  const std::string broken = "Subject: x\r\nfoo\r\nbar\r\n";
  EXPECT_EQ(kept(broken + "Authentication-Results: example.org; dkim=pass\r\n\r\n"), "! The header breaks off, a");
  EXPECT_EQ(kept(broken + "Received-SPF: pass (mx.xn--3e0b707e.example: it may)\r\n\r\n"),
            "! The header breaks off, a");
  const std::string others = broken + "Authentication-Results: mx.example; dkim=pass\r\n\r\n";
  EXPECT_EQ(kept(others), others);
}

}  // namespace
}  // namespace pabal::mailauth
