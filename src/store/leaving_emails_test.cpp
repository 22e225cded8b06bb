// Emails whose rows go later (leaving_emails.hpp): gone for all who ask, at once, whatever comes in between.
#include "store/leaving_emails.hpp"

#include <gmock/gmock.h>

#include "store/mailboxes_case.hpp"

namespace pabal::store {
namespace {

class Leaving : public MailboxesTest {
 protected:
  void SetUp() override {
    store.options.leave_from = 3;
    MailboxesTest::SetUp();
  }
  std::int64_t count(std::string_view what) {
    auto connection = store.database().connect();
    EXPECT_TRUE(connection);
    auto number = (*connection)->number(fmt::format("SELECT COUNT(*) FROM {}", what));
    EXPECT_TRUE(number) << number.error().log;
    return number->value_or(-1);
  }
  void run_sql(std::string_view sql, std::initializer_list<db::Parameter> parameters) {
    auto connection = store.database().connect();
    ASSERT_TRUE(connection);
    ASSERT_TRUE((*connection)->begin(true));
    auto done = (*connection)->run(sql, parameters);
    ASSERT_TRUE(done) << done.error().log;
    ASSERT_TRUE((*connection)->commit());
  }
  std::uint64_t used() { return store.run(store->usage(place))->emails; }
  std::string expunge(const std::string& path, std::vector<std::int64_t> uids) {
    return kind(store.run(store->expunge(place, id(path), std::move(uids))));
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Leaving, testing::Values(Engine::sqlite, Engine::postgresql), engine_name);

TEST_P(Leaving, AreGoneAtOnceAndTheirRowsLater) {
  fill("INBOX", 5);
  ASSERT_EQ(expunge("INBOX", {1, 2, 4}), "");
  EXPECT_EQ(show("INBOX"), "3 5");
  EXPECT_EQ(used(), 2U);
  EXPECT_EQ(count("email"), 5);
  EXPECT_EQ(store.check(), "");
  reopen();
  EXPECT_EQ(store.check(), "");
  maintain();
  EXPECT_EQ(count("email"), 2);
  EXPECT_EQ(count("leaving_email"), 0);
  EXPECT_EQ(count("blob WHERE refs > 0"), 2);
  EXPECT_EQ(store.check(), "");
}

TEST_P(Leaving, FewGoAtOnce) {
  fill("INBOX", 3);
  ASSERT_EQ(expunge("INBOX", {1, 2}), "");
  EXPECT_EQ(count("email"), 1);
  EXPECT_EQ(count("leaving_email"), 0);
}

TEST_P(Leaving, WhatStandsElsewhereStays) {
  fill("INBOX", 4);
  stand_also_in({"Archive"});
  auto held = snapshot("INBOX");
  ASSERT_TRUE(flags("INBOX", {.uids = {{1, 4}}, .flags = {flag::deleted, {}}}));
  auto gone = store.run(store->expunge_deleted(place, id("INBOX"), {{1, UINT32_MAX}}));
  ASSERT_TRUE(gone) << gone.error().log;
  EXPECT_EQ(numbers(gone->uids), "1 2 3 4");
  EXPECT_EQ(used(), 1U);
  EXPECT_EQ(show("Archive"), "1");
  EXPECT_EQ(store.check(), "");
  maintain();
  EXPECT_EQ(count("email"), 1);
  EXPECT_EQ(store.read(1, "Archive")->size(), 1);
  EXPECT_EQ(store.check(), "");
}

TEST_P(Leaving, CopiesKeepTheirOctets) {
  fill("INBOX", 3);
  ASSERT_TRUE(store.run(store->copy(place, id("INBOX"), {{1, 3}}, place, "Archive")));
  ASSERT_EQ(expunge("INBOX", {1, 2, 3}), "");
  EXPECT_EQ(store.check(), "");
  maintain();
  EXPECT_EQ(store.check(), "");
  EXPECT_EQ(store.read(1, "Archive")->size(), 3);
}

TEST_P(Leaving, AnAccountIsRemovedWithThem) {
  fill("INBOX", 5);
  ASSERT_EQ(expunge("INBOX", {1, 2, 4}), "");
  ASSERT_TRUE(store->remove_account(place));
  EXPECT_EQ(count("email"), 0);
  EXPECT_EQ(count("leaving_email"), 0);
  EXPECT_EQ(count("blob WHERE refs > 0"), 0);
  EXPECT_EQ(store.check(), "");
  maintain();
  EXPECT_EQ(store.check(), "");
}

TEST_P(Leaving, AreListedByThatWhichTheyWereTakenTogether) {
  fill("INBOX", 8);
  ASSERT_EQ(expunge("INBOX", {1, 2, 4}), "");
  ASSERT_EQ(expunge("INBOX", {3, 6, 7, 8}), "");
  ASSERT_TRUE(store->remove_account(other));
  auto connection = store.database().connect();
  ASSERT_TRUE(connection);
  auto leaving = read_leaving(**connection, place.account);
  ASSERT_TRUE(leaving) << leaving.error().log;
  EXPECT_EQ(leaving->size(), 7U);
  EXPECT_TRUE(std::ranges::is_sorted(*leaving));
  LeavingList last;
  int lists = 0;
  while (true) {
    auto next = next_leaving(**connection, last, place.account);
    ASSERT_TRUE(next) << next.error().log;
    if (!*next) break;
    last = **next;
    ++lists;
    ASSERT_TRUE((*connection)->begin(true));
    auto removed = remove_leaving(**connection, last, SystemTime{});
    ASSERT_TRUE(removed) << removed.error().log;
    ASSERT_TRUE((*connection)->commit());
    EXPECT_EQ(store.check(), "");
  }
  EXPECT_EQ(lists, 2);
  EXPECT_EQ(count("email"), 1);
}

TEST_P(Leaving, AListThatCantBeReadKeepsNoOther) {
  fill("INBOX", 9);
  ASSERT_EQ(expunge("INBOX", {1, 2, 3}), "");
  ASSERT_EQ(expunge("INBOX", {4, 5, 6}), "");
  run_sql("UPDATE leaving_email SET emails = $1 WHERE first = (SELECT MIN(first) FROM leaving_email)",
          {db::Octets{"\x7F"}});
  EXPECT_THAT(store.check(), testing::HasSubstr("leaving"));
  EXPECT_FALSE(store->maintain());
  EXPECT_EQ(count("leaving_email"), 1);
  EXPECT_EQ(count("email"), 6);
  ASSERT_TRUE(store->remove_account(place));
  EXPECT_EQ(count("email"), 0);
  EXPECT_EQ(count("blob WHERE refs > 0"), 0);
  EXPECT_EQ(store.check(), "");
}

TEST_P(Leaving, OneThatIsGoneAlreadyKeepsNoOther) {
  fill("INBOX", 3);
  std::vector<std::int64_t> named;
  for (std::size_t i = 0; i < 3; ++i) named.push_back((*snapshot("INBOX"))[i].email.value);
  ASSERT_EQ(expunge("INBOX", {1, 2, 3}), "");
  named.push_back(named.back() + 1);
  const auto octets = encode_numbers(named);
  run_sql("UPDATE leaving_email SET emails = $1", {db::Octets{octets}});
  EXPECT_THAT(store.check(), testing::HasSubstr("is leaving and is not there"));
  EXPECT_TRUE(store->maintain());
  EXPECT_EQ(count("email"), 0);
}

// What `shared` says wrongly costs no letter.
TEST_P(Leaving, WhatStandsInAMailboxAllTheSameStays) {
  fill("INBOX", 3);
  stand_also_in({"Archive"});
  run_sql("UPDATE membership SET shared = 0", {});
  ASSERT_EQ(expunge("INBOX", {1, 2, 3}), "");
  EXPECT_TRUE(store->maintain());
  EXPECT_EQ(count("email"), 1);
  EXPECT_EQ(store.read(1, "Archive")->size(), 1);
  ASSERT_TRUE(store->remove_account(place));
}

}  // namespace
}  // namespace pabal::store
