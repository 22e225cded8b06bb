#include "store/pending_flags.hpp"

#include <algorithm>

#include "store/compact.hpp"
#include "store/flag_write.hpp"
#include "store/mailbox_rows.hpp"

namespace pabal::store {

namespace {

std::vector<std::uint64_t> numbers_of(const UidRanges& uids) {
  std::vector<std::uint64_t> numbers;
  numbers.reserve(uids.size() * 2);
  std::uint64_t last = 0;
  for (const auto& range : uids) {
    numbers.push_back(range.first - last);
    numbers.push_back(range.last - range.first);
    last = range.last;
  }
  return numbers;
}

Result<UidRanges> decode_uids(std::string_view octets) {
  auto numbers = decode_list(octets);
  if (!numbers) return pass(numbers);
  UidRanges uids;
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < numbers->size(); i += 2) {
    const auto step = (*numbers)[i];
    const auto more = i + 1 < numbers->size() ? (*numbers)[i + 1] : UINT64_MAX;
    if (step == 0 || step > UINT32_MAX || more > UINT32_MAX || last + step + more > UINT32_MAX) {
      return fail(ErrorKind::damaged, std::string(kDamaged), "the UIDs of a change of flags can't be read");
    }
    uids.push_back({static_cast<std::uint32_t>(last + step), static_cast<std::uint32_t>(last + step + more)});
    last += step + more;
  }
  return uids;
}

// What of the ranges lies behind `last`.
UidRanges behind(const UidRanges& uids, std::uint32_t last) {
  UidRanges left;
  for (const auto& range : uids) {
    if (range.last > last) left.push_back({std::max(range.first, last + 1), range.last});
  }
  return left;
}

// All that is pending has come into the rows up to `last`. False where nothing is left.
Result<bool> forget_pending(db::Connection& connection, AccountId account, MailboxId mailbox, std::uint32_t last) {
  struct Left {
    std::int64_t change = 0;
    UidRanges uids;
  };
  std::vector<Left> all;
  auto read = each_row(connection, "SELECT change, uids FROM pending_flags WHERE account_id = $1 AND mailbox_id = $2",
                       {account.value, mailbox.value}, [&](const db::Rows& row) -> Result<void> {
                         auto uids = decode_uids(row.octets(1));
                         if (!uids) return pass(uids);
                         all.push_back({row.integer(0), behind(*uids, last)});
                         return {};
                       });
  if (!read) return pass(read);
  bool more = false;
  for (const auto& one : all) {
    if (one.uids.empty()) {
      auto gone = connection.run("DELETE FROM pending_flags WHERE account_id = $1 AND mailbox_id = $2 AND change = $3",
                                 {account.value, mailbox.value, one.change});
      if (!gone) return pass(gone);
      continue;
    }
    more = true;
    const auto octets = encode_list(numbers_of(one.uids));
    auto kept =
        connection.run("UPDATE pending_flags SET uids = $4 WHERE account_id = $1 AND mailbox_id = $2 AND change = $3",
                       {account.value, mailbox.value, one.change, db::Octets{octets}});
    if (!kept) return pass(kept);
  }
  return more;
}

}  // namespace

std::string encode_pending_uids(const UidRanges& uids) {
  auto octets = encode_list(numbers_of(uids));
  if (octets.size() > kMostPendingOctets) octets.clear();
  return octets;
}

bool PendingFlags::Change::covers(std::uint32_t uid) noexcept {
  if (at < uids.size() && uids[at].first <= uid && uid <= uids[at].last) return true;
  const auto found = std::ranges::lower_bound(uids, uid, {}, &UidRange::last);
  at = static_cast<std::size_t>(found - uids.begin());
  return found != uids.end() && found->first <= uid;
}

Result<void> PendingFlags::add(const db::Rows& row) {
  auto uids = decode_uids(row.octets(1));
  if (!uids) return pass(uids);
  auto effect = decode_effect(row.octets(2));
  if (!effect) return pass(effect);
  changes_.push_back(
      {.change = ChangeNumber{row.integer(0)}, .uids = std::move(*uids), .changer = FlagChanger(*effect)});
  return {};
}

Result<PendingFlags> PendingFlags::read(db::Connection& connection, AccountId account, MailboxId mailbox) {
  PendingFlags pending;
  auto read = each_row(connection,
                       "SELECT change, uids, effect FROM pending_flags WHERE account_id = $1 AND mailbox_id = $2 ORDER "
                       "BY change",
                       {account.value, mailbox.value}, [&](const db::Rows& row) { return pending.add(row); });
  if (!read) return pass(read);
  if (pending.empty()) return pending;
  auto table = KeywordTable::load(connection, account);
  if (!table) return pass(table);
  pending.table_ = std::move(*table);
  return pending;
}

Result<std::map<MailboxId, PendingFlags>> PendingFlags::read_all(db::Connection& connection, AccountId account) {
  std::map<MailboxId, PendingFlags> all;
  auto read =
      each_row(connection,
               "SELECT change, uids, effect, mailbox_id FROM pending_flags WHERE account_id = $1 ORDER BY mailbox_id, "
               "change",
               {account.value}, [&](const db::Rows& row) { return all[MailboxId{row.integer(3)}].add(row); });
  if (!read) return pass(read);
  if (all.empty()) return all;
  auto table = KeywordTable::load(connection, account);
  if (!table) return pass(table);
  for (auto& [mailbox, pending] : all) pending.table_ = *table;
  return all;
}

UidRanges PendingFlags::uids() const {
  UidRanges all;
  for (const auto& change : changes_) all.insert(all.end(), change.uids.begin(), change.uids.end());
  return normalised(std::move(all));
}

Result<PendingFlags::Flagged> PendingFlags::applied(std::uint32_t uid, Flagged row) {
  for (auto& change : changes_) {
    if (change.change.value <= row.change || !change.covers(uid)) continue;
    auto state = change.changer.state(table_, row.keywords, row.deleted);
    if (!state) return pass(state);
    row = {(*state)->keywords, (*state)->deleted, change.change.value};
  }
  return row;
}

Result<void> write_pending(db::Connection& connection, AccountId account, MailboxId mailbox, ChangeNumber change,
                           std::string_view uids, const FlagEffect& effect) {
  const auto octets = encode_effect(effect);
  auto written = connection.run(
      "INSERT INTO pending_flags (account_id, mailbox_id, change, uids, effect) VALUES ($1, $2, $3, $4, $5)",
      {account.value, mailbox.value, change.value, db::Octets{uids}, db::Octets{octets}});
  if (!written) return pass(written);
  return {};
}

Result<void> fold_flags(db::Connection& connection, AccountId account, MailboxId mailbox, const UidRanges& ranges) {
  auto pending = PendingFlags::read(connection, account, mailbox);
  if (!pending) return pass(pending);
  if (pending->empty()) return {};
  auto rows = read_stored_memberships(connection, account, mailbox, ranges);
  if (!rows) return pass(rows);
  std::set<FlagState> states;
  std::map<std::int64_t, FlagWrite> writes;  // by change
  auto range = ranges.begin();
  std::int64_t change_before = 0;
  for (const auto& row : *rows) {
    // Rows of two ranges may have others between them that were not read.
    bool same_range = true;
    while (range->last < row.uid) {
      ++range;
      same_range = false;
    }
    auto now = pending->applied(row.uid, {row.keywords, row.deleted, row.change});
    if (!now) return pass(now);
    const bool next = same_range && change_before == now->change;
    change_before = 0;
    if (now->change == row.change) continue;
    change_before = now->change;
    const auto& state = *states.insert({std::string(now->keywords), now->deleted}).first;
    auto& write =
        writes.try_emplace(now->change, connection, account, mailbox, ChangeNumber{now->change}).first->second;
    if (auto added = write.add(state, row.uid, next); !added) return added;
  }
  for (auto& [change, write] : writes) {
    if (auto finished = write.finish(); !finished) return finished;
  }
  return {};
}

Result<bool> fold_some(db::Connection& connection, AccountId account, MailboxId mailbox, std::uint32_t at_once) {
  // The account's row first: a change of flags that comes between (on PostgreSQL) would be written over.
  auto held = take_changes(connection, account, 0);
  if (!held && held.error().kind == ErrorKind::not_found) return false;
  if (!held) return pass(held);
  auto pending = PendingFlags::read(connection, account, mailbox);
  if (!pending) return pass(pending);
  if (pending->empty()) return false;
  UidRanges some;
  std::uint32_t count = 0;
  for (const auto& range : pending->uids()) {
    const auto more = std::min(range.last - range.first, at_once - count - 1);
    some.push_back({range.first, range.first + more});
    count += more + 1;
    if (count >= at_once) break;
  }
  if (auto folded = fold_flags(connection, account, mailbox, some); !folded) return pass(folded);
  return forget_pending(connection, account, mailbox, some.back().last);
}

Result<std::vector<std::pair<AccountId, MailboxId>>> pending_mailboxes(db::Connection& connection,
                                                                       std::int64_t at_most) {
  std::vector<std::pair<AccountId, MailboxId>> found;
  auto read =
      each_row(connection,
               "SELECT DISTINCT account_id, mailbox_id FROM pending_flags ORDER BY account_id, mailbox_id LIMIT "
               "$1",
               {at_most}, [&](const db::Rows& row) -> Result<void> {
                 found.emplace_back(AccountId{row.integer(0)}, MailboxId{row.integer(1)});
                 return {};
               });
  if (!read) return pass(read);
  return found;
}

}  // namespace pabal::store
