// Messages leave a mailbox, and emails that stand nowhere any more the store.
#include <algorithm>
#include <utility>

#include "store/blobs.hpp"
#include "store/change_log.hpp"
#include "store/leaving_emails.hpp"
#include "store/mailbox_rows.hpp"
#include "store/pending_flags.hpp"

namespace pabal::store {

namespace {

Result<EmailPieces> email_pieces(const db::Rows& rows) {
  auto pieces = decode_pieces(rows.octets(2));
  if (!pieces) return pass(pieces);
  auto standings = decode_standings(rows.octets(3));
  if (!standings) return pass(standings);
  return EmailPieces{rows.integer(0), rows.integer(1), std::move(*pieces), std::move(*standings)};
}

// A statement's parameters for a list of kListed ids: the account's, then these; the rest repeats the last.
std::array<db::Parameter, kListed + 1> listed(AccountId account, std::span<const std::int64_t> ids) {
  std::array<db::Parameter, kListed + 1> parameters;
  parameters[0] = account.value;
  for (std::size_t i = 0; i < kListed; ++i) parameters[i + 1] = ids[std::min(i, ids.size() - 1)];
  return parameters;
}

Result<void> remove_between(db::Connection& connection, AccountId account, MailboxId mailbox, std::int64_t first,
                            std::int64_t last, std::int64_t least) {
  auto removed = connection.run(
      "DELETE FROM membership WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN $3 AND $4 AND deleted >= $5",
      {account.value, mailbox.value, first, last, least});
  if (!removed) return pass(removed);
  return {};
}

Result<void> remove_listed(db::Connection& connection, AccountId account, MailboxId mailbox,
                           std::span<const MembershipRow> rows) {
  static const std::string sql =
      fmt::format("DELETE FROM membership WHERE account_id = $1 AND mailbox_id = $2 AND uid IN ({})", number_list(3));
  for (std::size_t at = 0; at < rows.size(); at += kListed) {
    std::array<db::Parameter, kListed + 2> parameters{account.value, mailbox.value};
    for (std::size_t i = 0; i < kListed; ++i) {
      parameters[i + 2] = std::int64_t{rows[std::min(at + i, rows.size() - 1)].uid};
    }
    auto removed = connection.run(sql, parameters);
    if (!removed) return pass(removed);
  }
  return {};
}

// The memberships of these ranges, range by range.
Result<std::vector<MembershipRow>> take_memberships(db::Connection& connection, AccountId account, MailboxId mailbox,
                                                    const UidRanges& ranges, Which which) {
  auto pending = PendingFlags::read(connection, account, mailbox);
  if (!pending) return pass(pending);
  std::vector<MembershipRow> gone;
  // Looked at first: a DELETE that returns rows goes through a temporary table. What is pending may have made \Deleted
  // of rows that don't say so.
  const std::int64_t least = which == Which::deleted && pending->empty() ? 1 : 0;
  for (const auto& range : ranges) {
    const auto before = gone.size();
    std::int64_t others = 0;
    auto taken = each_row(
        connection,
        "SELECT uid, email_id, size, keywords, deleted, change, shared FROM membership WHERE account_id = $1 AND "
        "mailbox_id = $2 AND uid BETWEEN $3 AND $4 AND deleted >= $5 ORDER BY uid",
        {account.value, mailbox.value, std::int64_t{range.first}, std::int64_t{range.last}, least},
        [&](const db::Rows& row) -> Result<void> {
          const auto uid = static_cast<std::uint32_t>(row.integer(0));
          auto now = pending->applied(uid, {row.octets(3), row.integer(4) != 0, row.integer(5)});
          if (!now) return pass(now);
          if (which == Which::deleted && !now->deleted) {
            ++others;
            return {};
          }
          gone.push_back({uid, EmailId{row.integer(1)}, row.integer(2), std::string(now->keywords), now->deleted,
                          row.integer(6) != 0});
          return {};
        });
    if (!taken) return pass(taken);
    if (gone.size() == before) continue;
    const std::span some = std::span(gone).subspan(before);
    auto removed = others == 0 ? remove_between(connection, account, mailbox, some.front().uid, some.back().uid, least)
                               : remove_listed(connection, account, mailbox, some);
    if (!removed) return pass(removed);
  }
  return gone;
}

// Those that stand in other mailboxes too; mostly none.
Result<std::vector<std::int64_t>> shared_uids(db::Connection& connection, AccountId account, MailboxId mailbox) {
  std::vector<std::int64_t> uids;
  auto read =
      each_row(connection, kSharedUids, {account.value, mailbox.value}, [&](const db::Rows& row) -> Result<void> {
        uids.push_back(row.integer(0));
        return {};
      });
  if (!read) return pass(read);
  return uids;
}

// The \Deleted ones of these ranges, as a snapshot shows them: no row of others is looked at.
Result<std::vector<MembershipRow>> take_shown(db::Connection& connection, AccountId account, MailboxId mailbox,
                                              const UidRanges& ranges, const MailboxSnapshot& snapshot) {
  constexpr std::size_t worth_a_statement = 16;  // neighbours that go
  auto shared = shared_uids(connection, account, mailbox);
  if (!shared) return pass(shared);
  const auto seen = encode_keywords({.flags = flag::seen, .own = {}});
  const auto unseen = encode_keywords({});
  std::vector<MembershipRow> gone;
  std::vector<MembershipRow> alone;
  std::size_t run = 0;  // of the last in `gone`
  const auto end_run = [&]() -> Result<void> {
    const auto some = std::span(gone).last(std::exchange(run, 0));
    if (some.size() >= worth_a_statement) {
      return remove_between(connection, account, mailbox, some.front().uid, some.back().uid, 0);
    }
    alone.insert(alone.end(), some.begin(), some.end());
    return {};
  };
  for (const auto& range : ranges) {
    for (auto at = snapshot.lower_bound(range.first); at < snapshot.size();) {
      const auto rows = snapshot.run(at, range.last);
      if (rows.empty() || rows.front().uid > range.last) break;
      at += rows.size();
      for (const auto& row : rows) {
        if ((row.flags() & flag::deleted) == 0) {
          if (auto ended = end_run(); !ended) return pass(ended);
          continue;
        }
        gone.push_back({row.uid, row.email, static_cast<std::int64_t>(row.size()),
                        (row.flags() & flag::seen) != 0 ? seen : unseen, true,
                        std::ranges::binary_search(*shared, std::int64_t{row.uid})});
        ++run;
      }
    }
    if (auto ended = end_run(); !ended) return pass(ended);
  }
  if (auto removed = remove_listed(connection, account, mailbox, alone); !removed) return pass(removed);
  return gone;
}

// An email that has left a mailbox and stands in others.
Result<void> keep_elsewhere(db::Connection& connection, AccountId account, const EmailPieces& email,
                            ChangeNumber change) {
  auto kept = connection.run("UPDATE email SET standings = $3, modified = $4 WHERE account_id = $1 AND email_id = $2",
                             {account.value, email.email, db::Octets{encode_standings(email.standings)}, change.value});
  if (!kept) return pass(kept);
  if (email.standings.size() != 1) return {};
  const auto& last = email.standings.front();
  auto alone = connection.run("UPDATE membership SET shared = 0 WHERE account_id = $1 AND mailbox_id = $2 AND uid = $3",
                              {account.value, last.mailbox.value, last.uid});
  if (!alone) return pass(alone);
  return {};
}

// What of an expunge concerns more than the mailbox.
struct EmailsGone {
  std::int64_t bytes = 0;            ///< of those that stood nowhere else
  std::vector<std::int64_t> emails;  ///< these, in rising order
};

// Takes the emails of these memberships out of the mailbox, a list at a time: a POP3 client's QUIT may mean a hundred
// thousand.
Result<EmailsGone> take_emails(db::Connection& connection, AccountId account, MailboxId mailbox,
                               std::vector<MembershipRow> gone, ChangeNumber change, SystemTime now) {
  // By email; each stands at most once in a mailbox, but nothing here needs that.
  std::ranges::sort(gone, {}, [](const MembershipRow& one) { return std::pair(one.email, one.uid); });
  EmailsGone result;
  std::vector<std::int64_t> references;
  std::size_t at = 0;
  while (at < gone.size()) {
    std::vector<std::int64_t> ids;
    std::size_t end = at;
    for (; end < gone.size(); ++end) {
      if (!ids.empty() && ids.back() == gone[end].email.value) continue;
      if (ids.size() == kListed) break;
      ids.push_back(gone[end].email.value);
    }
    auto rows = listed_emails(connection, account, ids);
    if (!rows) return pass(rows);
    if (rows->size() != ids.size()) {
      return fail(
          ErrorKind::io, "local error",
          fmt::format("account {}: {} of {} emails are missing", account.value, ids.size() - rows->size(), ids.size()));
    }
    std::vector<std::int64_t> nowhere;
    for (auto& row : *rows) {
      for (; at < end && gone[at].email.value == row.email; ++at) {
        std::erase(row.standings, Standing{mailbox, gone[at].uid});
      }
      if (!row.standings.empty()) {
        if (auto kept = keep_elsewhere(connection, account, row, change); !kept) return pass(kept);
        continue;
      }
      result.bytes += row.size;
      result.emails.push_back(row.email);
      nowhere.push_back(row.email);
      for (const auto& piece : row.pieces) references.push_back(piece.blob.value);
    }
    if (auto removed = remove_emails(connection, account, nowhere); !removed) return pass(removed);
  }
  if (auto dropped = drop_references(connection, counted(std::move(references)), now); !dropped) return pass(dropped);
  return result;
}

// The same where there are many: those that stood nowhere else are put on the list of what goes later.
Result<EmailsGone> leave_emails(db::Connection& connection, AccountId account, MailboxId mailbox,
                                std::vector<MembershipRow> gone, ChangeNumber change, SystemTime now) {
  std::vector<MembershipRow> shared;
  EmailsGone result;
  result.emails.reserve(gone.size());
  for (auto& one : gone) {
    if (one.shared) {
      shared.push_back(std::move(one));
      continue;
    }
    result.bytes += one.size;
    result.emails.push_back(one.email.value);
  }
  std::ranges::sort(result.emails);
  if (auto written = write_leaving(connection, account, result.emails); !written) return pass(written);
  if (shared.empty()) return result;
  auto taken = take_emails(connection, account, mailbox, std::move(shared), change, now);
  if (!taken) return pass(taken);
  result.bytes += taken->bytes;
  result.emails.insert(result.emails.end(), taken->emails.begin(), taken->emails.end());
  std::ranges::sort(result.emails);
  return result;
}

}  // namespace

Result<std::vector<EmailPieces>> some_emails(db::Connection& connection, AccountId account, std::int64_t limit) {
  std::vector<EmailPieces> emails;
  auto listed =
      each_row(connection, "SELECT email_id, size, pieces, standings FROM email WHERE account_id = $1 LIMIT $2",
               {account.value, limit}, [&](const db::Rows& rows) -> Result<void> {
                 auto row = email_pieces(rows);
                 if (!row) return pass(row);
                 emails.push_back(std::move(*row));
                 return {};
               });
  if (!listed) return pass(listed);
  return emails;
}

Result<std::vector<EmailPieces>> listed_emails(db::Connection& connection, AccountId account,
                                               std::span<const std::int64_t> emails) {
  static const std::string sql = fmt::format(
      "SELECT email_id, size, pieces, standings FROM email WHERE account_id = $1 AND email_id IN ({}) ORDER BY "
      "email_id",
      number_list(2));
  std::vector<EmailPieces> found;
  found.reserve(emails.size());
  for (std::size_t at = 0; at < emails.size(); at += kListed) {
    auto rows = connection.query(sql, listed(account, emails.subspan(at, std::min(kListed, emails.size() - at))));
    if (!rows) return pass(rows);
    while (true) {
      auto any = rows->next();
      if (!any) return pass(any);
      if (!*any) break;
      auto row = email_pieces(*rows);
      if (!row) return pass(row);
      found.push_back(std::move(*row));
    }
  }
  return found;
}

Result<void> remove_emails(db::Connection& connection, AccountId account, std::span<const std::int64_t> emails) {
  static const std::string sql =
      fmt::format("DELETE FROM email WHERE account_id = $1 AND email_id IN ({})", number_list(2));
  for (std::size_t at = 0; at < emails.size(); at += kListed) {
    auto removed = connection.run(sql, listed(account, emails.subspan(at, std::min(kListed, emails.size() - at))));
    if (!removed) return pass(removed);
  }
  return {};
}

Result<std::vector<Standing>> read_standings(db::Connection& connection, AccountId account, EmailId email) {
  auto rows = connection.query("SELECT standings FROM email WHERE account_id = $1 AND email_id = $2",
                               {account.value, email.value});
  if (!rows) return pass(rows);
  auto any = rows->next();
  if (!any) return pass(any);
  if (!*any) {
    return fail(ErrorKind::io, "local error",
                fmt::format("account {}: email {} is missing", account.value, email.value));
  }
  return decode_standings(rows->octets(0));
}

Result<Expunged> expunge(db::Connection& connection, AccountId account, MailboxId mailbox, const UidRanges& ranges,
                         Which which, SystemTime now, ExpungeHow how) {
  // The account's row first, so that nothing that is read here changes before it is written.
  if (auto held = take_changes(connection, account, 0); !held) return pass(held);
  auto info = read_any_mailbox(connection, account, mailbox);
  if (!info) return pass(info);
  Expunged expunged;
  expunged.change = info->change;
  if (which == Which::deleted && info->deleted == 0) return expunged;
  SnapshotRead shown;
  if (how.base && which == Which::deleted) {
    auto read = read_snapshot(connection, account, mailbox, std::move(how.base), SIZE_MAX);
    if (!read) return pass(read);
    shown = std::move(*read);
  }
  auto gone = shown.snapshot ? take_shown(connection, account, mailbox, ranges, *shown.snapshot)
                             : take_memberships(connection, account, mailbox, ranges, which);
  if (!gone) return pass(gone);
  if (gone->empty()) return expunged;
  auto change = take_changes(connection, account);
  if (!change) return pass(change);
  expunged.change = *change;
  std::vector<std::int64_t> uids;
  uids.reserve(gone->size());
  expunged.uids.reserve(gone->size());
  for (const auto& one : *gone) {
    uids.push_back(one.uid);
    expunged.uids.push_back(one.uid);
  }
  auto counts = counts_of(*gone);
  if (!counts) return pass(counts);
  auto emails = gone->size() >= how.leave_from
                    ? leave_emails(connection, account, mailbox, std::move(*gone), *change, now)
                    : take_emails(connection, account, mailbox, std::move(*gone), *change, now);
  if (!emails) return pass(emails);
  auto counted =
      count_mailbox(connection, account, mailbox, *change,
                    {-counts->emails, -counts->unseen, -counts->bytes, -counts->deleted, -counts->deleted_bytes});
  if (!counted) return pass(counted);
  auto logged = log_change(connection, ChangeLog::removed, account, mailbox, *change, uids);
  if (!logged) return pass(logged);
  if (emails->emails.empty()) return expunged;
  auto used = connection.run(
      "UPDATE account SET used_bytes = used_bytes - $2, used_emails = used_emails - $3 WHERE account_id = $1",
      {account.value, emails->bytes, static_cast<std::int64_t>(emails->emails.size())});
  if (!used) return pass(used);
  auto gone_for_good = log_change(connection, ChangeLog::emails, account, mailbox, *change, emails->emails);
  if (!gone_for_good) return pass(gone_for_good);
  return expunged;
}

}  // namespace pabal::store
