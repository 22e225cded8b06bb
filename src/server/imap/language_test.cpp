// LANGUAGE (RFC 5255 §3): the forms of its examples.
#include "server/imap/language.hpp"

#include <gtest/gtest.h>

#include "server/imap/session_world.hpp"

namespace pabal::server::imap {
namespace {

TEST(ImapLanguage, IsChosenAndForgotten) {
  SessionWorld c;
  EXPECT_EQ(c.say("a LANGUAGE\r\nb LANGUAGE fr de\r\nc LANGUAGE fr ko-KR\r\nd SELECT Nowhere\r\ne FETCH 1 UID\r\n"
                  "f NOOP\r\ng LANGUAGE xx\r\nh LANGUAGE default\r\ni NOOP\r\n"),
            "* LANGUAGE (en ko i-default)\r\na OK Done.\r\nb NO Unsupported language.\r\n* LANGUAGE (ko)\r\n"
            "c OK 완료했습니다.\r\nd NO [NONEXISTENT] 그런 메일함이 없습니다.\r\ne BAD 열린 메일함이 없습니다.\r\n"
            "f OK 완료했습니다.\r\ng NO 지원하지 않는 언어입니다.\r\n* LANGUAGE (en)\r\nh OK Done.\r\ni OK Done.\r\n");
  // Before the login too, and through it; BYE as well.
  const auto out = c.run("a LANGUAGE ko\r\nb LOGIN alice@seoul.example demo\r\nc LOGOUT\r\n");
  EXPECT_NE(out.find("] 로그인했습니다.\r\n"), std::string::npos) << out;
  EXPECT_TRUE(out.ends_with("c OK 완료했습니다.\r\n")) << out;
  std::string many = "a LANGUAGE ko\r\n";
  for (int i = 0; i < 30; ++i) many += "x NONSENSE\r\n";
  EXPECT_TRUE(c.say(many).ends_with("* BYE 오류가 너무 많습니다.\r\n"));
  // What goes with data, too.
  const auto opened = c.say("a LANGUAGE ko\r\nb SELECT INBOX\r\nc EXAMINE Archive\r\n");
  EXPECT_NE(opened.find("* OK [UIDNEXT 1] 다음 UID입니다.\r\n"), std::string::npos) << opened;
  EXPECT_NE(opened.find("* OK [CLOSED] 다른 메일함을 닫았습니다.\r\n"), std::string::npos) << opened;
  EXPECT_EQ(opened.find("] Flags."), std::string::npos) << opened;
  // RFC 8437 §3: another user begins anew.
  EXPECT_NE(c.say("a LANGUAGE ko\r\nb UNAUTHENTICATE\r\nc NOOP\r\n").find("c OK Done."), std::string::npos);
}

// What the grammar refuses, with and without choices in its words, what the rules do, and what the store says.
TEST(ImapLanguage, RefusalsToo) {
  SessionWorld c;
  EXPECT_EQ(c.say("a LANGUAGE ko\r\nb SELECT\r\nc CREATE a//b\r\nd LIST \"\" (\r\ne SETQUOTA x y\r\nf STARTTLS\r\n"
                  "g DELETE INBOX\r\nh COMPRESS LZW\r\ni CREATE x\r\nj RENAME x x/y\r\n"),
            "* LANGUAGE (ko)\r\na OK 완료했습니다.\r\nb BAD 인수가 없습니다.\r\n"
            "c NO [CANNOT] 메일함 이름이 아닙니다: 빈 단계가 있습니다.\r\nd BAD 패턴이 없습니다.\r\n"
            "e BAD \"(\"가 없습니다.\r\nf BAD 이미 로그인했습니다.\r\ng NO [CANNOT] INBOX는 삭제할 수 없습니다.\r\n"
            "h BAD DEFLATE만 지원합니다.\r\ni OK [MAILBOXID (F7)] 만들었습니다.\r\n"
            "j NO [CANNOT] 메일함을 자기 아래로 옮길 수 없습니다.\r\n");
}

// Each English text has a Korean one, and one that isn't English still.
TEST(ImapLanguage, LinesAreTranslated) {
  for (const auto& [english, korean] : kTexts) {
    EXPECT_TRUE(std::ranges::any_of(korean, [](char c) { return (c & '\x80') != 0; })) << english;
  }
}

// What comes from below as an Error, whose words are no ClientText: they have their lines nevertheless.
TEST(ImapLanguage, ErrorsFromBelowAreTranslated) {
  for (const std::string_view english :
       {"INBOX has no other use", "Too much to be sorted at once.", "another mailbox has this special use",
        "local error", "message too big", "not allowed by the schema", "not this special use",
        "special uses are the owner's affair", "too big for the database", "too many annotations at once",
        "too many entries", "too many keywords", "too many mailboxes to tell of", "too many subscriptions",
        "value too long", "zero octet in a text"}) {
    EXPECT_NE(in_language(Language::korean, english), english);
  }
}

TEST(ImapLanguage, RangesAreLookedUp) {
  EXPECT_EQ(find_language("KO"), Language::korean);
  EXPECT_EQ(find_language("ko-Hang-KR"), Language::korean);
  EXPECT_EQ(find_language("i-DEFAULT"), Language::english);
  EXPECT_EQ(find_language("korean"), std::nullopt);
  EXPECT_EQ(find_language(""), std::nullopt);
  EXPECT_EQ(in_language(Language::korean, "a text of tomorrow"), "a text of tomorrow");
}

}  // namespace
}  // namespace pabal::server::imap
