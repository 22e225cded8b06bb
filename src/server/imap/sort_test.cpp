// SORT, THREAD and COMPARATOR over a real store (RFC 5256, 5957, 5267, 5255).
#include <gtest/gtest.h>

#include "server/imap/search_case.hpp"

namespace pabal::server::imap {
namespace {

class ImapSort : public ::testing::Test {
 protected:
  SearchCase mail;

  void SetUp() override {
    mail.letter(
        "Date: Wed, 17 Jul 1996 02:23:25 -0700\r\nFrom: Zed <bob@busan.example>\r\nTo: alice@seoul.example\r\n"
        "Subject: Re: [list] =?UTF-8?B?w4lww6k=?=\r\nMessage-ID: <2@x>\r\nIn-Reply-To: <1@x>\r\nCc: carol@x",
        "one");
    mail.letter(
        "Date: Wed, 17 Jul 1996 00:00:00 +0000\r\nFrom: anna@busan.example\r\nTo: \"Team\": bob@x, eve@x;\r\n"
        "Subject: =?UTF-8?Q?=C3=A9p=C3=A9?=\r\nMessage-ID: <1@x>",
        "one two three");
    mail.letter(
        "Date: Tue, 16 Jul 1996 23:30:00 -0700\r\nFrom: \"alpha, Bob\" <zoe@busan.example>\r\nTo: zack@x\r\n"
        "Subject: apple\r\nMessage-ID: <3@x>\r\nReferences: <0@x> <9@x>",
        "one two");
    mail.letter("Subject: Fwd: Apple\r\nMessage-ID: <4@x>\r\nReferences: <9@x>", "four");
  }
};

TEST_F(ImapSort, EachCriterion) {
  EXPECT_EQ(mail.ask("SORT (SUBJECT) UTF-8 ALL"), "SORT 3 4 1 2");
  EXPECT_EQ(mail.ask("SORT (SUBJECT DATE) UTF-8 ALL"), "SORT 3 4 2 1");
  EXPECT_EQ(mail.ask("SORT (DATE) UTF-8 ALL"), "SORT 2 3 1 4");
  EXPECT_EQ(mail.ask("SORT (REVERSE DATE) UTF-8 ALL"), "SORT 4 1 3 2");
  EXPECT_EQ(mail.ask("SORT (FROM) UTF-8 ALL"), "SORT 4 2 1 3");
  EXPECT_EQ(mail.ask("SORT (TO) UTF-8 ALL"), "SORT 4 1 2 3");
  EXPECT_EQ(mail.ask("SORT (ARRIVAL) UTF-8 2:4"), "SORT 2 3 4");
  EXPECT_EQ(mail.ask("SORT (CC) UTF-8 ALL"), "SORT 2 3 4 1");
  EXPECT_EQ(mail.ask("SORT (DISPLAYFROM) UTF-8 ALL"), "SORT 4 3 2 1");
  EXPECT_EQ(mail.ask("SORT (DISPLAYTO) UTF-8 ALL"), "SORT 4 1 2 3");
  EXPECT_EQ(mail.ask("SORT (SIZE) UTF-8 ALL"), "SORT 4 3 2 1");
  EXPECT_EQ(mail.ask("UID SORT (REVERSE SIZE) US-ASCII FROM busan"), "SORT 1 2 3");
  EXPECT_EQ(mail.ask("SORT (SUBJECT) UTF-8 SUBJECT nothing"), "SORT");
  EXPECT_EQ(mail.ask("SORT (DATE) EUC-KR MODSEQ 1"), "SORT 2 3 1 4 (MODSEQ 10)");
  EXPECT_EQ(mail.say("a SORT (DATE) NOSUCH ALL\r\n"), "a NO [BADCHARSET (UTF-8 US-ASCII)] unknown charset\r\n");
  EXPECT_EQ(mail.say("a SORT (COLOUR) UTF-8 ALL\r\n"), "a BAD unknown sort criterion\r\n");
}

// RFC 5256 §3: with quotes that aren't needed an identifier is the same.
TEST(ImapThread, QuotedIdentifiersAreTheSame) {
  SearchCase mail;
  mail.letter("Message-ID: <a.b@x>", "one");
  mail.letter("Message-ID: <\"c\\\"d\"@x>\r\nReferences: <\"a.b\"@x>", "two");
  mail.letter("Message-ID: <e@x>\r\nIn-Reply-To: <\"\\c\\\"d\"@x>", "three");
  mail.letter("Message-ID: <\"f@x>\r\nReferences: <\"a@x>", "four");
  EXPECT_EQ(mail.ask("THREAD REFERENCES UTF-8 ALL"), "THREAD (1 2 3)(4)");
}

TEST_F(ImapSort, WithResults) {
  EXPECT_EQ(mail.ask("SORT RETURN (MIN MAX COUNT) (DATE) UTF-8 ALL"), "ESEARCH (TAG \"a\") MIN 2 MAX 4 COUNT 4");
  EXPECT_EQ(mail.ask("SORT RETURN () (DATE) UTF-8 ALL"), "ESEARCH (TAG \"a\") ALL 2:3,1,4");
  EXPECT_EQ(mail.ask("UID SORT RETURN (PARTIAL 2:3) (DATE) UTF-8 ALL"), "ESEARCH (TAG \"a\") UID PARTIAL (2:3 3,1)");
  EXPECT_EQ(mail.ask("UID SORT RETURN (PARTIAL -1:-2) (DATE) UTF-8 ALL"),
            "ESEARCH (TAG \"a\") UID PARTIAL (-1:-2 1,4)");
  EXPECT_EQ(mail.ask("SORT RETURN (PARTIAL 9:10 COUNT) (DATE) UTF-8 ALL"),
            "ESEARCH (TAG \"a\") COUNT 4 PARTIAL (9:10 NIL)");
  EXPECT_EQ(mail.ask("SORT RETURN (ALL) (DATE) UTF-8 SUBJECT nothing"), "ESEARCH (TAG \"a\")");
  EXPECT_EQ(mail.say("a SORT RETURN (SAVE) (DATE) UTF-8 FROM anna\r\nb SEARCH $\r\n"),
            "a OK Done.\r\n* SEARCH 2\r\nb OK Done.\r\n");
}

TEST_F(ImapSort, Threads) {
  EXPECT_EQ(mail.ask("THREAD ORDEREDSUBJECT UTF-8 ALL"), "THREAD (2 1)(3 4)");
  EXPECT_EQ(mail.ask("THREAD REFERENCES UTF-8 ALL"), "THREAD (2 1)((3)(4))");
  EXPECT_EQ(mail.ask("UID THREAD REFS UTF-8 3:4"), "THREAD ((3)(4))");
  EXPECT_EQ(mail.ask("THREAD REFERENCES UTF-8 SUBJECT nothing"), "THREAD");
  EXPECT_EQ(mail.say("a THREAD JWZ UTF-8 ALL\r\n"), "a BAD unknown threading algorithm\r\n");
  EXPECT_EQ(mail.say("a THREAD REFERENCES UTF-8 ALL\r\n", {.window_bytes = 1}),
            "* THREAD (2 1)((3)(4))\r\na OK Done.\r\n");
}

TEST_F(ImapSort, ComparatorsAreExact) {
  const auto found = [&](std::string_view comparator, std::string_view key) {
    const auto out = mail.say(fmt::format("a COMPARATOR {}\r\nb SEARCH {}\r\n", comparator, key));
    return out.substr(0, out.find("\r\nb OK"));
  };
  EXPECT_EQ(found("i;unicode-casemap", "CHARSET UTF-8 SUBJECT {5+}\r\n\xC3\x89p\xC3\xA9"),
            "* COMPARATOR i;unicode-casemap\r\na OK Done.\r\n* SEARCH 1 2");
  EXPECT_EQ(found("i;octet", "CHARSET UTF-8 SUBJECT {5+}\r\n\xC3\x89p\xC3\xA9"),
            "* COMPARATOR i;octet\r\na OK Done.\r\n* SEARCH 1");
  EXPECT_EQ(found("i;ascii-casemap", "SUBJECT APPLE"), "* COMPARATOR i;ascii-casemap\r\na OK Done.\r\n* SEARCH 3 4");
  EXPECT_EQ(found("i;octet", "BODY One"), "* COMPARATOR i;octet\r\na OK Done.\r\n* SEARCH");
  EXPECT_EQ(found("\"cz;*\" i;octet", "SUBJECT Apple"), "* COMPARATOR i;octet\r\na OK Done.\r\n* SEARCH 4");
  EXPECT_EQ(mail.say("a COMPARATOR \"cz;*\"\r\nb COMPARATOR\r\nc COMPARATOR i;octet\r\nd SORT (SUBJECT) UTF-8 3:4\r\n"
                     "e COMPARATOR default\r\n"),
            "a NO [BADCOMPARATOR] None of these is known.\r\n* COMPARATOR i;unicode-casemap\r\nb OK Done.\r\n"
            "* COMPARATOR i;octet\r\nc OK Done.\r\n* SORT 4 3\r\nd OK Done.\r\n* COMPARATOR i;unicode-casemap\r\n"
            "e OK Done.\r\n");
}

TEST_F(ImapSort, SearchesFindKoreanWithinWords) {
  mail.letter("Subject: =?UTF-8?B?7YyM67Cc7J24?=\r\nContent-Type: text/plain; charset=utf-8",
              "\uD55C\uAD6D\uC758 \uD30C\uBC1C\uB9C8\uB294");
  EXPECT_EQ(mail.ask("SEARCH CHARSET UTF-8 BODY {6+}\r\n\uBC1C\uB9C8"), "SEARCH 5");
  EXPECT_EQ(mail.ask("SEARCH CHARSET UTF-8 SUBJECT {6+}\r\n\uD30C\uBC1C"), "SEARCH 5");
  EXPECT_EQ(mail.ask("SEARCH CHARSET EUC-KR TEXT {4+}\r\n\xC6\xC4\xB9\xDF"), "SEARCH 5");
  EXPECT_EQ(mail.ask("SEARCH CHARSET UTF-8 TEXT {6+}\r\n\uBC1C\uD30C"), "SEARCH");
  EXPECT_EQ(mail.ask("SEARCH HEADER subject app NOT BODY four"), "SEARCH 3");
  EXPECT_EQ(mail.ask("SEARCH TEXT \"message-id: <4\""), "SEARCH 4");
}

}  // namespace
}  // namespace pabal::server::imap
