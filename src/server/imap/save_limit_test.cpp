// SAVELIMIT (RFC 9738): how many messages one command may save.
#include <gtest/gtest.h>

#include "server/imap/session_world.hpp"

namespace pabal::server::imap {
namespace {

TEST(ImapSaveLimit, IsAnnouncedAndKept) {
  SessionWorld c;
  for (int i = 0; i < 5; ++i) c.world.deliver("A: b\r\n\r\n");
  EXPECT_EQ(c.say("a CAPABILITY\r\n").find("LIMIT=2"), std::string::npos);
  c.limits.save_limit = 2;
  EXPECT_NE(c.say("a CAPABILITY\r\n").find(" SAVELIMIT=2"), std::string::npos);
  EXPECT_EQ(c.say("a CAPABILITY\r\n").find("MESSAGELIMIT"), std::string::npos);
  EXPECT_EQ(c.in_inbox("a COPY 1:3,5 Trash\r\nb COPY 1:2 Trash\r\nc UID COPY 1:* Trash\r\nd MOVE 1:3 Trash\r\n"
                       "e STATUS Trash (MESSAGES)\r\n"),
            "a NO [MESSAGELIMIT 2 3] Too many messages.\r\nb OK [COPYUID V 1:2 1:2] Copied.\r\n"
            "c NO [MESSAGELIMIT 2 4] Too many messages.\r\n* OK [COPYUID V 1:3 3:5] Moved.\r\n* 3 EXPUNGE\r\n"
            "* 2 EXPUNGE\r\n* 1 EXPUNGE\r\nd OK Moved.\r\n* STATUS Trash (MESSAGES 5)\r\ne OK Done.\r\n");
  EXPECT_EQ(c.say("a APPEND INBOX {8+}\r\nA: b\r\n\r\n {8+}\r\nA: b\r\n\r\n {8+}\r\nA: b\r\n\r\n\r\nb NOOP\r\n"),
            "a NO [MESSAGELIMIT 2] Too many messages.\r\nb OK Done.\r\n");
  EXPECT_EQ(c.world.letters(), 2U);
}

}  // namespace
}  // namespace pabal::server::imap
