// The background work: what moves, what is written anew, and what keeps it from its end.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "base/failing_file.hpp"
#include "store/store_case.hpp"

namespace pabal::store {
namespace {

class StoreUpkeep : public StoreFixture {
 protected:
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

// A lone sender who never rests makes a new row for each that moves.
TEST_F(StoreUpkeep, EndsUnderASenderWhoNeverRests) {
  std::atomic<bool> ended = false;
  std::atomic<bool> in_time = true;
  std::atomic<int> sent = 0;
  std::jthread sender([&] {
    const auto begun = std::chrono::steady_clock::now();
    while (!ended) {
      EXPECT_EQ(deliver(1, 500), 0);
      ++sent;
      if (std::chrono::steady_clock::now() - begun > std::chrono::seconds(60)) {
        in_time = false;
        return;
      }
    }
  });
  while (sent < 20) std::this_thread::yield();
  for (int i = 0; i < 3; ++i) maintain();
  ended = true;
  EXPECT_TRUE(in_time);
}

TEST_F(StoreUpkeep, BigRowsMoveWithAllTheirParts) {
  store.options.inline_at_most = 4 << 20;
  store.options.spill_at = 8 << 20;
  store.options.file_at_least = 8 << 20;
  store.options.segment_bytes = 16 << 20;
  reopen();
  ASSERT_EQ(deliver(1, 2'500'000), 0);
  ASSERT_EQ(deliver(1, 100), 0);
  maintain();
  EXPECT_EQ(store.check(), "") << "nothing of them stays in the database";
  EXPECT_EQ(store.read(1)->at(1), "Delivered-To: user1@example.org\r\n" + letter_text(1, 2'500'000));
}

// Segments that can't be emptied keep no others from it.
TEST_F(StoreUpkeep, DamagedSegmentsStandInNobodysWay) {
  store.options.spare_segments = 0;
  reopen();
  ASSERT_EQ(deliver(200, 3000), 0);  // ten segments and more
  const auto before = files_in("segments");
  ASSERT_GE(before, 10);
  for (int i = 1; i <= 6; ++i) {
    auto file = files.open(fmt::format("/data/shard1/segments/{:08x}.segment", i), OpenMode::read_write);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->write_at(std::string(60'000, 'x'), 0));
  }
  expunge(1, [](std::int64_t uid) { return uid % 10 != 0; });
  for (int i = 0; i < 10; ++i) [[maybe_unused]]
    auto told = store->maintain();
  EXPECT_LE(files_in("segments"), 6 + 3);
  EXPECT_NE(store.check(), "");
  store.close();
}

// A check looks at the octets while letters come and go, move and are collected: nothing of that is a finding.
TEST_F(StoreUpkeep, ChecksWhileAllGoesOn) {
  std::atomic<bool> ended = false;
  std::jthread work([&] {
    for (int i = 0; i < 25; ++i) {
      EXPECT_EQ(deliver(1, 500, 2), 0);
      EXPECT_EQ(deliver(1, 40'000, 2), 0);
      EXPECT_EQ(deliver(25, 3000), 0);
      expunge(1, [&](std::int64_t uid) { return uid % 4 != 0; });
      expunge(2, [&](std::int64_t uid) { return uid % 3 != 0; });
      maintain();
    }
    ended = true;
  });
  int checks = 0;
  while (!ended) {
    EXPECT_EQ(store.check(), "");
    ++checks;
  }
  EXPECT_GT(checks, 2);
}

// What could not be removed now is removed later.
TEST(StoreUpkeepFailing, EmptiedSegmentsAreNotForgotten) {
  MemoryFileSystem disk;
  FailingFileSystem files(disk);
  TestStore store(files);
  store.options.spare_segments = 0;
  ASSERT_TRUE(store.open());
  ASSERT_TRUE(store->create_account(TestStore::place(1), std::nullopt));
  ASSERT_TRUE(store->set_quota(TestStore::place(1), 100));
  std::vector<Async<TestStore::Outcomes>> works;
  for (std::uint64_t i = 0; i < 100; ++i) {
    works.push_back(store->deliver(store.letter(fmt::format("d{}", i), letter_text(i, 3000), {TestStore::target(1)})));
  }
  for (const auto& outcomes : store.run_all(std::move(works))) EXPECT_FALSE(outcomes);
  files.fail_at({.operation = DiskOperation::remove, .path_contains = ".segment"});
  EXPECT_FALSE(store->maintain());
  EXPECT_EQ(files.failed(), 1);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(store->maintain());
  EXPECT_LE(disk.list("/data/shard1/segments")->size(), 2) << "the one that is written and the one made ahead";
  EXPECT_EQ(store.check(), "");
}

}  // namespace
}  // namespace pabal::store
