// FUZZY and RELEVANCY (RFC 6203).
#include <gtest/gtest.h>

#include "server/imap/search_case.hpp"

namespace pabal::server::imap {
namespace {

TEST(ImapFuzzy, WordsInAnyOrderAndHowWellTheyFit) {
  SearchCase mail;
  mail.letter("From: Bob <bob@x>\r\nSubject: lunch", "The red apples are here");
  mail.letter("From: Bob <bob@x>\r\nSubject: apple, red", "apples");
  mail.letter("From: Bob <bob@x>\r\nSubject: red", "pears, not apples");
  mail.letter("From: Bob <bob@x>\r\nSubject: blue", "apples");
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(mail.ask("SEARCH TEXT \"apple red\""), "SEARCH");
    EXPECT_EQ(mail.ask("SEARCH FUZZY TEXT \"apple red\""), "SEARCH 1 2 3");
    EXPECT_EQ(mail.ask("SEARCH FUZZY SUBJECT \"red apple\""), "SEARCH 2");
    EXPECT_EQ(mail.ask("SEARCH RETURN (ALL RELEVANCY) FUZZY TEXT \"apple red\""),
              "ESEARCH (TAG \"a\") ALL 1:3 RELEVANCY (40 100 70)");
    EXPECT_EQ(mail.ask("SORT (RELEVANCY) UTF-8 FUZZY TEXT \"apple red\""), "SORT 2 3 1");
    EXPECT_EQ(mail.ask("SORT RETURN (PARTIAL 1:2 RELEVANCY) (RELEVANCY) UTF-8 FUZZY TEXT \"apple red\""),
              "ESEARCH (TAG \"a\") PARTIAL (1:2 2:3) RELEVANCY (100 70)");
    EXPECT_EQ(mail.ask("SEARCH RETURN (RELEVANCY) FUZZY SUBJECT nothing"), "ESEARCH (TAG \"a\")");
    EXPECT_EQ(mail.say("a SEARCH RETURN (RELEVANCY) ALL\r\n"), "a BAD RELEVANCY is of FUZZY.\r\n");
    EXPECT_EQ(mail.say("a SORT (RELEVANCY) UTF-8 ALL\r\n"), "a BAD RELEVANCY is of FUZZY.\r\n");
    EXPECT_TRUE(mail.world.store->maintain().has_value());
  }
}

}  // namespace
}  // namespace pabal::server::imap
