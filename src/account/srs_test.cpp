#include "account/srs.hpp"

#include <gtest/gtest.h>

namespace pabal::account {
namespace {

using std::chrono::days;

EmailAddress address(std::string_view text) { return EmailAddress::parse(text, kSrsLocalPartOctets).value(); }
Domain domain(std::string_view text) { return Domain::parse(text).value(); }

const SystemTime kNow{days(20'000)};

std::string forwarded(const Srs& srs, std::string_view sender, std::string_view by = "seoul.example") {
  const auto made = srs.forward(address(sender), domain(by), kNow);
  return made ? made->text() : "none";
}
std::string back(const Srs& srs, std::string_view text, SystemTime now = kNow) {
  const auto made = srs.reverse(address(text), now);
  return made ? made->text() : std::string(name_of(made.error().kind));
}

TEST(Srs, ThereAndBack) {
  const Srs srs("secret");
  for (const std::string sender :
       {"a@a.example", "a=b=c@a.example", "\"a b\"@a.example", "Alice+x@xn--9n2bp8q.example",
        "a-very-long-local-part-of-someone-who-likes-them-long-0123456789@a.long.domain.example"}) {
    const auto there = forwarded(srs, sender);
    EXPECT_TRUE(there.ends_with("@seoul.example")) << there;
    EXPECT_TRUE(Srs::has_form(address(there)));
    EXPECT_EQ(back(srs, there), sender);
  }
}

TEST(Srs, ThroughOthers) {
  const Srs ours("secret");
  const Srs theirs("other");
  const auto first = forwarded(theirs, "a@a.example", "busan.example");
  const auto second = forwarded(ours, first);
  EXPECT_EQ(second.substr(0, 5), "SRS1=");
  EXPECT_NE(second.find("=busan.example=="), std::string::npos) << second;
  EXPECT_EQ(back(ours, second), first);
  // A third system keeps the first forwarder's address and leaves ours out.
  const auto third = forwarded(theirs, second, "daegu.example");
  EXPECT_EQ(third.substr(0, 5), "SRS1=");
  EXPECT_EQ(back(theirs, third), first);
}

TEST(Srs, WhatNeedsNone) {
  const Srs srs("secret");
  EXPECT_EQ(forwarded(srs, "a@seoul.example"), "none");
  EXPECT_EQ(forwarded(srs, "a@[192.0.2.1]"), "none");
  EXPECT_EQ(forwarded(srs, "SRS1=x@a.example"), "none");
}

TEST(Srs, ForgedOrOld) {
  const Srs srs("secret");
  const auto good = forwarded(srs, "a@a.example");
  EXPECT_EQ(back(srs, good), "a@a.example");
  auto lower = good;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  EXPECT_EQ(back(srs, lower), "a@a.example") << "case is lost on the way";
  for (std::size_t i = 5; i < good.find('@'); ++i) {
    auto other = good;
    other[i] = other[i] == 'z' ? 'y' : 'z';
    EXPECT_EQ(back(srs, other), "not_found") << other;
  }
  EXPECT_EQ(back(Srs("another"), good), "not_found");
  EXPECT_EQ(back(srs, good, kNow + days(21)), "a@a.example");
  EXPECT_EQ(back(srs, good, kNow + days(22)), "policy");
  EXPECT_EQ(back(srs, good, kNow - days(1)), "a@a.example") << "a clock that is behind";
  EXPECT_EQ(back(srs, good, kNow - days(2)), "policy");
  for (const auto* other : {"SRS0=@seoul.example", "SRS0==@seoul.example", "SRS0@seoul.example", "srs0=a=b@s.example",
                            "SRS1====@seoul.example", "bob@seoul.example", "SRS2=a=b=c=d@seoul.example"}) {
    EXPECT_EQ(back(srs, other), "not_found") << other;
  }
}

}  // namespace
}  // namespace pabal::account
