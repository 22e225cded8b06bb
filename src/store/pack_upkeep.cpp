// The packed snapshots of big mailboxes (snapshot_pack.hpp) follow in the background what is delivered, so that a
// mailbox which nobody has opened yet opens as quickly as any other. Who opens one brings it up to date in memory: a
// packed form that is a little behind costs little.
#include "store/mailbox_rows.hpp"
#include "store/shard.hpp"

namespace pabal::store {

namespace {

constexpr std::size_t kBusyArrivals = 50;  ///< in the time between two rounds
// What a packed form may be behind, as messages or as a share of the mailbox: while many letters come and when it has
// become calm. Writing it anew costs some ten octets a message of the mailbox.
struct Behind {
  std::uint64_t messages;
  std::uint64_t share;
};
constexpr Behind kBusy{.messages = 1024, .share = 16};
constexpr Behind kCalm{.messages = 256, .share = 128};

struct Big {
  MailboxId mailbox;
  std::uint64_t emails = 0;
  std::uint32_t uid_next = 1;
};
Result<std::vector<Big>> big_mailboxes(db::Connection& connection, AccountId account, std::size_t from) {
  std::vector<Big> found;
  auto read =
      each_row(connection, "SELECT mailbox_id, emails, uid_next FROM mailbox WHERE account_id = $1 AND emails >= $2",
               {account.value, static_cast<std::int64_t>(from)}, [&](const db::Rows& row) -> Result<void> {
                 found.push_back({.mailbox = MailboxId{row.integer(0)},
                                  .emails = static_cast<std::uint64_t>(row.integer(1)),
                                  .uid_next = static_cast<std::uint32_t>(row.integer(2))});
                 return {};
               });
  if (!read) return pass(read);
  return found;
}

}  // namespace

void Shard::to_pack(AccountId account) {
  auto waiting = to_pack_.lock();
  waiting->accounts.insert(account);
  ++waiting->arrivals;
}

void Shard::to_pack(AccountId account, MailboxId mailbox) {
  auto waiting = to_pack_.lock();
  waiting->accounts.insert(account);
  waiting->changed.insert({account, mailbox});
}

// `all`: tests want it done.
Result<void> Shard::pack_mailboxes(bool all) {
  const auto waiting = std::exchange(*to_pack_.lock(), {});
  const bool busy = !all && waiting.arrivals > kBusyArrivals;
  for (const auto account : waiting.accounts) {
    if (stopping()) return {};
    if (busy) to_pack_.lock()->accounts.insert(account);  // and once more when it is calm
    auto big = readers_.read([&](db::Connection& connection) {
      return big_mailboxes(connection, account, std::max<std::size_t>(around_.options.pack_from, 1));
    });
    if (!big) return pass(big);
    for (const auto& one : *big) {
      const auto behind = busy ? kBusy : kCalm;
      const auto most = all ? 0 : std::max(behind.messages, one.emails / behind.share);
      if (auto packed = pack_mailbox({account, one.mailbox}, one.uid_next, most,
                                     waiting.changed.contains({account, one.mailbox}));
          !packed) {
        return packed;
      }
    }
  }
  return {};
}

// Where it is more than so many messages behind, or other changes are in it.
Result<void> Shard::pack_mailbox(MailboxKey key, std::uint32_t uid_next, std::uint64_t most, bool changed) {
  const auto& [account, mailbox] = key;
  auto known = packed_.find(key);
  if (known == packed_.end()) {
    auto read =
        readers_.read([&](db::Connection& connection) { return packed_uid_next(connection, account, mailbox); });
    if (!read) return pass(read);
    known = packed_.emplace(key, *read).first;
  }
  if (!changed && known->second != 0 && uid_next - std::min(known->second, uid_next) <= most) return {};
  auto renewed = readers_.read([&](db::Connection& connection) { return renew_pack(connection, account, mailbox); });
  if (!renewed) return pass(renewed);
  if (!renewed->octets.empty()) {
    auto written = write_now(
        [&](db::Connection& connection) { return write_pack(connection, account, mailbox, renewed->octets); });
    if (!written) return written;
  }
  known->second = renewed->uid_next;
  return {};
}

}  // namespace pabal::store
