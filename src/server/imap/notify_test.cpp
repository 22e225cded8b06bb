// NOTIFY (RFC 5465): sessions side by side, one of which hears what the other does.
#include <regex>

#include <gtest/gtest.h>

#include "server/imap/dialogue.hpp"
#include "server/imap/live_world.hpp"

namespace pabal::server::imap {
namespace {

class ImapNotify : public ::testing::Test {
 protected:
  struct Client {
    std::size_t number = 0;
    int count = 0;
  };

  ImapNotify() { world.add_bob(); }

  Client& login(const std::string& user) {
    return *clients_.emplace_back(std::make_unique<Client>(Client{.number = mail_.login(user)}));
  }
  void send(const Client& client, const std::string& line) { mail_.send(client.number, line); }
  /// The answer to a command, its tag as "t", with what was heard since the last.
  std::string say(Client& client, const std::string& command) {
    const auto tag = fmt::format("t{}", ++client.count);
    send(client, tag + ' ' + command);
    const std::regex end("(^|\n)" + tag + " [^\n]*\n$");
    return std::regex_replace(hear(client, end), std::regex("(^|\n)" + tag + " "), "$1t ");
  }
  void expect_ok(Client& client, const std::string& command) {
    const auto out = say(client, command);
    EXPECT_NE(out.find("t OK"), std::string::npos) << command << "\n" << out;
  }
  /// What is said unasked, up to and with a line that begins so.
  std::string hear(const Client& client, const std::string& line) {
    return hear(client, std::regex("(^|\n)" + line + "[^\n]*\n$"));
  }
  std::string hear(const Client& client, const std::regex& end) {
    const auto heard = mail_.hear(client.number, [&](const std::string& out) { return std::regex_search(out, end); });
    // Which of two sessions hears of a message first is left to chance.
    const auto out = std::regex_replace(heard, std::regex("\\* \\d+ RECENT\r\n| \\\\Recent"), "");
    return std::regex_replace(out, std::regex("(UIDVALIDITY|APPENDUID) \\d+"), "$1 V");
  }
  void append(Client& client, const std::string& mailbox, const std::string& subject) {
    const auto text = "Subject: " + subject + "\r\n\r\nx\r\n";
    expect_ok(client, fmt::format("APPEND {} {{{}+}}\r\n{}", mailbox, text.size(), text));
  }

 private:
  LiveWorld mail_;
  std::vector<std::unique_ptr<Client>> clients_;

 protected:
  store::StoreWorld& world = mail_.world;
  Limits& limits = mail_.limits;
};

TEST_F(ImapNotify, WhatIsRefused) {
  auto& alice = login("alice");
  EXPECT_EQ(say(alice, "NOTIFY SET (personal (MessageNew MessageExpunge AnnotationChange))"),
            "t NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange "
            "ServerMetadataChange)] There is no such event here.\r\n");
  EXPECT_TRUE(say(alice, "NOTIFY SET (inboxes (NewsFlash))").starts_with("t NO [BADEVENT ("));
  for (const std::string_view wrong :
       {"(selected (MailboxName))", "(selected NONE) (selected-delayed NONE)", "(personal (MessageNew))",
        "(personal (MessageNew (UID) MessageExpunge))", "(personal (FlagChange))", "(personal ())", "personal NONE"}) {
    EXPECT_TRUE(say(alice, fmt::format("NOTIFY SET {}", wrong)).starts_with("t BAD")) << wrong;
  }
  EXPECT_EQ(say(alice, "NOTIFY NONE"), "t OK Done.\r\n");
}

TEST_F(ImapNotify, HowThingsStand) {
  auto& alice = login("alice");
  append(alice, "Archive", "one");
  EXPECT_EQ(say(alice, "NOTIFY SET STATUS (mailboxes (Archive Nowhere) (MessageNew MessageExpunge)) (personal NONE)"),
            "* STATUS Archive (MESSAGES 1 UIDNEXT 2 UIDVALIDITY V)\r\nt OK Done.\r\n");
  expect_ok(alice, "SELECT INBOX");
  expect_ok(alice, "ENABLE CONDSTORE");
  const auto out = say(alice, "NOTIFY SET STATUS (personal (MessageNew MessageExpunge FlagChange))");
  EXPECT_EQ(out.find("STATUS INBOX"), std::string::npos) << out;
  EXPECT_TRUE(std::regex_search(
      out, std::regex("\\* STATUS Archive \\(MESSAGES 1 UIDNEXT 2 UIDVALIDITY V HIGHESTMODSEQ \\d+\\)\r\n")))
      << out;
}

TEST_F(ImapNotify, TheOpenMailbox) {
  auto& alice = login("alice");
  auto& other = login("alice");
  expect_ok(alice, "SELECT INBOX");
  expect_ok(other, "SELECT INBOX");
  EXPECT_EQ(
      say(alice, "NOTIFY SET (selected (MessageNew (BODY.PEEK[HEADER.FIELDS (Subject)]) MessageExpunge FlagChange))"),
      "t OK Done.\r\n");
  append(other, "INBOX", "one");
  EXPECT_EQ(hear(alice, "\\)"),
            "* 1 EXISTS\r\n* 1 FETCH (UID 1 BODY[HEADER.FIELDS (Subject)] {16}\r\nSubject: one\r\n\r\n)\r\n");
  expect_ok(other, "STORE 1 +FLAGS (\\Flagged)");
  EXPECT_EQ(hear(alice, "\\* 1 FETCH"), "* 1 FETCH (UID 1 FLAGS (\\Flagged))\r\n");
  expect_ok(other, "STORE 1 +FLAGS.SILENT (\\Deleted)");
  EXPECT_EQ(hear(alice, "\\* 1 FETCH"), "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Deleted))\r\n");
  expect_ok(other, "EXPUNGE");
  EXPECT_EQ(hear(alice, "\\* 1 EXPUNGE"), "* 1 EXPUNGE\r\n");
  // Within IDLE as well.
  send(alice, "i IDLE");
  hear(alice, "\\+ idling");
  append(other, "INBOX", "two");
  EXPECT_TRUE(hear(alice, "\\)").starts_with("* 1 EXISTS\r\n"));
  send(alice, "DONE");
  EXPECT_EQ(hear(alice, "i OK"), "i OK Done.\r\n");
  append(other, "INBOX", "three");
  EXPECT_TRUE(hear(alice, "\\)").starts_with("* 2 EXISTS\r\n"));
}

// RFC 5465 §6.1.2: what may change numbers waits for a command that may tell it.
TEST_F(ImapNotify, RemovalsThatWait) {
  auto& alice = login("alice");
  auto& other = login("alice");
  append(other, "INBOX", "one");
  append(other, "INBOX", "two");
  expect_ok(alice, "SELECT INBOX");
  expect_ok(other, "SELECT INBOX");
  expect_ok(alice, "NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange))");
  expect_ok(other, "STORE 1 +FLAGS.SILENT (\\Deleted)");
  hear(alice, "\\* 1 FETCH");
  expect_ok(other, "EXPUNGE");
  append(other, "INBOX", "three");
  EXPECT_EQ(hear(alice, "\\* \\d RECENT").substr(0, 12), "* 3 EXISTS\r\n");
  EXPECT_EQ(say(alice, "FETCH 2 (UID)"), "* 2 FETCH (UID 2)\r\nt OK Done.\r\n");
  EXPECT_EQ(say(alice, "NOOP").substr(0, 13), "* 1 EXPUNGE\r\n");
}

// Without events the open mailbox stays as it was; what the client does itself is told.
TEST_F(ImapNotify, Nothing) {
  auto& alice = login("alice");
  auto& other = login("alice");
  append(other, "INBOX", "one");
  expect_ok(alice, "SELECT INBOX");
  append(other, "INBOX", "two");
  // What had happened before it.
  EXPECT_EQ(say(alice, "NOTIFY NONE"), "* 2 EXISTS\r\nt OK Done.\r\n");
  append(other, "INBOX", "three");
  EXPECT_EQ(say(alice, "NOOP"), "t OK Done.\r\n");
  EXPECT_EQ(say(alice, "SEARCH ALL"), "* SEARCH 1 2\r\nt OK Done.\r\n");
  EXPECT_EQ(say(alice, "STORE 1 FLAGS (\\Deleted)"), "* 1 FETCH (FLAGS (\\Deleted))\r\n* 3 EXISTS\r\nt OK Done.\r\n");
  append(other, "INBOX", "four");
  expect_ok(alice, "NOTIFY SET (inboxes (MessageNew MessageExpunge))");
  EXPECT_EQ(say(alice, "NOOP"), "t OK Done.\r\n");
  EXPECT_EQ(say(alice, "NOTIFY SET (selected (MessageNew MessageExpunge))").substr(0, 12), "t OK Done.\r\n");
  append(other, "INBOX", "five");
  EXPECT_EQ(hear(alice, "\\* \\d RECENT"), "* 5 EXISTS\r\n");
}

TEST_F(ImapNotify, OtherMailboxes) {
  auto& alice = login("alice");
  auto& other = login("alice");
  expect_ok(other, "SELECT Archive");
  expect_ok(alice, "NOTIFY SET (mailboxes Junk NONE) (personal (MessageNew MessageExpunge))");
  append(other, "Archive", "one");
  EXPECT_EQ(hear(alice, "\\* STATUS"), "* STATUS Archive (MESSAGES 1 UIDNEXT 2)\r\n");
  append(other, "Junk", "not told");
  expect_ok(other, "STORE 1 FLAGS (\\Deleted)");
  expect_ok(other, "EXPUNGE");
  EXPECT_EQ(hear(alice, "\\* STATUS"), "* STATUS Archive (MESSAGES 0 UIDNEXT 2)\r\n");
  // One that is open is told of as it is asked for it: not at all.
  expect_ok(alice, "SELECT INBOX");
  append(other, "INBOX", "two");
  append(other, "Archive", "three");
  EXPECT_EQ(hear(alice, "\\* STATUS"), "* STATUS Archive (MESSAGES 1 UIDNEXT 3)\r\n");
  expect_ok(alice, "ENABLE CONDSTORE");
  expect_ok(alice, "NOTIFY SET (subtree Archive (MessageNew MessageExpunge FlagChange))");
  expect_ok(other, "NOOP");
  expect_ok(other, "STORE 1 FLAGS (\\Flagged)");
  const auto flags = hear(alice, "\\* STATUS");
  EXPECT_TRUE(std::regex_match(flags, std::regex("\\* STATUS Archive \\(UIDVALIDITY V HIGHESTMODSEQ \\d+\\)\r\n")))
      << flags;
  expect_ok(alice, "UNAUTHENTICATE");
  append(other, "Archive", "four");
  EXPECT_EQ(say(alice, "NOOP"), "t OK Done.\r\n");
}

TEST_F(ImapNotify, NamesAndSubscriptions) {
  auto& alice = login("alice");
  auto& other = login("alice");
  expect_ok(alice, "NOTIFY SET (personal (MailboxName SubscriptionChange))");
  expect_ok(other, "CREATE Work");
  EXPECT_EQ(hear(alice, "\\* LIST"), "* LIST (\\HasNoChildren) \"/\" Work\r\n");
  expect_ok(other, "CREATE Work/Plans");
  EXPECT_EQ(hear(alice, "\\* LIST"), "* LIST (\\HasNoChildren) \"/\" Work/Plans\r\n");
  expect_ok(other, "SUBSCRIBE Work");
  EXPECT_EQ(hear(alice, "\\* LIST"), "* LIST (\\HasChildren \\Subscribed) \"/\" Work\r\n");
  expect_ok(other, "RENAME Work Job");
  EXPECT_EQ(hear(alice, "\\* LIST [^\n]* Job/Plans"),
            "* LIST (\\HasChildren \\Subscribed) \"/\" Job (\"OLDNAME\" (Work))\r\n"
            "* LIST (\\HasNoChildren) \"/\" Job/Plans (\"OLDNAME\" (Work/Plans))\r\n");
  expect_ok(other, "UNSUBSCRIBE Job");
  EXPECT_EQ(hear(alice, "\\* LIST"), "* LIST (\\HasChildren) \"/\" Job\r\n");
  expect_ok(other, "DELETE Job/Plans");
  EXPECT_EQ(hear(alice, "\\* LIST"), "* LIST (\\NonExistent) \"/\" Job/Plans\r\n");
  expect_ok(other, "SUBSCRIBE Nowhere");
  EXPECT_EQ(hear(alice, "\\* LIST"), "* LIST (\\NonExistent \\Subscribed) \"/\" Nowhere\r\n");
  expect_ok(other, "UNSUBSCRIBE Nowhere");
  EXPECT_EQ(hear(alice, "\\* LIST"), "* LIST (\\NonExistent) \"/\" Nowhere\r\n");
  // Whether one is subscribed is looked at anew (§6.4).
  expect_ok(alice, "NOTIFY SET (subscribed (MessageNew MessageExpunge SubscriptionChange))");
  append(other, "Job", "not told");
  expect_ok(other, "SUBSCRIBE Job");
  EXPECT_EQ(hear(alice, "\\* LIST"), "* LIST (\\HasNoChildren \\Subscribed) \"/\" Job\r\n");
  append(other, "Job", "told");
  EXPECT_EQ(hear(alice, "\\* STATUS"), "* STATUS Job (MESSAGES 2 UIDNEXT 3)\r\n");
}

TEST_F(ImapNotify, Annotations) {
  auto& alice = login("alice");
  auto& other = login("alice");
  expect_ok(alice, "NOTIFY SET (personal (MailboxMetadataChange ServerMetadataChange))");
  expect_ok(other, "SETMETADATA INBOX (/private/comment \"x\" /shared/comment \"y\")");
  EXPECT_EQ(hear(alice, "\\* METADATA"), "* METADATA INBOX /private/comment /shared/comment\r\n");
  expect_ok(other, "SETMETADATA INBOX (/private/comment \"x\" /shared/comment NIL)");
  EXPECT_EQ(hear(alice, "\\* METADATA"), "* METADATA INBOX /shared/comment\r\n");
  expect_ok(other, "SETMETADATA \"\" (/private/filters/values/a \"SEEN\")");
  EXPECT_EQ(hear(alice, "\\* METADATA"), "* METADATA \"\" /private/filters/values/a\r\n");
}

TEST_F(ImapNotify, MailboxesOfOthers) {
  auto& alice = login("alice");
  auto& bob = login("bob");
  const std::string theirs = "\"Other Users/alice@seoul.example/INBOX\"";
  expect_ok(bob, "NOTIFY SET (subtree \"Other Users\" (MessageNew MessageExpunge MailboxName MailboxMetadataChange))");
  append(alice, "INBOX", "not told");
  expect_ok(alice, "SETACL INBOX bob lr");
  EXPECT_EQ(hear(bob, "\\* STATUS"),
            "* LIST (\\HasNoChildren) \"/\" " + theirs + "\r\n* STATUS " + theirs + " (MESSAGES 1 UIDNEXT 2)\r\n");
  append(alice, "INBOX", "told");
  EXPECT_EQ(hear(bob, "\\* STATUS"), "* STATUS " + theirs + " (MESSAGES 2 UIDNEXT 3)\r\n");
  // Hers are hers; shared ones are everybody's.
  expect_ok(alice, "SETMETADATA INBOX (/private/comment \"x\" /shared/comment \"y\")");
  EXPECT_EQ(hear(bob, "\\* METADATA"), "* METADATA " + theirs + " /shared/comment\r\n");
  expect_ok(alice, "SETACL INBOX bob l");
  EXPECT_EQ(hear(bob, "\\* LIST"), "* LIST (\\NoAccess) \"/\" " + theirs + "\r\n");
  append(alice, "INBOX", "not told");
  expect_ok(alice, "SETACL INBOX bob lr");
  EXPECT_EQ(hear(bob, "\\* STATUS"),
            "* LIST () \"/\" " + theirs + "\r\n* STATUS " + theirs + " (MESSAGES 3 UIDNEXT 4)\r\n");
  expect_ok(alice, "DELETEACL INBOX bob");
  EXPECT_EQ(hear(bob, "\\* LIST"), "* LIST (\\NonExistent) \"/\" " + theirs + "\r\n");
  append(alice, "INBOX", "not told");
  EXPECT_EQ(say(bob, "NOOP"), "t OK Done.\r\n");
  // §3.1: what can be listed and not read.
  expect_ok(alice, "SETACL INBOX bob l");
  EXPECT_EQ(hear(bob, "\\* LIST"), "* LIST (\\HasNoChildren \\NoAccess) \"/\" " + theirs + "\r\n");
  EXPECT_EQ(say(bob, "NOTIFY SET STATUS (mailboxes (" + theirs + " \"Other Users/x/y\") (MessageNew MessageExpunge))"),
            "* LIST (\\NoAccess) \"/\" " + theirs + "\r\nt OK Done.\r\n");
}

// Who synchronizes from the last change that it heard of must not miss a removal that waits (RFC 7162 §3.2).
TEST_F(ImapNotify, RemovalsThatWaitAreNotMissed) {
  auto& alice = login("alice");
  auto& other = login("alice");
  append(alice, "INBOX", "one");
  append(alice, "INBOX", "two");
  expect_ok(alice, "ENABLE QRESYNC");
  expect_ok(alice, "SELECT INBOX");
  expect_ok(alice, "NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange))");
  expect_ok(other, "SELECT INBOX");
  expect_ok(other, "STORE 1 +FLAGS.SILENT (\\Deleted)");
  static_cast<void>(hear(alice, "\\* 1 FETCH"));
  expect_ok(other, "EXPUNGE");
  expect_ok(other, "STORE 1 +FLAGS.SILENT (\\Seen)");
  const auto out = hear(alice, "\\* OK \\[HIGHESTMODSEQ");
  EXPECT_TRUE(out.starts_with("* 2 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (")) << out;
  EXPECT_EQ(out.find("VANISHED"), std::string::npos) << out;
  EXPECT_TRUE(say(alice, "NOOP").starts_with("* VANISHED 1\r\n"));
}

// RFC 9051 §2.3.1.1: UIDs don't come to mean other messages while a client works with them.
TEST_F(ImapNotify, ANameThatAYoungerMailboxHad) {
  auto& alice = login("alice");
  auto& other = login("alice");
  expect_ok(alice, "CREATE Old");
  expect_ok(alice, "CREATE Young");
  expect_ok(alice, "DELETE Young");
  expect_ok(alice, "SELECT Old");
  expect_ok(other, "SELECT Old");
  // Who does it himself goes on without an open mailbox.
  EXPECT_EQ(say(alice, "RENAME Old Young"), "* OK [CLOSED] The mailbox was renamed.\r\nt OK Renamed.\r\n");
  send(other, "x NOOP");
  EXPECT_EQ(hear(other, "\\* BYE"), "* BYE The mailbox was renamed.\r\n");
  // A name that nobody had changes nothing.
  expect_ok(alice, "SELECT Young");
  EXPECT_EQ(say(alice, "RENAME Young Elsewhere"), "t OK Renamed.\r\n");
  EXPECT_EQ(say(alice, "NOOP"), "t OK Done.\r\n");
}

// \HasChildren is of children that the reader may know of.
TEST_F(ImapNotify, ChildrenOfOthers) {
  auto& alice = login("alice");
  auto& bob = login("bob");
  const std::string theirs = "\"Other Users/alice@seoul.example/Work\"";
  expect_ok(alice, "CREATE Work/secret");
  expect_ok(bob, "NOTIFY SET (subtree \"Other Users\" (MailboxName))");
  expect_ok(alice, "SETACL Work bob lr");
  EXPECT_EQ(hear(bob, "\\* LIST"), "* LIST (\\HasNoChildren) \"/\" " + theirs + "\r\n");
  expect_ok(alice, "SETACL Work/secret bob r");
  expect_ok(alice, "DELETEACL Work bob");
  EXPECT_EQ(hear(bob, "\\* LIST"), "* LIST (\\NonExistent) \"/\" " + theirs + "\r\n");
  expect_ok(alice, "SETACL Work/secret bob l");
  EXPECT_EQ(hear(bob, "\\* LIST"),
            "* LIST (\\HasNoChildren) \"/\" \"Other Users/alice@seoul.example/Work/secret\"\r\n");
  expect_ok(alice, "SETACL Work bob lr");
  EXPECT_EQ(hear(bob, "\\* LIST"), "* LIST (\\HasChildren) \"/\" " + theirs + "\r\n");
}

TEST_F(ImapNotify, TooMany) {
  limits.max_notified_mailboxes = 7;
  auto& alice = login("alice");
  auto& other = login("alice");
  expect_ok(alice, "NOTIFY SET (personal (MailboxName))");
  for (const std::string_view name : {"a", "b", "c"}) expect_ok(other, fmt::format("CREATE {}", name));
  EXPECT_TRUE(hear(alice, "\\* OK \\[NOTIFICATIONOVERFLOW\\]")
                  .ends_with("* OK [NOTIFICATIONOVERFLOW] No more is told unasked.\r\n"));
  expect_ok(other, "DELETE a");
  EXPECT_EQ(say(alice, "NOOP"), "t OK Done.\r\n");
  EXPECT_EQ(say(alice, "NOTIFY SET (personal (MailboxName))"), "t NO [NOTIFICATIONOVERFLOW] Too many mailboxes.\r\n");
  expect_ok(alice, "NOTIFY SET (mailboxes (a b c INBOX) (MailboxName))");
}

}  // namespace
}  // namespace pabal::server::imap
