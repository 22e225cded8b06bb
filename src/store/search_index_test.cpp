// The search index of a real store: it follows, it is the same after a restart, and a damaged one is made anew.
#include <gtest/gtest.h>

#include "codec/collation.hpp"
#include "store/store_world.hpp"

namespace pabal::store {
namespace {

using Says = SearchAnswer::Says;

std::string folded(std::string_view text) { return codec::key_of(codec::Collation::unicode_casemap, text); }

class SearchIndex : public ::testing::Test {
 protected:
  StoreWorld world;

  void letters(int count) {
    for (int i = 0; i < count; ++i) {
      ++made_;
      world.deliver(fmt::format(
          "From: Bob {0} <bob{0}@busan.example>\r\nSubject: number {0}\r\n\r\nThe word is w{0}x, \uD30C\uBC1C{0}\r\n",
          made_));
    }
  }
  // For each message of INBOX: n, y, o(pen) or u(nknown).
  std::string say(SearchQuery::Field field, std::vector<std::string> words) {
    for (auto& word : words) word = folded(word);
    auto answer = run_blocking(world.store->look_up(StoreWorld::alice(), {.field = field, .words = std::move(words)}));
    if (!answer) return answer.error().log;
    auto listing = run_blocking(world.store->list_mailbox(StoreWorld::alice(), "INBOX"));
    std::string out;
    SearchAnswer::Place place;
    for (const auto& entry : listing->entries) out += "nyou"[static_cast<int>((*answer)->of(entry.email, place))];
    return out;
  }
  void maintain() { ASSERT_TRUE(world.store->maintain().has_value()); }

 private:
  int made_ = 0;
};

TEST_F(SearchIndex, Follows) {
  letters(3);
  EXPECT_EQ(say(SearchQuery::Field::text, {"w2x"}), "uuu");
  maintain();
  letters(1);
  EXPECT_EQ(say(SearchQuery::Field::text, {"W2X"}), "nynu");
  EXPECT_EQ(say(SearchQuery::Field::body, {"\uBC1C2"}), "nynu");
  EXPECT_EQ(say(SearchQuery::Field::body, {"busan"}), "nnnu");
  EXPECT_EQ(say(SearchQuery::Field::header, {"busan"}), "ooou");
  EXPECT_EQ(say(SearchQuery::Field::text, {"word is w3x"}), "nnou");
  EXPECT_EQ(say(SearchQuery::Field::from, {"bob 1 <"}), "ynnu");
  EXPECT_EQ(say(SearchQuery::Field::subject, {"number", "3"}), "nnyu");
  EXPECT_EQ(say(SearchQuery::Field::to, {"x"}), "nnnu");
  EXPECT_EQ(say(SearchQuery::Field::text, {""}), "yyyu");
  world.reopen();
  EXPECT_EQ(say(SearchQuery::Field::text, {"w2x"}), "nynu");
  maintain();
  EXPECT_EQ(say(SearchQuery::Field::text, {"w4x"}), "nnny");
}

// Segments are merged, eight by eight, and letters that are gone go out of them.
TEST_F(SearchIndex, Merges) {
  for (int round = 0; round < 8; ++round) {
    letters(2);
    maintain();
    if (round != 3) continue;
    const auto inbox = run_blocking(world.store->find_mailbox(StoreWorld::alice(), "INBOX"));
    ASSERT_TRUE(run_blocking(world.store->expunge(StoreWorld::alice(), inbox->id, {1, 6})).has_value());
  }
  EXPECT_EQ(say(SearchQuery::Field::text, {"w1"}), "nnnnnnnyyyyyyy");
  EXPECT_EQ(say(SearchQuery::Field::subject, {"number 12"}), "nnnnnnnnnynnnn");
  EXPECT_EQ(world.number("SELECT COUNT(*) FROM search_segment"), 1);
  EXPECT_EQ(world.number("SELECT letters FROM search_segment"), 14);
  maintain();
  EXPECT_EQ(world.number("SELECT COUNT(DISTINCT segment) FROM search_data"), 1);
}

TEST_F(SearchIndex, ADamagedOneIsMadeAnew) {
  letters(5);
  maintain();
  for (int part = 0; part < 9; ++part) {
    world.reopen();
    world.change(fmt::format("UPDATE search_data SET octets = x'00' WHERE part = {}", part));
    for (const auto field : {SearchQuery::Field::text, SearchQuery::Field::from, SearchQuery::Field::to,
                             SearchQuery::Field::cc, SearchQuery::Field::bcc, SearchQuery::Field::subject}) {
      const auto out = say(field, {"5"});
      EXPECT_TRUE(out == "uuuuu" || out == "nnnny" || out == "nnnnn") << part << out;
    }
    maintain();
    EXPECT_EQ(say(SearchQuery::Field::text, {"w5x"}), "nnnny") << part;
    EXPECT_EQ(say(SearchQuery::Field::from, {"bob5"}), "nnnny") << part;
  }
}

// What a crash leaves of a segment that was being made goes, and an account's index goes with it.
TEST_F(SearchIndex, NothingIsLeftBehind) {
  letters(2);
  maintain();
  world.change(
      "INSERT INTO search_data (account_id, segment, part, number, checksum, octets) VALUES (7, 99, 1, 0, 0, x'00')");
  world.reopen();
  maintain();
  EXPECT_EQ(world.number("SELECT COUNT(*) FROM search_data WHERE segment = 99"), 0);
  ASSERT_TRUE(world.store->remove_account(StoreWorld::alice()).has_value());
  for (const auto table : {"search_data", "search_segment", "search_state"}) {
    EXPECT_EQ(world.number(fmt::format("SELECT COUNT(*) FROM {}", table)), 0) << table;
  }
}

}  // namespace
}  // namespace pabal::store
