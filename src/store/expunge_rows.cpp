// Messages leave a mailbox, and emails that stand nowhere any more the store.
#include <algorithm>

#include "store/blobs.hpp"
#include "store/change_log.hpp"
#include "store/mailbox_rows.hpp"

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

// At most kListed, in the order of their ids.
Result<std::vector<EmailPieces>> listed_emails(db::Connection& connection, AccountId account,
                                               std::span<const std::int64_t> emails) {
  static const std::string sql = fmt::format(
      "SELECT email_id, size, pieces, standings FROM email WHERE account_id = $1 AND email_id IN ({}) ORDER BY "
      "email_id",
      number_list(2));
  auto rows = connection.query(sql, listed(account, emails));
  if (!rows) return pass(rows);
  std::vector<EmailPieces> found;
  while (true) {
    auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) break;
    auto row = email_pieces(*rows);
    if (!row) return pass(row);
    found.push_back(std::move(*row));
  }
  if (found.size() != emails.size()) {
    return fail(ErrorKind::io, "local error",
                fmt::format("account {}: {} of {} emails are missing", account.value, emails.size() - found.size(),
                            emails.size()));
  }
  return found;
}

// The memberships of these ranges, range by range.
Result<std::vector<MembershipRow>> take_memberships(db::Connection& connection, AccountId account, MailboxId mailbox,
                                                    const UidRanges& ranges, Which which) {
  std::vector<MembershipRow> gone;
  // Looked at first: a DELETE that returns rows goes through a temporary table.
  const std::int64_t least = which == Which::deleted ? 1 : 0;
  for (const auto& range : ranges) {
    const auto before = gone.size();
    auto taken = each_row(connection,
                          "SELECT uid, email_id, size, keywords, deleted FROM membership WHERE account_id = $1 AND "
                          "mailbox_id = $2 AND uid BETWEEN $3 AND $4 AND deleted >= $5 ORDER BY uid",
                          {account.value, mailbox.value, std::int64_t{range.first}, std::int64_t{range.last}, least},
                          [&](const db::Rows& row) -> Result<void> {
                            gone.push_back({static_cast<std::uint32_t>(row.integer(0)), EmailId{row.integer(1)},
                                            row.integer(2), std::string(row.octets(3)), row.integer(4) != 0});
                            return {};
                          });
    if (!taken) return pass(taken);
    if (gone.size() == before) continue;
    auto removed = connection.run(
        "DELETE FROM membership WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN $3 AND $4 AND deleted >= $5",
        {account.value, mailbox.value, std::int64_t{gone[before].uid}, std::int64_t{gone.back().uid}, least});
    if (!removed) return pass(removed);
  }
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
  ReferenceCounts references;
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
      for (const auto& piece : row.pieces) ++references[piece.blob.value];
    }
    if (auto removed = remove_emails(connection, account, nowhere); !removed) return pass(removed);
  }
  if (auto dropped = drop_references(connection, references, now); !dropped) return pass(dropped);
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
                         Which which, SystemTime now) {
  auto info = read_any_mailbox(connection, account, mailbox);
  if (!info) return pass(info);
  Expunged expunged;
  expunged.change = info->change;
  if (which == Which::deleted && info->deleted == 0) return expunged;
  auto gone = take_memberships(connection, account, mailbox, ranges, which);
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
  auto emails = take_emails(connection, account, mailbox, std::move(*gone), *change, now);
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
