#include "store/leaving.hpp"

#include <vector>

#include "store/mailbox_rows.hpp"
#include "store/shard.hpp"

namespace pabal::store {

std::string path_of_leaving(MailboxId mailbox) { return fmt::format("\x01{}", mailbox.value); }

Result<Emptied> empty_some(db::Connection& connection, AccountId account, MailboxId mailbox, std::int64_t at_once,
                           SystemTime now) {
  auto info = read_any_mailbox(connection, account, mailbox);
  // Another was quicker.
  if (!info && info.error().kind == ErrorKind::not_found) return Emptied{{}, true};
  if (!info) return pass(info);
  if (info->path != path_of_leaving(mailbox)) return no_mailbox(account, "it isn't being deleted");
  UidRange some;
  const bool all = info->emails <= static_cast<std::uint64_t>(at_once);
  if (!all) {
    auto last = connection.number(
        "SELECT uid FROM membership WHERE account_id = $1 AND mailbox_id = $2 ORDER BY uid LIMIT 1 OFFSET $3",
        {account.value, mailbox.value, at_once - 1});
    if (!last) return pass(last);
    some.last = static_cast<std::uint32_t>(last->value_or(UINT32_MAX));
  }
  auto gone = expunge(connection, account, mailbox, {some}, Which::all, now);
  if (!gone) return pass(gone);
  const auto change = gone->uids.empty() ? ChangeNumber{} : gone->change;
  if (!all) return Emptied{change, false};
  if (auto removed = remove_mailbox_rows(connection, account, mailbox); !removed) return pass(removed);
  return Emptied{change, true};
}

Result<void> Shard::finish_deletions() {
  if (!deletions_left_.exchange(false)) return {};
  using Key = std::pair<AccountId, MailboxId>;
  auto left = readers_.read([](db::Connection& connection) -> Result<std::vector<Key>> {
    std::vector<Key> found;
    auto read = each_row(connection, "SELECT account_id, mailbox_id FROM mailbox WHERE path < ' '", {},
                         [&](const db::Rows& row) -> Result<void> {
                           found.emplace_back(row.integer(0), row.integer(1));
                           return {};
                         });
    if (!read) return pass(read);
    return found;
  });
  Result<void> outcome;
  if (!left) outcome = pass(left);
  const auto now = around_.clock->now();
  for (std::size_t i = 0; left && i < left->size(); ++i) {
    for (bool more = true; more && !stopping();) {
      auto emptied = write_now([&, key = (*left)[i]](db::Connection& connection) -> Result<void> {
        auto some = empty_some(connection, key.first, key.second, kEmptyAtOnce, now);
        if (!some) return pass(some);
        more = !some->done;
        return {};
      });
      if (emptied) continue;
      more = false;
      // All of an account that is being removed goes with it.
      if (emptied.error().kind != ErrorKind::busy && outcome) outcome = std::move(emptied);
    }
  }
  if (!outcome || stopping()) deletions_left_ = true;
  return outcome;
}

}  // namespace pabal::store
