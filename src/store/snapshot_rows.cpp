// What stands in a mailbox, and what has changed there since.
#include <algorithm>

#include "store/mailbox_rows.hpp"

namespace pabal::store {

namespace {

SnapshotHead head_of(const MailboxInfo& info) {
  return {.mailbox = info.id, .uid_validity = info.uid_validity, .uid_next = info.uid_next, .change = info.change};
}

// uid, email_id, size, keywords, deleted, change
Result<MessageRow> message_row(const db::Rows& columns, KeywordSetMaker& keywords) {
  MessageRow row;
  row.uid = static_cast<std::uint32_t>(columns.integer(0));
  row.email = EmailId{columns.integer(1)};
  row.set_size(static_cast<std::uint64_t>(columns.integer(2)));
  auto found = keywords.take(columns.octets(3));
  if (!found) return pass(found);
  row.keywords = found->set;
  row.set_flags(found->flags | (columns.integer(4) != 0 ? flag::deleted : 0));
  row.change = ChangeNumber{columns.integer(5)};
  return row;
}

// Rows by falling UID until one that is older than `since`: it came no later than it was changed last, and all below it
// came before it. So each row that is looked at, but the last few, is one that has changed.
Result<std::vector<MessageRow>> newest_rows(db::Connection& connection, AccountId account, MailboxId mailbox,
                                            ChangeNumber since, KeywordSetMaker& keywords) {
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
                           older = older || columns.integer(5) <= since.value;
                           if (older) return {};
                           auto row = message_row(columns, keywords);
                           if (!row) return pass(row);
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
  std::vector<MessageRow> rows;
  std::vector<std::uint32_t> removed;
};
Result<Difference> difference(db::Connection& connection, AccountId account, MailboxId mailbox, ChangeNumber since,
                              KeywordSetMaker& keywords) {
  Difference difference;
  auto newest = newest_rows(connection, account, mailbox, since, keywords);
  if (!newest) return pass(newest);
  const auto first_new = newest->empty() ? std::int64_t{UINT32_MAX} + 1 : std::int64_t{newest->front().uid};
  auto changed =
      each_row(connection,
               "SELECT uid, email_id, size, keywords, deleted, change FROM membership WHERE account_id = $1 "
               "AND mailbox_id = $2 AND change > $3 AND change > email_id AND +uid < $4",
               {account.value, mailbox.value, since.value, first_new}, [&](const db::Rows& columns) -> Result<void> {
                 auto row = message_row(columns, keywords);
                 if (!row) return pass(row);
                 difference.rows.push_back(*row);
                 return {};
               });
  if (!changed) return pass(changed);
  std::ranges::sort(difference.rows, {}, &MessageRow::uid);
  difference.rows.insert(difference.rows.end(), newest->begin(), newest->end());
  auto removed = each_row(
      connection, "SELECT uids FROM removed_membership WHERE account_id = $1 AND mailbox_id = $2 AND change > $3",
      {account.value, mailbox.value, since.value}, [&](const db::Rows& columns) -> Result<void> {
        auto uids = decode_numbers(columns.octets(0));
        if (!uids) return pass(uids);
        for (const auto uid : *uids) difference.removed.push_back(static_cast<std::uint32_t>(uid));
        return {};
      });
  if (!removed) return pass(removed);
  std::ranges::sort(difference.removed);
  return difference;
}

}  // namespace

Result<std::shared_ptr<const MailboxSnapshot>> read_snapshot(db::Connection& connection, AccountId account,
                                                             MailboxId mailbox,
                                                             std::shared_ptr<const MailboxSnapshot> base) {
  auto info = read_mailbox(connection, account, mailbox);
  if (!info) return pass(info);
  const auto head = head_of(*info);
  if (base && base->head().change == head.change) return base;
  auto table = KeywordTable::load(connection, account);
  if (!table) return pass(table);
  if (base && base->head().change < head.change) {
    KeywordSetMaker keywords(*table, base->keyword_sets());
    auto changes = difference(connection, account, mailbox, base->head().change, keywords);
    if (!changes) return pass(changes);
    return base->with(head, changes->rows, changes->removed, std::move(keywords).sets());
  }
  KeywordSetMaker keywords(*table, {});
  std::vector<MessageRow> rows;
  rows.reserve(info->emails);
  auto read =
      each_row(connection,
               "SELECT uid, email_id, size, keywords, deleted, change FROM membership WHERE account_id = $1 AND "
               "mailbox_id = $2 ORDER BY uid",
               {account.value, mailbox.value}, [&](const db::Rows& columns) -> Result<void> {
                 auto row = message_row(columns, keywords);
                 if (!row) return pass(row);
                 rows.push_back(*row);
                 return {};
               });
  if (!read) return pass(read);
  return MailboxSnapshot::make(head, rows, std::move(keywords).sets());
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
