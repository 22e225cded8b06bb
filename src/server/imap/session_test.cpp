// Sessions over a real store, in memory streams: what is said word by word, however the octets come.
#include "server/imap/live_world.hpp"
#include "server/imap/session_case.hpp"
#include "server/imap/session_world.hpp"

namespace pabal::server::imap {
namespace {

TEST(ImapSession, GreetsAndLogsIn) {
  StoreWorld world;
  const auto out = run(
      world, {"a LOGIN alice@seoul.example wrong\r\nb LOGIN {19}\r\nalice@seoul.example {4+}\r\ndemo\r\nc LOGOUT\r\n"});
  EXPECT_TRUE(out.starts_with(
      "* OK [CAPABILITY IMAP4rev2 IMAP4rev1 LITERAL- ENABLE ID LANGUAGE SASL-IR AUTH=TEST-FINAL AUTH=PLAIN "
      "AUTH=LOGIN] Pabal is ready.\r\na NO [AUTHENTICATIONFAILED] Authentication failed.\r\n"
      "+ "))
      << out;
  EXPECT_NE(out.find("\r\nb OK [CAPABILITY IMAP4rev2 "), std::string::npos) << out;
  EXPECT_TRUE(out.ends_with("* BYE Goodbye.\r\nc OK Done.\r\n")) << out;
  EXPECT_NE(run(world, {"a AUTHENTICATE PLAIN AGFsaWNlQHNlb3VsLmV4YW1wbGUAZGVtbw==\r\n"}).find("\r\na OK [CAPABILITY"),
            std::string::npos);
  EXPECT_NE(run(world, {"a AUTHENTICATE TEST-FINAL\r\nYWxpY2U=\r\n\r\n"}).find("+ cHJvb2Y=\r\na OK"),
            std::string::npos);
  EXPECT_NE(run(world, {"a AUTHENTICATE PLAIN\r\n*\r\n"}).find("\r\na BAD Authentication cancelled."),
            std::string::npos);
}

TEST(ImapSession, ReadsALetterHoweverTheOctetsCome) {
  for (const std::size_t limit : {SIZE_MAX, std::size_t{1}, std::size_t{7}}) {
    StoreWorld world;
    world.deliver(kLetter);
    EXPECT_EQ(
        say(world,
            "a SELECT INBOX\r\nb FETCH 1 (UID RFC822.SIZE INTERNALDATE ENVELOPE)\r\nc FETCH 1 BODY.PEEK[1]\r\n"
            "d FETCH 1 (BINARY.SIZE[2] BINARY.PEEK[2] BODY.PEEK[HEADER.FIELDS (To x)] BODY.PEEK[9])\r\n"
            "e UID FETCH 1:* BODY[TEXT]<2.3>\r\nf SEARCH UNSEEN\r\ng SEARCH BODY \"hello alice\" SENTON "
            "22-Nov-2026\r\n",
            limit),
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $MDNSent $Junk $NotJunk $Phishing)\r\n"
        "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $MDNSent $Junk $NotJunk "
        "$Phishing \\*)] Flags.\r\n* 1 EXISTS\r\n* 1 RECENT\r\n* OK [UNSEEN 1] First unseen.\r\n"
        "* OK [UIDVALIDITY V] Valid.\r\n* OK [UIDNEXT 2] Next.\r\n* OK [HIGHESTMODSEQ 7] Highest.\r\n"
        "* OK [URLMECH INTERNAL] Mechanisms.\r\n* OK [MAILBOXID (F1)] Id.\r\na OK [READ-WRITE] Opened.\r\n"
        "* 1 FETCH (UID 1 RFC822.SIZE 332 INTERNALDATE \"D\" ENVELOPE (\"Sun, 22 Nov 2026 10:00:00 +0900\" "
        "\"=?UTF-8?B?7YyM67Cc?= one\" ((\"Bob\" NIL \"bob\" \"busan.example\")) ((\"Bob\" NIL \"bob\" "
        "\"busan.example\")) ((\"Bob\" NIL \"bob\" \"busan.example\")) ((NIL NIL \"alice\" \"seoul.example\")) NIL NIL "
        "NIL \"<1@busan.example>\"))\r\nb OK Done.\r\n"
        "* 1 FETCH (BODY[1] {11}\r\nHello Alice)\r\nc OK Done.\r\n"
        "* 1 FETCH (BINARY.SIZE[2] 3 BINARY[2] ~{3}\r\n" +
            std::string("\0\1\2", 3) +
            " BODY[HEADER.FIELDS (To x)] {33}\r\nX: y\r\nTo: alice@seoul.example\r\n\r\n BODY[9] NIL)\r\nd OK Done.\r\n"
            "* 1 FETCH (UID 1 BODY[TEXT]<2> {3}\r\nb\r\n)\r\n* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))\r\ne OK "
            "Done.\r\n"
            "* SEARCH\r\nf OK Done.\r\n* SEARCH 1\r\ng OK Done.\r\n");
  }
}

// A date is told, and searched for, in the zone that it was given in, west of UTC in UTC; copies keep it.
TEST(ImapSession, DatesKeepTheirZone) {
  SessionWorld c;
  static_cast<void>(c.say(
      "a APPEND INBOX \"25-Mar-2007 00:30:00 +0900\" {8+}\r\nA: b\r\n\r\n\r\nb APPEND INBOX \"25-Mar-2007 23:30:00 "
      "-0330\" {8+}\r\nA: b\r\n\r\n\r\n"));
  EXPECT_EQ(c.in_inbox("c COPY 1 Archive\r\nd FETCH 1:2 INTERNALDATE\r\ne SEARCH ON 25-Mar-2007\r\n"
                       "f SEARCH BEFORE 25-Mar-2007\r\ng SORT (REVERSE ARRIVAL) US-ASCII ALL\r\n"),
            "c OK [COPYUID V 1 1] Copied.\r\n* 1 FETCH (INTERNALDATE \"25-Mar-2007 00:30:00 +0900\")\r\n"
            "* 2 FETCH (INTERNALDATE \"26-Mar-2007 03:00:00 +0000\")\r\nd OK Done.\r\n* SEARCH 1\r\ne OK Done.\r\n"
            "* SEARCH\r\nf OK Done.\r\n* SORT 2 1\r\ng OK Done.\r\n");
  c.world.reopen();
  EXPECT_NE(c.say("s SELECT Archive\r\nd FETCH 1 INTERNALDATE\r\n").find("\"25-Mar-2007 00:30:00 +0900\""),
            std::string::npos);
}

// RFC 6154 §3: of two that ask at once for one special use one gets it.
TEST(ImapSession, ASpecialUseIsGivenOnce) {
  LiveWorld mail;
  const auto a = mail.login("alice");
  const auto b = mail.login("alice");
  static_cast<void>(mail.say(a, "d DELETE Sent"));
  for (int round = 0; round < 10; ++round) {
    mail.send(a, fmt::format("c CREATE a{} (USE (\\Sent))", round));
    mail.send(b, fmt::format("c CREATE b{} (USE (\\Sent))", round));
    const auto first = mail.hear_until(a, ".\r\n");
    const auto second = mail.hear_until(b, ".\r\n");
    const bool is_first = first.starts_with("c OK");
    EXPECT_NE(is_first, second.starts_with("c OK")) << first << second;
    EXPECT_TRUE((is_first ? second : first).starts_with("c NO [USEATTR] ")) << first << second;
    EXPECT_TRUE(mail.say(a, fmt::format("d DELETE {}{}", is_first ? 'a' : 'b', round)).starts_with("d OK"));
  }
}

// A message that goes between the command's beginning and the setting of \\Seen is missed (RFC 2180 §4.1.4, RFC 5530).
TEST(ImapSession, FetchMissesWhatWentMeanwhile) {
  LiveWorld mail;
  const auto a = mail.begin();
  const auto b = mail.begin();
  for (int round = 0; round < 20; ++round) {
    mail.world.deliver("Subject: stays\r\n\r\n");
    mail.world.deliver("Subject: goes\r\n\r\n");
    static_cast<void>(mail.say(b, "n NOOP"));
    static_cast<void>(mail.say(b, "m STORE * +FLAGS.SILENT (\\Deleted)"));
    static_cast<void>(mail.say(a, "n NOOP"));
    mail.send(b, "x EXPUNGE");
    const auto out = mail.say(a, fmt::format("f{0} FETCH {1}:{2} BODY[]", round, round + 1, round + 2));
    const bool whole = out.find(fmt::format("* {} FETCH (BODY[]", round + 2)) != std::string::npos;
    const auto ok = fmt::format("\r\nf{} OK Done.\r\n", round);
    EXPECT_EQ(out.ends_with(ok), whole) << out;
    if (!whole) EXPECT_NE(out.find("NO [EXPUNGEISSUED]"), std::string::npos) << out;
    static_cast<void>(mail.hear_until(b, "x OK Done.\r\n"));
  }
}

TEST(ImapSession, FilesAndRemoves) {
  StoreWorld world;
  for (int i = 0; i < 4; ++i) world.deliver(kLetter);
  EXPECT_EQ(
      say(world,
          "a CREATE Kept/2026\r\nb SELECT INBOX\r\nc STORE 1:2 +FLAGS.SILENT (\\Deleted)\r\nd COPY 2:3 Kept/2026\r\n"
          "e UID EXPUNGE 2\r\nf MOVE 3 Trash\r\ng EXPUNGE\r\nh FETCH 1:* UID\r\ni FETCH 5 UID\r\n"
          "j STATUS Kept/2026 (MESSAGES UNSEEN DELETED)\r\nk CLOSE\r\nl DELETE Kept\r\nm LIST \"\" K%\r\n"
          "n APPEND INBOX (\\Flagged) {8+}\r\nA: b\r\n\r\n {8+}\r\nC: d\r\n\r\n\r\no STATUS INBOX (MESSAGES "
          "UIDNEXT)\r\n"),
      "a OK [MAILBOXID (F12)] Made.\r\n"
      "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $MDNSent $Junk $NotJunk $Phishing)\r\n"
      "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $MDNSent $Junk $NotJunk "
      "$Phishing \\*)] Flags.\r\n* 4 EXISTS\r\n* 4 RECENT\r\n* OK [UNSEEN 1] First unseen.\r\n"
      "* OK [UIDVALIDITY V] Valid.\r\n* OK [UIDNEXT 5] Next.\r\n* OK [HIGHESTMODSEQ 10] Highest.\r\n"
      "* OK [URLMECH INTERNAL] Mechanisms.\r\n* OK [MAILBOXID (F1)] Id.\r\nb OK [READ-WRITE] Opened.\r\nc OK Done.\r\n"
      "d OK [COPYUID V 2:3 1:2] Copied.\r\n* 2 EXPUNGE\r\ne OK Done.\r\n"
      "* OK [COPYUID V 4 1] Moved.\r\n* 3 EXPUNGE\r\nf OK Moved.\r\n* 1 EXPUNGE\r\ng OK Done.\r\n"
      "* 1 FETCH (UID 3)\r\nh OK Done.\r\ni BAD There is no message of this number.\r\n"
      "* STATUS Kept/2026 (MESSAGES 2 UNSEEN 2 DELETED 1)\r\nj OK Done.\r\nk OK Closed.\r\n"
      "l NO [HASCHILDREN] There are mailboxes below it.\r\n* LIST (\\HasChildren) \"/\" Kept\r\nm OK Done.\r\n"
      "n OK [APPENDUID V 5:6] Appended.\r\n* STATUS INBOX (MESSAGES 3 UIDNEXT 7)\r\no OK Done.\r\n");
  const auto out = say(world, "b EXAMINE INBOX\r\nc STORE 1 FLAGS ()\r\nd FETCH 1:* (UID FLAGS)\r\n");
  EXPECT_NE(out.find("* OK [PERMANENTFLAGS ()] Flags.\r\n* 3 EXISTS\r\n"), std::string::npos) << out;
  EXPECT_NE(out.find("c NO [NOPERM]"), std::string::npos) << out;
  EXPECT_NE(out.find("* 2 FETCH (UID 5 FLAGS (\\Flagged \\Recent))\r\n* 3 FETCH (UID 6 FLAGS (\\Recent))\r\n"),
            std::string::npos)
      << out;
}

// UIDs between those that are there are no messages: what is copied, marked and told is what the client knows.
TEST(ImapSession, GapsAmongUidsAreNoMessages) {
  StoreWorld world;
  for (int i = 0; i < 4; ++i) world.deliver(kLetter);
  EXPECT_NE(say(world, "a SELECT INBOX\r\nb STORE 2:3 +FLAGS.SILENT (\\Deleted)\r\nc EXPUNGE\r\n").find("c OK"),
            std::string::npos);
  const auto out =
      say(world, "a SELECT INBOX\r\nb COPY 1:2 Archive\r\nc UID FETCH 1:99 (BODY[]<0.1>)\r\nd FETCH 2 FLAGS\r\n");
  EXPECT_NE(out.find("b OK [COPYUID V 1,4 1:2] Copied."), std::string::npos) << out;
  EXPECT_NE(out.find("d OK Done."), std::string::npos) << out;
  const auto odd = say(world,
                       "a SELECT INBOX\r\nb STORE 1 -FLAGS.SILENT (\\Seen)\r\nc STORE 1 +FLAGS.SILENT ($Odd)\r\n"
                       "d STORE 1 +FLAGS ($odd)\r\n");
  EXPECT_NE(odd.find("* 1 FETCH (FLAGS ($Odd))\r\nd OK Done.\r\n"), std::string::npos) << odd;
  // A keyword is announced before a message has it, once.
  const auto announced = odd.find("$Odd)\r\n* OK [PERMANENTFLAGS (");
  EXPECT_LT(announced, odd.find("c OK Done.")) << odd;
  EXPECT_EQ(odd.find("PERMANENTFLAGS", announced + 40), std::string::npos) << odd;
}

TEST(ImapSession, TheOpenMailboxIsDeleted) {
  StoreWorld world;
  const auto out = say(world, "a CREATE Gone\r\nb SELECT Gone\r\nc DELETE Gone\r\nd NOOP\r\ne FETCH 1 UID\r\n");
  EXPECT_NE(out.find("* OK [CLOSED] It was the open one.\r\nc OK Deleted.\r\nd OK Done.\r\ne BAD"), std::string::npos)
      << out;
}

TEST(ImapSession, APartThatNobodyCanDecode) {
  StoreWorld world;
  world.deliver("Subject: x\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin\r\n");
  EXPECT_NE(say(world, "a SELECT INBOX\r\nb FETCH 1 BINARY.PEEK[1]\r\nc FETCH 1 BODY.PEEK[1]\r\n")
                .find("b NO [UNKNOWN-CTE] A part's transfer encoding is not known.\r\n* 1 FETCH (BODY[1] "
                      "{7}\r\nbegin\r\n)\r\nc OK"),
            std::string::npos);
}

TEST(ImapSession, ABigLetterComesThroughInWindows) {
  StoreWorld world;
  std::string text = "Subject: big\r\n\r\n";
  while (text.size() < 3'000'000) text += fmt::format("line {}\r\n", text.size());
  const auto command =
      fmt::format("a APPEND INBOX {{{}+}}\r\n{}\r\nb SELECT INBOX\r\nc FETCH 1 BODY.PEEK[]\r\n", text.size(), text);
  const auto out = say(world, command, 65'536, {.window_bytes = 4096, .literal_plus = true});
  EXPECT_NE(out.find(fmt::format("* 1 FETCH (BODY[] {{{}}}\r\n{})\r\nc OK Done.\r\n", text.size(), text)),
            std::string::npos)
      << out.substr(0, 600);
}

// Wherever the connection breaks, nothing is torn: what was not said whole was not done.
TEST(ImapSession, EndsAnywhere) {
  const std::string session = std::string(kLogin) +
                              "a SELECT INBOX\r\nb FETCH 1 (BODY[] ENVELOPE BODYSTRUCTURE)\r\nc IDLE\r\nDONE\r\n"
                              "d APPEND INBOX {8+}\r\nA: b\r\n\r\n\r\ne SEARCH RETURN (ALL COUNT) TEXT x\r\nf NOOP\r\n";
  for (std::size_t end = 0; end <= session.size(); end += 13) {
    StoreWorld world;
    world.deliver(kLetter);
    const auto out = run(world, {session.substr(0, end)});
    EXPECT_TRUE(out.starts_with("* OK "));
    const auto findings = world.store->check();
    ASSERT_TRUE(findings.has_value());
    EXPECT_TRUE(findings->empty());
    EXPECT_EQ(world.letters(), end >= session.find("e SEARCH") ? 2U : 1U) << end;
  }
}

TEST(ImapSession, MistakesAreAnsweredAndBounded) {
  StoreWorld world;
  EXPECT_EQ(say(world, "a FETCH 1 UID\r\nb NONSENSE\r\nc SELECT Nowhere\r\n"),
            "a BAD no mailbox is selected\r\nb BAD unknown command\r\nc NO [NONEXISTENT] No such mailbox.\r\n");
  std::string many;
  for (int i = 0; i < 30; ++i) many += "x NONSENSE\r\n";
  EXPECT_TRUE(say(world, many).ends_with("* BYE Too many errors.\r\n"));
  EXPECT_TRUE(run(world, {many}).ends_with("* BYE Too many errors.\r\n"));
}

}  // namespace
}  // namespace pabal::server::imap
