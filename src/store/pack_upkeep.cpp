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
constexpr Behind kBusy{.messages = 1024, .share = 32};
constexpr Behind kCalm{.messages = 256, .share = 128};

constexpr std::size_t kMostKnown = 100'000;  ///< accounts
constexpr std::chrono::seconds kPackAtEnd{1};

struct Big {
  MailboxId mailbox;
  std::uint64_t emails = 0;
  std::uint32_t uid_next = 1;
};
Result<std::vector<Big>> mailboxes_of(db::Connection& connection, AccountId account) {
  std::vector<Big> found;
  auto read = each_row(connection, "SELECT mailbox_id, emails, uid_next FROM mailbox WHERE account_id = $1",
                       {account.value}, [&](const db::Rows& row) -> Result<void> {
                         found.push_back({.mailbox = MailboxId{row.integer(0)},
                                          .emails = static_cast<std::uint64_t>(row.integer(1)),
                                          .uid_next = static_cast<std::uint32_t>(row.integer(2))});
                         return {};
                       });
  if (!read) return pass(read);
  return found;
}

std::uint64_t most_behind(const Behind& behind, std::uint64_t emails) noexcept {
  return std::max(behind.messages, emails / behind.share);
}

}  // namespace

bool packed_long_ago(std::size_t behind, std::size_t emails) noexcept { return behind > most_behind(kCalm, emails); }

void Shard::to_pack(AccountId account, std::uint64_t arrived) {
  auto waiting = to_pack_.lock();
  waiting->arrived[account] += arrived;
  waiting->all += arrived;
}

void Shard::to_pack(AccountId account, MailboxId mailbox) {
  auto waiting = to_pack_.lock();
  waiting->arrived[account] += kUnknown;
  waiting->changed.insert({account, mailbox});
}

// `all`: tests want it done.
Result<void> Shard::pack_mailboxes(bool all) {
  return pack_mailboxes(all, [this] { return stopping(); });
}

Result<void> Shard::pack_mailboxes(bool all, const std::function<bool()>& enough) {
  auto waiting = std::exchange(*to_pack_.lock(), {});
  const bool busy = !all && !stopping() && waiting.all > kBusyArrivals && waiting.all < kUnknown;
  if (packing_.size() > kMostKnown) packing_.clear();
  while (!waiting.arrived.empty()) {
    if (enough()) {
      to_pack_.lock()->add(waiting);
      return {};
    }
    const auto [account, arrived] = *waiting.arrived.begin();
    waiting.arrived.erase(waiting.arrived.begin());
    auto& known = packing_[account];
    known.calm -= std::min(known.calm, arrived);
    known.busy -= std::min(known.busy, arrived);
    if (busy) to_pack_.lock()->arrived[account] += 0;  // looked at once more when it is calm
    if (!all && (busy ? known.busy : known.calm) > 0) continue;
    if (auto packed = pack_account(account, waiting.changed, busy, all); !packed) return packed;
  }
  return {};
}

// What many letters just before an orderly end left behind, so that the next start's first look is as quick as any.
Result<void> Shard::pack_at_end() {
  if (!healthy()) return {};
  const std::lock_guard one_at_a_time(upkeep_);
  const auto until = around_.clock->steady() + kPackAtEnd;
  return pack_mailboxes(false, [&] { return around_.clock->steady() > until; });
}

// And says how many letters may come before there is something to do.
Result<void> Shard::pack_account(AccountId account, const std::set<MailboxKey>& changed, bool busy, bool all) {
  auto mailboxes = readers_.read([&](db::Connection& connection) { return mailboxes_of(connection, account); });
  if (!mailboxes) return pass(mailboxes);
  const auto from = std::max<std::uint64_t>(around_.options.pack_from, 1);
  Packing next{.busy = kUnknown, .calm = kUnknown};
  for (const auto& one : *mailboxes) {
    if (one.emails < from) {
      next.busy = std::min(next.busy, from - one.emails);
      next.calm = std::min(next.calm, from - one.emails);
      continue;
    }
    const MailboxKey key(account, one.mailbox);
    const auto most = all ? 0 : most_behind(busy ? kBusy : kCalm, one.emails);
    auto behind = pack_mailbox(key, one.uid_next, most, changed.contains(key));
    if (!behind) return pass(behind);
    const auto left = [&](const Behind& may) {
      const auto may_be = most_behind(may, one.emails) + 1;
      return may_be - std::min(may_be, *behind);
    };
    next.busy = std::min(next.busy, left(kBusy));
    next.calm = std::min(next.calm, left(kCalm));
  }
  packing_[account] = next;
  return {};
}

// Where it is more than so many messages behind, or other changes are in it. How many it is behind then.
Result<std::uint64_t> Shard::pack_mailbox(MailboxKey key, std::uint32_t uid_next, std::uint64_t most, bool changed) {
  const auto& [account, mailbox] = key;
  auto known = packed_.find(key);
  if (known == packed_.end()) {
    auto read =
        readers_.read([&](db::Connection& connection) { return packed_uid_next(connection, account, mailbox); });
    if (!read) return pass(read);
    known = packed_.emplace(key, *read).first;
  }
  const std::uint64_t behind = uid_next - std::min(known->second, uid_next);
  if (!changed && known->second != 0 && behind <= most) return behind;
  auto renewed = readers_.read([&, held = newest_snapshot(key)](db::Connection& connection) {
    return renew_pack(connection, account, mailbox, held.get(), most > 0);
  });
  if (!renewed) return pass(renewed);
  if (!renewed->octets.empty()) {
    auto written = write_now(
        [&](db::Connection& connection) { return write_pack(connection, account, mailbox, renewed->octets); });
    if (!written) return pass(written);
  }
  known->second = renewed->uid_next;
  return 0;
}

}  // namespace pabal::store
