#include "store/leaving_emails.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "store/blobs.hpp"
#include "store/compact.hpp"
#include "store/mailbox_rows.hpp"
#include "store/shard.hpp"

namespace pabal::store {

namespace {

// The list is written where `shared` says that an email stands in one mailbox alone. Should that ever be wrong, the
// letter stays.
Result<bool> stands_somewhere(db::Connection& connection, AccountId account, const EmailPieces& email) {
  if (email.standings.size() < 2) return false;
  for (const auto& standing : email.standings) {
    auto there =
        connection.number("SELECT email_id FROM membership WHERE account_id = $1 AND mailbox_id = $2 AND uid = $3",
                          {account.value, standing.mailbox.value, standing.uid});
    if (!there) return pass(there);
    if (*there == email.email) return true;
  }
  return false;
}

}  // namespace

Result<void> write_leaving(db::Connection& connection, AccountId account, std::span<const std::int64_t> rising) {
  while (!rising.empty()) {
    const auto some = rising.first(std::min(rising.size(), kLeaveAtOnce));
    rising = rising.subspan(some.size());
    const auto emails = encode_numbers(some);
    auto written = connection.run("INSERT INTO leaving_email (account_id, first, emails) VALUES ($1, $2, $3)",
                                  {account.value, some.front(), db::Octets{emails}});
    if (!written) return pass(written);
  }
  return {};
}

Result<std::optional<LeavingList>> next_leaving(db::Connection& connection, LeavingList after,
                                                std::optional<AccountId> only) {
  auto rows = connection.query(
      "SELECT account_id, first FROM leaving_email WHERE (account_id, first) > ($1, $2) ORDER BY account_id, first "
      "LIMIT "
      "1",
      {after.account.value, after.first});
  if (!rows) return pass(rows);
  auto any = rows->next();
  if (!any) return pass(any);
  if (!*any || (only && rows->integer(0) != only->value)) return std::nullopt;
  return LeavingList{AccountId{rows->integer(0)}, rows->integer(1)};
}

Result<void> forget_leaving(db::Connection& connection, LeavingList list) {
  auto taken = connection.run("DELETE FROM leaving_email WHERE account_id = $1 AND first = $2",
                              {list.account.value, list.first});
  if (!taken) return pass(taken);
  return {};
}

Result<void> remove_leaving(db::Connection& connection, LeavingList list, SystemTime now) {
  std::vector<std::int64_t> emails;
  auto read = each_row(connection, "SELECT emails FROM leaving_email WHERE account_id = $1 AND first = $2",
                       {list.account.value, list.first}, [&](const db::Rows& row) -> Result<void> {
                         auto numbers = decode_numbers(row.octets(0));
                         if (!numbers) return pass(numbers);
                         emails = *std::move(numbers);
                         return {};
                       });
  if (!read) return read;
  if (auto taken = forget_leaving(connection, list); !taken) return taken;
  auto rows = listed_emails(connection, list.account, emails);
  if (!rows) return pass(rows);
  std::vector<std::int64_t> going;
  std::vector<std::int64_t> references;
  for (const auto& row : *rows) {
    auto stands = stands_somewhere(connection, list.account, row);
    if (!stands) return pass(stands);
    if (*stands) continue;
    going.push_back(row.email);
    for (const auto& piece : row.pieces) references.push_back(piece.blob.value);
  }
  if (auto removed = remove_emails(connection, list.account, going); !removed) return removed;
  return drop_references(connection, counted(std::move(references)), now);
}

Result<std::vector<std::int64_t>> read_leaving(db::Connection& connection, AccountId account) {
  std::vector<std::int64_t> all;
  auto read = each_row(connection, "SELECT emails FROM leaving_email WHERE account_id = $1", {account.value},
                       [&](const db::Rows& row) -> Result<void> {
                         auto emails = decode_numbers(row.octets(0));
                         if (!emails) return pass(emails);
                         all.insert(all.end(), emails->begin(), emails->end());
                         return {};
                       });
  if (!read) return pass(read);
  std::ranges::sort(all);
  return all;
}

void Shard::to_leave() { to_leave_.lock()->note(around_.clock->steady()); }

// `all`: tests want it done.
Result<void> Shard::remove_leaving_emails(bool all) {
  constexpr int lists_at_once = 100;  // the rest of the background work has its turn, too
  if (!to_leave_.lock()->take(around_.clock->steady(), all)) return {};
  const auto now = around_.clock->now();
  Result<void> outcome;
  LeavingList last;
  int lists = 0;
  for (; !stopping() && (all || lists < lists_at_once); ++lists) {
    auto next = readers_.read([&](db::Connection& connection) { return next_leaving(connection, last); });
    if (!next && outcome) outcome = pass(next);
    if (!next || !*next) break;
    last = **next;
    // One that can't be worked off doesn't keep the others.
    auto done = write_now([&](db::Connection& connection) { return remove_leaving(connection, last, now); });
    if (!done && outcome) outcome = std::move(done);
    give_way_to_readers();
  }
  if (!outcome) to_leave();  // after a rest
  if (stopping() || lists == lists_at_once) to_leave_.lock()->left_some();
  return outcome;
}

}  // namespace pabal::store
