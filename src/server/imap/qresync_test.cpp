// QRESYNC (RFC 7162 §3.2), word by word: the examples of the RFC with mailboxes made as they describe, and what lies
// between them.
#include "server/imap/session_case.hpp"

namespace pabal::server::imap {
namespace {

// Ten letters, of which 2, 5 and 6 are gone, 3 is \Flagged since, and 9 is \Seen. The changes are 7 to 16 for what
// came, then 17 (3), 18 (5 and 6 are \Deleted), 19 (they are gone), 20 (9), 21 (2 is \Deleted), 22 (it is gone).
class Qresync : public testing::Test {
 protected:
  Qresync() {
    for (int i = 0; i < 10; ++i) world.deliver(kLetter);
    const auto out =
        say(world,
            "a SELECT INBOX\r\nb STORE 3 +FLAGS.SILENT (\\Flagged)\r\n"
            "c STORE 5:6 +FLAGS.SILENT (\\Deleted)\r\nd EXPUNGE\r\ne UID STORE 9 +FLAGS.SILENT (\\Seen)\r\n"
            "f STORE 2 +FLAGS.SILENT (\\Deleted)\r\ng EXPUNGE\r\nh STATUS INBOX (UIDVALIDITY "
            "HIGHESTMODSEQ)\r\n");
    EXPECT_NE(out.find("HIGHESTMODSEQ 22)"), std::string::npos) << out;
    std::smatch found;
    const auto status = run(world, {std::string(kLogin) + "a STATUS INBOX (UIDVALIDITY)\r\n"});
    if (std::regex_search(status, found, std::regex("UIDVALIDITY (\\d+)"))) validity = found[1];
  }
  // What follows SELECT's own responses, to the end.
  std::string resync(const std::string& parameters, const std::string& more = "") {
    const auto out =
        say(world, "n ENABLE QRESYNC\r\ns SELECT INBOX (QRESYNC (" + validity + " " + parameters + "))\r\n" + more);
    const auto begin = out.find("Id.\r\n");
    return begin == std::string::npos ? out : out.substr(begin + 5);
  }

  StoreWorld world;
  std::string validity;
};

TEST_F(Qresync, IsAnnouncedAndEnabled) {
  const auto out = run(world, {std::string(kLogin) + "a CAPABILITY\r\nb ENABLE QRESYNC CONDSTORE\r\nc SELECT INBOX\r\n"
                                                     "d FETCH 1 FLAGS\r\ne STORE 1 +FLAGS (\\Seen)\r\n"});
  EXPECT_NE(out.find(" QRESYNC "), std::string::npos) << out;
  // §3.2.3: it implies CONDSTORE, which is not named for itself then.
  EXPECT_NE(out.find("* ENABLED QRESYNC\r\nb OK"), std::string::npos) << out;
  EXPECT_NE(out.find("* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (23))\r\ne OK"), std::string::npos) << out;
  EXPECT_NE(say(world, "a SELECT INBOX (QRESYNC (1 2))\r\n").find("a BAD QRESYNC needs ENABLE QRESYNC"),
            std::string::npos);
}

TEST_F(Qresync, TellsWhatHasBecomeOfTheMailbox) {
  // From the beginning, then from moments between.
  EXPECT_EQ(resync("16"),
            "* VANISHED (EARLIER) 2,5:6\r\n* 2 FETCH (UID 3 FLAGS (\\Flagged) MODSEQ (17))\r\n"
            "* 6 FETCH (UID 9 FLAGS (\\Seen) MODSEQ (20))\r\ns OK [READ-WRITE] Opened.\r\n");
  EXPECT_EQ(resync("19"),
            "* VANISHED (EARLIER) 2\r\n* 6 FETCH (UID 9 FLAGS (\\Seen) MODSEQ (20))\r\ns OK [READ-WRITE] Opened.\r\n");
  EXPECT_EQ(resync("22"), "s OK [READ-WRITE] Opened.\r\n");
  EXPECT_EQ(resync("9223372036854775807"), "s OK [READ-WRITE] Opened.\r\n");
  // New letters are among what has changed.
  EXPECT_EQ(resync("14 9:10"),
            "* 6 FETCH (UID 9 FLAGS (\\Seen) MODSEQ (20))\r\n* 7 FETCH (UID 10 FLAGS () MODSEQ (16))\r\n"
            "s OK [READ-WRITE] Opened.\r\n");
  // §3.2.5.1: of known UIDs alone.
  EXPECT_EQ(resync("16 1:5"),
            "* VANISHED (EARLIER) 2,5\r\n* 2 FETCH (UID 3 FLAGS (\\Flagged) MODSEQ (17))\r\n"
            "s OK [READ-WRITE] Opened.\r\n");
  // §3.2.5.2: with numbers; what is remembered exactly needs no help.
  EXPECT_EQ(resync("19 1:10 (1,3,6 1,4,9)"),
            "* VANISHED (EARLIER) 2\r\n* 6 FETCH (UID 9 FLAGS (\\Seen) MODSEQ (20))\r\ns OK [READ-WRITE] Opened.\r\n");
}

TEST_F(Qresync, AnotherUidValidityTellsNothing) {
  const auto out = say(world, "n ENABLE QRESYNC\r\ns SELECT INBOX (QRESYNC (1 1))\r\n");
  EXPECT_EQ(out.find("EARLIER"), std::string::npos) << out;
  EXPECT_EQ(out.find("FETCH"), std::string::npos) << out;
}

TEST_F(Qresync, UidFetchTellsWhatVanished) {
  EXPECT_EQ(resync("22",
                   "a UID FETCH 1:* (FLAGS) (CHANGEDSINCE 16 VANISHED)\r\nb UID FETCH 4:6,9 FLAGS (CHANGEDSINCE 18 "
                   "VANISHED)\r\nc UID FETCH 600:* FLAGS (CHANGEDSINCE 1 VANISHED)\r\n"
                   "d FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)\r\n"),
            "s OK [READ-WRITE] Opened.\r\n"
            "* VANISHED (EARLIER) 2,5:6\r\n* 2 FETCH (UID 3 FLAGS (\\Flagged) MODSEQ (17))\r\n"
            "* 6 FETCH (UID 9 FLAGS (\\Seen) MODSEQ (20))\r\na OK Done.\r\n"
            "* VANISHED (EARLIER) 5:6\r\n* 6 FETCH (UID 9 FLAGS (\\Seen) MODSEQ (20))\r\nb OK Done.\r\n"
            "* 7 FETCH (UID 10 FLAGS () MODSEQ (16))\r\nc OK Done.\r\n"
            "d BAD VANISHED needs UID FETCH and CHANGEDSINCE\r\n");
  EXPECT_NE(say(world, "s SELECT INBOX\r\na UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)\r\n")
                .find("a BAD VANISHED needs ENABLE QRESYNC"),
            std::string::npos);
}

TEST_F(Qresync, RemovalsAreUids) {
  // §3.2.7 and RFC 6851 §4.4; §3.2.8: CLOSE tells no HIGHESTMODSEQ.
  EXPECT_EQ(
      resync("22",
             "a UID STORE 3:4 +FLAGS.SILENT (\\Deleted)\r\nb EXPUNGE\r\nc MOVE 1 Trash\r\nd UID MOVE 7 Trash\r\n"
             "e EXPUNGE\r\nf UID STORE 8 +FLAGS.SILENT (\\Deleted)\r\ng CLOSE\r\n"),
      "s OK [READ-WRITE] Opened.\r\n* 2 FETCH (UID 3 MODSEQ (23))\r\n* 3 FETCH (UID 4 MODSEQ (23))\r\na OK Done.\r\n"
      "* VANISHED 3:4\r\nb OK [HIGHESTMODSEQ 24] Done.\r\n"
      "* OK [COPYUID V 1 1] Moved.\r\n* VANISHED 1\r\nc OK [HIGHESTMODSEQ 25] Moved.\r\n"
      "* OK [COPYUID V 7 2] Moved.\r\n* VANISHED 7\r\nd OK [HIGHESTMODSEQ 26] Moved.\r\ne OK Done.\r\n"
      "* 1 FETCH (UID 8 MODSEQ (27))\r\nf OK Done.\r\ng OK Closed.\r\n");
}

// A client may have a limit for lines: the UIDs of many removals come in several.
TEST_F(Qresync, ManyRemovalsAreSeveralLines) {
  Limits limits;
  limits.literal_plus = true;
  std::string append = "a APPEND Archive";
  for (int i = 0; i < 1000; ++i) append += " {7+}\r\nA: b\r\n\r";
  append += "\r\nb APPEND Archive {7+}\r\nA: b\r\n\r\r\n";
  std::string odd = "1";
  for (int uid = 3; uid <= 1001; uid += 2) odd += fmt::format(",{}", uid);
  const auto out = say(world,
                       append + "n ENABLE QRESYNC\r\ns SELECT Archive\r\nc UID STORE " + odd +
                           " +FLAGS.SILENT (\\Deleted)\r\nd EXPUNGE\r\ne NOOP\r\n",
                       SIZE_MAX, limits);
  EXPECT_NE(out.find("* VANISHED 1,3,5,"), std::string::npos);
  EXPECT_NE(out.find(",997,999\r\n* VANISHED 1001\r\nd OK"), std::string::npos) << out.substr(out.size() - 300);
}

TEST_F(Qresync, TheOtherMailboxIsClosedFirst) {
  const auto out =
      say(world, "n ENABLE QRESYNC\r\na SELECT INBOX\r\nb SELECT Trash (QRESYNC (1 1))\r\nc SELECT Nowhere\r\n");
  EXPECT_NE(out.find("a OK [READ-WRITE] Opened.\r\n* OK [CLOSED] The other mailbox is closed.\r\n* FLAGS"),
            std::string::npos)
      << out;
  EXPECT_NE(out.find("* OK [CLOSED] The other mailbox is closed.\r\nc NO [NONEXISTENT]"), std::string::npos) << out;
}

}  // namespace
}  // namespace pabal::server::imap
