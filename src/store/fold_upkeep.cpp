// What is pending of changes of flags (pending_flags.hpp) comes into the messages' rows, in pieces, so that deliveries
// and other changes come between, once nobody has marked many for a while.
#include "store/pending_flags.hpp"
#include "store/shard.hpp"

namespace pabal::store {

namespace {
constexpr std::uint32_t kFoldAtOnce = 4096;
constexpr std::int64_t kMailboxesAtOnce = 100;
}  // namespace

void Shard::to_fold() { to_fold_.lock()->note(around_.clock->steady()); }

// `all`: tests want it done.
Result<void> Shard::fold_pending(bool all) {
  if (!to_fold_.lock()->take(around_.clock->steady(), all)) return {};
  Result<void> outcome;
  while (outcome && !stopping()) {
    auto mailboxes =
        readers_.read([](db::Connection& connection) { return pending_mailboxes(connection, kMailboxesAtOnce); });
    if (!mailboxes) {
      outcome = pass(mailboxes);
      break;
    }
    if (mailboxes->empty()) return {};
    for (const auto& [account, mailbox] : *mailboxes) {
      if (outcome = fold_mailbox(account, mailbox); !outcome) break;
    }
  }
  to_fold_.lock()->left_some();
  return outcome;
}

Result<void> Shard::fold_mailbox(AccountId account, MailboxId mailbox) {
  for (bool more = true; more && !stopping();) {
    auto folded = write_now([&](db::Connection& connection) -> Result<void> {
      auto some = fold_some(connection, account, mailbox, kFoldAtOnce);
      if (!some) return pass(some);
      more = *some;
      return {};
    });
    if (!folded) return folded;
    give_way_to_readers();
  }
  return {};
}

}  // namespace pabal::store
