// What stands in a mailbox, and what has changed there since.
#include <algorithm>
#include <bit>
#include <map>

#include "store/change_log.hpp"
#include "store/mailbox_rows.hpp"
#include "store/pending_flags.hpp"
#include "store/snapshot_pack.hpp"

namespace pabal::store {

namespace {

SnapshotHead head_of(const MailboxInfo& info) {
  return {.mailbox = info.id, .uid_validity = info.uid_validity, .uid_next = info.uid_next, .change = info.change};
}

// uid, email_id, size, keywords, deleted, change
Result<MessageRow> message_row(const db::Rows& columns, PendingFlags& pending, KeywordSetMaker& keywords) {
  MessageRow row;
  row.uid = static_cast<std::uint32_t>(columns.integer(0));
  row.email = EmailId{columns.integer(1)};
  row.set_size(static_cast<std::uint64_t>(columns.integer(2)));
  auto now = pending.applied(row.uid, {columns.octets(3), columns.integer(4) != 0, columns.integer(5)});
  if (!now) return pass(now);
  auto found = keywords.take(now->keywords);
  if (!found) return pass(found);
  row.keywords = found->set;
  row.set_flags(found->flags | (now->deleted ? flag::deleted : 0));
  row.change = ChangeNumber{now->change};
  return row;
}

// Rows by falling UID until one that is older than `since`: it came no later than it was changed last, and all below it
// came before it. So each row that is looked at, but the last few, is one that has changed.
Result<std::vector<MessageRow>> newest_rows(db::Connection& connection, AccountId account, MailboxId mailbox,
                                            ChangeNumber since, PendingFlags& pending, KeywordSetMaker& keywords) {
  std::vector<MessageRow> rows;
  std::int64_t below = std::int64_t{UINT32_MAX} + 1;
  for (std::int64_t at_once = 32;; at_once = std::min<std::int64_t>(at_once * 4, 4096)) {
    std::int64_t count = 0;
    bool older = false;
    auto read = each_row(connection,
                         "SELECT uid, email_id, size, keywords, deleted, change FROM membership WHERE account_id = $1 "
                         "AND mailbox_id = $2 AND uid < $3 ORDER BY uid DESC LIMIT $4",
                         {account.value, mailbox.value, below, at_once}, [&](const db::Rows& columns) -> Result<void> {
                           ++count;
                           below = columns.integer(0);
                           if (older) return {};
                           auto row = message_row(columns, pending, keywords);
                           if (!row) return pass(row);
                           older = row->change <= since;
                           if (older) return {};
                           rows.push_back(*row);
                           return {};
                         });
    if (!read) return pass(read);
    if (older || count < at_once) break;
  }
  std::ranges::reverse(rows);
  return rows;
}

struct Difference {
  bool forgotten = false;  ///< too much has changed since, or it is too long ago: look at all rows
  std::vector<MessageRow> rows;
  std::vector<std::uint32_t> removed;
};

// Those of them that are there.
Result<void> read_rows_of(db::Connection& connection, AccountId account, MailboxId mailbox,
                          std::span<const std::int64_t> uids, PendingFlags& pending, KeywordSetMaker& keywords,
                          std::vector<MessageRow>& rows) {
  for (std::size_t at = 0; at < uids.size();) {
    auto end = at + 1;
    while (end < uids.size() && uids[end] == uids[end - 1] + 1) ++end;
    auto read =
        each_row(connection,
                 "SELECT uid, email_id, size, keywords, deleted, change FROM membership WHERE account_id = $1 "
                 "AND mailbox_id = $2 AND uid BETWEEN $3 AND $4 ORDER BY uid",
                 {account.value, mailbox.value, uids[at], uids[end - 1]}, [&](const db::Rows& columns) -> Result<void> {
                   auto row = message_row(columns, pending, keywords);
                   if (!row) return pass(row);
                   rows.push_back(*row);
                   return {};
                 });
    if (!read) return read;
    at = end;
  }
  return {};
}

Result<Difference> difference(db::Connection& connection, AccountId account, MailboxId mailbox, ChangeNumber since,
                              KeywordSetMaker& keywords) {
  Difference difference;
  auto changed = read_log(connection, ChangeLog::changed, account, mailbox, since);
  if (!changed) return pass(changed);
  auto removed = read_log(connection, ChangeLog::removed, account, mailbox, since);
  if (!removed) return pass(removed);
  difference.forgotten = changed->forgotten || removed->forgotten;
  if (difference.forgotten) return difference;
  auto pending = PendingFlags::read(connection, account, mailbox);
  if (!pending) return pass(pending);
  auto newest = newest_rows(connection, account, mailbox, since, *pending, keywords);
  if (!newest) return pass(newest);
  const auto first_new = newest->empty() ? std::int64_t{UINT32_MAX} + 1 : std::int64_t{newest->front().uid};
  changed->numbers.erase(std::ranges::lower_bound(changed->numbers, first_new), changed->numbers.end());
  auto read = read_rows_of(connection, account, mailbox, changed->numbers, *pending, keywords, difference.rows);
  if (!read) return pass(read);
  difference.rows.insert(difference.rows.end(), newest->begin(), newest->end());
  difference.removed.reserve(removed->numbers.size());
  for (const auto uid : removed->numbers) difference.removed.push_back(static_cast<std::uint32_t>(uid));
  return difference;
}

Result<std::shared_ptr<const MailboxSnapshot>> snapshot_of_rows(db::Connection& connection, AccountId account,
                                                                const MailboxInfo& info, const KeywordTable& table) {
  auto pending = PendingFlags::read(connection, account, info.id);
  if (!pending) return pass(pending);
  KeywordSetMaker keywords(table, {});
  std::vector<MessageRow> rows;
  rows.reserve(info.emails);
  auto read =
      each_row(connection,
               "SELECT uid, email_id, size, keywords, deleted, change FROM membership WHERE account_id = $1 AND "
               "mailbox_id = $2 ORDER BY uid",
               {account.value, info.id.value}, [&](const db::Rows& columns) -> Result<void> {
                 auto row = message_row(columns, *pending, keywords);
                 if (!row) return pass(row);
                 rows.push_back(*row);
                 return {};
               });
  if (!read) return pass(read);
  return MailboxSnapshot::make(head_of(info), rows, std::move(keywords).sets());
}

constexpr std::size_t kFewSets = 256;

// Sets that no message has any more stay, or all would have to be looked at; so now and then all are.
bool too_many_sets(std::size_t sets, const MailboxSnapshot& base) noexcept {
  return sets > kFewSets && std::bit_width(sets) > std::bit_width(base.keyword_sets().size());
}

// Null where it can't be had from what has changed since.
Result<std::shared_ptr<const MailboxSnapshot>> brought_up_to_date(db::Connection& connection, AccountId account,
                                                                  const SnapshotHead& head, const KeywordTable& table,
                                                                  const MailboxSnapshot& base,
                                                                  std::size_t* changes = nullptr) {
  KeywordSetMaker keywords(table, base.keyword_sets());
  auto found = difference(connection, account, head.mailbox, base.head().change, keywords);
  if (!found) return pass(found);
  if (found->forgotten) return nullptr;
  if (changes != nullptr) *changes = found->rows.size() + found->removed.size();
  auto sets = std::move(keywords).sets();
  if (too_many_sets(sets.size(), base)) return nullptr;
  return base.with(head, found->rows, found->removed, std::move(sets));
}

// The packed form, as old as it is. Null where there is none, or none that can be used.
Result<std::shared_ptr<const MailboxSnapshot>> read_pack(db::Connection& connection, AccountId account,
                                                         const SnapshotHead& head, SnapshotRead& read) {
  std::shared_ptr<const MailboxSnapshot> found;
  auto looked = each_row(connection, "SELECT octets FROM mailbox_pack WHERE account_id = $1 AND mailbox_id = $2",
                         {account.value, head.mailbox.value}, [&](const db::Rows& columns) -> Result<void> {
                           auto unpacked = unpack_snapshot(std::string(columns.octets(0)));
                           if (!unpacked) {
                             read.damage = unpacked.error().log;
                           } else if (const auto& was = (*unpacked)->head(); was.mailbox != head.mailbox ||
                                                                             was.uid_validity != head.uid_validity ||
                                                                             was.change > head.change) {
                             read.damage = "a packed snapshot is of another mailbox";
                           } else {
                             found = std::move(*unpacked);
                           }
                           return {};
                         });
  if (!looked) return pass(looked);
  return found;
}

// What comes behind this share of the mailbox, or this many, is worth a new packed form.
constexpr std::size_t kPackShare = 16;
constexpr std::size_t kPackChanges = 1024;

}  // namespace

Result<SnapshotRead> read_snapshot(db::Connection& connection, AccountId account, MailboxId mailbox,
                                   std::shared_ptr<const MailboxSnapshot> base, std::size_t pack_from) {
  SnapshotRead read;
  auto info = read_mailbox(connection, account, mailbox);
  if (!info) return pass(info);
  const auto head = head_of(*info);
  if (base && base->head().change == head.change) {
    read.snapshot = std::move(base);
    return read;
  }
  auto table = KeywordTable::load(connection, account);
  if (!table) return pass(table);
  if (base && base->head().change < head.change) {
    auto newer = brought_up_to_date(connection, account, head, *table, *base);
    if (!newer) return pass(newer);
    read.snapshot = std::move(*newer);
    if (read.snapshot) return read;
  }
  const bool packed = info->emails >= pack_from;
  if (packed) {
    auto pack = read_pack(connection, account, head, read);
    if (!pack) return pass(pack);
    if (*pack && (*pack)->head().change == head.change) {
      read.snapshot = std::move(*pack);
      return read;
    }
    if (*pack) {
      std::size_t changes = 0;
      auto newer = brought_up_to_date(connection, account, head, *table, **pack, &changes);
      if (!newer) return pass(newer);
      read.snapshot = std::move(*newer);
      read.behind = changes;
      if (read.snapshot && changes > std::max(kPackChanges, read.snapshot->size() / kPackShare)) {
        read.pack = pack_snapshot(*read.snapshot);
      }
      if (read.snapshot) return read;
    }
  }
  auto whole = snapshot_of_rows(connection, account, *info, *table);
  if (!whole) return pass(whole);
  read.snapshot = std::move(*whole);
  if (!packed) return read;
  // Held packed from now on, too: a fourth of the memory.
  read.pack = pack_snapshot(*read.snapshot);
  auto again = unpack_snapshot(read.pack);
  if (!again) return pass(again);
  read.snapshot = std::move(*again);
  return read;
}

Result<RenewedPack> renew_pack(db::Connection& connection, AccountId account, MailboxId mailbox,
                               const MailboxSnapshot* held, bool nearly) {
  RenewedPack renewed;
  auto info = read_mailbox(connection, account, mailbox);
  if (!info && info.error().kind == ErrorKind::not_found) return renewed;
  if (!info) return pass(info);
  renewed.uid_next = info->uid_next;
  auto table = KeywordTable::load(connection, account);
  if (!table) return pass(table);
  const auto head = head_of(*info);
  SnapshotRead read;  // damage is mended here
  auto pack = read_pack(connection, account, head, read);
  if (!pack) return pass(pack);
  std::shared_ptr<const MailboxSnapshot> now;
  if (*pack && (*pack)->head().change == head.change) return renewed;
  const auto held_at = held == nullptr ? ChangeNumber{} : held->head().change;
  if (held != nullptr && held->head().uid_validity == head.uid_validity &&
      (held_at == head.change || (nearly && *pack && (*pack)->head().change < held_at && held_at < head.change))) {
    renewed.uid_next = held->head().uid_next;
    renewed.octets = pack_snapshot(*held);
    return renewed;
  }
  if (*pack) {
    auto newer = brought_up_to_date(connection, account, head, *table, **pack);
    if (!newer) return pass(newer);
    now = std::move(*newer);
  }
  if (!now) {
    auto whole = snapshot_of_rows(connection, account, *info, *table);
    if (!whole) return pass(whole);
    now = std::move(*whole);
  }
  renewed.octets = pack_snapshot(*now);
  return renewed;
}

Result<std::uint32_t> packed_uid_next(db::Connection& connection, AccountId account, MailboxId mailbox) {
  std::uint32_t uid_next = 0;
  auto read = each_row(connection, "SELECT octets FROM mailbox_pack WHERE account_id = $1 AND mailbox_id = $2",
                       {account.value, mailbox.value}, [&](const db::Rows& row) -> Result<void> {
                         if (auto known = unpack_snapshot(std::string(row.octets(0)))) {
                           uid_next = (*known)->head().uid_next;
                         }
                         return {};
                       });
  if (!read) return pass(read);
  return uid_next;
}

std::shared_ptr<const MailboxSnapshot> with_flags(const MailboxSnapshot& base, const FlagsChanged& changed) {
  auto sets = base.keyword_sets();
  std::map<std::vector<std::string>, std::uint32_t> places;
  for (std::size_t i = 0; i < sets.size(); ++i) places.emplace(sets[i], static_cast<std::uint32_t>(i));
  std::vector<std::uint32_t> place_of;
  for (const auto& set : changed.keywords) {
    const auto [place, is_new] = places.emplace(set, static_cast<std::uint32_t>(sets.size()));
    if (is_new) sets.push_back(set);
    place_of.push_back(place->second);
  }
  if (too_many_sets(sets.size(), base)) return nullptr;
  auto rows = changed.changed;
  for (auto& row : rows) row.keywords = place_of[row.keywords];
  auto head = base.head();
  head.change = changed.change;
  return base.with(head, rows, {}, std::move(sets));
}

Result<void> write_pack(db::Connection& connection, AccountId account, MailboxId mailbox, std::string_view octets) {
  // It may have been deleted in the meantime.
  auto there = connection.number("SELECT uid_next FROM mailbox WHERE account_id = $1 AND mailbox_id = $2",
                                 {account.value, mailbox.value});
  if (!there) return pass(there);
  if (!*there) return {};
  auto written = connection.run(
      "INSERT INTO mailbox_pack (account_id, mailbox_id, octets) VALUES ($1, $2, $3) ON CONFLICT (account_id, "
      "mailbox_id) DO UPDATE SET octets = excluded.octets",
      {account.value, mailbox.value, db::Octets{octets}});
  if (!written) return pass(written);
  return {};
}

Result<MailboxChanges> read_changes(db::Connection& connection, AccountId account, MailboxId mailbox,
                                    ChangeNumber since) {
  auto info = read_mailbox(connection, account, mailbox);
  if (!info) return pass(info);
  MailboxChanges changes;
  changes.head = head_of(*info);
  if (since >= info->change) {
    changes.keywords.emplace_back();
    return changes;
  }
  auto table = KeywordTable::load(connection, account);
  if (!table) return pass(table);
  KeywordSetMaker keywords(*table, {});
  auto found = difference(connection, account, mailbox, since, keywords);
  if (!found) return pass(found);
  changes.forgotten = found->forgotten;
  changes.rows = std::move(found->rows);
  changes.removed = std::move(found->removed);
  changes.keywords = std::move(keywords).sets();
  return changes;
}

Result<std::vector<SavedDate>> read_saved_dates(db::Connection& connection, AccountId account, MailboxId mailbox,
                                                const UidRanges& ranges) {
  std::vector<SavedDate> dates;
  for (const auto& range : ranges) {
    auto read = each_row(connection,
                         "SELECT m.uid, COALESCE(m.saved, e.received) FROM membership m JOIN email e ON e.account_id = "
                         "m.account_id AND e.email_id = m.email_id WHERE m.account_id = $1 AND m.mailbox_id = $2 AND "
                         "m.uid BETWEEN $3 AND $4 ORDER BY m.uid",
                         {account.value, mailbox.value, std::int64_t{range.first}, std::int64_t{range.last}},
                         [&](const db::Rows& row) -> Result<void> {
                           dates.push_back({static_cast<std::uint32_t>(row.integer(0)), from_database(row.integer(1))});
                           return {};
                         });
    if (!read) return pass(read);
  }
  return dates;
}

}  // namespace pabal::store
