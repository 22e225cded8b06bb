// Every operation of the store fails once: the nth on the disk, the nth statement, the nth commit. Whatever was
// promised all the same is there after the store is opened again, exactly once, and check() is clean.
#include "store/ledger_rig.hpp"
#include "store/store_ledger.hpp"

namespace pabal::store {
namespace {

using StoreFailing = FailingRig<DeliveriesUse>;

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

TEST_F(StoreFailing, EachStatement) { each_statement(5); }
TEST_F(StoreFailing, EachCommitAndBegin) {
  each_commit(1);
  each_begin(1);
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
    ASSERT_EQ(ledger.judge(store, DeliveriesUse::now), "") << "space " << space;
    ASSERT_TRUE(store.open());
    ASSERT_EQ(ledger.judge(store, DeliveriesUse::now), "") << "space " << space << ", opened again";
  }
}

}  // namespace
}  // namespace pabal::store
