// Flags as IMAP says them and as the store has them.
#pragma once
#include <string>
#include <vector>

#include "imap/flags.hpp"
#include "store/mailbox_api.hpp"

namespace pabal::server::imap {

[[nodiscard]] store::FlagSet flags_of(const pabal::imap::FlagList& list);
/// `\Answered \Seen $Forwarded`, without parentheses.
void append_flags(std::string& out, const store::MailboxSnapshot& snapshot, const store::MessageRow& row, bool recent);
/// The names of all flags that messages of a mailbox may have, as FLAGS lists them, with these keywords; those in the
/// scope.
[[nodiscard]] std::string flags_in_use(const std::vector<std::string>& keywords, const store::FlagScope& scope = {});

}  // namespace pabal::server::imap
