#include "imap/mailbox_name.hpp"

#include <random>

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "imap/modified_utf7.hpp"

namespace pabal::imap {
namespace {

std::string decoded(std::string_view text) { return from_modified_utf7(text).value_or("wrong"); }

TEST(ModifiedUtf7, BothWays) {
  const std::pair<std::string_view, std::string_view> pairs[] = {
      {"", ""},
      {"INBOX", "INBOX"},
      {"a&b", "a&-b"},
      {"&", "&-"},
      {"~peter/mail/\xE5\x8F\xB0\xE5\x8C\x97/\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"},
      {"Entw\xC3\xBCrfe", "Entw&APw-rfe"},
      {"\xEB\xB3\xB4\xEB\x82\xB8 \xED\x8E\xB8\xEC\xA7\x80\xED\x95\xA8", "&vPSwuA- &07jJwNVo-"},
      {"\xF0\x9F\x93\xAC", "&2D3c7A-"},
      {"a\xC3\xBC-\xC3\xBC", "a&APw--&APw-"},
  };
  for (const auto& [utf8, utf7] : pairs) {
    EXPECT_EQ(to_modified_utf7(utf8), utf7);
    EXPECT_EQ(decoded(utf7), utf8);
  }
}

TEST(ModifiedUtf7, OneFormOnly) {
  for (const auto* wrong : {
           "&",              // not ended
           "a&b",            //
           "&AGE-",          // "a" stands for itself
           "&ACY-",          // so does "&", as "&-"
           "&APw-&APw-",     // two runs side by side
           "&APx-",          // left-over bits
           "&APw=-",         // padding
           "&APwA-",         // a whole letter too many
           "&2D0-",          // half a surrogate pair
           "&3Oz-",          // its other half
           "&A/w-",          // "/" is not of this alphabet
           "\xC3\xBC",       // raw UTF-8
           "a\tb", "a\x7F",  // controls
       }) {
    EXPECT_EQ(decoded(wrong), "wrong") << wrong;
  }
}

TEST(ModifiedUtf7, AnyText) {
  std::mt19937 random(7);
  for (int i = 0; i < 3'000; ++i) {
    std::string text;
    for (auto left = random() % 8; left > 0; --left) {
      constexpr std::string_view pieces[] = {"a", "&", "-", "/", "\xC3\xBC", "\xED\x95\x9C", "\xF0\x9F\x98\x80", " "};
      text += pieces[random() % std::size(pieces)];
    }
    const auto utf7 = to_modified_utf7(text);
    EXPECT_TRUE(is_ascii(utf7));
    EXPECT_EQ(decoded(utf7), text);
  }
}

std::string name(std::string_view utf8) {
  const auto parsed = MailboxName::parse(utf8);
  return parsed ? parsed->text() : parsed.error().peer;
}

TEST(MailboxName, Validity) {
  EXPECT_EQ(name("inbox"), "INBOX");
  EXPECT_EQ(name("InBox/a"), "INBOX/a");
  EXPECT_EQ(name("inboxes"), "inboxes");
  EXPECT_EQ(name("a/inbox"), "a/inbox");
  EXPECT_EQ(name("100%"), "100%");
  EXPECT_EQ(name("e\xCC\x81"), "\xC3\xA9");
  EXPECT_EQ(name(""), "not a mailbox name: empty");
  EXPECT_EQ(name("/a"), "not a mailbox name: an empty level");
  EXPECT_EQ(name("a//b"), "not a mailbox name: an empty level");
  EXPECT_EQ(name("a/"), "not a mailbox name: an empty level");
  EXPECT_EQ(name("a/../b"), "not a mailbox name: a level of dots");
  EXPECT_EQ(name("a\tb"), "not a mailbox name: control characters");
  EXPECT_EQ(name(std::string_view("a\0b", 3)), "not a mailbox name: control characters");
  EXPECT_EQ(name("a\xC2\x85"), "not a mailbox name: control characters");
  EXPECT_EQ(name("a\xE2\x80\xA8"), "not a mailbox name: control characters");
  EXPECT_EQ(name("a\xFF"), "not a mailbox name: not UTF-8");
  EXPECT_EQ(name(std::string(kLongestMailboxName, 'a')), std::string(kLongestMailboxName, 'a'));
  EXPECT_EQ(name(std::string(kLongestMailboxName + 1, 'a')), "not a mailbox name: too long");
  std::string deep = "a";
  for (std::size_t i = 1; i < kMostMailboxLevels; ++i) deep += "/a";
  EXPECT_EQ(name(deep), deep);
  EXPECT_EQ(name(deep + "/a"), "not a mailbox name: too many levels");
}

TEST(MailboxName, Parts) {
  const auto child = *MailboxName::parse("a/b/c");
  EXPECT_EQ(child.parent()->text(), "a/b");
  EXPECT_EQ(child.last_level(), "c");
  EXPECT_EQ(MailboxName::parse("a")->parent(), std::nullopt);
  EXPECT_TRUE(child.is_below(*MailboxName::parse("a")));
  EXPECT_FALSE(child.is_below(child));
  EXPECT_FALSE(MailboxName::parse("ab")->is_below(*MailboxName::parse("a")));
}

bool matches(std::string_view pattern, std::string_view text) { return MailboxPattern(pattern).matches(text); }

TEST(MailboxPattern, Wildcards) {
  EXPECT_TRUE(matches("*", "a/b"));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("%", "a"));
  EXPECT_FALSE(matches("%", "a/b"));
  EXPECT_TRUE(matches("a/%", "a/b"));
  EXPECT_FALSE(matches("a/%", "a"));
  EXPECT_TRUE(matches("%/%", "a/b"));
  EXPECT_FALSE(matches("%/%", "a/b/c"));
  EXPECT_TRUE(matches("*b", "a/b"));
  EXPECT_TRUE(matches("a*c*e", "abcde"));
  EXPECT_FALSE(matches("a*c*e", "abcd"));
  EXPECT_TRUE(matches("%*%", "a/b"));
  EXPECT_TRUE(matches("***%%%", "a/b"));
  EXPECT_TRUE(matches("inbox", "INBOX"));
  EXPECT_TRUE(matches("inb*", "INBOX"));
  EXPECT_TRUE(matches("i%/a", "INBOX/a"));
  EXPECT_FALSE(matches("inbox", "inboxes"));
  EXPECT_FALSE(matches("A", "a"));
  EXPECT_FALSE(matches("i%/A", "INBOX/a"));
  EXPECT_TRUE(matches("100%", "100%"));
}

TEST(MailboxPattern, FromClient) {
  EXPECT_EQ(MailboxPattern::from_client("a/", "%", false)->text(), "a/%");
  EXPECT_EQ(MailboxPattern::from_client("a/", "/b", false)->text(), "/b");
  EXPECT_EQ(MailboxPattern::from_client("&vPSwuA-", "*", false)->text(), "\xEB\xB3\xB4\xEB\x82\xB8*");
  EXPECT_EQ(MailboxPattern::from_client("a&b", "*", true)->text(), "a&b*");
  EXPECT_FALSE(MailboxPattern::from_client("a&b", "*", false));
  EXPECT_FALSE(MailboxPattern::from_client("", "\xFF", true));
  EXPECT_TRUE(MailboxPattern("a/b").is_literal());
  EXPECT_FALSE(MailboxPattern("a/%").is_literal());
}

// A pattern that makes others try for ever.
TEST(MailboxPattern, HostilePatterns) {
  std::string pattern;
  for (int i = 0; i < 300; ++i) pattern += "*a";
  pattern += "b";
  EXPECT_FALSE(matches(pattern, std::string(1'000, 'a')));
}

}  // namespace
}  // namespace pabal::imap
