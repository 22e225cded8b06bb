// Mailboxes that are being deleted. A big one loses its name, and all that hangs on it, in one transaction; from then
// on nobody sees it. Its messages go in pieces, so that deliveries come between. What a crash leaves goes after the
// next start.
#pragma once
#include <cstdint>
#include <string>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "db/database.hpp"
#include "store/mailbox_api.hpp"

namespace pabal::store {

/// So many messages go in one transaction.
inline constexpr std::int64_t kEmptyAtOnce = 2000;

/// What stands in the place of its path, before all paths that there can be.
[[nodiscard]] std::string path_of_leaving(MailboxId mailbox);

/// Removes the oldest messages of a leaving mailbox, so many, or all that are left, and then the mailbox.
struct Emptied {
  ChangeNumber change;  ///< 0: nothing was removed
  bool done = false;    ///< the mailbox is gone
};
[[nodiscard]] Result<Emptied> empty_some(db::Connection& connection, AccountId account, MailboxId mailbox,
                                         std::int64_t at_once, SystemTime now);

}  // namespace pabal::store
