// Searches say the same whether letters are indexed, not yet, or in part; and go on over letters that are damaged.
#include <random>

#include <gtest/gtest.h>

#include "server/imap/search_case.hpp"

namespace pabal::server::imap {
namespace {

class ImapSearchIndex : public ::testing::Test {
 protected:
  SearchCase mail;
  std::mt19937 random{std::random_device{}()};

  std::string pick(const std::vector<std::string>& words) { return words[random() % words.size()]; }
  std::string words(std::size_t count) {
    static const std::vector<std::string> all = {
        "the", "post",  "rides",         "Seoul", "busan.example", "\uD30C\uBC1C\uB9C8\uB294", "\uD55C\uAD6D\uC758",
        "a-b", "HELLO", "\u00E9t\u00E9", "x"};
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += pick(all) + pick({" ", " ", ", ", "\r\n"});
    return out;
  }
  void letters(int count) {
    for (int i = 0; i < count; ++i) {
      mail.letter(fmt::format("From: {0} <{1}@busan.example>\r\nTo: alice@seoul.example\r\nSubject: {2} {0}\r\n"
                              "Content-Type: text/plain; charset=utf-8",
                              pick({"Bob", "Carol", "Eve"}), pick({"bob", "carol"}), pick({"Hello", "post", "Re: x"})),
                  words(random() % 30));
    }
  }
  std::string answers() {
    std::string commands;
    int tag = 0;
    for (const std::string key : {"BODY post", "TEXT seoul", "NOT TEXT rides", "OR BODY hello FROM carol",
                                  "SUBJECT post BODY the", "FROM \"bob <c\"", "TEXT \"post rides\"", "BODY .example",
                                  "HEADER subject post", "HEADER to nobody", "TO seoul", "CC x", "TEXT a-", "BODY \"\"",
                                  "FROM bob TEXT x SMALLER 400", "NOT (TEXT post OR BODY x SUBJECT hello)"}) {
      commands += fmt::format("s{} SEARCH {}\r\n", ++tag, key);
    }
    for (const std::string text : {"\uBC1C\uB9C8", "\uD55C\uAD6D", "\uBC1C\uD30C", "\u00C9T\u00C9", "\uB9C8\uB294 x"}) {
      commands += fmt::format("s{} SEARCH CHARSET UTF-8 TEXT {{{}+}}\r\n{}\r\n", ++tag, text.size(), text);
    }
    commands += "c1 COMPARATOR i;octet\r\nc2 SEARCH TEXT hello\r\nc3 SEARCH NOT BODY HELLO\r\nc4 SEARCH FROM bob\r\n";
    return mail.say(commands);
  }
};

TEST_F(ImapSearchIndex, SaysTheSame) {
  letters(60);
  const auto before = answers();
  ASSERT_TRUE(mail.world.store->maintain().has_value());
  EXPECT_EQ(answers(), before);
  letters(40);
  const auto half = answers();
  ASSERT_TRUE(mail.world.store->maintain().has_value());
  EXPECT_EQ(answers(), half);
  // The letters alone, without an index.
  mail.world.change("DELETE FROM search_segment");
  EXPECT_EQ(answers(), half);
}

TEST_F(ImapSearchIndex, ADamagedLetterIsPassedOver) {
  mail.letter("Subject: one", "apple");
  mail.letter("Subject: two", "apple");
  mail.letter("Subject: three", "apple");
  mail.world.change(
      "UPDATE blob SET checksum = zeroblob(length(checksum)) WHERE blob_id = (SELECT MIN(blob_id) + 1 FROM blob)");
  EXPECT_EQ(mail.ask("SEARCH BODY apple"), "SEARCH 1 3");
  EXPECT_EQ(mail.ask("SEARCH OR SUBJECT two BODY apple"), "SEARCH 1 2 3");
  EXPECT_EQ(mail.ask("SORT (SUBJECT) UTF-8 ALL"), "SORT 1 3 2");
}

}  // namespace
}  // namespace pabal::server::imap
