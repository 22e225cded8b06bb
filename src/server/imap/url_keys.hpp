// Who must hear that the key of a mailbox was changed: sessions that have it open (RFC 4467 §7, RESETKEY).
#pragma once
#include <cstdint>
#include <map>
#include <utility>

#include "base/guarded.hpp"
#include "base/ids.hpp"

namespace pabal::server::imap {

/// Any thread. Its size is that of the mailboxes whose keys were reset since the server began.
class UrlKeyResets {
 public:
  void add(AccountId account, MailboxId mailbox) { ++(*resets_.lock())[{account, mailbox}]; }
  /// How often so far.
  [[nodiscard]] std::uint64_t count(AccountId account, MailboxId mailbox) {
    auto resets = resets_.lock();
    const auto found = resets->find({account, mailbox});
    return found == resets->end() ? 0 : found->second;
  }

 private:
  Guarded<std::map<std::pair<AccountId, MailboxId>, std::uint64_t>> resets_;
};

}  // namespace pabal::server::imap
