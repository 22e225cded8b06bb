// The logs of what changed in mailboxes: which messages had their flags changed, and which were removed, under which
// change. They are bounded: of the oldest only is kept up to when they are forgotten, in a row with an empty list.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "db/database.hpp"

namespace pabal::store {

/// What a log keeps of each mailbox (of an account in `emails`) at the most, in rows and octets; up to a hundred rows
/// more for a while.
inline constexpr std::int64_t kLogRows = 2000;
inline constexpr std::int64_t kLogOctets = 256 << 10;

enum class ChangeLog : std::uint8_t {
  changed,  ///< UIDs whose flags changed
  removed,  ///< UIDs that are gone
  emails,   ///< ids of emails of the account that are gone; `mailbox` doesn't matter
};

/// In the writer's transaction. `rising` is not empty.
[[nodiscard]] Result<void> log_change(db::Connection& connection, ChangeLog log, AccountId account, MailboxId mailbox,
                                      ChangeNumber change, std::span<const std::int64_t> rising);

struct Logged {
  bool forgotten = false;             ///< some of it is not known any more; `numbers` is empty then
  std::vector<std::int64_t> numbers;  ///< rising, each once
};
/// What was logged after `since`.
[[nodiscard]] Result<Logged> read_log(db::Connection& connection, ChangeLog log, AccountId account, MailboxId mailbox,
                                      ChangeNumber since);

/// Forgets all but the newest rows, where there are more than should be kept.
[[nodiscard]] Result<void> shorten_log(db::Connection& connection, ChangeLog log, AccountId account, MailboxId mailbox);

}  // namespace pabal::store
