// A mailbox is emptied before it is deleted, so that deliveries come between.
#pragma once
#include <cstdint>
#include <string_view>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "db/database.hpp"

namespace pabal::store {

/// So many messages go in one transaction.
inline constexpr std::int64_t kEmptyAtOnce = 2000;

/// For one that is about to be deleted and has more than `at_once` messages: removes the oldest ones, so many, and
/// gives the change; 0 and nothing where it has no more than that. Refuses what delete_mailbox() would.
[[nodiscard]] Result<ChangeNumber> empty_some(db::Connection& connection, AccountId account, std::string_view path,
                                              std::optional<MailboxId> id, std::int64_t at_once, SystemTime now);

}  // namespace pabal::store
