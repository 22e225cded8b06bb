// Accounts and mailboxes: making and removing them, listing, expunging.
#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "store/delivery_rows.hpp"
#include "store/shard.hpp"

namespace pabal::store {

namespace {

std::unexpected<Error> no_mailbox(AccountId account, std::string_view what) {
  return fail(ErrorKind::not_found, "no such mailbox", fmt::format("account {}: {}", account.value, what));
}

db::Parameter or_null(std::optional<std::uint64_t> number) {
  return number ? db::Parameter(static_cast<std::int64_t>(std::min<std::uint64_t>(*number, INT64_MAX)))
                : db::Parameter();
}

struct Gone {
  std::int64_t uid = 0;
  std::int64_t email = 0;
  bool seen = false;
};

// The memberships with these UIDs, which are in rising order, run by run.
Result<std::vector<Gone>> take_memberships(db::Connection& connection, AccountId account, MailboxId mailbox,
                                           std::span<const std::int64_t> uids) {
  std::vector<Gone> gone;
  while (!uids.empty()) {
    std::size_t count = 1;
    while (count < uids.size() && uids[count] == uids[count - 1] + 1) ++count;
    const auto begin = gone.size();
    auto rows = connection.query(
        "DELETE FROM membership WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN $3 AND $4 "
        "RETURNING uid, email_id, keywords",
        {account.value, mailbox.value, uids.front(), uids[count - 1]});
    if (!rows) return pass(rows);
    while (true) {
      auto any = rows->next();
      if (!any) return pass(any);
      if (!*any) break;
      auto keywords = decode_numbers(rows->octets(2));
      if (!keywords) return pass(keywords);
      gone.push_back({rows->integer(0), rows->integer(1), std::ranges::binary_search(*keywords, keyword::seen)});
    }
    std::ranges::sort(std::span(gone).subspan(begin), {}, &Gone::uid);
    uids = uids.subspan(count);
  }
  return gone;
}

struct EmailRow {
  std::int64_t email = 0;
  std::int64_t size = 0;
  std::vector<Piece> pieces;
  std::vector<Standing> standings;
};
Result<EmailRow> email_row(const db::Rows& rows) {
  auto pieces = decode_pieces(rows.octets(2));
  if (!pieces) return pass(pieces);
  auto standings = decode_standings(rows.octets(3));
  if (!standings) return pass(standings);
  return EmailRow{rows.integer(0), rows.integer(1), std::move(*pieces), std::move(*standings)};
}

// A statement's parameters for a list of kListed ids: the account's, then these; the rest repeats the last.
std::array<db::Parameter, kListed + 1> listed(AccountId account, std::span<const std::int64_t> ids) {
  std::array<db::Parameter, kListed + 1> parameters;
  parameters[0] = account.value;
  for (std::size_t i = 0; i < kListed; ++i) parameters[i + 1] = ids[std::min(i, ids.size() - 1)];
  return parameters;
}

// What an email that stands nowhere any more leaves behind is nothing. At most kListed.
Result<void> remove_emails(db::Connection& connection, AccountId account, std::span<const std::int64_t> emails) {
  static const std::string sql =
      fmt::format("DELETE FROM email WHERE account_id = $1 AND email_id IN ({})", number_list(2));
  if (emails.empty()) return {};
  auto removed = connection.run(sql, listed(account, emails));
  if (!removed) return pass(removed);
  return {};
}

Result<std::vector<EmailRow>> all_of(Result<db::Rows> rows) {
  if (!rows) return pass(rows);
  std::vector<EmailRow> found;
  while (true) {
    auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return found;
    auto row = email_row(*rows);
    if (!row) return pass(row);
    found.push_back(std::move(*row));
  }
}

// At most kListed, in the order of their ids.
Result<std::vector<EmailRow>> email_rows(db::Connection& connection, AccountId account,
                                         std::span<const std::int64_t> emails) {
  static const std::string sql = fmt::format(
      "SELECT email_id, size, pieces, standings FROM email WHERE account_id = $1 AND email_id IN ({}) ORDER BY "
      "email_id",
      number_list(2));
  auto found = all_of(connection.query(sql, listed(account, emails)));
  if (found && found->size() != emails.size()) {
    return fail(ErrorKind::io, "local error",
                fmt::format("account {}: {} of {} emails are missing", account.value, emails.size() - found->size(),
                            emails.size()));
  }
  return found;
}

// What of an expunge concerns more than the mailbox.
struct EmailsGone {
  std::int64_t bytes_here = 0;
  std::int64_t bytes = 0;            ///< of those that stood nowhere else
  std::vector<std::int64_t> emails;  ///< these, in rising order
};

// Takes the emails of these memberships out of the mailbox, a list at a time: a POP3 client's QUIT may mean a hundred
// thousand.
Result<EmailsGone> take_emails(db::Connection& connection, AccountId account, MailboxId mailbox, std::vector<Gone> gone,
                               std::int64_t change, SystemTime now) {
  // By email; each stands at most once in a mailbox, but nothing here needs that.
  std::ranges::sort(gone, {}, [](const Gone& one) { return std::pair(one.email, one.uid); });
  EmailsGone result;
  ReferenceCounts references;
  std::size_t at = 0;
  while (at < gone.size()) {
    std::vector<std::int64_t> ids;
    std::size_t end = at;
    for (; end < gone.size(); ++end) {
      if (!ids.empty() && ids.back() == gone[end].email) continue;
      if (ids.size() == kListed) break;
      ids.push_back(gone[end].email);
    }
    auto rows = email_rows(connection, account, ids);
    if (!rows) return pass(rows);
    std::vector<std::int64_t> nowhere;
    for (auto& row : *rows) {
      for (; at < end && gone[at].email == row.email; ++at) {
        std::erase(row.standings, Standing{mailbox, gone[at].uid});
        result.bytes_here += row.size;
      }
      if (!row.standings.empty()) {
        auto kept =
            connection.run("UPDATE email SET standings = $3, modified = $4 WHERE account_id = $1 AND email_id = $2",
                           {account.value, row.email, db::Octets{encode_standings(row.standings)}, change});
        if (!kept) return pass(kept);
        continue;
      }
      result.bytes += row.size;
      result.emails.push_back(row.email);
      nowhere.push_back(row.email);
      for (const auto& piece : row.pieces) ++references[piece.blob.value];
    }
    if (auto removed = remove_emails(connection, account, nowhere); !removed) return pass(removed);
  }
  if (auto dropped = drop_references(connection, references, now); !dropped) return pass(dropped);
  return result;
}

Result<ChangeNumber> expunge_rows(db::Connection& connection, AccountId account, MailboxId mailbox,
                                  std::span<const std::int64_t> uids, SystemTime now) {
  auto there = connection.number("SELECT change FROM mailbox WHERE account_id = $1 AND mailbox_id = $2",
                                 {account.value, mailbox.value});
  if (!there) return pass(there);
  if (!*there) return no_mailbox(account, fmt::format("no mailbox {}", mailbox.value));
  auto gone = take_memberships(connection, account, mailbox, uids);
  if (!gone) return pass(gone);
  if (gone->empty()) return ChangeNumber{**there};

  auto change = connection.number("UPDATE account SET change = change + 1 WHERE account_id = $1 RETURNING change",
                                  {account.value});
  if (!change) return pass(change);
  if (!*change) return no_mailbox(account, "no such account");
  std::vector<std::int64_t> removed_uids;
  removed_uids.reserve(gone->size());
  for (const auto& one : *gone) removed_uids.push_back(one.uid);
  const auto count = static_cast<std::int64_t>(gone->size());
  const auto unseen = std::ranges::count(*gone, false, &Gone::seen);
  auto emails = take_emails(connection, account, mailbox, std::move(*gone), **change, now);
  if (!emails) return pass(emails);
  auto counted = connection.run(
      "UPDATE mailbox SET change = $3, emails = emails - $4, unseen = unseen - $5, bytes = bytes - $6 "
      "WHERE account_id = $1 AND mailbox_id = $2",
      {account.value, mailbox.value, **change, count, std::int64_t{unseen}, emails->bytes_here});
  if (!counted) return pass(counted);
  auto logged =
      connection.run("INSERT INTO removed_membership (account_id, mailbox_id, change, uids) VALUES ($1, $2, $3, $4)",
                     {account.value, mailbox.value, **change, db::Octets{encode_numbers(removed_uids)}});
  if (!logged) return pass(logged);
  if (emails->emails.empty()) return ChangeNumber{**change};
  auto used = connection.run(
      "UPDATE account SET used_bytes = used_bytes - $2, used_emails = used_emails - $3 WHERE account_id = $1",
      {account.value, emails->bytes, static_cast<std::int64_t>(emails->emails.size())});
  if (!used) return pass(used);
  logged = connection.run("INSERT INTO removed_email (account_id, change, emails) VALUES ($1, $2, $3)",
                          {account.value, **change, db::Octets{encode_numbers(emails->emails)}});
  if (!logged) return pass(logged);
  return ChangeNumber{**change};
}

constexpr std::size_t kRemoveAtOnce = 200;

// One piece of an account's removal: some of its emails, or, when none is left, all else. True while there is more.
Result<bool> remove_some(db::Connection& connection, AccountId account, SystemTime now) {
  const auto emails =
      all_of(connection.query("SELECT email_id, size, pieces, standings FROM email WHERE account_id = $1 LIMIT $2",
                              {account.value, static_cast<std::int64_t>(kRemoveAtOnce)}));
  if (!emails) return pass(emails);
  ReferenceCounts references;
  std::vector<std::int64_t> ids;
  for (const auto& row : *emails) {
    // The counters go along, so that check() finds nothing wrong in between.
    for (const auto& standing : row.standings) {
      auto keywords = connection.query(
          "DELETE FROM membership WHERE account_id = $1 AND mailbox_id = $2 AND uid = $3 RETURNING keywords",
          {account.value, standing.mailbox.value, standing.uid});
      if (!keywords) return pass(keywords);
      auto any = keywords->next();
      if (!any) return pass(any);
      auto numbers = *any ? decode_numbers(keywords->octets(0)) : std::vector<std::int64_t>{};
      if (!numbers) return pass(numbers);
      const std::int64_t unseen = std::ranges::binary_search(*numbers, keyword::seen) ? 0 : 1;
      auto counted = connection.run(
          "UPDATE mailbox SET emails = emails - 1, unseen = unseen - $3, bytes = bytes - $4 WHERE account_id = $1 AND "
          "mailbox_id = $2",
          {account.value, standing.mailbox.value, unseen, row.size});
      if (!counted) return pass(counted);
    }
    ids.push_back(row.email);
    for (const auto& piece : row.pieces) ++references[piece.blob.value];
    auto used = connection.run(
        "UPDATE account SET used_bytes = used_bytes - $2, used_emails = used_emails - 1 WHERE account_id = $1",
        {account.value, row.size});
    if (!used) return pass(used);
  }
  for (std::size_t at = 0; at < ids.size(); at += kListed) {
    auto removed = remove_emails(connection, account, std::span(ids).subspan(at, std::min(kListed, ids.size() - at)));
    if (!removed) return pass(removed);
  }
  if (auto dropped = drop_references(connection, references, now); !dropped) return pass(dropped);
  if (!emails->empty()) return true;
  for (const std::string_view table :
       {"removed_email", "removed_membership", "removed_mailbox", "thread_key", "keyword", "mailbox", "account"}) {
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
      auto rows = connection.query(
          "SELECT uid, email_id, size FROM membership WHERE account_id = $1 AND mailbox_id = $2 AND deleted = 0 ORDER "
          "BY uid",
          {account.value, listing.mailbox.value});
      if (!rows) return pass(rows);
      while (true) {
        auto any = rows->next();
        if (!any) return pass(any);
        if (!*any) break;
        listing.entries.push_back(
            {rows->integer(0), EmailId{rows->integer(1)}, static_cast<std::uint64_t>(rows->integer(2))});
      }
      return listing;
    });
  });
}

Async<Result<ChangeNumber>> Shard::expunge(AccountId account, MailboxId mailbox, std::vector<std::int64_t> uids) {
  std::ranges::sort(uids);
  uids.erase(std::ranges::unique(uids).begin(), uids.end());
  const auto now = around_.clock->now();
  std::move_only_function<Result<ChangeNumber>(db::Connection&)> work = [account, mailbox, uids = std::move(uids),
                                                                         now](db::Connection& connection) {
    return expunge_rows(connection, account, mailbox, uids, now);
  };
  co_return co_await write<ChangeNumber>(std::move(work));
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
      if (auto done = make_mailbox(connection, account, path, role, now); !done) return done;
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
  return {};
}

}  // namespace pabal::store
