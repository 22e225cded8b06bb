// Who hears of a message first (\Recent, RFC 3501 §2.3.2). The store keeps, for each mailbox, up to where a SELECT has
// told of it; what sessions tell in between, as messages come into open mailboxes, is kept here, so that an arrival
// costs no write. After a restart such messages may be recent once more, which the RFC allows.
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "base/guarded.hpp"
#include "base/ids.hpp"

namespace pabal::server::imap {

/// Any thread. Its size is that of the mailboxes into which something came while they were open, since each was last
/// selected.
class Recents {
 public:
  using Mailbox = std::pair<AccountId, MailboxId>;

  /// A session that has the mailbox open for writing tells its client of the messages with UIDs in [first, behind).
  /// Those from the result on are recent to it, and to nobody after it.
  [[nodiscard]] std::uint32_t claim(Mailbox mailbox, std::uint32_t first, std::uint32_t behind) {
    if (first >= behind) return behind;
    auto claimed = claimed_.lock();
    auto& until = (*claimed)[mailbox];
    const auto from = std::max(first, until);
    until = std::max(until, behind);
    return std::min(from, behind);
  }
  /// The first UID that nobody was told of, where the store says `first`.
  [[nodiscard]] std::uint32_t first_unclaimed(Mailbox mailbox, std::uint32_t first) {
    auto claimed = claimed_.lock();
    const auto found = claimed->find(mailbox);
    return found == claimed->end() ? first : std::max(first, found->second);
  }
  /// The store itself knows now that messages below `behind` were told of.
  void settle(Mailbox mailbox, std::uint32_t behind) {
    auto claimed = claimed_.lock();
    const auto found = claimed->find(mailbox);
    if (found != claimed->end() && found->second <= behind) claimed->erase(found);
  }

 private:
  Guarded<std::map<Mailbox, std::uint32_t>> claimed_;
};

}  // namespace pabal::server::imap
