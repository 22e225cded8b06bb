#include "store/mailbox_rows.hpp"

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "store/delivery_rows.hpp"
#include "store/pending_flags.hpp"
#include "store/schema.hpp"

namespace pabal::store {

namespace {

constexpr std::string_view kById =
    "SELECT mailbox_id, path, role, uid_validity, uid_next, emails, unseen, bytes, deleted, deleted_bytes, "
    "first_recent_uid, change, subscribed FROM mailbox WHERE account_id = $1 AND mailbox_id = $2 AND path >= ' '";
constexpr std::string_view kAnyById =
    "SELECT mailbox_id, path, role, uid_validity, uid_next, emails, unseen, bytes, deleted, deleted_bytes, "
    "first_recent_uid, change, subscribed FROM mailbox WHERE account_id = $1 AND mailbox_id = $2";
constexpr std::string_view kByPath =
    "SELECT mailbox_id, path, role, uid_validity, uid_next, emails, unseen, bytes, deleted, deleted_bytes, "
    "first_recent_uid, change, subscribed FROM mailbox WHERE account_id = $1 AND path = $2";
constexpr std::string_view kAll =
    "SELECT mailbox_id, path, role, uid_validity, uid_next, emails, unseen, bytes, deleted, deleted_bytes, "
    "first_recent_uid, change, subscribed FROM mailbox WHERE account_id = $1 AND path >= ' ' ORDER BY path";

constexpr std::string_view kSince =
    "SELECT mailbox_id, path, role, uid_validity, uid_next, emails, unseen, bytes, deleted, deleted_bytes, "
    "first_recent_uid, change, subscribed, EXISTS (SELECT 1 FROM mailbox c WHERE c.account_id = $1 AND c.path > m.path "
    "|| '/' AND c.path < m.path || '0') FROM mailbox m WHERE account_id = $1 AND change > $2 AND path >= ' ' ORDER BY "
    "path";

std::uint64_t count(std::int64_t number) noexcept {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(number, 0));
}

MailboxInfo mailbox_info(const db::Rows& row) {
  MailboxInfo info;
  info.id = MailboxId{row.integer(0)};
  info.path = row.text(1);
  info.role = row.text(2);
  info.uid_validity = static_cast<std::uint32_t>(row.integer(3));
  info.uid_next = static_cast<std::uint32_t>(row.integer(4));
  info.emails = count(row.integer(5));
  info.unseen = count(row.integer(6));
  info.bytes = count(row.integer(7));
  info.deleted = count(row.integer(8));
  info.deleted_bytes = count(row.integer(9));
  info.first_recent_uid = static_cast<std::uint32_t>(row.integer(10));
  info.change = ChangeNumber{row.integer(11)};
  info.subscribed = row.integer(12) != 0;
  return info;
}

Result<std::optional<MailboxInfo>> find(db::Connection& connection, std::string_view sql, AccountId account,
                                        db::Parameter key) {
  auto rows = connection.query(sql, {account.value, key});
  if (!rows) return pass(rows);
  auto any = rows->next();
  if (!any) return pass(any);
  if (!*any) return std::nullopt;
  return mailbox_info(*rows);
}

}  // namespace

std::unexpected<Error> no_mailbox(AccountId account, std::string_view what) {
  return fail(ErrorKind::not_found, "no such mailbox", fmt::format("account {}: {}", account.value, what));
}

UidRanges normalised(UidRanges ranges) {
  std::erase_if(ranges, [](const UidRange& range) { return range.first > range.last; });
  std::ranges::sort(ranges, {}, &UidRange::first);
  UidRanges merged;
  for (const auto& range : ranges) {
    if (!merged.empty() && (merged.back().last == UINT32_MAX || range.first <= merged.back().last + 1)) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

UidRanges ranges_of(std::vector<std::int64_t> uids) {
  UidRanges ranges;
  ranges.reserve(uids.size());
  for (const auto uid : uids) {
    if (uid <= 0 || uid > UINT32_MAX) continue;
    ranges.push_back({static_cast<std::uint32_t>(uid), static_cast<std::uint32_t>(uid)});
  }
  return normalised(std::move(ranges));
}

namespace {

// Why the account's row gave no number.
std::unexpected<Error> refusal(db::Connection& connection, AccountId account) {
  auto state = connection.number("SELECT state FROM account WHERE account_id = $1", {account.value});
  if (!state) return pass(state);
  if (!*state) return no_mailbox(account, "no such account");
  if (**state != static_cast<std::int64_t>(AccountState::normal)) {
    return fail(ErrorKind::busy, "mailbox not available", fmt::format("account {}: is being removed", account.value));
  }
  return fail(ErrorKind::quota, "mailbox full", fmt::format("account {}: over quota", account.value));
}

}  // namespace

Result<ChangeNumber> take_changes(db::Connection& connection, AccountId account, std::int64_t count) {
  auto change =
      connection.number("UPDATE account SET change = change + $2 WHERE account_id = $1 AND state = 0 RETURNING change",
                        {account.value, count});
  if (!change) return pass(change);
  if (!*change) return refusal(connection, account);
  return ChangeNumber{**change};
}

Result<ChangeNumber> take_space(db::Connection& connection, AccountId account, std::int64_t bytes,
                                std::int64_t emails) {
  auto change = connection.number(
      "UPDATE account SET change = change + $3, used_bytes = used_bytes + $2, used_emails = used_emails + $3 WHERE "
      "account_id = $1 AND state = 0 AND (quota_bytes IS NULL OR used_bytes + $2 <= quota_bytes) AND (quota_emails IS "
      "NULL OR used_emails + $3 <= quota_emails) RETURNING change",
      {account.value, bytes, emails});
  if (!change) return pass(change);
  if (!*change) return refusal(connection, account);
  return ChangeNumber{**change};
}

Result<AccountMailboxes> read_mailboxes(db::Connection& connection, AccountId account) {
  AccountMailboxes all;
  auto change = connection.number("SELECT change FROM account WHERE account_id = $1", {account.value});
  if (!change) return pass(change);
  if (!*change) return no_mailbox(account, "no such account");
  all.change = ChangeNumber{**change};
  auto listed = each_row(connection, kAll, {account.value}, [&](const db::Rows& row) -> Result<void> {
    all.mailboxes.push_back(mailbox_info(row));
    return {};
  });
  if (!listed) return pass(listed);
  auto names = read_subscribed_names(connection, account);
  if (!names) return pass(names);
  all.subscribed_names = std::move(*names);
  return all;
}

Result<std::vector<std::string>> read_subscribed_names(db::Connection& connection, AccountId account) {
  std::vector<std::string> names;
  auto read = each_row(connection, "SELECT path FROM subscription WHERE account_id = $1 ORDER BY path", {account.value},
                       [&](const db::Rows& row) -> Result<void> {
                         names.emplace_back(row.text(0));
                         return {};
                       });
  if (!read) return pass(read);
  return names;
}

Result<MailboxesChanged> read_mailboxes_since(db::Connection& connection, AccountId account,
                                              std::optional<ChangeNumber> since, AccountId reader) {
  MailboxesChanged all;
  auto change = connection.number("SELECT change FROM account WHERE account_id = $1", {account.value});
  if (!change) return pass(change);
  if (!*change) return no_mailbox(account, "no such account");
  all.change = ChangeNumber{**change};
  if (since && all.change == *since) return all;
  // Where names that were given up since are forgotten, who is gone shows by who is there.
  const auto forgotten =
      connection.number("SELECT change FROM removed_mailbox WHERE account_id = $1 AND path = ''", {account.value});
  if (!forgotten) return pass(forgotten);
  all.whole = !since || forgotten->value_or(-1) > since->value;
  const auto from = all.whole ? -1 : since->value;
  std::map<MailboxId, std::size_t> places;
  auto listed = each_row(connection, kSince, {account.value, from}, [&](const db::Rows& row) -> Result<void> {
    MailboxesChanged::Mailbox one;
    one.info = mailbox_info(row);
    one.has_children = row.integer(13) != 0;
    places.emplace(one.info.id, all.mailboxes.size());
    all.mailboxes.push_back(std::move(one));
    return {};
  });
  if (!listed) return pass(listed);
  auto access = each_row(connection,
                         "SELECT a.mailbox_id, a.identifier, a.rights FROM access a JOIN mailbox m ON m.account_id = "
                         "a.account_id AND m.mailbox_id = a.mailbox_id WHERE a.account_id = $1 AND m.change > $2",
                         {account.value, from}, [&](const db::Rows& row) -> Result<void> {
                           const auto found = places.find(MailboxId{row.integer(0)});
                           if (found == places.end()) return {};
                           all.mailboxes[found->second].access.push_back(
                               {.identifier = std::string(row.text(1)), .rights = std::string(row.text(2))});
                           return {};
                         });
  if (!access) return pass(access);
  if (!since) return all;
  // A negative number is a mailbox that has left this name for another.
  Result<void> gone;
  if (!all.whole) {
    gone = each_row(connection,
                    "SELECT mailbox_id FROM removed_mailbox WHERE account_id = $1 AND change > $2 AND mailbox_id > 0",
                    {account.value, from}, [&](const db::Rows& row) -> Result<void> {
                      all.removed.push_back(MailboxId{row.integer(0)});
                      return {};
                    });
  }
  if (!gone) return pass(gone);
  auto entries = read_changed_entries(connection, account, reader, *since);
  if (!entries) return pass(entries);
  for (auto& [mailbox, name] : *entries) {
    const auto found = places.find(mailbox);
    if (found != places.end()) {
      all.mailboxes[found->second].entries.push_back(std::move(name));
    } else if (!mailbox) {
      all.entries.push_back(std::move(name));
    }
  }
  return all;
}

namespace {
Result<MailboxInfo> read_by_id(db::Connection& connection, std::string_view sql, AccountId account, MailboxId mailbox) {
  auto found = find(connection, sql, account, mailbox.value);
  if (!found) return pass(found);
  if (!*found) return no_mailbox(account, fmt::format("no mailbox {}", mailbox.value));
  return std::move(**found);
}
}  // namespace

Result<MailboxInfo> read_mailbox(db::Connection& connection, AccountId account, MailboxId mailbox) {
  return read_by_id(connection, kById, account, mailbox);
}

Result<MailboxInfo> read_any_mailbox(db::Connection& connection, AccountId account, MailboxId mailbox) {
  return read_by_id(connection, kAnyById, account, mailbox);
}

Result<MailboxInfo> read_mailbox(db::Connection& connection, AccountId account, std::string_view path) {
  auto known = mailbox_path(path);
  if (!known) return no_mailbox(account, known.error().log);
  auto found = find(connection, kByPath, account, std::string_view(*known));
  if (!found) return pass(found);
  if (!*found) return no_mailbox(account, printable(*known));
  return std::move(**found);
}

Result<std::optional<std::uint64_t>> read_room(db::Connection& connection, AccountId account) {
  auto rows = connection.query("SELECT used_bytes, quota_bytes FROM account WHERE account_id = $1", {account.value});
  if (!rows) return pass(rows);
  auto any = rows->next();
  if (!any) return pass(any);
  if (!*any) return no_mailbox(account, "no such account");
  if (rows->is_null(1)) return std::nullopt;
  return count(std::max<std::int64_t>(rows->integer(1) - rows->integer(0), 0));
}

Result<Quota> read_quota(db::Connection& connection, AccountId account, std::size_t most) {
  Quota quota;
  {
    auto rows =
        connection.query("SELECT used_bytes, used_emails, quota_bytes, quota_emails FROM account WHERE account_id = $1",
                         {account.value});
    if (!rows) return pass(rows);
    auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return no_mailbox(account, "no such account");
    quota.bytes = count(rows->integer(0));
    quota.emails = count(rows->integer(1));
    if (!rows->is_null(2)) quota.bytes_limit = count(rows->integer(2));
    if (!rows->is_null(3)) quota.emails_limit = count(rows->integer(3));
  }
  auto mailboxes =
      connection.number("SELECT COUNT(*) FROM mailbox WHERE account_id = $1 AND path >= ' '", {account.value});
  if (!mailboxes) return pass(mailboxes);
  quota.mailboxes = count(mailboxes->value_or(0));
  quota.mailboxes_limit = most;
  return quota;
}

Result<ChangeNumber> write_quota(db::Connection& connection, AccountId account, const QuotaLimits& limits) {
  const auto or_null = [](std::optional<std::uint64_t> limit) {
    return limit ? db::Parameter(static_cast<std::int64_t>(std::min<std::uint64_t>(*limit, INT64_MAX)))
                 : db::Parameter();
  };
  auto change =
      connection.number("UPDATE account SET quota_bytes = $2, quota_emails = $3 WHERE account_id = $1 RETURNING change",
                        {account.value, or_null(limits.bytes), or_null(limits.emails)});
  if (!change) return pass(change);
  if (!*change) return no_mailbox(account, "no such account");
  return ChangeNumber{**change};
}

Result<std::vector<MembershipRow>> read_memberships(db::Connection& connection, AccountId account, MailboxId mailbox,
                                                    const UidRanges& ranges) {
  auto rows = read_stored_memberships(connection, account, mailbox, ranges);
  if (!rows || rows->empty()) return rows;
  auto pending = PendingFlags::read(connection, account, mailbox);
  if (!pending) return pass(pending);
  if (pending->empty()) return rows;
  for (auto& row : *rows) {
    auto now = pending->applied(row.uid, {row.keywords, row.deleted, row.change});
    if (!now) return pass(now);
    if (now->change == row.change) continue;
    row.keywords = now->keywords;
    row.deleted = now->deleted;
    row.change = now->change;
  }
  return rows;
}

Result<std::vector<MembershipRow>> read_stored_memberships(db::Connection& connection, AccountId account,
                                                           MailboxId mailbox, const UidRanges& ranges) {
  std::vector<MembershipRow> found;
  const auto take = [&](const db::Rows& row) -> Result<void> {
    found.push_back({static_cast<std::uint32_t>(row.integer(0)), EmailId{row.integer(1)}, row.integer(2),
                     std::string(row.octets(3)), row.integer(4) != 0, row.integer(5) != 0, row.integer(6)});
    return {};
  };
  for (const auto& range : ranges) {
    auto read =
        each_row(connection,
                 "SELECT uid, email_id, size, keywords, deleted, shared, change FROM membership WHERE account_id "
                 "= $1 AND mailbox_id = $2 AND uid BETWEEN $3 AND $4 ORDER BY uid",
                 {account.value, mailbox.value, std::int64_t{range.first}, std::int64_t{range.last}}, take);
    if (!read) return pass(read);
  }
  return found;
}

Result<MailboxCounts> counts_of(std::span<const MembershipRow> rows) {
  MailboxCounts counts;
  for (const auto& row : rows) {
    auto seen = is_seen(row.keywords);
    if (!seen) return pass(seen);
    counts.emails += 1;
    counts.unseen += *seen ? 0 : 1;
    counts.bytes += row.size;
    counts.deleted += row.deleted ? 1 : 0;
    counts.deleted_bytes += row.deleted ? row.size : 0;
  }
  return counts;
}

Result<std::int64_t> take_uids(db::Connection& connection, AccountId account, MailboxId mailbox, std::int64_t count) {
  auto first = connection.number(
      "UPDATE mailbox SET uid_next = uid_next + $3 WHERE account_id = $1 AND mailbox_id = $2 RETURNING uid_next - $3",
      {account.value, mailbox.value, count});
  if (!first) return pass(first);
  if (!*first) return no_mailbox(account, fmt::format("no mailbox {}", mailbox.value));
  return **first;
}

Result<void> count_mailbox(db::Connection& connection, AccountId account, MailboxId mailbox, ChangeNumber change,
                           const MailboxCounts& counts) {
  auto counted = connection.run(
      "UPDATE mailbox SET change = $3, emails = emails + $4, unseen = unseen + $5, bytes = bytes + $6, deleted = "
      "deleted + $7, deleted_bytes = deleted_bytes + $8 WHERE account_id = $1 AND mailbox_id = $2",
      {account.value, mailbox.value, change.value, counts.emails, counts.unseen, counts.bytes, counts.deleted,
       counts.deleted_bytes});
  if (!counted) return pass(counted);
  if (*counted == 0) return no_mailbox(account, fmt::format("no mailbox {}", mailbox.value));
  return {};
}

}  // namespace pabal::store
