// ESEARCH over several mailboxes (RFC 7377).
#include <regex>

#include <gtest/gtest.h>

#include "server/imap/search_case.hpp"

namespace pabal::server::imap {
namespace {

class ImapMultiSearch : public ::testing::Test {
 protected:
  SearchCase mail;

  void SetUp() override {
    mail.letter("Subject: apple", "one");
    mail.letter("Subject: pear", "one");
    EXPECT_TRUE(mail.say("a CREATE Fruit/Red\r\nb CREATE Fruit/Red/Dark\r\nc COPY 1:2 Fruit/Red\r\nd COPY 1 "
                         "Fruit/Red/Dark\r\ne COPY 2 Archive\r\nf SUBSCRIBE Fruit/Red/Dark\r\n")
                    .ends_with("f OK Done.\r\n"));
  }
  std::string say(const std::string& command) {
    return std::regex_replace(mail.say("a " + command + "\r\n"), std::regex("UIDVALIDITY \\d+"), "UIDVALIDITY V");
  }
  static std::string one(std::string_view mailbox, std::string_view result) {
    return fmt::format("* ESEARCH (TAG \"a\" MAILBOX {} UIDVALIDITY V) UID {}\r\n", mailbox, result);
  }
};

TEST_F(ImapMultiSearch, EachSource) {
  const std::string done = "a OK Done.\r\n";
  EXPECT_EQ(say("ESEARCH IN (mailboxes (Fruit/Red Archive Nowhere)) SUBJECT apple"), one("Fruit/Red", "ALL 1") + done);
  EXPECT_EQ(say("ESEARCH IN (personal) SUBJECT pear"),
            one("Archive", "ALL 1") + one("Fruit/Red", "ALL 2") + one("INBOX", "ALL 2") + done);
  EXPECT_EQ(say("ESEARCH IN (subtree Fruit) RETURN (COUNT MIN) BODY one"),
            one("Fruit/Red", "MIN 1 COUNT 2") + one("Fruit/Red/Dark", "MIN 1 COUNT 1") + done);
  EXPECT_EQ(say("ESEARCH IN (subtree-one Fruit inboxes) ALL"),
            one("Fruit/Red", "ALL 1:2") + one("INBOX", "ALL 1:2") + done);
  EXPECT_EQ(say("ESEARCH IN (selected) RETURN () 1"), one("INBOX", "ALL 1") + done);
  EXPECT_EQ(say("ESEARCH SUBJECT pear"), one("INBOX", "ALL 2") + done);
  EXPECT_NE(say("ESEARCH IN (subscribed) SUBJECT apple").find("MAILBOX Fruit/Red/Dark "), std::string::npos);
}

TEST_F(ImapMultiSearch, WhatIsOfTheOpenMailboxAlone) {
  EXPECT_EQ(say("ESEARCH IN (personal) 1"), "a BAD Message numbers are the open mailbox's.\r\n");
  EXPECT_EQ(say("ESEARCH IN (personal) RETURN (SAVE) ALL"), "a BAD Only for the open mailbox.\r\n");
  EXPECT_EQ(say("ESEARCH RETURN (SAVE) SUBJECT pear\r\nb SEARCH $"), "a OK Done.\r\n* SEARCH 2\r\nb OK Done.\r\n");
  EXPECT_EQ(say("CLOSE\r\nb ESEARCH ALL"), "a OK Closed.\r\nb BAD no mailbox is selected\r\n");
}

}  // namespace
}  // namespace pabal::server::imap
