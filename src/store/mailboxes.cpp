// Accounts: making and removing them; the listing of a mailbox.
#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "store/delivery_rows.hpp"
#include "store/leaving_emails.hpp"
#include "store/mailbox_rows.hpp"
#include "store/pending_flags.hpp"
#include "store/shard.hpp"

namespace pabal::store {

namespace {

db::Parameter or_null(std::optional<std::uint64_t> number) {
  return number ? db::Parameter(static_cast<std::int64_t>(std::min<std::uint64_t>(*number, INT64_MAX)))
                : db::Parameter();
}

constexpr std::int64_t kRemoveAtOnce = 200;

Result<void> remove_standing(db::Connection& connection, AccountId account, const Standing& standing) {
  const UidRanges place{{static_cast<std::uint32_t>(standing.uid), static_cast<std::uint32_t>(standing.uid)}};
  auto rows = read_memberships(connection, account, standing.mailbox, place);
  if (!rows) return pass(rows);
  auto counts = counts_of(*rows);
  if (!counts) return pass(counts);
  auto info = read_any_mailbox(connection, account, standing.mailbox);
  if (!info) return pass(info);
  auto removed = connection.run("DELETE FROM membership WHERE account_id = $1 AND mailbox_id = $2 AND uid = $3",
                                {account.value, standing.mailbox.value, standing.uid});
  if (!removed) return pass(removed);
  return count_mailbox(connection, account, standing.mailbox, info->change,
                       {-counts->emails, -counts->unseen, -counts->bytes, -counts->deleted, -counts->deleted_bytes});
}

// One piece of an account's removal: some of its emails, or, when none is left, all else. True while there is more.
Result<bool> remove_some(db::Connection& connection, AccountId account, SystemTime now) {
  auto list = next_leaving(connection, {account, 0}, account);
  if (!list) return pass(list);
  if (*list) {
    auto left = remove_leaving(connection, **list, now);
    // What it doesn't name is removed with the others below.
    if (!left && left.error().kind == ErrorKind::damaged) left = forget_leaving(connection, **list);
    if (!left) return pass(left);
    return true;
  }
  auto emails = some_emails(connection, account, kRemoveAtOnce);
  if (!emails) return pass(emails);
  std::vector<std::int64_t> references;
  std::vector<std::int64_t> ids;
  for (const auto& row : *emails) {
    // The counters go along, so that check() finds nothing wrong in between.
    for (const auto& standing : row.standings) {
      if (auto gone = remove_standing(connection, account, standing); !gone) return pass(gone);
    }
    ids.push_back(row.email);
    for (const auto& piece : row.pieces) references.push_back(piece.blob.value);
    auto used = connection.run(
        "UPDATE account SET used_bytes = used_bytes - $2, used_emails = used_emails - 1 WHERE account_id = $1",
        {account.value, row.size});
    if (!used) return pass(used);
  }
  if (auto removed = remove_emails(connection, account, ids); !removed) return pass(removed);
  if (auto dropped = drop_references(connection, counted(std::move(references)), now); !dropped) return pass(dropped);
  if (!emails->empty()) return true;
  for (const std::string_view table : {"removed_email", "removed_membership", "changed_membership", "pending_flags",
                                       "mailbox_pack", "removed_mailbox", "thread_key", "keyword", "subscription",
                                       "annotation", "access", "reader_seen", "search_state", "mailbox", "account"}) {
    auto removed = connection.run(fmt::format("DELETE FROM {} WHERE account_id = $1", table), {account.value});
    if (!removed) return pass(removed);
  }
  return false;
}

}  // namespace

Async<Result<MailboxListing>> Shard::list_mailbox(AccountId account, std::string mailbox) {
  co_return co_await around_.pool->run([this, account, mailbox = std::move(mailbox)]() -> Result<MailboxListing> {
    auto path = mailbox_path(mailbox);
    if (!path) return no_mailbox(account, path.error().log);
    return readers_.read([&](db::Connection& connection) -> Result<MailboxListing> {
      MailboxListing listing;
      {
        auto rows = connection.query(
            "SELECT mailbox_id, uid_validity, uid_next, emails FROM mailbox WHERE account_id = $1 AND path = $2",
            {account.value, *path});
        if (!rows) return pass(rows);
        auto any = rows->next();
        if (!any) return pass(any);
        if (!*any) return no_mailbox(account, printable(*path));
        listing.mailbox = MailboxId{rows->integer(0)};
        listing.uid_validity = static_cast<std::uint32_t>(rows->integer(1));
        listing.uid_next = rows->integer(2);
        listing.entries.reserve(static_cast<std::size_t>(std::max<std::int64_t>(rows->integer(3), 0)));
      }
      auto pending = PendingFlags::read(connection, account, listing.mailbox);
      if (!pending) return pass(pending);
      auto read = each_row(
          connection,
          "SELECT uid, email_id, size, keywords, deleted, change FROM membership WHERE account_id = $1 AND mailbox_id "
          "= $2 ORDER BY uid",
          {account.value, listing.mailbox.value}, [&](const db::Rows& row) -> Result<void> {
            auto now = pending->applied(static_cast<std::uint32_t>(row.integer(0)),
                                        {row.octets(3), row.integer(4) != 0, row.integer(5)});
            if (!now) return pass(now);
            if (now->deleted) return {};
            listing.entries.push_back(
                {row.integer(0), EmailId{row.integer(1)}, static_cast<std::uint64_t>(row.integer(2))});
            return {};
          });
      if (!read) return pass(read);
      return listing;
    });
  });
}

Async<Result<Store::Usage>> Shard::usage(AccountId account) {
  co_return co_await around_.pool->run([this, account] {
    return readers_.read([&](db::Connection& connection) -> Result<Store::Usage> {
      auto rows =
          connection.query("SELECT used_bytes, used_emails FROM account WHERE account_id = $1", {account.value});
      if (!rows) return pass(rows);
      auto any = rows->next();
      if (!any) return pass(any);
      if (!*any) return no_mailbox(account, "no such account");
      return Store::Usage{static_cast<std::uint64_t>(rows->integer(0)), static_cast<std::uint64_t>(rows->integer(1))};
    });
  });
}

Result<void> Shard::create_account(AccountId account, std::optional<std::uint64_t> quota_bytes) {
  const auto now = around_.clock->now();
  return write_now([&](db::Connection& connection) -> Result<void> {
    auto made = connection.run(
        "INSERT INTO account (account_id, change, used_bytes, used_emails, quota_bytes, uid_validity, state) "
        "VALUES ($1, 0, 0, 0, $2, 0, 0) ON CONFLICT (account_id) DO UPDATE SET quota_bytes = excluded.quota_bytes",
        {account.value, or_null(quota_bytes)});
    if (!made) return pass(made);
    // RFC 6154 and RFC 8621 §2: the roles that clients look for.
    using Role = std::pair<std::string_view, std::string_view>;
    for (const auto& [path, role] : {Role{"INBOX", "inbox"}, Role{"Drafts", "drafts"}, Role{"Sent", "sent"},
                                     Role{"Junk", "junk"}, Role{"Trash", "trash"}, Role{"Archive", "archive"}}) {
      if (auto done = make_mailbox(connection, account, path, role, now, true); !done) return done;
    }
    return {};
  });
}

Result<void> Shard::set_quota(AccountId account, std::optional<std::uint64_t> quota_bytes) {
  return write_now([&](db::Connection& connection) -> Result<void> {
    auto changed = connection.run("UPDATE account SET quota_bytes = $2 WHERE account_id = $1",
                                  {account.value, or_null(quota_bytes)});
    if (!changed) return pass(changed);
    if (*changed == 0) return no_mailbox(account, "no such account");
    return {};
  });
}

Result<void> Shard::remove_account(AccountId account) {
  auto marked = write_now([&](db::Connection& connection) -> Result<void> {
    auto changed = connection.run("UPDATE account SET state = $2 WHERE account_id = $1",
                                  {account.value, static_cast<std::int64_t>(AccountState::being_removed)});
    if (!changed) return pass(changed);
    if (*changed == 0) return no_mailbox(account, "no such account");
    return {};
  });
  if (!marked) return marked;
  const auto now = around_.clock->now();
  for (bool more = true; more;) {
    auto removed = write_now([&](db::Connection& connection) -> Result<void> {
      auto left = remove_some(connection, account, now);
      if (!left) return pass(left);
      more = *left;
      return {};
    });
    if (!removed) return removed;
  }
  // What is derived goes last; what a crash leaves of it tells nobody anything, and goes at the next try.
  for (bool more = true; more;) {
    auto removed = write_now([&](db::Connection& connection) -> Result<void> {
      auto left = remove_search_rows(connection, account);
      if (!left) return pass(left);
      more = *left;
      return {};
    });
    if (!removed) return removed;
  }
  return {};
}

}  // namespace pabal::store
