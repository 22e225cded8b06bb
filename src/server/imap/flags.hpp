// Flags as IMAP says them and as the store has them.
#pragma once
#include <string>

#include "imap/flags.hpp"
#include "store/mailbox_snapshot.hpp"

namespace pabal::server::imap {

[[nodiscard]] store::FlagSet flags_of(const pabal::imap::FlagList& list);
/// `\Answered \Seen $Forwarded`, without parentheses.
void append_flags(std::string& out, const store::MailboxSnapshot& snapshot, const store::MessageRow& row, bool recent);
/// The names of all flags that messages of this mailbox have, as FLAGS lists them.
[[nodiscard]] std::string flags_in_use(const store::MailboxSnapshot& snapshot);
/// FLAGS and PERMANENTFLAGS with what flags_in_use() gave.
void append_flags_in_use(std::string& out, std::string_view in_use, bool read_only);

}  // namespace pabal::server::imap
