// ACL (RFC 4314) and what it guards: mailboxes shared between two accounts, command by command.
#include "server/imap/rights.hpp"

#include <gtest/gtest.h>

#include "server/imap/shared_case.hpp"

namespace pabal::server::imap {
namespace {

class SharedMailboxes : public SharedCase {
 protected:
  void expect_sound() {
    const auto findings = world.store->check();
    ASSERT_TRUE(findings.has_value());
    EXPECT_TRUE(findings->empty()) << findings->front().what;
  }
};

TEST(Rights, LettersAndVirtualOnes) {
  struct Case {
    std::string_view letters;
    std::string_view said;
  };
  for (const auto& [letters, said] :
       {Case{"lrswipkxtea", "lrswipkxtecda"}, Case{"rl", "lr"}, Case{"c", "kxc"}, Case{"d", "ted"}, Case{"k", "kc"},
        Case{"te", "ted"}, Case{"x", "xc"}, Case{"", ""}, Case{"aa", "a"}}) {
    const auto rights = rights_of(letters);
    ASSERT_TRUE(rights) << letters;
    EXPECT_EQ(text_of(*rights), said);
    EXPECT_EQ(rights_of(stored_text(*rights)), rights);
  }
  for (const std::string_view letters : {"n", "0", "lrz", "L", " "}) EXPECT_FALSE(rights_of(letters)) << letters;
}

TEST(Rights, EntriesTogether) {
  struct Case {
    std::vector<store::AccessEntry> entries;
    bool owner;
    std::string_view said;
  };
  const std::vector<Case> cases = {
      {{}, true, "lrswipkxtecda"},
      {{}, false, ""},
      {{{"bob", "lr"}}, false, "lr"},
      {{{"carol", "lr"}}, false, ""},
      {{{"anyone", "l"}, {"bob", "rs"}, {"authenticated", "w"}}, false, "lrsw"},
      {{{"anyone", "lrs"}, {"-bob", "s"}}, false, "lr"},
      {{{"bob", "lrs"}, {"-anyone", "r"}}, false, "ls"},
      {{{"bob", "lrs"}, {"-carol", "r"}}, false, "lrs"},
      // An entry for the owner takes the place of everything; l and a stay.
      {{{"bob", "r"}}, true, "lra"},
      {{{"-bob", "lrswipkxtea"}}, true, "la"},
      {{{"-anyone", "te"}}, true, "lrswipkxca"},
  };
  for (const auto& one : cases) EXPECT_EQ(text_of(rights_by(one.entries, "bob", one.owner)), one.said);
}

TEST_F(SharedMailboxes, TheListIsChanged) {
  EXPECT_EQ(alice(world,
                  "a GETACL INBOX\r\nb SETACL INBOX Bob +rsw\r\nc SETACL INBOX bob@seoul.example +wa\r\n"
                  "d SETACL INBOX bob -rat\r\ne GETACL INBOX\r\nf SETACL INBOX anyone l\r\ng SETACL INBOX -bob w\r\n"
                  "h GETACL INBOX\r\ni DELETEACL INBOX bob\r\nj SETACL INBOX -bob \"\"\r\nk GETACL INBOX\r\n"
                  "l SETACL INBOX alice lr\r\nm MYRIGHTS INBOX\r\nn SETACL INBOX alice -al\r\no GETACL INBOX\r\n"
                  "p DELETEACL INBOX alice\r\nq MYRIGHTS INBOX\r\nr SETACL INBOX fred rwipslda\r\ns GETACL INBOX\r\n"),
            "* ACL INBOX alice@seoul.example lrswipkxtecda\r\na OK Done.\r\nb OK Done.\r\nc OK Done.\r\nd OK Done.\r\n"
            "* ACL INBOX alice@seoul.example lrswipkxtecda bob@seoul.example sw\r\ne OK Done.\r\nf OK Done.\r\n"
            "g OK Done.\r\n* ACL INBOX alice@seoul.example lrswipkxtecda -bob@seoul.example w anyone l "
            "bob@seoul.example sw\r\nh OK Done.\r\ni OK Done.\r\nj OK Done.\r\n"
            "* ACL INBOX alice@seoul.example lrswipkxtecda anyone l\r\nk OK Done.\r\nl OK Done.\r\n"
            "* MYRIGHTS INBOX lra\r\nm OK Done.\r\nn OK Done.\r\n* ACL INBOX alice@seoul.example lra anyone l\r\n"
            "o OK Done.\r\np OK Done.\r\n* MYRIGHTS INBOX lrswipkxtecda\r\nq OK Done.\r\nr OK Done.\r\n"
            "* ACL INBOX alice@seoul.example lrswipkxtecda anyone l fred lrswipteda\r\ns OK Done.\r\n");
  EXPECT_EQ(alice(world,
                  "a LISTRIGHTS INBOX alice\r\nb LISTRIGHTS INBOX smith\r\nc SETACL INBOX bob lQ\r\nd SETACL INBOX bob "
                  "lz\r\ne GETACL Nowhere\r\nf SETACL INBOX \"\" l\r\n"),
            "* LISTRIGHTS INBOX alice la r s w i p k x t e c d\r\na OK Done.\r\n"
            "* LISTRIGHTS INBOX smith \"\" l r s w i p k x t e c d a\r\nb OK Done.\r\n"
            "c BAD rights are lower-case letters and digits\r\nd BAD There is no such right.\r\n"
            "e NO [NONEXISTENT] No such mailbox.\r\nf BAD An identifier is missing.\r\n");
}

TEST_F(SharedMailboxes, WithoutRightsThereIsNothing) {
  const std::string all = "a SELECT " + kTheirs + "\r\nb STATUS " + kTheirs + " (MESSAGES)\r\nc GETACL " + kTheirs +
                          "\r\nd MYRIGHTS " + kTheirs + "\r\ne DELETE " + kTheirs + "\r\nf COPY 1 " + kTheirs +
                          "\r\ng APPEND " + kTheirs + " {3+}\r\na\r\n\r\n";
  const auto without = bob(world, all);
  for (const char tag : {'a', 'b', 'c', 'd', 'e'})
    expect_in(without, fmt::format("{} NO [NONEXISTENT] No such mailbox.\r\n", tag));
  expect_in(without, "g NO [TRYCREATE] No such mailbox.\r\n");
  EXPECT_EQ(bob(world, "a LIST \"\" \"Other*\"\r\nb CREATE \"Other Users/alice@seoul.example/x\"\r\n"),
            "a OK Done.\r\nb NO [NOPERM] You may not do that there.\r\n");
  // The same words as for what isn't there at all.
  EXPECT_EQ(bob(world,
                "a SELECT \"Other Users/nobody@seoul.example/INBOX\"\r\nb SELECT \"Other Users\"\r\n"
                "c SELECT \"Other Users/alice@seoul.example\"\r\nd CREATE \"Other Users/x\"\r\n"),
            "a NO [NONEXISTENT] No such mailbox.\r\nb NO [NONEXISTENT] No such mailbox.\r\nc NO [NONEXISTENT] No such "
            "mailbox.\r\nd NO [NOPERM] You may not do that there.\r\n");
}

TEST_F(SharedMailboxes, LookedUpOnly) {
  give("l");
  EXPECT_EQ(
      bob(world,
          "a NAMESPACE\r\nb LIST \"\" \"Other Users/*\"\r\nc LIST \"\" \"Other%\"\r\nd LIST (SUBSCRIBED) \"\" "
          "*/INBOX\r\ne MYRIGHTS " +
              kTheirs + "\r\nf SELECT " + kTheirs + "\r\ng GETACL " + kTheirs +
              "\r\nh LIST \"\" *INBOX RETURN (MYRIGHTS STATUS (MESSAGES))\r\ni SUBSCRIBE " + kTheirs +
              "\r\nj LSUB \"\" Other*\r\n"),
      "* NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")) NIL\r\na OK Done.\r\n"
      "* LIST (\\Noselect \\HasChildren) \"/\" \"Other Users/alice@seoul.example\"\r\n"
      "* LIST (\\HasNoChildren) \"/\" " +
          kTheirs +
          "\r\nb OK Done.\r\n* LIST (\\Noselect \\HasChildren) \"/\" \"Other Users\"\r\n"
          "c OK Done.\r\nd OK Done.\r\n* MYRIGHTS " +
          kTheirs +
          " l\r\ne OK Done.\r\n"
          "f NO [NOPERM] You may not do that there.\r\ng NO [NOPERM] You may not do that there.\r\n"
          "* LIST (\\HasNoChildren) \"/\" INBOX\r\n* MYRIGHTS INBOX lrswipkxtecda\r\n* STATUS INBOX (MESSAGES 0)\r\n"
          "* LIST (\\HasNoChildren) \"/\" " +
          kTheirs + "\r\n* MYRIGHTS " + kTheirs +
          " l\r\nh OK Done.\r\n"
          "i OK Done.\r\n* LSUB () \"/\" " +
          kTheirs + "\r\nj OK Done.\r\n");
}

TEST_F(SharedMailboxes, ReadOnly) {
  give("lr");
  const auto out = bob(world, "a SELECT " + kTheirs +
                                  "\r\nb FETCH 1 (FLAGS BODY[TEXT])\r\nc STORE 1 +FLAGS (\\Seen)\r\n"
                                  "d EXPUNGE\r\ne COPY 1 Archive\r\nf MOVE 1 Archive\r\ng CLOSE\r\nh COPY 1 " +
                                  kTheirs + "\r\ni APPEND " + kTheirs +
                                  " {3+}\r\na\r\n\r\nj CREATE \"Other "
                                  "Users/alice@seoul.example/INBOX/x\"\r\nk STATUS " +
                                  kTheirs + " (MESSAGES UNSEEN)\r\n");
  expect_in(out, "* OK [PERMANENTFLAGS ()] Flags.\r\n* 2 EXISTS\r\n* 0 RECENT\r\n");
  expect_in(out, "a OK [READ-ONLY]");
  expect_in(out, "* 1 FETCH (FLAGS () BODY[TEXT] {3}\r\n1\r\n)\r\nb OK Done.\r\nc NO [NOPERM]");
  expect_in(out, "d NO [NOPERM]");
  expect_in(out, "e OK [COPYUID V 1 1] Copied.\r\nf NO [NOPERM]");
  expect_in(out, "g OK Closed.\r\nh BAD no mailbox is selected\r\ni NO [NOPERM]");
  expect_in(out, "j NO [NOPERM]");
  expect_in(out, "* STATUS " + kTheirs + " (MESSAGES 2 UNSEEN 2)\r\nk OK");
  expect_sound();
}

// \Seen is each reader's own; the other flags are everybody's.
TEST_F(SharedMailboxes, EachSeesForHimself) {
  give("lrs");
  auto out =
      bob(world, "a SELECT " + kTheirs +
                     "\r\nb FETCH 1 BODY[TEXT]\r\nc STORE 2 +FLAGS (\\Flagged)\r\n"
                     "d STORE 2 +FLAGS (\\Flagged \\Seen)\r\ne SEARCH UNSEEN\r\nf STORE 1 -FLAGS.SILENT (\\Seen)\r\n"
                     "g SEARCH SEEN\r\nh STATUS " +
                     kTheirs + " (UNSEEN)\r\n");
  expect_in(out, "* OK [PERMANENTFLAGS (\\Seen)] Flags.");
  expect_in(out, "a OK [READ-ONLY]");
  expect_in(out, "* 1 FETCH (FLAGS (\\Seen))\r\nb OK Done.\r\nc NO [NOPERM]");
  expect_in(out, "* 2 FETCH (FLAGS (\\Seen))\r\nd OK Done.\r\n* SEARCH\r\ne OK Done.\r\nf OK Done.\r\n* SEARCH 2\r\n");
  expect_in(out, "(UNSEEN 1)\r\nh OK");
  expect_in(alice(world,
                  "a SELECT INBOX\r\nb SEARCH SEEN\r\nc STORE 1 FLAGS (\\Seen \\Flagged)\r\nd STATUS INBOX (UNSEEN)"
                  "\r\n"),
            "* SEARCH\r\nb OK Done.\r\n* 1 FETCH (FLAGS (\\Flagged \\Seen \\Recent))\r\nc OK Done.\r\n* STATUS INBOX "
            "(UNSEEN 1)\r\n");
  give("lrswt");
  out = bob(world, "a SELECT " + kTheirs +
                       "\r\nb FETCH 1:* FLAGS\r\nc STORE 1 FLAGS (\\Answered \\Seen)\r\n"
                       "d STORE 2 FLAGS ()\r\ne UID STORE 1 +FLAGS (\\Deleted)\r\nf UID STORE 1:2 FLAGS ($x)\r\n");
  expect_in(out,
            "* 1 FETCH (FLAGS (\\Flagged))\r\n* 2 FETCH (FLAGS (\\Seen))\r\nb OK Done.\r\n"
            "* 1 FETCH (FLAGS (\\Answered \\Seen))\r\nc OK Done.\r\n* 2 FETCH (FLAGS ())\r\nd OK Done.\r\n"
            "* 1 FETCH (UID 1 FLAGS (\\Answered \\Deleted \\Seen))\r\ne OK Done.\r\n");
  expect_in(out, "* 1 FETCH (UID 1 FLAGS ($x))\r\n* 2 FETCH (UID 2 FLAGS ($x))\r\nf OK");
  expect_in(alice(world, "a SELECT INBOX\r\nb FETCH 1:* FLAGS\r\n"),
            "* 1 FETCH (FLAGS (\\Seen $x))\r\n* 2 FETCH (FLAGS ($x))\r\nb OK");
  expect_sound();
}

TEST_F(SharedMailboxes, ChangedSinceKnowsAReadersOwn) {
  give("lrs");
  const auto out = bob(world, "a SELECT " + kTheirs +
                                  " (CONDSTORE)\r\nb STORE 2 (UNCHANGEDSINCE 1) +FLAGS (\\Seen)\r\n"
                                  "c STORE 1 +FLAGS.SILENT (\\Seen)\r\nd FETCH 1:2 (FLAGS) (CHANGEDSINCE 9)\r\n");
  expect_in(out, "b OK [MODIFIED 2]");
  expect_in(out, "c OK Done.\r\n* 1 FETCH (FLAGS (\\Seen) MODSEQ (");
  expect_not_in(out.substr(out.find("c OK")), "* 2 FETCH");
}

// RFC 4314 §4: flags that may not be set are lost on the way, and nothing fails by it.
TEST_F(SharedMailboxes, FlagsOfCopiesAndAppends) {
  bob(world,
      "a APPEND INBOX (\\Draft \\Deleted) {3+}\r\na\r\n\r\nb APPEND INBOX (\\Answered) {3+}\r\nb\r\n\r\n"
      "c APPEND INBOX ($Forwarded \\Seen) {3+}\r\nc\r\n\r\n");
  const auto copied = [&](const std::string& rights) {
    give(rights);
    const auto out = bob(world, "a SELECT INBOX\r\nb COPY 1:3 " + kTheirs + "\r\nc APPEND " + kTheirs +
                                    " (\\Seen \\Deleted \\Draft) {3+}\r\nd\r\n\r\nd SELECT " + kTheirs +
                                    "\r\ne FETCH 3:6 FLAGS\r\n");
    alice(world, "a SELECT INBOX\r\nb STORE 3:6 +FLAGS (\\Deleted)\r\nc CLOSE\r\n");
    auto flags = out.substr(out.find("READ-WRITE] Opened.\r\n", out.find("c OK")) + 21);
    return flags;
  };
  EXPECT_EQ(copied("lrwis"),
            "* 3 FETCH (FLAGS (\\Draft))\r\n* 4 FETCH (FLAGS (\\Answered))\r\n* 5 FETCH (FLAGS (\\Seen $Forwarded))\r\n"
            "* 6 FETCH (FLAGS (\\Seen \\Draft))\r\ne OK Done.\r\n");
  EXPECT_EQ(copied("lrsti"),
            "* 3 FETCH (FLAGS (\\Deleted))\r\n* 4 FETCH (FLAGS ())\r\n* 5 FETCH (FLAGS (\\Seen))\r\n"
            "* 6 FETCH (FLAGS (\\Deleted \\Seen))\r\ne OK Done.\r\n");
  EXPECT_EQ(copied("lri"),
            "* 3 FETCH (FLAGS ())\r\n* 4 FETCH (FLAGS ())\r\n* 5 FETCH (FLAGS ())\r\n* 6 FETCH (FLAGS ())\r\ne OK "
            "Done.\r\n");
  // What the owner sees of it is new to him.
  give("lrswi");
  bob(world, "a SELECT INBOX\r\nb COPY 3 " + kTheirs + "\r\n");
  expect_in(alice(world, "a SELECT INBOX\r\nb FETCH 3 FLAGS\r\n"), "* 3 FETCH (FLAGS ($Forwarded \\Recent))");
  expect_sound();
}

TEST_F(SharedMailboxes, MovedAndExpunged) {
  give("lrste");
  auto out =
      bob(world, "a SELECT " + kTheirs +
                     "\r\nb STORE 1 +FLAGS.SILENT (\\Seen)\r\nc MOVE 1 Archive\r\n"
                     "d STORE 1 +FLAGS.SILENT (\\Deleted)\r\ne EXPUNGE\r\nf SELECT Archive\r\ng FETCH 1 FLAGS\r\n");
  expect_in(out, "* OK [COPYUID V 1 1] Moved.\r\n* 1 EXPUNGE\r\nc OK Moved.\r\nd OK Done.\r\n* 1 EXPUNGE\r\ne OK");
  expect_in(out, "* 1 FETCH (FLAGS (\\Seen");
  expect_sound();
  // Within the owner's mailboxes what each has seen goes along.
  world.deliver("Subject: three\r\n\r\n3\r\n");
  alice(world, "a SETACL Trash bob lri\r\n");
  out = bob(world, "a SELECT " + kTheirs +
                       "\r\nb FETCH 1 BODY[TEXT]\r\nc MOVE 1 \"Other Users/alice@seoul.example/Trash\""
                       "\r\nd SELECT \"Other Users/alice@seoul.example/Trash\"\r\ne FETCH 1 FLAGS\r\n");
  expect_in(out, "* 1 FETCH (FLAGS (\\Seen))\r\ne OK");
  expect_in(alice(world, "a SELECT Trash\r\nb FETCH 1 FLAGS\r\n"), "* 1 FETCH (FLAGS (");
  expect_not_in(alice(world, "a SELECT Trash\r\nb FETCH 1 FLAGS\r\n"), "* 1 FETCH (FLAGS (\\Seen");
  expect_sound();
}

TEST_F(SharedMailboxes, TheTreeOfAnother) {
  alice(world, "a CREATE Team\r\nb SETACL Team bob lrkx\r\n");
  const std::string team = "\"Other Users/alice@seoul.example/Team";
  EXPECT_EQ(
      bob(world, "a CREATE " + team + "/2026/Plans\"\r\nb MYRIGHTS " + team + "/2026/Plans\"\r\nc RENAME " + team +
                     "/2026/Plans\" " + team + "/Plans\"\r\nd RENAME " + team + "/Plans\" Mine\r\ne RENAME " + team +
                     "/Plans\" \"Other Users/alice@seoul.example/Plans\"\r\nf DELETE " + team +
                     "/2026\"\r\ng CREATE \"Other Users/alice@seoul.example/Mine\"\r\nh CREATE " + team +
                     "/s\" (USE (\\Sent))\r\ni LIST \"Other Users/alice@seoul.example/\" *\r\n"),
      "a OK [MAILBOXID (F12)] Made.\r\n* MYRIGHTS " + team +
          "/2026/Plans\" lrkxc\r\nb OK Done.\r\n"
          "c OK Renamed.\r\nd NO [CANNOT] Mailboxes stay with their owner.\r\n"
          "e NO [NOPERM] You may not do that there.\r\nf OK Deleted.\r\ng NO [NOPERM] You may not do that there.\r\n"
          "h NO [USEATTR] Not in another's mailboxes.\r\n* LIST (\\HasChildren) \"/\" " +
          team +
          "\"\r\n"
          "* LIST (\\HasNoChildren) \"/\" " +
          team + "/Plans\"\r\ni OK Done.\r\n");
  const auto out = alice(world,
                         "a DELETE Team/Plans\r\nb CREATE \"Other Users\"\r\nc SELECT \"Other "
                         "Users/alice@seoul.example/Team\"\r\nd SETACL Team alice lr\r\n");
  EXPECT_TRUE(out.starts_with("a OK Deleted.\r\nb NO [NOPERM] You may not do that there.\r\n* FLAGS")) << out;
  expect_in(out, "c OK [READ-WRITE] Opened.\r\nd OK");
  expect_in(alice(world, "e CREATE Team/x\r\nf DELETE Team\r\n"), "e NO [NOPERM]");
  expect_sound();
}

// Its messages would have another list of rights, and be read by who may not read INBOX.
TEST_F(SharedMailboxes, AnInboxIsRenamedByThoseWhoMayTakeItsMessages) {
  give("lc");
  expect_in(alice(world, "a CREATE Shared\r\nb SETACL Shared bob lrk\r\n"), "b OK");
  const std::string rename = "a RENAME " + kTheirs + " \"Other Users/alice@seoul.example/Shared/in\"\r\n";
  EXPECT_EQ(bob(world, rename), "a NO [NOPERM] You may not do that there.\r\n");
  expect_in(alice(world, "a STATUS INBOX (MESSAGES)\r\n"), "(MESSAGES 2)");
  give("lcrte");
  EXPECT_EQ(bob(world, rename), "a OK Renamed.\r\n");
  expect_in(alice(world, "a STATUS Shared/in (MESSAGES)\r\n"), "(MESSAGES 2)");
  expect_sound();
}

// Rights that are taken away count however many mailboxes the user has a list for elsewhere.
TEST_F(SharedMailboxes, WhatIsTakenAwayIsReadOfTheMailboxItself) {
  expect_in(alice(world, "a SETACL INBOX anyone lrs\r\nb SETACL INBOX -bob r\r\n"), "b OK");
  const std::string list = "a LIST \"\" \"Other Users/*\" RETURN (MYRIGHTS STATUS (MESSAGES))\r\n";
  const auto out = bob(world, list);
  expect_in(out, "* MYRIGHTS " + kTheirs + " ls\r\n");
  expect_not_in(out, "MESSAGES");
}

TEST_F(SharedMailboxes, ADeletedOrRenamedMailboxIsTheOneThatWasMeant) {
  using store::StoreWorld;
  const auto place = StoreWorld::alice();
  const auto made = run_blocking(world.store->create_mailbox(place, "Old", ""));
  ASSERT_TRUE(made.has_value());
  ASSERT_TRUE(run_blocking(world.store->rename_mailbox(place, "Old", "Kept")).has_value());
  ASSERT_TRUE(run_blocking(world.store->create_mailbox(place, "Old", "")).has_value());
  const auto refused = run_blocking(world.store->delete_mailbox(place, "Old", made->id));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::not_found);
  const auto kept = run_blocking(world.store->rename_mailbox(place, "Old", "Elsewhere", made->id));
  ASSERT_FALSE(kept.has_value());
  EXPECT_EQ(kept.error().kind, ErrorKind::not_found);
  EXPECT_TRUE(run_blocking(world.store->rename_mailbox(place, "Kept", "Elsewhere", made->id)).has_value());
  EXPECT_TRUE(run_blocking(world.store->delete_mailbox(place, "Elsewhere", made->id)).has_value());
}

TEST_F(SharedMailboxes, ListsWithManyLongPatternsAreRefused) {
  const std::string name(900, 'a');
  EXPECT_EQ(alice(world, "a LIST \"" + std::string(900, 'b') + "\" (" + name + " " + name + " " + name + " " + name +
                             " " + name + ")\r\n"),
            "a NO [LIMIT] Too many patterns.\r\n");
}

}  // namespace
}  // namespace pabal::server::imap
