// Emails that stand in no mailbox any more and whose rows are still there. Who expunges ten thousand messages waits for
// the mailbox's rows alone: the emails are put on a list by the same write, and their rows, with what they refer to, go
// in pieces after it. No mailbox has them, the account's usage doesn't count them, and no change of theirs will be
// told. Who knows an id still finds the email for a while (a session that has not told its client of the removal yet),
// and so do those who go through all emails (the search index, what derives): whoever wants to know whether a message
// is there asks the mailbox.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "db/database.hpp"

namespace pabal::store {

/// So many go in one transaction.
inline constexpr std::size_t kLeaveAtOnce = 2000;

/// In the writer's transaction. Each id is put on a list once.
[[nodiscard]] Result<void> write_leaving(db::Connection& connection, AccountId account,
                                         std::span<const std::int64_t> rising);
/// One of the lists.
struct LeavingList {
  AccountId account;
  std::int64_t first = 0;
};
/// The first behind `after`; of `only`, where that is given.
[[nodiscard]] Result<std::optional<LeavingList>> next_leaving(db::Connection& connection, LeavingList after,
                                                              std::optional<AccountId> only = {});
/// Removes the emails of a list, and it: those of them that are there, and stand nowhere. A list that can't be read is
/// an error, and stays.
[[nodiscard]] Result<void> remove_leaving(db::Connection& connection, LeavingList list, SystemTime now);
/// The list alone.
[[nodiscard]] Result<void> forget_leaving(db::Connection& connection, LeavingList list);
/// All of an account, rising.
[[nodiscard]] Result<std::vector<std::int64_t>> read_leaving(db::Connection& connection, AccountId account);

}  // namespace pabal::store
