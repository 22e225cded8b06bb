// UIDBATCHES (RFC 10022).
#include <gtest/gtest.h>

#include "server/imap/session_world.hpp"

namespace pabal::server::imap {
namespace {

std::string append(int letters) {
  std::string out;
  for (; letters > 0; letters -= 100) {
    out += "a APPEND INBOX";
    for (int i = 0; i < std::min(letters, 100); ++i) out += " {8+}\r\nA: b\r\n\r\n";
    out += "\r\n";
  }
  return out;
}

// §3.1: from the newest on, without a gap, the last one down to UID 1; by their numbers (§3.1.5); sizes (§3.1.3).
TEST(ImapUidBatches, PartTheMailbox) {
  SessionWorld c;
  EXPECT_EQ(c.say("a CAPABILITY\r\n").find(" UIDBATCHES"), std::string::npos);
  EXPECT_EQ(c.say("a UIDBATCHES 500\r\n"), "a BAD no mailbox is selected\r\n");
  // An empty one has no batches (§3.1.6).
  EXPECT_EQ(c.in_inbox("a UIDBATCHES 500\r\nb UIDBATCHES 500 1:3\r\n"),
            "* UIDBATCHES (TAG \"a\")\r\na OK Done.\r\n* UIDBATCHES (TAG \"b\")\r\nb OK Done.\r\n");
  static_cast<void>(c.say(append(1'003)));
  static_cast<void>(c.in_inbox("a UID STORE 1,600,1003 +FLAGS.SILENT (\\Deleted)\r\nb EXPUNGE\r\n"));
  EXPECT_EQ(c.in_inbox("a UIDBATCHES 500\r\nb UIDBATCHES 1000\r\nc UIDBATCHES 999\r\nd UIDBATCHES 500 2:2\r\n"
                       "e UIDBATCHES 500 2:9\r\nf UIDBATCHES 500 3:9\r\ng UIDBATCHES 4294967295\r\n"),
            "* UIDBATCHES (TAG \"a\") 1002:502,501:1\r\na OK Done.\r\n"
            "* UIDBATCHES (TAG \"b\") 1002:1\r\nb OK Done.\r\n"
            "* UIDBATCHES (TAG \"c\") 1002:3,2:1\r\nc OK Done.\r\n"
            "* UIDBATCHES (TAG \"d\") 501:1\r\nd OK Done.\r\n"
            "* UIDBATCHES (TAG \"e\") 501:1\r\ne OK Done.\r\n"
            "* UIDBATCHES (TAG \"f\")\r\nf OK Done.\r\n"
            "* UIDBATCHES (TAG \"g\") 1002:1\r\ng OK Done.\r\n");
  EXPECT_EQ(c.in_inbox("a UIDBATCHES 499\r\nb UIDBATCHES 500 2:1\r\nc UIDBATCHES 500 1:201\r\n"
                       "d UIDBATCHES 500 1:4294967295\r\ne UIDBATCHES 500 200:200\r\nf UIDBATCHES 500 1:200\r\n"),
            "a NO [TOOFEW] At least 500 messages make a batch.\r\n"
            "b BAD [CLIENTBUG] batches from the highest to the lowest\r\n"
            "c NO [TOOMANY] Batches of 100,000 messages at most can be asked for at once.\r\n"
            "d NO [TOOMANY] Batches of 100,000 messages at most can be asked for at once.\r\n"
            "* UIDBATCHES (TAG \"e\")\r\ne OK Done.\r\n"
            "* UIDBATCHES (TAG \"f\") 1002:502,501:1\r\nf OK Done.\r\n");
  // With UIDONLY (§3.3), and beside a saved result (§3.4).
  EXPECT_EQ(c.in_inbox("a ENABLE UIDONLY\r\nb UID SEARCH RETURN (SAVE) UID 7\r\nc UIDBATCHES 600\r\n"
                       "d UID FETCH $ (UID)\r\n"),
            "* ENABLED UIDONLY\r\na OK Done.\r\nb OK Done.\r\n* UIDBATCHES (TAG \"c\") 1002:402,401:1\r\nc OK Done.\r\n"
            "* 7 UIDFETCH (UID 7)\r\nd OK Done.\r\n");
}

TEST(ImapUidBatches, AreAnnouncedBySetting) {
  SessionWorld c;
  c.limits.uid_batches = true;
  EXPECT_NE(c.say("a CAPABILITY\r\n").find(" UIDBATCHES"), std::string::npos);
}

// Each batch has as many messages as were asked for, the last one the rest, whatever UIDs are missing.
TEST(ImapUidBatches, HaveTheirSize) {
  SessionWorld c;
  static_cast<void>(c.say(append(1'700)));
  std::string gone = "a UID STORE ";
  for (int uid = 2; uid <= 1'100; uid += 2) gone += std::to_string(uid) + ",";
  static_cast<void>(c.in_inbox(gone + "1700 +FLAGS.SILENT (\\Deleted)\r\nb EXPUNGE\r\n"));
  const auto said = c.in_inbox("a UIDBATCHES 500\r\n");
  EXPECT_EQ(said, "* UIDBATCHES (TAG \"a\") 1699:1200,1199:299,298:1\r\na OK Done.\r\n");
  const auto counted = c.in_inbox(
      "a UID SEARCH RETURN (COUNT) UID 1699:1200\r\nb UID SEARCH RETURN (COUNT) UID 1199:299\r\n"
      "c UID SEARCH RETURN (COUNT) UID 298:1\r\n");
  EXPECT_EQ(counted,
            "* ESEARCH (TAG \"a\") UID COUNT 500\r\na OK Done.\r\n* ESEARCH (TAG \"b\") UID COUNT 500\r\nb OK Done.\r\n"
            "* ESEARCH (TAG \"c\") UID COUNT 149\r\nc OK Done.\r\n");
}

}  // namespace
}  // namespace pabal::server::imap
