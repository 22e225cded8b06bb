// Commands of extensions in the mailboxes of others: what they may do there, and whose \Seen they see.
#include <gtest/gtest.h>

#include "server/imap/shared_case.hpp"

namespace pabal::server::imap {
namespace {

using SharedCommands = SharedCase;

// RFC 8508 §4: it adds as APPEND does, and removes as EXPUNGE does.
TEST_F(SharedCommands, Replace) {
  const std::string replace = "a UID REPLACE 1 " + kTheirs + " (\\Flagged \\Seen \\Deleted) {3+}\r\na\r\n\r\n";
  for (const std::string rights : {"lrswi", "lrswit", "lrswie"}) {
    give(rights);
    EXPECT_EQ(in_theirs(replace), "a NO [NOPERM] You may not do that there.\r\n");
  }
  give("lrste");
  EXPECT_EQ(in_theirs(replace), "a NO [NOPERM] You may not do that there.\r\n");
  give("lrwite");
  EXPECT_EQ(in_theirs("a UID REPLACE 1 INBOX {3+}\r\na\r\n\r\n"),
            "a NO [CANNOT] Another's mailbox takes no replacement.\r\n");
  const auto out = in_theirs(replace + "b UID FETCH 3 FLAGS\r\n");
  expect_in(out, "* OK [APPENDUID V 3]");
  expect_in(out, "* 1 EXPUNGE\r\n");
  // Without the right s nothing is seen.
  expect_in(out, "* 2 FETCH (UID 3 FLAGS (\\Flagged \\Deleted))\r\nb OK");
}

TEST_F(SharedCommands, Catenate) {
  const std::string own = "a APPEND INBOX CATENATE (URL \"/Other%20Users/alice@seoul.example/INBOX/;UID=1\")\r\n";
  give("l");
  expect_in(bob(world, own), "a NO [BADURL ");
  give("lr");
  expect_in(bob(world, own + "b SELECT INBOX\r\nc FETCH 1 BODY.PEEK[TEXT]\r\n"), "BODY[TEXT] {3}\r\n1\r\n)");
  EXPECT_EQ(in_theirs("a APPEND INBOX CATENATE (URL \";UID=2/;SECTION=TEXT\")\r\n").substr(0, 17), "a OK [APPENDUID V");
  give("lri");
  EXPECT_TRUE(bob(world, "a APPEND " + kTheirs + " (\\Seen \\Flagged) CATENATE (TEXT {3+}\r\na\r\n)\r\n")
                  .starts_with("a OK [APPENDUID V 3]"));
  expect_in(in_theirs("a FETCH 3 FLAGS\r\n"), "* 3 FETCH (FLAGS ())\r\n");
}

// RFC 7377 §2.2: mailboxes that may not be read aren't there.
TEST_F(SharedCommands, SearchesOfSeveralMailboxes) {
  const std::string search = "a ESEARCH IN (mailboxes " + kTheirs + " personal) SUBJECT two\r\n";
  EXPECT_EQ(bob(world, search), "a OK Done.\r\n");
  give("l");
  EXPECT_EQ(bob(world, search), "a OK Done.\r\n");
  give("lrs");
  const std::string found = "* ESEARCH (TAG \"a\" MAILBOX " + kTheirs + " UIDVALIDITY V) UID ALL 2\r\n";
  EXPECT_EQ(bob(world, search), found + "a OK Done.\r\n");
  EXPECT_EQ(bob(world, "a ESEARCH IN (subtree \"Other Users\") SUBJECT two\r\n"), found + "a OK Done.\r\n");
  EXPECT_EQ(bob(world, "a ESEARCH IN (subscribed) SUBJECT two\r\n"), "a OK Done.\r\n");
  bob(world, "a SUBSCRIBE " + kTheirs + "\r\n");
  EXPECT_EQ(bob(world, "a ESEARCH IN (subscribed) SUBJECT two\r\n"), found + "a OK Done.\r\n");
  EXPECT_EQ(in_theirs("a ESEARCH IN (selected) RETURN (SAVE COUNT) SUBJECT two\r\nb SEARCH $\r\n"),
            "* ESEARCH (TAG \"a\" MAILBOX " + kTheirs +
                " UIDVALIDITY V) UID COUNT 1\r\na OK Done.\r\n* SEARCH 2\r\nb OK Done.\r\n");
  // What he has seen, not what she has.
  in_theirs("a STORE 1 +FLAGS.SILENT (\\Seen)\r\n");
  EXPECT_EQ(bob(world, "a ESEARCH IN (mailboxes " + kTheirs + ") RETURN (COUNT) SEEN\r\n"),
            "* ESEARCH (TAG \"a\" MAILBOX " + kTheirs + " UIDVALIDITY V) UID COUNT 1\r\na OK Done.\r\n");
  EXPECT_EQ(alice(world, "a ESEARCH IN (personal) RETURN (COUNT) SEEN\r\n"), "a OK Done.\r\n");
  // The owner has taken it from herself.
  alice(world, "a SETACL INBOX alice l\r\n");
  EXPECT_EQ(alice(world, "a ESEARCH IN (personal) SUBJECT two\r\n"), "a OK Done.\r\n");
}

TEST_F(SharedCommands, SortAndThread) {
  give("lrs");
  EXPECT_EQ(in_theirs("a SORT (REVERSE SUBJECT) UTF-8 ALL\r\nb THREAD REFERENCES UTF-8 ALL\r\n"
                      "c STORE 2 +FLAGS.SILENT (\\Seen)\r\nd SORT (ARRIVAL) UTF-8 SEEN\r\n"),
            "* SORT 2 1\r\na OK Done.\r\n* THREAD (1)(2)\r\nb OK Done.\r\nc OK Done.\r\n* SORT 2\r\nd OK Done.\r\n");
}

// Who comes back hears of what he himself has seen, and never of what others have.
TEST_F(SharedCommands, Resynchronized) {
  give("lrs");
  const auto validity = world.number("SELECT uid_validity FROM mailbox WHERE path = 'INBOX' AND account_id = 7");
  const auto change = world.number("SELECT change FROM mailbox WHERE path = 'INBOX' AND account_id = 7");
  in_theirs("a STORE 2 +FLAGS.SILENT (\\Seen)\r\n");
  alice(world, "a SELECT INBOX\r\nb STORE 1 +FLAGS.SILENT (\\Seen)\r\n");
  const auto back = [&](const std::string& mailbox) {
    return fmt::format("e ENABLE QRESYNC\r\na SELECT {} (QRESYNC ({} {}))\r\n", mailbox, validity, change);
  };
  const auto his = bob(world, back(kTheirs));
  expect_in(his, "* 1 FETCH (UID 1 FLAGS () MODSEQ");
  expect_in(his, "* 2 FETCH (UID 2 FLAGS (\\Seen) MODSEQ");
  const auto hers = alice(world, back("INBOX"));
  expect_in(hers, "* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ");
  expect_in(hers, "* 2 FETCH (UID 2 FLAGS () MODSEQ");
}

TEST_F(SharedCommands, NumbersThatAreUnknown) {
  give("lrs");
  EXPECT_EQ(in_theirs("a CLOSE\r\nb ENABLE UIDONLY\r\nc SELECT " + kTheirs +
                      "\r\nd UID STORE 1 +FLAGS (\\Seen)\r\ne UID STORE 1 +FLAGS (\\Draft)\r\n")
                .substr(0, 12),
            "a OK Closed.");
  const auto out = bob(world, "b ENABLE UIDONLY\r\nc SELECT " + kTheirs +
                                  "\r\nd UID STORE 1 +FLAGS (\\Seen)\r\ne UID STORE 1 +FLAGS (\\Draft)\r\n");
  expect_in(out, "e NO [NOPERM]");
  expect_in(out, "* 1 UIDFETCH (FLAGS (\\Seen))\r\nd OK");
}

// A mailbox that is kept packed shows each his own, from memory and after a restart.
TEST_F(SharedCommands, PackedMailboxes) {
  give("lrs");
  std::string many;
  for (int i = 0; i < 1200; ++i) many += fmt::format("a{} APPEND INBOX {{3+}}\r\na\r\n\r\n", i);
  alice(world, many);
  in_theirs("a STORE 1:600 +FLAGS.SILENT (\\Seen)\r\n");
  alice(world, "a SELECT INBOX\r\nb STORE 601:1000 +FLAGS.SILENT (\\Seen)\r\n");
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(in_theirs("a SEARCH RETURN (MIN MAX COUNT) SEEN\r\n"),
              "* ESEARCH (TAG \"a\") MIN 1 MAX 600 COUNT 600\r\na OK Done.\r\n");
    expect_in(alice(world, "a SELECT INBOX\r\nb SEARCH RETURN (MIN MAX COUNT) SEEN\r\n"),
              "* ESEARCH (TAG \"b\") MIN 601 MAX 1000 COUNT 400\r\nb OK Done.\r\n");
    world.reopen();
  }
  EXPECT_GT(world.number("SELECT COUNT(*) FROM mailbox_pack"), 0);
  const auto findings = world.store->check();
  ASSERT_TRUE(findings.has_value());
  EXPECT_TRUE(findings->empty());
}

}  // namespace
}  // namespace pabal::server::imap
