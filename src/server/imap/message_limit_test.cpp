// MESSAGELIMIT (RFC 9738): the situations of its examples, with a limit of 2.
#include <gtest/gtest.h>

#include "server/imap/session_world.hpp"

namespace pabal::server::imap {
namespace {

class ImapMessageLimit : public ::testing::Test {
 protected:
  SessionWorld c;

  void SetUp() override {
    for (int i = 0; i < 5; ++i) c.world.deliver(fmt::format("Subject: {}\r\n\r\n", i));
    c.limits.message_limit = 2;
  }
};

TEST_F(ImapMessageLimit, IsAnnounced) {
  EXPECT_NE(c.say("a CAPABILITY\r\n").find(" MESSAGELIMIT=2"), std::string::npos);
  EXPECT_EQ(c.say("a CAPABILITY\r\n").find("SAVELIMIT"), std::string::npos);
  c.limits.save_limit = 1;
  EXPECT_NE(c.say("a CAPABILITY\r\n").find(" MESSAGELIMIT=2 SAVELIMIT=1"), std::string::npos);
  EXPECT_EQ(c.in_inbox("a COPY 1:2 Trash\r\n"), "a NO [MESSAGELIMIT 1 2] Too many messages.\r\n");
  c.limits.message_limit = 0;
  EXPECT_EQ(c.say("a CAPABILITY\r\n").find("MESSAGELIMIT"), std::string::npos);
}

// The last ones are told, and which is the lowest of them.
TEST_F(ImapMessageLimit, FetchAndStore) {
  EXPECT_EQ(
      c.in_inbox("a FETCH 1:4 UID\r\nb UID FETCH 1:3 FLAGS\r\nc FETCH 1:2 UID\r\nd FETCH 1,3,5 UID\r\n"
                 "e UID FETCH 1:* UID (PARTIAL -1:-2)\r\n"),
      "* 3 FETCH (UID 3)\r\n* 4 FETCH (UID 4)\r\na OK [MESSAGELIMIT 2 3] As many as are allowed.\r\n"
      "* 2 FETCH (UID 2 FLAGS (\\Recent))\r\n* 3 FETCH (UID 3 FLAGS (\\Recent))\r\n"
      "b OK [MESSAGELIMIT 2 2] As many as are allowed.\r\n* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\nc OK Done.\r\n"
      "* 3 FETCH (UID 3)\r\n* 5 FETCH (UID 5)\r\nd OK [MESSAGELIMIT 2 3] As many as are allowed.\r\n"
      "* 4 FETCH (UID 4)\r\n* 5 FETCH (UID 5)\r\ne OK Done.\r\n");
  EXPECT_EQ(c.in_inbox("a STORE 1:4 +FLAGS.SILENT (\\Flagged)\r\nb SEARCH FLAGGED\r\n"
                       "c UID STORE 2:4 (UNCHANGEDSINCE 1) +FLAGS.SILENT (\\Seen)\r\n"),
            "a OK [MESSAGELIMIT 2 3] As many as are allowed.\r\n* SEARCH 3 4\r\nb OK Done.\r\n"
            "* OK [MESSAGELIMIT 2 3] As many as are allowed.\r\n"
            "* OK [HIGHESTMODSEQ 12] Highest.\r\nc OK [MODIFIED 3:4] Some were changed in between.\r\n");
}

TEST_F(ImapMessageLimit, Search) {
  EXPECT_EQ(
      c.in_inbox("a SEARCH ALL\r\nb UID SEARCH RETURN (MIN COUNT SAVE) 1:4\r\nc SEARCH $\r\nd SEARCH 1:2\r\n"
                 "e UID SEARCH UIDBEFORE 4 UIDAFTER 1\r\nf UID SEARCH UIDBEFORE 1\r\n"
                 "g SORT (SUBJECT) UTF-8 ALL\r\nh SORT (REVERSE SUBJECT) UTF-8 4:5\r\n"
                 "i THREAD REFERENCES UTF-8 ALL\r\nj SORT RETURN (SAVE) (SUBJECT) UTF-8 ALL\r\nk SEARCH $\r\n"),
      "* SEARCH 4 5\r\na OK [MESSAGELIMIT 2 4] As many as are allowed.\r\n* ESEARCH (TAG \"b\") UID MIN 3 COUNT 2\r\n"
      "b OK [MESSAGELIMIT 2 3] As many as are allowed.\r\n* SEARCH 3 4\r\nc OK Done.\r\n* SEARCH 1 2\r\nd OK Done.\r\n"
      "* SEARCH 2 3\r\ne OK Done.\r\n* SEARCH\r\nf OK Done.\r\ng NO [MESSAGELIMIT 2] Too many messages.\r\n"
      "* SORT 5 4\r\nh OK Done.\r\ni NO [MESSAGELIMIT 2] Too many messages.\r\n"
      "j NO [MESSAGELIMIT 2] Too many messages.\r\n* SEARCH\r\nk OK Done.\r\n");
}

// A COPY does all or nothing; a MOVE and an UID EXPUNGE go as far as they may; EXPUNGE alone names no messages.
TEST_F(ImapMessageLimit, CopyMoveExpungeAppend) {
  EXPECT_EQ(
      c.in_inbox("a COPY 1:3 Trash\r\nb UID COPY 4:5 Trash\r\nc MOVE 1:3 Trash\r\nd STORE 1:2 +FLAGS.SILENT "
                 "(\\Deleted)\r\ne STORE 3 +FLAGS.SILENT (\\Deleted)\r\nf UID EXPUNGE 1:*\r\n"
                 "g STATUS Trash (MESSAGES)\r\nh EXPUNGE\r\n"),
      "a NO [MESSAGELIMIT 2 2] Too many messages.\r\nb OK [COPYUID V 4:5 1:2] Copied.\r\n"
      "* OK [COPYUID V 2:3 3:4] Moved.\r\n* 3 EXPUNGE\r\n* 2 EXPUNGE\r\n"
      "c OK [MESSAGELIMIT 2 2] As many as are allowed.\r\nd OK Done.\r\ne OK Done.\r\n* 3 EXPUNGE\r\n* 2 EXPUNGE\r\n"
      "f OK [MESSAGELIMIT 2 4] As many as are allowed.\r\n* STATUS Trash (MESSAGES 4)\r\ng OK Done.\r\n"
      "* 1 EXPUNGE\r\nh OK Done.\r\n");
  EXPECT_EQ(c.say("a APPEND INBOX {8+}\r\nA: b\r\n\r\n {8+}\r\nA: b\r\n\r\n {8+}\r\nA: b\r\n\r\n\r\nb NOOP\r\n"),
            "a NO [MESSAGELIMIT 2] Too many messages.\r\nb OK Done.\r\n");
}

}  // namespace
}  // namespace pabal::server::imap
