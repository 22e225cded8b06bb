// What mail clients write, while the power goes at any moment, and while each operation of the disk and the database
// fails once (of most kinds not each, for the sake of time): every account is as after its last promised write, or as
// after the one that was under way, whole.
#include "store/client_ledger.hpp"
#include "store/ledger_rig.hpp"

namespace pabal::store {
namespace {

using ClientRig = PowerLossRig<ClientWritesUse>;
constexpr int kUsualOfClients = 120;

TEST(ClientWritesPowerLoss, FixedSeed) { ClientRig::run(20'261'122, ClientRig::states_wanted(kUsualOfClients) / 2); }
TEST(ClientWritesPowerLoss, RandomSeed) {
  ClientRig::run(seed_wanted(), ClientRig::states_wanted(kUsualOfClients) / 2);
}

using ClientWritesFailing = FailingRig<ClientWritesUse>;

TEST_F(ClientWritesFailing, EachFlush) { each_disk_operation(DiskOperation::sync, EIO, false, 1); }
TEST_F(ClientWritesFailing, WritesOnAFullDisk) { each_disk_operation(DiskOperation::write, ENOSPC, false, 13); }
TEST_F(ClientWritesFailing, WritesFromThenOn) { each_disk_operation(DiskOperation::write, EIO, true, 23); }
TEST_F(ClientWritesFailing, Reads) { each_disk_operation(DiskOperation::read, EIO, false, 41); }
TEST_F(ClientWritesFailing, Statements) { each_statement(37); }
TEST_F(ClientWritesFailing, Commits) { each_commit(2); }

}  // namespace
}  // namespace pabal::store
