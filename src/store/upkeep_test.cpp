// The background work: what moves, what is written anew, and what keeps it from its end.
#include <gtest/gtest.h>

#include "store/store_fixture.hpp"

namespace pabal::store {
namespace {

class StoreUpkeep : public testing::Test {
 protected:
  void SetUp() override {
    reopen();
    for (int account = 1; account <= 3; ++account) {
      ASSERT_TRUE(store->create_account(TestStore::place(account), std::nullopt));
    }
  }
  void TearDown() override {
    if (store.is_open()) EXPECT_EQ(store.check(), "");
  }
  void reopen() {
    auto opened = store.open();
    ASSERT_TRUE(opened) << opened.error().log;
  }
  void maintain() {
    auto done = store->maintain();
    EXPECT_TRUE(done) << done.error().log;
  }
  // Side by side, so that they go into segments; how many were refused.
  int deliver(int count, std::size_t size, std::int64_t account = 1) {
    std::vector<Async<TestStore::Outcomes>> works;
    for (int i = 0; i < count; ++i) {
      const auto number = ++number_;
      works.push_back(store->deliver(
          store.letter(fmt::format("d{}", number), letter_text(number, size), {TestStore::target(account)})));
    }
    int refused = 0;
    for (const auto& outcomes : store.run_all(std::move(works))) refused += outcomes ? 0 : 1;
    return refused;
  }
  void expunge(std::int64_t account, const std::function<bool(std::int64_t)>& which) {
    auto listing = store.run(store->list_mailbox(TestStore::place(account), "INBOX"));
    ASSERT_TRUE(listing) << listing.error().log;
    std::vector<std::int64_t> uids;
    for (const auto& entry : listing->entries) {
      if (which(entry.uid)) uids.push_back(entry.uid);
    }
    ASSERT_TRUE(store.run(store->expunge(TestStore::place(account), listing->mailbox, uids)));
  }
  std::size_t files_in(const std::string& folder) {
    auto names = disk.list("/data/shard1/" + folder);
    return names ? names->size() : 0;
  }

  MemoryFileSystem disk;
  TestStore store{disk};

 private:
  std::uint64_t number_ = 0;
};

// A record that was stored under a bigger segment size is too big for any segment of today.
TEST_F(StoreUpkeep, ALoweredSegmentSize) {
  store.options.inline_at_most = 30 << 10;
  reopen();
  ASSERT_EQ(deliver(12, 20'000), 0);
  ASSERT_EQ(deliver(1, 20'000), 0);  // alone: rides in the rows
  expunge(1, [](std::int64_t uid) { return uid % 3 == 0; });
  expunge(1, [](std::int64_t uid) { return uid % 3 == 1 && uid < 12; });
  const auto before = store.read(1);
  ASSERT_TRUE(before) << before.error().log;
  auto listing = store.run(store->list_mailbox(TestStore::place(1), "INBOX"));
  ASSERT_TRUE(listing);
  store.options.segment_bytes = 16 << 10;
  reopen();
  auto opened = store.run(store->open_email(TestStore::place(1), listing->entries.back().email));
  ASSERT_TRUE(opened) << opened.error().log;
  {
    std::jthread upkeep([&] { maintain(); });
    EXPECT_EQ(deliver(40, 3000, 2), 0);
  }
  maintain();
  EXPECT_EQ(files_in("files"), before->size()) << "each is a file of its own now";
  const auto after = store.read(1);
  ASSERT_TRUE(after) << after.error().log;
  EXPECT_EQ(*after, *before);
  auto octets = store.run((*opened)->read(0, 1 << 20));
  ASSERT_TRUE(octets) << octets.error().log;
  EXPECT_EQ(*octets, before->rbegin()->second) << "opened while it was in a row";
  opened->reset();
  expunge(1, [](std::int64_t) { return true; });
  maintain();
  EXPECT_EQ(files_in("files"), 0);
}

// Octets that were flushed and never got a row are dead space too.
TEST_F(StoreUpkeep, RefusedLettersLeaveNoSpaceBehind) {
  ASSERT_TRUE(store->set_quota(TestStore::place(1), 100));
  ASSERT_EQ(deliver(2, 3000, 2), 0);
  for (int round = 0; round < 10; ++round) {
    EXPECT_EQ(deliver(60, 3000), 60);  // three segments' worth
    maintain();
    EXPECT_LE(files_in("segments"), 6) << "round " << round;
  }
  store.options.spare_segments = 100;
  reopen();
  const auto before = files_in("segments");
  for (int round = 0; round < 10; ++round) {
    EXPECT_EQ(deliver(60, 3000), 60);
    maintain();
  }
  EXPECT_LE(files_in("segments"), before + 4) << "the same files again and again";
}

// So is what a segment holds of letters that are gone while others of its octets were never counted.
TEST_F(StoreUpkeep, PaddingCountsAsDead) {
  // One letter a group, each in a block of its own: three quarters of the segment are padding.
  for (int i = 0; i < 40; ++i) {
    std::vector<Async<TestStore::Outcomes>> works;
    ASSERT_EQ(deliver(2, 5000, 1 + i % 2), 0);
  }
  expunge(1, [](std::int64_t uid) { return uid % 3 != 0; });
  expunge(2, [](std::int64_t uid) { return uid % 3 != 0; });
  for (int round = 0; round < 3; ++round) maintain();
  EXPECT_LE(files_in("segments"), 6);
}

}  // namespace
}  // namespace pabal::store
