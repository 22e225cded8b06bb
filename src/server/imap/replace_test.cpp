// REPLACE (RFC 8508): a draft is saved anew in one step.
#include <gtest/gtest.h>

#include "server/imap/session_world.hpp"

namespace pabal::server::imap {
namespace {

// RFC 8508 §3.5, figure 1, in its order of events.
TEST(ImapReplace, TakesTheOthersPlace) {
  SessionWorld c;
  for (int i = 0; i < 4; ++i) c.world.deliver("Subject: draft\r\n\r\n");
  EXPECT_EQ(c.in_inbox("a REPLACE 4 INBOX (\\Seen \\Draft $MDNSent) {18}\r\nSubject: later\r\n\r\n\r\n"
                       "b UID FETCH 1:* (FLAGS BODY.PEEK[])\r\nc UID REPLACE 2 Drafts {8+}\r\nA: b\r\n\r\n\r\n"
                       "d STATUS Drafts (MESSAGES)\r\ne FETCH 1:* UID\r\n"),
            "+ go on\r\n* OK [APPENDUID V 5] The replacement is there.\r\n* 4 EXPUNGE\r\n* 4 EXISTS\r\n* 4 RECENT\r\n"
            "a OK Replaced.\r\n"
            "* 1 FETCH (UID 1 FLAGS (\\Recent) BODY[] {24}\r\nX: y\r\nSubject: draft\r\n\r\n)\r\n"
            "* 2 FETCH (UID 2 FLAGS (\\Recent) BODY[] {24}\r\nX: y\r\nSubject: draft\r\n\r\n)\r\n"
            "* 3 FETCH (UID 3 FLAGS (\\Recent) BODY[] {24}\r\nX: y\r\nSubject: draft\r\n\r\n)\r\n"
            "* 4 FETCH (UID 5 FLAGS (\\Seen \\Draft $MDNSent \\Recent) BODY[] {18}\r\nSubject: later\r\n\r\n)\r\nb OK "
            "Done.\r\n"
            "* OK [APPENDUID V 1] The replacement is there.\r\n* 2 EXPUNGE\r\nc OK Replaced.\r\n"
            "* STATUS Drafts (MESSAGES 1)\r\nd OK Done.\r\n"
            "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 3)\r\n* 3 FETCH (UID 5)\r\ne OK Done.\r\n");
  const auto findings = c.world.store->check();
  ASSERT_TRUE(findings.has_value());
  EXPECT_TRUE(findings->empty());
}

TEST(ImapReplace, NothingIsLostWhereItFails) {
  SessionWorld c;
  c.world.deliver("Subject: draft\r\n\r\n");
  EXPECT_EQ(c.in_inbox("a REPLACE 2 INBOX {8+}\r\nA: b\r\n\r\n\r\nb UID REPLACE 7 INBOX {8+}\r\nA: b\r\n\r\n\r\n"
                       "c REPLACE 1 Nowhere {8+}\r\nA: b\r\n\r\n\r\nd REPLACE 1 INBOX {0+}\r\n\r\n"
                       "e REPLACE 1:2 INBOX {8+}\r\nA: b\r\n\r\n\r\nf FETCH 1:* UID\r\n"),
            "a BAD There is no message of this number.\r\nb NO [NONEXISTENT] There is no such message.\r\n"
            "c NO [TRYCREATE] No such mailbox.\r\nd NO [CANNOT] A message has at least one octet.\r\n"
            "e BAD one message is replaced\r\n* 1 FETCH (UID 1)\r\nf OK Done.\r\n");
  EXPECT_NE(c.say("a EXAMINE INBOX\r\nb REPLACE 1 INBOX {8+}\r\nA: b\r\n\r\n\r\n").find("b NO [NOPERM]"),
            std::string::npos);
  EXPECT_EQ(c.world.letters(), 1U);
}

// RFC 8508 §3.1: what goes makes room for what comes.
TEST(ImapReplace, CountsForTheQuotaOnce) {
  SessionWorld c;
  c.world.deliver(std::string(600, 'x'));
  ASSERT_TRUE(c.world.store->set_quota(store::StoreWorld::alice(), 1000));
  const auto text = std::string(700, 'y');
  EXPECT_NE(c.in_inbox("a APPEND INBOX {700+}\r\n" + text + "\r\n").find("a NO [OVERQUOTA]"), std::string::npos);
  EXPECT_NE(c.in_inbox("a REPLACE 1 INBOX {700+}\r\n" + text + "\r\n").find("a OK Replaced."), std::string::npos);
}

}  // namespace
}  // namespace pabal::server::imap
