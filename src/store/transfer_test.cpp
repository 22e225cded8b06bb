// Messages are copied and moved between mailboxes of two shards.
#include <gtest/gtest.h>

#include "store/store_fixture.hpp"

namespace pabal::store {
namespace {

// An account in each of two shards.
class Transfer : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(store.open());
    ASSERT_TRUE(store->create_account(one, std::nullopt));
    ASSERT_TRUE(store->create_account(two, std::nullopt));
  }

  MemoryFileSystem files;
  TestStore store{files, 2};
  Place one = TestStore::place(1, 1);
  Place two = TestStore::place(2, 2);
};

TEST_F(Transfer, CopiesAndMovesBetweenShards) {
  for (std::size_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(store.deliver(fmt::format("d{}", i), letter_text(i, i * 20'000), {TestStore::target(1)}));
  }
  const auto inbox = store.run(store->find_mailbox(one, "INBOX"))->id;
  FlagChange change;
  change.uids = {{2, 2}};
  change.flags = {flag::seen, {"own"}};
  ASSERT_TRUE(store.run(store->change_flags(one, inbox, change)));
  const auto before = *store.read(1, "INBOX", 1);
  auto copied = store.run(store->copy(one, inbox, {{1, 2}}, two, "Archive"));
  ASSERT_TRUE(copied) << copied.error().log;
  EXPECT_EQ(copied->uids, (std::vector<CopiedUid>{{1, 1}, {2, 2}}));
  auto moved = store.run(store->move(one, inbox, {{2, 3}}, two, "Archive"));
  ASSERT_TRUE(moved) << moved.error().log;
  EXPECT_EQ(moved->uids, (std::vector<CopiedUid>{{2, 3}, {3, 4}}));
  auto there = store.read(2, "Archive", 2);
  ASSERT_TRUE(there);
  EXPECT_EQ(*there, (std::map<std::int64_t, std::string>{
                        {1, before.at(1)}, {2, before.at(2)}, {3, before.at(2)}, {4, before.at(3)}}));
  EXPECT_EQ(store.read(1, "INBOX", 1)->size(), 1);
  auto archive = store.run(store->snapshot(two, moved->mailbox));
  ASSERT_TRUE(archive);
  EXPECT_EQ((**archive)[2].flags(), flag::seen);
  EXPECT_EQ((*archive)->keywords((**archive)[2]), std::vector<std::string>{"own"});
  // No room there: nothing is kept there, and nothing goes here.
  ASSERT_TRUE(store->set_quota(two, 150'000));
  EXPECT_EQ(store.run(store->move(one, inbox, {{1, 9}}, two, "nowhere")).error().kind, ErrorKind::not_found);
  ASSERT_TRUE(store->set_quota(two, 1000));
  EXPECT_EQ(store.run(store->move(one, inbox, {{1, 9}}, two, "Archive")).error().kind, ErrorKind::quota);
  EXPECT_EQ(store.read(1, "INBOX", 1)->size(), 1);
  EXPECT_EQ(store.check(), "");
}

// A source that gives nothing away any more keeps what it has, and the copies go again.
TEST_F(Transfer, AMoveThatTheSourceRefusesLeavesNoCopies) {
  ASSERT_TRUE(store.deliver("d1", letter_text(1, 20'000), {TestStore::target(1)}));
  const auto inbox = store.run(store->find_mailbox(one, "INBOX"))->id;
  {
    auto connection = store.database().connect();
    ASSERT_TRUE(connection);
    ASSERT_TRUE((*connection)->script("UPDATE account SET state = 1 WHERE account_id = 1"));
  }
  const auto moved = store.run(store->move(one, inbox, {{1, 9}}, two, "Archive"));
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().kind, ErrorKind::busy);
  EXPECT_EQ(store.read(2, "Archive", 2)->size(), 0U);
  EXPECT_EQ(store.read(1, "INBOX", 1)->size(), 1U);
  EXPECT_EQ(store.check(), "");
}

}  // namespace
}  // namespace pabal::store
