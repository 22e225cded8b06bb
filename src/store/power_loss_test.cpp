// The power goes at any moment of a run of mixed deliveries, expunges, moves, reclaims and checkpoints: each disk that
// may be left opens, check() is clean, and every letter that was promised is there, byte by byte, exactly once.
#include "store/ledger_rig.hpp"
#include "store/store_ledger.hpp"

namespace pabal::store {
namespace {

using Rig = PowerLossRig<DeliveriesUse>;
constexpr int kUsual = 300;

TEST(StorePowerLoss, PromisesSurviveFixedSeed) { Rig::run(20'260'101, Rig::states_wanted(kUsual) / 2); }
TEST(StorePowerLoss, PromisesSurviveRandomSeed) { Rig::run(seed_wanted(), Rig::states_wanted(kUsual) / 2); }

}  // namespace
}  // namespace pabal::store
