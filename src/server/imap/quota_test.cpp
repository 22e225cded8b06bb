// QUOTA (RFC 9208), word by word.
#include <gtest/gtest.h>

#include "server/imap/dialogue.hpp"

namespace pabal::server::imap {
namespace {

using store::StoreWorld;

TEST(ImapQuota, RootsAndLimits) {
  StoreWorld world;
  world.add_bob();
  EXPECT_EQ(
      alice(world, "a GETQUOTAROOT INBOX\r\nb GETQUOTA alice@seoul.example\r\nc GETQUOTAROOT Nowhere\r\n"),
      "* QUOTAROOT INBOX alice@seoul.example\r\n* QUOTA alice@seoul.example (MAILBOX 6 10000)\r\na OK Done.\r\n"
      "* QUOTA alice@seoul.example (MAILBOX 6 10000)\r\nb OK Done.\r\n"
      "* QUOTAROOT Nowhere alice@seoul.example\r\n* QUOTA alice@seoul.example (MAILBOX 6 10000)\r\nc OK Done.\r\n");
  ASSERT_TRUE(world.store->set_quota(StoreWorld::alice(), 512 << 10));
  world.deliver("Subject: x\r\n\r\n" + std::string(10 << 10, 'x') + "\r\n");
  EXPECT_EQ(alice(world,
                  "a GETQUOTA alice@seoul.example\r\nb SETQUOTA alice@seoul.example (STORAGE 9999)\r\n"
                  "c GETQUOTA bob@seoul.example\r\nd GETQUOTA \"\"\r\ne SETQUOTA \"\" ()\r\n"),
            "* QUOTA alice@seoul.example (STORAGE 11 512 MAILBOX 6 10000)\r\na OK Done.\r\n"
            "b NO [NOPERM] Limits are set by the operator.\r\nc NO [NONEXISTENT] No such quota root.\r\n"
            "d NO [NONEXISTENT] No such quota root.\r\ne NO [NONEXISTENT] No such quota root.\r\n");
  // Another's room is told to those who may fill it.
  const std::string theirs = "\"Other Users/alice@seoul.example/INBOX\"";
  expect_in(bob(world, "a GETQUOTAROOT " + theirs + "\r\n"), "a NO [NONEXISTENT]");
  alice(world, "a SETACL INBOX bob lr\r\n");
  EXPECT_EQ(bob(world, "a GETQUOTAROOT " + theirs + "\r\n"), "* QUOTAROOT " + theirs + "\r\na OK Done.\r\n");
  alice(world, "a SETACL INBOX bob +i\r\n");
  EXPECT_EQ(
      bob(world, "a GETQUOTAROOT " + theirs + "\r\n"),
      "* QUOTAROOT " + theirs +
          " alice@seoul.example\r\n* QUOTA alice@seoul.example (STORAGE 11 512 MAILBOX 6 10000)\r\na OK Done.\r\n");
}

// RFC 9208 §4.1.3: who was named for it sets anybody's limits, and QUOTASET is announced to him alone.
TEST(ImapQuota, AdministratorsSetThem) {
  StoreWorld world;
  world.add_bob();
  const Limits limits{.quota_administrators = {"bob@seoul.example"}};
  const auto as_bob = [&](const std::string& commands) { return dialogue(world, "bob", commands, limits); };
  expect_in(as_bob("a CAPABILITY\r\n"), " QUOTA=RES-MESSAGE QUOTA=RES-MAILBOX ");
  expect_in(as_bob("a CAPABILITY\r\n"), " QUOTASET ");
  expect_not_in(dialogue(world, "alice", "a CAPABILITY\r\n", limits), "QUOTASET");
  EXPECT_EQ(as_bob("a SETQUOTA alice@seoul.example (STORAGE 512 message 2)\r\nb GETQUOTA alice@seoul.example\r\n"
                   "c SETQUOTA alice (STORAGE 1)\r\nd SETQUOTA alice@seoul.example (MAILBOX 3)\r\n"
                   "e SETQUOTA carol@seoul.example ()\r\n"),
            "* QUOTA alice@seoul.example (STORAGE 0 512 MESSAGE 0 2 MAILBOX 6 10000)\r\na OK Done.\r\n"
            "* QUOTA alice@seoul.example (STORAGE 0 512 MESSAGE 0 2 MAILBOX 6 10000)\r\nb OK Done.\r\n"
            "c NO [NONEXISTENT] No such quota root.\r\nd NO That resource has no limit that could be set.\r\n"
            "e NO [NONEXISTENT] No such quota root.\r\n");
  const std::string letter = " {8+}\r\nA: b\r\n\r\n";
  const auto out = alice(world, "a APPEND INBOX" + letter + "\r\nb APPEND INBOX" + letter + letter +
                                    "\r\nc APPEND INBOX" + letter + "\r\nd APPEND INBOX" + letter +
                                    "\r\ns SELECT INBOX\r\ne COPY 1 Archive\r\nf MOVE 1 Archive\r\n");
  expect_in(out, "a OK [APPENDUID V 1] Appended.\r\nb NO [OVERQUOTA] The mailbox is full.\r\nc OK [APPENDUID V 2]");
  expect_in(out, "d NO [OVERQUOTA]");
  expect_in(out, "e NO [OVERQUOTA]");
  expect_in(out, "f OK");
  EXPECT_THROW(world.deliver("Subject: one too many\r\n\r\n"), std::runtime_error);
  EXPECT_EQ(world.letters(), 1U);
  // What isn't named any more has no limit.
  expect_in(as_bob("a SETQUOTA alice@seoul.example ()\r\n"), "* QUOTA alice@seoul.example (MAILBOX 6 10000)\r\na OK");
  world.deliver("Subject: room\r\n\r\n");
  EXPECT_EQ(world.letters(), 2U);
}

// RFC 9208 §4.3.1: what doesn't fit is refused before it is sent, and so is a copy; the client that sends it all the
// same is heard on.
TEST(ImapQuota, NoRoom) {
  StoreWorld world;
  world.deliver("Subject: x\r\n\r\n" + std::string(3000, 'x') + "\r\n");
  ASSERT_TRUE(world.store->set_quota(StoreWorld::alice(), 4096));
  const std::string text = "Subject: y\r\n\r\n" + std::string(2000, 'y') + "\r\n";
  const auto out =
      alice(world, fmt::format("a APPEND INBOX {{{}}}\r\nb NOOP\r\nc APPEND INBOX {{{}+}}\r\n{}\r\nd SELECT INBOX\r\n"
                               "e COPY 1 Archive\r\nf APPEND INBOX {{3+}}\r\na\r\n {{1100+}}\r\n{}\r\n"
                               "g APPEND INBOX {{3+}}\r\na\r\n\r\n",
                               text.size(), text.size(), text, std::string(1100, 'z')));
  EXPECT_TRUE(out.starts_with("a NO [OVERQUOTA] The mailbox is full.\r\nb OK Done.\r\nc NO [OVERQUOTA]")) << out;
  expect_in(out, "e NO [OVERQUOTA]");
  expect_in(out, "f NO [OVERQUOTA]");
  expect_in(out, "g OK [APPENDUID V 2]");
  EXPECT_EQ(world.letters(), 2U);
}

// What is replaced makes room; parts of a CATENATE count as they come.
TEST(ImapQuota, RoomOfReplacementsAndParts) {
  StoreWorld world;
  world.deliver("Subject: x\r\n\r\n" + std::string(3000, 'x') + "\r\n");
  ASSERT_TRUE(world.store->set_quota(StoreWorld::alice(), 4096));
  const auto out = alice(
      world, fmt::format("a SELECT INBOX\r\nb REPLACE 1 INBOX {{4100}}\r\nc APPEND INBOX CATENATE (TEXT {{600+}}\r\n{}"
                         " TEXT {{900}}\r\nd APPEND INBOX CATENATE (URL \"/INBOX/;UID=1\")\r\n"
                         "e REPLACE 1 INBOX {{3500+}}\r\n{}\r\n",
                         std::string(600, 'a'), std::string(3500, 'b')));
  expect_in(out, "b NO [OVERQUOTA] The mailbox is full.\r\nc NO [OVERQUOTA] The mailbox is full.\r\nd NO [OVERQUOTA]");
  expect_in(out, "e OK Replaced.");
}

TEST(ImapQuota, WhatAnExpungeWouldFree) {
  StoreWorld world;
  world.deliver("Subject: x\r\n\r\n" + std::string(3000, 'x') + "\r\n");
  world.deliver("Subject: x\r\n\r\nx\r\n");
  expect_in(
      alice(world, "a SELECT INBOX\r\nb STORE 1 +FLAGS (\\Deleted)\r\nc STATUS INBOX (DELETED DELETED-STORAGE)\r\n"),
      "* STATUS INBOX (DELETED 1 DELETED-STORAGE 3)\r\nc OK");
}

}  // namespace
}  // namespace pabal::server::imap
