// Letters on their way out, while the power goes at any moment, and while each operation of the disk and the database
// fails once (of most kinds not each, for the sake of time): rows, claims, outcomes and their notices are whole.
#include "store/ledger_rig.hpp"
#include "store/outgoing_ledger.hpp"

namespace pabal::store {
namespace {

using OutgoingRig = PowerLossRig<OutgoingUse>;
constexpr int kUsualOfOutgoing = 120;

TEST(OutgoingPowerLoss, FixedSeed) { OutgoingRig::run(20'261'123, OutgoingRig::states_wanted(kUsualOfOutgoing) / 2); }
TEST(OutgoingPowerLoss, RandomSeed) {
  OutgoingRig::run(seed_wanted(), OutgoingRig::states_wanted(kUsualOfOutgoing) / 2);
}

using OutgoingFailing = FailingRig<OutgoingUse>;

TEST_F(OutgoingFailing, EachFlush) { each_disk_operation(DiskOperation::sync, EIO, false, 1); }
TEST_F(OutgoingFailing, WritesOnAFullDisk) { each_disk_operation(DiskOperation::write, ENOSPC, false, 11); }
TEST_F(OutgoingFailing, WritesFromThenOn) { each_disk_operation(DiskOperation::write, EIO, true, 29); }
TEST_F(OutgoingFailing, Reads) { each_disk_operation(DiskOperation::read, EIO, false, 37); }
TEST_F(OutgoingFailing, Statements) { each_statement(23); }
TEST_F(OutgoingFailing, Commits) { each_commit(1); }

}  // namespace
}  // namespace pabal::store
