// METADATA and LIST-METADATA (RFC 5464, RFC 9590), with the RFCs' examples.
#include "server/imap/metadata.hpp"

#include <gtest/gtest.h>

#include "server/imap/dialogue.hpp"

namespace pabal::server::imap {
namespace {

using store::StoreWorld;

TEST(ImapMetadata, SetAndGot) {
  StoreWorld world;
  EXPECT_EQ(
      alice(world,
            "a SETMETADATA INBOX (/private/comment {33+}\r\nMy new comment across\r\ntwo lines.)\r\n"
            "b GETMETADATA \"INBOX\" /private/comment\r\nc SETMETADATA INBOX (/Private/Comment \"My own comment\" "
            "/shared/comment \"Shared comment\")\r\nd GETMETADATA INBOX (/shared/comment /private/comment)\r\n"
            "e GETMETADATA (MAXSIZE 14) INBOX (/shared/comment /private/comment)\r\n"
            "f GETMETADATA INBOX (MAXSIZE 13) (/shared/comment /private/comment)\r\n"
            "g SETMETADATA INBOX (/private/comment NIL)\r\nh GETMETADATA INBOX /private/comment\r\n"
            "i GETMETADATA Nowhere /private/comment\r\n"),
      "a OK Done.\r\n* METADATA INBOX (/private/comment {33}\r\nMy new comment across\r\ntwo lines.)\r\nb OK "
      "Done.\r\nc OK Done.\r\n"
      "* METADATA INBOX (/private/comment \"My own comment\" /shared/comment \"Shared comment\")\r\nd OK Done.\r\n"
      "* METADATA INBOX (/private/comment \"My own comment\" /shared/comment \"Shared comment\")\r\ne OK Done.\r\n"
      "f OK [METADATA LONGENTRIES 14] Done.\r\ng OK Done.\r\n* METADATA INBOX (/private/comment NIL)\r\nh OK "
      "Done.\r\ni NO [NONEXISTENT] No such mailbox.\r\n");
}

TEST(ImapMetadata, Depth) {
  StoreWorld world;
  alice(world,
        "a SETMETADATA INBOX (/private/filters/values/small \"SMALLER 5000\" /private/filters/values/boss \"FROM "
        "boss\" /private/filters/values/boss/x \"deep\" /private/filters/other \"o\")\r\n");
  EXPECT_EQ(
      alice(world,
            "a GETMETADATA (DEPTH 1) INBOX (/private/filters/values)\r\n"
            "b GETMETADATA (DEPTH infinity) INBOX (/private/filters/values /private/filters/values/boss)\r\n"
            "c GETMETADATA (DEPTH 0) INBOX /private/filters/values/boss\r\nd GETMETADATA (DEPTH 1 MAXSIZE 10) INBOX "
            "/private/filters/values\r\ne GETMETADATA (DEPTH infinity) INBOX /shared\r\n"),
      "* METADATA INBOX (/private/filters/values/boss \"FROM boss\" /private/filters/values/small \"SMALLER "
      "5000\")\r\na OK Done.\r\n* METADATA INBOX (/private/filters/values/boss \"FROM boss\" "
      "/private/filters/values/boss/x \"deep\" /private/filters/values/small \"SMALLER 5000\")\r\nb OK Done.\r\n"
      "* METADATA INBOX (/private/filters/values/boss \"FROM boss\")\r\nc OK Done.\r\n"
      "* METADATA INBOX (/private/filters/values/boss \"FROM boss\")\r\nd OK [METADATA LONGENTRIES 12] Done.\r\n"
      "e OK Done.\r\n");
}

// RFC 6154 §4.
TEST(ImapMetadata, SpecialUses) {
  StoreWorld world;
  EXPECT_EQ(
      alice(world,
            "a GETMETADATA Sent (/private/specialuse /private/comment)\r\nb GETMETADATA INBOX "
            "/private/specialuse\r\nc SETMETADATA INBOX (/private/specialuse \"\\\\Sent\")\r\n"
            "d CREATE Out\r\ne SETMETADATA Out (/private/comment \"x\" /private/specialuse \"\\\\Sent\")\r\n"
            "f SETMETADATA Out (/private/specialuse \"\\\\All\")\r\ng GETMETADATA (DEPTH infinity) Out /private\r\n"),
      "* METADATA Sent (/private/specialuse \"\\\\Sent\" /private/comment NIL)\r\na OK Done.\r\n"
      "* METADATA INBOX (/private/specialuse NIL)\r\nb OK Done.\r\nc NO [USEATTR] Not this special use.\r\n"
      "d OK [MAILBOXID (F7)] Made.\r\ne NO [USEATTR] Not this special use.\r\n"
      "f NO [USEATTR] Not this special use.\r\ng OK Done.\r\n");
  EXPECT_EQ(alice(world,
                  "a SETMETADATA Sent (/private/SpecialUse NIL)\r\nb SETMETADATA Out (/private/specialuse "
                  "\"\\\\sent\")\r\nc GETMETADATA (DEPTH infinity) Out /private\r\nd GETMETADATA Sent "
                  "/private/specialuse\r\ne LIST (SPECIAL-USE) \"\" (Sent Out Junk) RETURN (SPECIAL-USE METADATA "
                  "(/private/specialuse))\r\n"),
            "a OK Done.\r\nb OK Done.\r\n* METADATA Out (/private/specialuse \"\\\\Sent\")\r\nc OK Done.\r\n"
            "* METADATA Sent (/private/specialuse NIL)\r\nd OK Done.\r\n"
            "* LIST (\\HasNoChildren \\Junk) \"/\" Junk\r\n* METADATA Junk (/private/specialuse \"\\\\Junk\")\r\n"
            "* LIST (\\HasNoChildren \\Sent) \"/\" Out\r\n* METADATA Out (/private/specialuse \"\\\\Sent\")\r\ne OK "
            "Done.\r\n");
}

TEST(ImapMetadata, TheServersAndWhatCantBe) {
  StoreWorld world;
  EXPECT_EQ(alice(world,
                  "a SETMETADATA \"\" (/private/vendor/x/y \"mine\")\r\nb GETMETADATA \"\" /private/vendor/x/y\r\n"
                  "c SETMETADATA \"\" (/shared/comment \"no\")\r\nd GETMETADATA \"\" /shared/comment\r\n"
                  "e SETMETADATA INBOX (/other/x \"y\")\r\nf SETMETADATA INBOX (/private/vendor/x \"y\")\r\n"
                  "g SETMETADATA INBOX (/private/* \"y\")\r\n"),
            "a OK Done.\r\n* METADATA \"\" (/private/vendor/x/y \"mine\")\r\nb OK Done.\r\n"
            "c NO [NOPERM] You may not do that there.\r\n* METADATA \"\" (/shared/comment NIL)\r\nd OK Done.\r\n"
            "e BAD There can be no such entry.\r\nf BAD There can be no such entry.\r\ng BAD not a metadata entry\r\n");
  const std::string big(store::kMostAnnotationOctets + 1, 'x');
  expect_in(
      dialogue(world, "alice", fmt::format("a SETMETADATA INBOX (/private/big {{{}+}}\r\n{})\r\n", big.size(), big),
               {.max_command_octets = 1 << 20, .literal_plus = true}),
      "a NO [METADATA MAXSIZE 65536]");
  std::string many = "a SETMETADATA INBOX (";
  for (std::size_t i = 0; i <= store::kMostAnnotations; ++i) many += fmt::format("/shared/n{} \"x\" ", i);
  many.back() = ')';
  expect_in(alice(world, many + "\r\n"), "a NO [METADATA TOOMANY]");
  const auto binary = alice(world, std::string("a SETMETADATA INBOX (/private/b ~{3+}\r\n\0\1\2)\r\n", 45) +
                                       "b GETMETADATA INBOX /private/b\r\n");
  expect_in(binary, std::string("(/private/b ~{3}\r\n\0\1\2)\r\nb OK", 28));
}

TEST(ImapMetadata, EachHasHisOwn) {
  StoreWorld world;
  world.add_bob();
  const std::string theirs = "\"Other Users/alice@seoul.example/INBOX\"";
  alice(world, "a SETACL INBOX bob lr\r\nb SETMETADATA INBOX (/private/comment \"hers\" /shared/comment \"all\")\r\n");
  EXPECT_EQ(
      bob(world, "a SETMETADATA " + theirs + " (/private/comment \"his\")\r\nb SETMETADATA " + theirs +
                     " (/shared/comment \"x\")\r\nc GETMETADATA " + theirs + " (/private/comment /shared/comment)\r\n"),
      "a OK Done.\r\nb NO [NOPERM] You may not do that there.\r\n* METADATA " + theirs +
          " (/private/comment \"his\" /shared/comment \"all\")\r\nc OK Done.\r\n");
  // Nobody's entries take room from another's.
  std::string many = "a SETMETADATA " + theirs + " (";
  for (std::size_t i = 1; i < store::kMostAnnotations; ++i) many += fmt::format("/private/n{} \"x\" ", i);
  many.back() = ')';
  expect_in(bob(world, many + "\r\n"), "a OK");
  expect_in(alice(world, "a SETMETADATA INBOX (/private/more \"x\" /shared/more \"y\")\r\n"), "a OK");
  alice(world, "a SETACL INBOX bob l\r\n");
  expect_in(bob(world, "a GETMETADATA " + theirs + " /shared/comment\r\n"), "a NO [NOPERM]");
  alice(world, "a DELETEACL INBOX bob\r\n");
  expect_in(bob(world, "a GETMETADATA " + theirs + " /shared/comment\r\n"), "a NO [NONEXISTENT]");
}

TEST(ImapMetadata, WithList) {
  StoreWorld world;
  world.add_bob();
  alice(world, "a SETMETADATA INBOX (/shared/vendor/cmu/color \"#b71c1c\")\r\nb SETACL INBOX bob lr\r\n");
  EXPECT_EQ(
      alice(world, "a LIST \"\" (INBOX Sent) RETURN (METADATA (\"/shared/vendor/cmu/color\"))\r\n"),
      "* LIST (\\HasNoChildren) \"/\" INBOX\r\n* METADATA INBOX (/shared/vendor/cmu/color \"#b71c1c\")\r\n"
      "* LIST (\\HasNoChildren \\Sent) \"/\" Sent\r\n* METADATA Sent (/shared/vendor/cmu/color NIL)\r\na OK Done.\r\n");
  expect_in(bob(world, "a LIST \"\" Other* RETURN (METADATA (/shared/vendor/cmu/color))\r\n"),
            "* METADATA \"Other Users/alice@seoul.example/INBOX\" (/shared/vendor/cmu/color \"#b71c1c\")\r\n");
}

TEST(ImapMetadata, ChangesAreToldWhereWanted) {
  StoreWorld world;
  const auto out = alice(world,
                         "a ENABLE METADATA\r\nb SELECT INBOX\r\nc SETMETADATA INBOX (/shared/comment \"x\")\r\n"
                         "d SETMETADATA INBOX (/shared/comment \"y\" /private/z \"1\")\r\ne SETMETADATA INBOX "
                         "(/shared/comment NIL)\r\n");
  expect_in(out, "* ENABLED METADATA\r\na OK");
  expect_in(out,
            "* METADATA INBOX /shared/comment\r\nc OK Done.\r\n* METADATA INBOX /private/z /shared/comment\r\nd OK "
            "Done.\r\n* METADATA INBOX /shared/comment\r\ne OK Done.\r\n");
}

}  // namespace
}  // namespace pabal::server::imap
