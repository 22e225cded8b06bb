// CATENATE (RFC 4469): messages put together of what stands here already.
#include <gtest/gtest.h>

#include "server/imap/session_world.hpp"

namespace pabal::server::imap {
namespace {

constexpr std::string_view kLetter =
    "Subject: parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; "
    "boundary=b\r\n\r\n--b\r\n\r\nfirst\r\n--b\r\n"
    "Content-Type: text/plain\r\n\r\nsecond\r\n--b--\r\n";

// The forms of RFC 4469 §5's examples: absolute and relative URLs between texts.
TEST(ImapCatenate, PutsTogether) {
  for (const std::size_t limit : {SIZE_MAX, std::size_t{1}}) {
    SessionWorld c;
    c.piece_limit = limit;
    c.world.deliver(kLetter);
    const auto validity = c.inbox_validity();
    const auto out = c.in_inbox(fmt::format(
        "a APPEND Drafts (\\Draft) CATENATE (URL \"/INBOX;UIDVALIDITY={0}/;UID=1/;SECTION=HEADER.FIELDS%20(Subject)\" "
        "TEXT {{2}}\r\n>  URL \";UID=1/;section=2\" TEXT {{2+}}\r\n\r\n URL "
        "\"imap://alice%40seoul.example@mail.seoul.example/INBOX/;UID=1/;SECTION=1/;PARTIAL=1.3\")\r\n"
        "b SELECT Drafts\r\nc FETCH 1 (FLAGS BODY.PEEK[])\r\n",
        validity));
    EXPECT_TRUE(out.starts_with("+ go on\r\na OK [APPENDUID V 1] Appended.\r\n")) << out;
    EXPECT_TRUE(
        out.ends_with("* 1 FETCH (FLAGS (\\Draft \\Recent) BODY[] {31}\r\nSubject: parts\r\n\r\n> second\r\nirs)"
                      "\r\nc OK Done.\r\n"))
        << out;
  }
}

TEST(ImapCatenate, BadUrlsAreNamed) {
  SessionWorld c;
  c.world.deliver(kLetter);
  const auto refused = [&](std::string_view url) {
    return c.in_inbox(fmt::format("a APPEND INBOX CATENATE (TEXT {{2+}}\r\nA: URL \"{}\" TEXT {{3}}\r\n", url));
  };
  for (const std::string_view url :
       {"imap://mail.busan.example/INBOX/;UID=1", "imap://bob@mail.seoul.example/INBOX/;UID=1", "/Nowhere/;UID=1",
        "/INBOX;UIDVALIDITY=7/;UID=1", "/INBOX/;UID=9", "/INBOX/;UID=1/;SECTION=7", "/INBOX", "http://x/y",
        "/INBOX?ALL"}) {
    EXPECT_EQ(refused(url), fmt::format("a NO [BADURL \"{}\"] A part can't be had.\r\n", url));
  }
  EXPECT_EQ(refused("x]y z"), "a NO [BADURL \"x%5Dy%20z\"] A part can't be had.\r\n");
  // Without a selected mailbox there is nothing that it could be relative to.
  EXPECT_EQ(c.say("a APPEND INBOX CATENATE (URL \";UID=1\")\r\n"), "a NO [BADURL \";UID=1\"] A part can't be had.\r\n");
  EXPECT_EQ(c.world.letters(), 1U);
}

TEST(ImapCatenate, IsBounded) {
  SessionWorld c;
  c.limits.max_message_bytes = 64 << 10;
  c.limits.literal_plus = true;
  c.world.deliver(std::string(40'000, 'x') + "\r\n");
  const std::string text(40'000, 'y');
  EXPECT_EQ(c.in_inbox("a APPEND INBOX CATENATE (URL \"/INBOX/;UID=1\" URL \"/INBOX/;UID=1\")\r\nb NOOP\r\n"),
            "a NO [TOOBIG] The message is too big.\r\nb OK Done.\r\n");
  EXPECT_EQ(c.in_inbox("a APPEND INBOX CATENATE (URL \"/INBOX/;UID=1\" TEXT {40000+}\r\n" + text + ")\r\nb NOOP\r\n"),
            "a NO [TOOBIG] The message is too big.\r\nb OK Done.\r\n");
  EXPECT_EQ(c.world.letters(), 1U);
}

}  // namespace
}  // namespace pabal::server::imap
