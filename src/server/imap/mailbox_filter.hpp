// Which mailboxes a filter means (RFC 5465 §6, RFC 7377 §2.2): "personal", "subscribed", "subtree" and their like, over
// the user's own mailboxes and those of others that he may look up.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "server/imap/mailboxes.hpp"

namespace pabal::server::imap {

/// A mailbox that the user may look up.
struct KnownMailbox {
  std::string name;  ///< by which he knows it
  store::Place place;
  store::MailboxInfo info;
  Rights rights = right::all;
  bool subscribed = false;
};
/// His own by name, then those of others; of these only with `others`, which takes a look at every shard.
[[nodiscard]] Async<Result<std::vector<KnownMailbox>>> known_mailboxes(Session* session, bool others);

/// Whether mailboxes of others may be among those that a filter means.
[[nodiscard]] bool may_mean_others(const grammar::MailboxFilter& filter, const std::optional<Selected>& selected);
[[nodiscard]] bool is_meant(const KnownMailbox& mailbox, const grammar::MailboxFilter& filter,
                            const std::optional<Selected>& selected);

}  // namespace pabal::server::imap
