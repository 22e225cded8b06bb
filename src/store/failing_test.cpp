// Every operation of the store fails once: the nth on the disk, the nth statement, the nth commit. Whatever was
// promised all the same is there after the store is opened again, exactly once, and check() is clean.
#include <gtest/gtest.h>

#include "base/failing_file.hpp"
#include "base/sanitized.hpp"
#include "store/store_ledger.hpp"

namespace pabal::store {
namespace {

constexpr std::size_t kAfter = LedgerLetter::never - 1;

class StoreFailing : public testing::Test {
 protected:
  void SetUp() override {
    TestStore store(*clean, Ledger::shards);
    auto opened = store.open();
    ASSERT_TRUE(opened) << opened.error().log;
    ASSERT_TRUE(Ledger::make_accounts(store));
    SeededRandom random(1);
    for (int i = 0; i < 6; ++i) before.work(store, random, 16);
    ASSERT_TRUE(store->maintain());
    for (int i = 0; i < 2; ++i) before.work(store, random, 16);
    ASSERT_EQ(before.failures(), 0);
  }

  // A run on a copy of the prepared disk, in which something fails; what is wrong afterwards.
  std::string run(std::uint64_t seed, std::optional<DiskFailure> disk_failure, db::DatabaseFailure database_failure) {
    auto disk = clean->copy();
    Ledger ledger = before;
    FailingFileSystem files(*disk);
    {
      TestStore store(files, Ledger::shards);
      store.failure = database_failure;
      if (disk_failure) files.fail_at(*disk_failure);
      SeededRandom random(seed);
      if (store.open()) {
        for (int i = 0; i < 2; ++i) {
          ledger.work(store, random, 6);
          [[maybe_unused]] auto done = store->maintain();
        }
        ledger.work(store, random, 2);
      }
      struck = disk_failure ? files.failed() != 0 : store.struck();
    }
    files.heal();
    TestStore store(*disk, Ledger::shards);
    if (auto opened = store.open(); !opened) return "open: " + opened.error().log;
    if (auto wrong = ledger.judge(store, kAfter); !wrong.empty()) return wrong;
    ledger.settle(store, kAfter);
    const auto failures = ledger.failures();
    SeededRandom random(seed + 1);
    ledger.work(store, random, 6);
    if (auto done = store->maintain(); !done) return "upkeep: " + done.error().log;
    if (ledger.failures() != failures) return "it still fails";
    return ledger.judge(store, kAfter);
  }

  void each_disk_operation(DiskOperation operation, int error_number, bool for_ever, std::uint64_t step) {
    for (std::uint64_t nth = 1;; nth += step * kSlower) {
      DiskFailure failure;
      failure.operation = operation;
      failure.nth = nth;
      failure.error_number = error_number;
      failure.for_ever = for_ever;
      failure.written_before = nth * 100;
      ASSERT_EQ(run(nth, failure, {}), "") << name_of(operation) << " " << nth;
      if (!struck) break;
      ASSERT_LT(nth, 5000);
    }
  }

  std::unique_ptr<MemoryFileSystem> clean = std::make_unique<MemoryFileSystem>();
  Ledger before{[] { return std::size_t{0}; }};
  bool struck = false;
};

TEST_F(StoreFailing, EachFlush) { each_disk_operation(DiskOperation::sync, EIO, false, 1); }
TEST_F(StoreFailing, EachFlushFromThenOn) { each_disk_operation(DiskOperation::sync, EIO, true, 2); }
TEST_F(StoreFailing, EachWriteOnAFullDisk) { each_disk_operation(DiskOperation::write, ENOSPC, false, 3); }
TEST_F(StoreFailing, EachWriteFromThenOn) { each_disk_operation(DiskOperation::write, EIO, true, 7); }
TEST_F(StoreFailing, EachRead) { each_disk_operation(DiskOperation::read, EIO, false, 13); }
TEST_F(StoreFailing, EachOfTheRarerOnes) {
  for (const auto operation :
       {DiskOperation::open, DiskOperation::rename, DiskOperation::sync_folder, DiskOperation::allocate,
        DiskOperation::remove, DiskOperation::truncate, DiskOperation::list, DiskOperation::make_folder,
        DiskOperation::lock, DiskOperation::exists, DiskOperation::size}) {
    each_disk_operation(operation, operation == DiskOperation::allocate ? ENOSPC : EIO, false,
                        operation == DiskOperation::size ? 5 : 1);
  }
}

TEST_F(StoreFailing, EachStatement) {
  for (const bool ends : {false, true}) {
    for (std::uint64_t nth = 1;; nth += 5 * kSlower) {
      db::DatabaseFailure failure;
      failure.statement = nth;
      failure.ends_transaction = ends;
      ASSERT_EQ(run(nth, std::nullopt, failure), "")
          << "statement " << nth << (ends ? ", which ends the transaction" : "");
      if (!struck) break;
      ASSERT_LT(nth, 5000);
    }
  }
}

TEST_F(StoreFailing, EachCommitAndBegin) {
  for (const bool happened : {false, true}) {
    for (std::uint64_t nth = 1;; nth += kSlower) {
      db::DatabaseFailure failure;
      failure.commit = nth;
      failure.commit_happened = happened;
      ASSERT_EQ(run(nth, std::nullopt, failure), "") << "commit " << nth << (happened ? ", which happened" : "");
      if (!struck) break;
    }
  }
  for (std::uint64_t nth = 1;; nth += kSlower) {
    db::DatabaseFailure failure;
    failure.begin = nth;
    ASSERT_EQ(run(nth, std::nullopt, failure), "") << "begin " << nth;
    if (!struck) break;
  }
}

// A disk that fills up: deliveries fail until there is room again, without a restart.
TEST_F(StoreFailing, AFullDiskHeals) {
  for (const std::uint64_t space : {0U, 10'000U, 50'000U, 100'000U, 150'000U}) {
    auto disk = clean->copy();
    Ledger ledger = before;
    FailingFileSystem files(*disk);
    TestStore store(files, Ledger::shards);
    ASSERT_TRUE(store.open());
    files.set_space(space);
    SeededRandom random(space);
    for (int i = 0; i < 6; ++i) {
      ledger.work(store, random, 16);
      [[maybe_unused]] auto done = store->maintain();
    }
    EXPECT_TRUE(ledger.failures() != 0 || space > 20'000) << space;
    EXPECT_EQ(ledger.other_failure(), "") << space;
    EXPECT_TRUE(store->healthy()) << space;
    files.heal();
    const auto failures = ledger.failures();
    ledger.work(store, random, 16);
    ASSERT_EQ(ledger.failures(), failures) << "space " << space;
    // The first one may still tell of a checkpoint that found the disk full.
    [[maybe_unused]] auto told = store->maintain();
    ASSERT_TRUE(store->maintain());
    ASSERT_EQ(ledger.judge(store, kAfter), "") << "space " << space;
    ASSERT_TRUE(store.open());
    ASSERT_EQ(ledger.judge(store, kAfter), "") << "space " << space << ", opened again";
  }
}

}  // namespace
}  // namespace pabal::store
