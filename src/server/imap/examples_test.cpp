// The situations of the extensions' own examples, one after the other: the same commands, a mailbox of our own. What is
// not here has a test of its own beside it (docs/rfc.md lists all that is announced).
#include <gtest/gtest.h>

#include "server/imap/session_world.hpp"

namespace pabal::server::imap {
namespace {

class ImapExamples : public ::testing::Test {
 protected:
  SessionWorld c;

  void letters(int count) {
    for (int i = 0; i < count; ++i) c.world.deliver(fmt::format("Subject: {}\r\n\r\nbody {}\r\n", i + 1, i + 1));
  }
  // With what differs from run to run, and change numbers, masked.
  static std::string masked(std::string text) {
    text = std::regex_replace(text, std::regex(R"((HIGHESTMODSEQ|UIDVALIDITY) \d+)"), "$1 N");
    text = std::regex_replace(text, std::regex(R"(MODSEQ (\d+|\(\d+\)))"), "MODSEQ N");
    text = std::regex_replace(text, std::regex(R"(\((M|T|F)\d+\))"), "($1)");
    return std::regex_replace(text, std::regex(R"("[ \d]\d-\w\w\w-\d{4} \d\d:\d\d:\d\d \+0000")"), "\"D\"");
  }
  std::string say(const std::string& commands) { return masked(c.say(commands)); }
  std::string in_inbox(const std::string& commands) { return masked(c.in_inbox(commands)); }
};

TEST_F(ImapExamples, SessionItself) {
  // RFC 2971 §3.
  const auto known = say("a023 ID (\"name\" \"sodr\" \"version\" \"19.34\" \"vendor\" NIL)\r\na042 ID NIL\r\n");
  EXPECT_TRUE(known.starts_with("* ID (\"name\" \"Pabal\" \"version\" \"")) << known;
  EXPECT_NE(known.find("\r\na023 OK Done.\r\n* ID ("), std::string::npos) << known;
  // RFC 5161 §3.1: what is unknown is passed over, what is on already is not told again.
  EXPECT_EQ(say("t1 ENABLE CONDSTORE\r\nt2 ENABLE CONDSTORE X-GOOD-IDEA\r\n"),
            "* ENABLED CONDSTORE\r\nt1 OK Done.\r\n* ENABLED\r\nt2 OK Done.\r\n");
  // RFC 2342 §5.
  EXPECT_TRUE(say("A001 NAMESPACE\r\n").starts_with("* NAMESPACE ((\"\" \"/\")) "));
  // RFC 2177 §3, RFC 3691 §2.
  EXPECT_EQ(in_inbox("A002 IDLE\r\nDONE\r\nA202 UNSELECT\r\n"), "+ idling\r\nA002 OK Done.\r\nA202 OK Closed.\r\n");
  // RFC 8437 §2.
  const auto out = c.say("a UNAUTHENTICATE\r\nb SELECT INBOX\r\nc LOGIN alice@seoul.example demo\r\n");
  EXPECT_NE(out.find("\r\nb BAD log in first\r\nc OK [CAPABILITY "), std::string::npos) << out;
  // RFC 7888 §5: LITERAL- and a literal that is too long for it.
  EXPECT_NE(say("a APPEND INBOX {4097+}\r\n").find("a BAD"), std::string::npos);
}

TEST_F(ImapExamples, UidPlusMoveMultiAppend) {
  letters(4);
  // RFC 4315 §2.1 and §3: only what is \Deleted and named goes; UIDs that aren't there copy nothing.
  EXPECT_EQ(in_inbox("A1 STORE 1,2,4 +FLAGS.SILENT (\\Deleted)\r\nA2 UID EXPUNGE 2:3\r\nA3 UID COPY 33:44 Archive\r\n"
                     "A4 COPY 2:3 Archive\r\nA5 COPY 2 Meeting\r\n"),
            "A1 OK Done.\r\n* 2 EXPUNGE\r\nA2 OK Done.\r\nA3 OK Copied.\r\nA4 OK [COPYUID V 3:4 1:2] Copied.\r\n"
            "A5 NO [TRYCREATE] No such mailbox.\r\n");
  // RFC 6851 §3.1.
  EXPECT_EQ(in_inbox("a UID MOVE 3:69 Trash\r\n"),
            "* OK [COPYUID V 3:4 1:2] Moved.\r\n* 3 EXPUNGE\r\n* 2 EXPUNGE\r\na OK Moved.\r\n");
  // RFC 3502 §6.3.11.
  EXPECT_EQ(say("A003 APPEND Sent (\\Seen) {12+}\r\nSubject: 1\r\n (\\Seen) \" 7-Feb-1994 22:43:04 -0800\" {12}\r\n"
                "Subject: 2\r\n\r\nb STATUS Sent (MESSAGES UNSEEN)\r\n"),
            "+ go on\r\nA003 OK [APPENDUID V 1:2] Appended.\r\n* STATUS Sent (MESSAGES 2 UNSEEN 0)\r\nb OK Done.\r\n");
}

// RFC 5258 §5, RFC 5819 §4, RFC 6154 §5, RFC 3348 §4.
TEST_F(ImapExamples, Lists) {
  std::string make;
  for (const auto* name :
       {"Fruit/Apple", "Fruit/Banana", "Fruit/Peach", "Tofu", "Vegetable/Broccoli", "Vegetable/Corn"}) {
    make += fmt::format("m CREATE {}\r\n", name);
  }
  for (const auto* name : {"INBOX", "Fruit/Banana", "Fruit/Peach", "Vegetable", "Vegetable/Broccoli"}) {
    make += fmt::format("m SUBSCRIBE {}\r\n", name);
  }
  static_cast<void>(say(make + "m DELETE Fruit/Peach\r\n"));
  // Which have children is told without being asked.
  EXPECT_EQ(say("A01 LIST \"\" \"?ruit*\"\r\nA02 LIST (SUBSCRIBED) \"\" (Fruit/* Vegetable*)\r\n"),
            "A01 OK Done.\r\n* LIST (\\HasNoChildren \\Subscribed) \"/\" Fruit/Banana\r\n"
            "* LIST (\\NonExistent \\HasNoChildren \\Subscribed) \"/\" Fruit/Peach\r\n"
            "* LIST (\\HasChildren \\Subscribed) \"/\" Vegetable\r\n"
            "* LIST (\\HasNoChildren \\Subscribed) \"/\" Vegetable/Broccoli\r\nA02 OK Done.\r\n");
  EXPECT_EQ(say("A03 LIST () \"\" (Fruit Tofu Vegetable) RETURN (CHILDREN)\r\n"
                "A04 LIST (REMOTE) \"\" (Tofu) RETURN (CHILDREN)\r\n"
                "A05 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (Fruit Tofu Vegetable)\r\n"
                "A06 LIST () \"\" (Fruit/% Tofu) RETURN (SUBSCRIBED)\r\nA07 LIST (RECURSIVEMATCH) \"\" *\r\n"),
            "* LIST (\\HasChildren) \"/\" Fruit\r\n* LIST (\\HasNoChildren) \"/\" Tofu\r\n"
            "* LIST (\\HasChildren) \"/\" Vegetable\r\nA03 OK Done.\r\n* LIST (\\HasNoChildren) \"/\" Tofu\r\nA04 OK "
            "Done.\r\n"
            "* LIST (\\HasChildren) \"/\" Fruit (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
            "* LIST (\\HasChildren \\Subscribed) \"/\" Vegetable (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\nA05 OK Done.\r\n"
            "* LIST (\\HasNoChildren) \"/\" Fruit/Apple\r\n* LIST (\\HasNoChildren \\Subscribed) \"/\" Fruit/Banana\r\n"
            "* LIST (\\HasNoChildren) \"/\" Tofu\r\nA06 OK Done.\r\n"
            "A07 BAD RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE\r\n");
  // §3.5: one that isn't meant itself says no more than those below it that are listed too; "Fruit/Peach" isn't.
  EXPECT_EQ(say("A08 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (Fruit Fruit/Banana)\r\n"
                "A09 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (Fruit Fruit/Banana Fruit/Peach)\r\n"),
            "* LIST (\\HasChildren) \"/\" Fruit (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
            "* LIST (\\HasNoChildren \\Subscribed) \"/\" Fruit/Banana\r\nA08 OK Done.\r\n"
            "* LIST (\\HasNoChildren \\Subscribed) \"/\" Fruit/Banana\r\n"
            "* LIST (\\NonExistent \\HasNoChildren \\Subscribed) \"/\" Fruit/Peach\r\nA09 OK Done.\r\n");
  EXPECT_EQ(say("A01 LIST \"\" (INBOX Fruit/%) RETURN (STATUS (MESSAGES UNSEEN))\r\n"),
            "* LIST (\\HasNoChildren) \"/\" Fruit/Apple\r\n* STATUS Fruit/Apple (MESSAGES 0 UNSEEN 0)\r\n"
            "* LIST (\\HasNoChildren) \"/\" Fruit/Banana\r\n* STATUS Fruit/Banana (MESSAGES 0 UNSEEN 0)\r\n"
            "* LIST (\\HasNoChildren) \"/\" INBOX\r\n* STATUS INBOX (MESSAGES 0 UNSEEN 0)\r\nA01 OK Done.\r\n");
  EXPECT_EQ(say("t1 LIST (SPECIAL-USE) \"\" *\r\nt2 CREATE MySpecial (USE (\\Drafts))\r\n"
                "t2a DELETE Drafts\r\nt2b CREATE MySpecial (USE (\\Drafts))\r\n"
                "t2c CREATE Other (USE (\\Drafts))\r\n"
                "t3 CREATE Everything (USE (\\All))\r\nt4 LIST \"\" (Sent Tofu) RETURN (SPECIAL-USE)\r\n"),
            "* LIST (\\HasNoChildren \\Archive) \"/\" Archive\r\n* LIST (\\HasNoChildren \\Drafts) \"/\" Drafts\r\n"
            "* LIST (\\HasNoChildren \\Junk) \"/\" Junk\r\n* LIST (\\HasNoChildren \\Sent) \"/\" Sent\r\n"
            "* LIST (\\HasNoChildren \\Trash) \"/\" Trash\r\nt1 OK Done.\r\n"
            "t2 NO [USEATTR] Another mailbox has this special use.\r\nt2a OK Deleted.\r\n"
            "t2b OK [MAILBOXID (F)] Made.\r\nt2c NO [USEATTR] Another mailbox has this special use.\r\n"
            "t3 NO [USEATTR] Not this special use.\r\n* LIST (\\HasNoChildren \\Sent) \"/\" Sent\r\n"
            "* LIST (\\HasNoChildren) \"/\" Tofu\r\nt4 OK Done.\r\n");
}

// RFC 7162 §3.1, RFC 8438 §2.
TEST_F(ImapExamples, Condstore) {
  letters(3);
  const auto validity = c.inbox_validity();
  EXPECT_EQ(say("A042 STATUS INBOX (UIDNEXT MESSAGES SIZE HIGHESTMODSEQ)\r\n"),
            "* STATUS INBOX (MESSAGES 3 UIDNEXT 4 SIZE 84 HIGHESTMODSEQ N)\r\nA042 OK Done.\r\n");
  const auto out = in_inbox(
      "s100 FETCH 2 (FLAGS MODSEQ)\r\nd105 STORE 1:2 (UNCHANGEDSINCE 1) +FLAGS (\\Deleted)\r\n"
      "a106 STORE 3 (UNCHANGEDSINCE 1000) +FLAGS.SILENT (\\Seen)\r\nb107 UID STORE 1 -FLAGS (\\Seen)\r\n"
      "t108 SEARCH MODSEQ 1000\r\nt109 SEARCH RETURN (COUNT) MODSEQ 1\r\nv110 FETCH 1:* (UID) (CHANGEDSINCE 1000)\r\n");
  EXPECT_EQ(out,
            "* 2 FETCH (FLAGS (\\Recent) MODSEQ N)\r\n* OK [HIGHESTMODSEQ N] Highest.\r\ns100 OK Done.\r\n"
            "* 1 FETCH (FLAGS (\\Recent) MODSEQ N)\r\n* 2 FETCH (FLAGS (\\Recent) MODSEQ N)\r\n"
            "d105 OK [MODIFIED 1:2] Some were changed in between.\r\n* 3 FETCH (MODSEQ N)\r\na106 OK Done.\r\n"
            "* 1 FETCH (UID 1 FLAGS (\\Recent) MODSEQ N)\r\nb107 OK Done.\r\n* SEARCH\r\nt108 OK Done.\r\n"
            "* ESEARCH (TAG \"t109\") COUNT 3 MODSEQ N\r\nt109 OK Done.\r\nv110 OK Done.\r\n");
  // §3.2.5: a client that comes back.
  const auto back = say(fmt::format("A01 ENABLE QRESYNC\r\nA02 SELECT INBOX (QRESYNC ({} 1 1:99))\r\n", validity));
  EXPECT_NE(back.find("* 3 FETCH (UID 3 FLAGS (\\Seen"), std::string::npos) << back;
}

TEST_F(ImapExamples, Searches) {
  letters(5);
  // RFC 4731 §3.1 and §4.
  EXPECT_EQ(in_inbox("a0 STORE 2:3,5 +FLAGS.SILENT (\\Flagged)\r\nA282 SEARCH RETURN (MIN COUNT) FLAGGED\r\n"
                     "A283 SEARCH RETURN () FLAGGED\r\nA284 UID SEARCH RETURN (MIN MAX) FLAGGED\r\n"
                     "A285 SEARCH RETURN (MIN MAX) ANSWERED\r\nA286 SEARCH RETURN (COUNT) ANSWERED\r\n"),
            "a0 OK Done.\r\n* ESEARCH (TAG \"A282\") MIN 2 COUNT 3\r\nA282 OK Done.\r\n"
            "* ESEARCH (TAG \"A283\") ALL 2:3,5\r\nA283 OK Done.\r\n* ESEARCH (TAG \"A284\") UID MIN 2 MAX 5\r\n"
            "A284 OK Done.\r\n* ESEARCH (TAG \"A285\")\r\nA285 OK Done.\r\n* ESEARCH (TAG \"A286\") COUNT 0\r\n"
            "A286 OK Done.\r\n");
  // RFC 5182 §2.1 and its examples: in the same pipeline; changed by the next; used inside a search.
  EXPECT_EQ(in_inbox("A282 SEARCH RETURN (SAVE) FLAGGED\r\nA283 FETCH $ (UID)\r\nC282 SEARCH RETURN (SAVE) 1:3\r\n"
                     "C283 SEARCH $ FLAGGED\r\nC284 UID COPY $ Archive\r\nD1 SEARCH RETURN (SAVE MIN) FLAGGED\r\n"
                     "D2 FETCH $ (UID)\r\nE1 SEARCH RETURN (SAVE) CHARSET KOI9 TEXT x\r\nE2 SEARCH $\r\n"),
            "A282 OK Done.\r\n* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\n* 5 FETCH (UID 5)\r\nA283 OK Done.\r\nC282 OK "
            "Done.\r\n"
            "* SEARCH 2 3\r\nC283 OK Done.\r\nC284 OK [COPYUID V 1:3 1:3] Copied.\r\n* ESEARCH (TAG \"D1\") MIN 2\r\n"
            "D1 OK Done.\r\n* 2 FETCH (UID 2)\r\nD2 OK Done.\r\n"
            "E1 NO [BADCHARSET (UTF-8 US-ASCII)] unknown charset\r\n* SEARCH\r\nE2 OK Done.\r\n");
  // RFC 9051 §6.4.4.1, RFC 5182 §2.1: NO leaves an empty result, BAD the one from before; without SAVE both do.
  for (const std::string_view failing :
       {"SEARCH RETURN (SAVE) CHARSET KOI9 ALL", "UID SEARCH RETURN (COUNT SAVE) CHARSET KOI9 ALL",
        "SORT RETURN (SAVE) (SUBJECT) KOI9 ALL", "UID SORT RETURN (SAVE) (SUBJECT) KOI9 ALL",
        "ESEARCH IN (selected) RETURN (SAVE) CHARSET KOI9 ALL", "SEARCH RETURN (SAVE) FILTER none",
        "UID SORT RETURN (SAVE) (SUBJECT) UTF-8 FILTER none", "ESEARCH RETURN (SAVE) FILTER none",
        "SEARCH RETURN (SAVE) SUBJECT {99999999}"}) {
    const auto out = in_inbox(fmt::format("a SEARCH RETURN (SAVE) 2\r\nb {}\r\nc SEARCH $\r\n", failing));
    EXPECT_TRUE(out.starts_with("a OK Done.\r\nb NO [")) << out;
    EXPECT_TRUE(out.ends_with("\r\n* SEARCH\r\nc OK Done.\r\n")) << failing << "\n" << out;
  }
  for (const std::string_view other :
       {"SEARCH RETURN (SAVE) NONSENSE", "SEARCH RETURN (SAVE SAVE2) ALL", "SEARCH RETURN (SAVE RELEVANCY) ALL",
        "SORT RETURN (SAVE) (NONSENSE) KOI9 ALL", "SEARCH CHARSET KOI9 ALL", "SEARCH RETURN (COUNT) CHARSET KOI9 ALL",
        "SORT (SUBJECT) KOI9 ALL", "SEARCH RETURN (COUNT) FILTER none"}) {
    const auto out = in_inbox(fmt::format("a SEARCH RETURN (SAVE) 2\r\nb {}\r\nc SEARCH $\r\n", other));
    EXPECT_TRUE(out.ends_with("\r\n* SEARCH 2\r\nc OK Done.\r\n")) << other << "\n" << out;
  }
  // RFC 5032 §5, RFC 8514 §4.3, RFC 8474 §5.
  EXPECT_EQ(in_inbox("a1 SEARCH UNSEEN YOUNGER 259200\r\na2 SEARCH OLDER 259200\r\na3 SEARCH SAVEDATESUPPORTED\r\n"
                     "a4 SEARCH SAVEDSINCE 1-Jan-2020 SAVEDBEFORE 1-Jan-2100 2:3\r\na5 SEARCH EMAILID M999999\r\n"),
            "* SEARCH 1 2 3 4 5\r\na1 OK Done.\r\n* SEARCH\r\na2 OK Done.\r\n* SEARCH 1 2 3 4 5\r\na3 OK Done.\r\n"
            "* SEARCH 2 3\r\na4 OK Done.\r\n* SEARCH\r\na5 OK Done.\r\n");
  // RFC 9394 §3.1, §3.3 and §3.4; RFC 5267 §4.4.
  EXPECT_EQ(
      in_inbox("A01 UID SEARCH RETURN (PARTIAL -1:-3) UNDELETED\r\nA02 UID SEARCH RETURN (PARTIAL 2:9 COUNT) ALL\r\n"
               "A03 UID SEARCH RETURN (PARTIAL 24000:24500) ALL\r\nA04 UID FETCH 1:* (FLAGS) (PARTIAL -1:-2)\r\n"
               "A05 SEARCH RETURN (PARTIAL 1:2 ALL) ALL\r\nA06 SEARCH RETURN (PARTIAL 3:1) ALL\r\n"),
      "* ESEARCH (TAG \"A01\") UID PARTIAL (-1:-3 3:5)\r\nA01 OK Done.\r\n"
      "* ESEARCH (TAG \"A02\") UID COUNT 5 PARTIAL (2:9 2:5)\r\nA02 OK Done.\r\n"
      "* ESEARCH (TAG \"A03\") UID PARTIAL (24000:24500 NIL)\r\nA03 OK Done.\r\n"
      "* 4 FETCH (UID 4 FLAGS ())\r\n* 5 FETCH (UID 5 FLAGS (\\Flagged))\r\nA04 OK Done.\r\n"
      "A05 BAD PARTIAL and ALL exclude each other\r\n* ESEARCH (TAG \"A06\") PARTIAL (1:3 1:3)\r\nA06 OK Done.\r\n");
}

// RFC 5256 §3, RFC 5957 §4, RFC 5267 §3.
TEST_F(ImapExamples, Orders) {
  c.world.deliver("From: Zoe <a@x>\r\nSubject: b\r\nDate: Sun, 22 Nov 2026 10:00:01 +0000\r\n\r\n1\r\n");
  c.world.deliver("From: m@x\r\nSubject: Re: a\r\nDate: Sun, 22 Nov 2026 10:00:02 +0000\r\n\r\n2\r\n");
  c.world.deliver("From: Anna <z@x>\r\nSubject: a\r\nDate: Sun, 22 Nov 2026 10:00:03 +0000\r\n\r\n3\r\n");
  EXPECT_EQ(in_inbox("A282 SORT (SUBJECT) UTF-8 SINCE 1-Feb-1994\r\nA283 SORT (SUBJECT REVERSE DATE) UTF-8 ALL\r\n"
                     "A284 SORT (SUBJECT) US-ASCII TEXT \"not in mailbox\"\r\nA285 SORT (FROM) UTF-8 ALL\r\n"
                     "A286 SORT (DISPLAYFROM) UTF-8 ALL\r\nE01 SORT RETURN (MIN COUNT) (SUBJECT) UTF-8 ALL\r\n"
                     "E02 UID SORT RETURN (PARTIAL 1:2) (SUBJECT) UTF-8 ALL\r\n"),
            "* SORT 2 3 1\r\nA282 OK Done.\r\n* SORT 3 2 1\r\nA283 OK Done.\r\n* SORT\r\nA284 OK Done.\r\n"
            "* SORT 1 2 3\r\nA285 OK Done.\r\n* SORT 3 2 1\r\nA286 OK Done.\r\n"
            "* ESEARCH (TAG \"E01\") MIN 2 COUNT 3\r\nE01 OK Done.\r\n"
            "* ESEARCH (TAG \"E02\") UID PARTIAL (1:2 2:3)\r\nE02 OK Done.\r\n");
  EXPECT_EQ(
      in_inbox("A283 THREAD ORDEREDSUBJECT UTF-8 SINCE 5-MAR-2000\r\n"
               "A284 THREAD REFERENCES UTF-8 SINCE 5-MAR-2000\r\n"
               "A285 THREAD ORDEREDSUBJECT US-ASCII TEXT \"gewp\"\r\n"),
      "* THREAD (1)(2 3)\r\nA283 OK Done.\r\n* THREAD (1)(3 2)\r\nA284 OK Done.\r\n* THREAD\r\nA285 OK Done.\r\n");
}

// RFC 4959 §4, RFC 7889 §4, RFC 8440 §3.1.
TEST_F(ImapExamples, SmallOnes) {
  const auto out = c.run("C01 CAPABILITY\r\nA01 AUTHENTICATE PLAIN AGFsaWNlQHNlb3VsLmV4YW1wbGUAZGVtbw==\r\n");
  EXPECT_NE(out.find(" SASL-IR "), std::string::npos) << out;
  EXPECT_NE(out.find("\r\nA01 OK [CAPABILITY "), std::string::npos) << out;
  EXPECT_EQ(say("t1 STATUS INBOX (APPENDLIMIT)\r\n"), "* STATUS INBOX (APPENDLIMIT 52428800)\r\nt1 OK Done.\r\n");
  EXPECT_EQ(say("A01 CREATE foo/A\r\nA02 LIST \"\" foo* RETURN (MYRIGHTS)\r\n"),
            "A01 OK [MAILBOXID (F)] Made.\r\n* LIST (\\HasChildren) \"/\" foo\r\n* MYRIGHTS foo lrswipkxtecda\r\n"
            "* LIST (\\HasNoChildren) \"/\" foo/A\r\n* MYRIGHTS foo/A lrswipkxtecda\r\nA02 OK Done.\r\n");
}

TEST_F(ImapExamples, Items) {
  c.world.deliver(
      "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello "
      "there\r\n--b\r\n"
      "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n");
  // RFC 3516 §4.2, §4.3 and §7.
  EXPECT_EQ(in_inbox("a BINARY.SIZE\r\n1 FETCH 1 (BINARY.SIZE[2] BINARY.PEEK[2])\r\n2 FETCH 1 BINARY.PEEK[2]<1.1>\r\n"
                     "3 FETCH 1 BINARY.PEEK[1]\r\n")
                .substr(std::string("a BAD unknown command\r\n").size()),
            std::string("* 1 FETCH (BINARY.SIZE[2] 3 BINARY[2] ~{3}\r\n\0\1\2)\r\n1 OK Done.\r\n", 62) +
                "* 1 FETCH (BINARY[2]<1> {1}\r\n\1)\r\n2 OK Done.\r\n* 1 FETCH (BINARY[1] {11}\r\nHello there)\r\n3 OK "
                "Done.\r\n");
  // RFC 8474 §4 and §5, RFC 8514 §4, RFC 8970 §3.
  EXPECT_EQ(in_inbox("3 FETCH 1 (EMAILID THREADID)\r\n4 FETCH 1 (SAVEDATE)\r\n5 FETCH 1 (PREVIEW)\r\n"
                     "6 FETCH 1 (PREVIEW (LAZY))\r\n7 CREATE foo\r\n8 STATUS foo (MAILBOXID)\r\n9 RENAME foo bar\r\n"
                     "10 STATUS bar (MAILBOXID)\r\n"),
            "* 1 FETCH (EMAILID (M) THREADID (T))\r\n3 OK Done.\r\n* 1 FETCH (SAVEDATE \"D\")\r\n4 OK Done.\r\n"
            "* 1 FETCH (PREVIEW \"Hello there\")\r\n5 OK Done.\r\n* 1 FETCH (PREVIEW \"Hello there\")\r\n6 OK Done.\r\n"
            "7 OK [MAILBOXID (F)] Made.\r\n* STATUS foo (MAILBOXID (F))\r\n8 OK Done.\r\n9 OK Renamed.\r\n"
            "* STATUS bar (MAILBOXID (F))\r\n10 OK Done.\r\n");
  // RFC 6855 §3 and §4.
  EXPECT_EQ(
      say("a CREATE \"\xED\x8C\x8C\xEB\xB0\x9C\"\r\nb ENABLE UTF8=ACCEPT\r\nc CREATE \"\xED\x8C\x8C\xEB\xB0\x9C\"\r\n"
          "d LIST \"\" \"\xED\x8C\x8C*\"\r\ne APPEND INBOX UTF8 (~{8+}\r\nA: b\r\n\r\n)\r\n"),
      "a NO [CANNOT] not a mailbox name: not modified UTF-7\r\n* ENABLED UTF8=ACCEPT\r\nb OK Done.\r\nc OK [MAILBOXID "
      "(F)] Made.\r\n"
      "* LIST (\\HasNoChildren) \"/\" \"\xED\x8C\x8C\xEB\xB0\x9C\"\r\nd OK Done.\r\ne OK [APPENDUID V 2] "
      "Appended.\r\n");
  EXPECT_EQ(in_inbox("a SEARCH CHARSET UTF-8 SUBJECT x\r\nb ENABLE UTF8=ACCEPT\r\nc SEARCH CHARSET UTF-8 SUBJECT x\r\n"
                     "d SEARCH SUBJECT x\r\ne SORT (SIZE) UTF-8 SUBJECT x\r\n"),
            "* SEARCH 1\r\na OK Done.\r\n* ENABLED UTF8=ACCEPT\r\nb OK Done.\r\nc BAD with UTF8=ACCEPT a search "
            "names no charset\r\n* SEARCH 1\r\nd OK Done.\r\n* SORT 1\r\ne OK Done.\r\n");
}

}  // namespace
}  // namespace pabal::server::imap
