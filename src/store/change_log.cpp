#include "store/change_log.hpp"

#include <algorithm>
#include <array>

#include "store/compact.hpp"
#include "store/mailbox_rows.hpp"

namespace pabal::store {

namespace {

// The mailbox is $2 in each, so that they are asked the same way; a log of the account has it always 0.
struct Statements {
  std::string_view insert;
  std::string_view read;
  std::string_view newest_first;
  std::string_view forget;
};
constexpr std::array<Statements, 3> kStatements = {{
    {"INSERT INTO changed_membership (account_id, mailbox_id, change, uids) VALUES ($1, $2, $3, $4)",
     "SELECT uids FROM changed_membership WHERE account_id = $1 AND mailbox_id = $2 AND change > $3",
     "SELECT change, LENGTH(uids) FROM changed_membership WHERE account_id = $1 AND mailbox_id = $2 ORDER BY change "
     "DESC",
     "DELETE FROM changed_membership WHERE account_id = $1 AND mailbox_id = $2 AND change <= $3"},
    {"INSERT INTO removed_membership (account_id, mailbox_id, change, uids) VALUES ($1, $2, $3, $4)",
     "SELECT uids FROM removed_membership WHERE account_id = $1 AND mailbox_id = $2 AND change > $3",
     "SELECT change, LENGTH(uids) FROM removed_membership WHERE account_id = $1 AND mailbox_id = $2 ORDER BY change "
     "DESC",
     "DELETE FROM removed_membership WHERE account_id = $1 AND mailbox_id = $2 AND change <= $3"},
    {"INSERT INTO removed_email (account_id, change, emails) VALUES ($1, $3 + $2, $4)",
     "SELECT emails FROM removed_email WHERE account_id = $1 AND $2 = 0 AND change > $3",
     "SELECT change, LENGTH(emails) FROM removed_email WHERE account_id = $1 AND $2 = 0 ORDER BY change DESC",
     "DELETE FROM removed_email WHERE account_id = $1 AND $2 = 0 AND change <= $3"},
}};
const Statements& statements(ChangeLog log) { return kStatements[static_cast<std::size_t>(log)]; }
std::int64_t scope(ChangeLog log, MailboxId mailbox) { return log == ChangeLog::emails ? 0 : mailbox.value; }

// One change in some sixty-four, whatever their pattern: shortening costs a look at all rows.
bool is_time_to_shorten(ChangeNumber change) noexcept {
  return (static_cast<std::uint64_t>(change.value) * 0x9E3779B97F4A7C15ULL) >> 58 == 0;
}

}  // namespace

Result<void> log_change(db::Connection& connection, ChangeLog log, AccountId account, MailboxId mailbox,
                        ChangeNumber change, std::span<const std::int64_t> rising) {
  const auto octets = encode_numbers(rising);
  auto logged =
      connection.run(statements(log).insert, {account.value, scope(log, mailbox), change.value, db::Octets{octets}});
  if (!logged) return pass(logged);
  return is_time_to_shorten(change) ? shorten_log(connection, log, account, mailbox) : Result<void>{};
}

Result<Logged> read_log(db::Connection& connection, ChangeLog log, AccountId account, MailboxId mailbox,
                        ChangeNumber since) {
  Logged logged;
  auto read = each_row(connection, statements(log).read, {account.value, scope(log, mailbox), since.value},
                       [&](const db::Rows& row) -> Result<void> {
                         const auto octets = row.octets(0);
                         if (octets.empty()) {
                           logged.forgotten = true;
                           return {};
                         }
                         auto numbers = decode_numbers(octets);
                         if (!numbers) return pass(numbers);
                         logged.numbers.insert(logged.numbers.end(), numbers->begin(), numbers->end());
                         return {};
                       });
  if (!read) return pass(read);
  if (logged.forgotten) logged.numbers.clear();
  std::ranges::sort(logged.numbers);
  const auto repeated = std::ranges::unique(logged.numbers);
  logged.numbers.erase(repeated.begin(), repeated.end());
  return logged;
}

Result<void> shorten_log(db::Connection& connection, ChangeLog log, AccountId account, MailboxId mailbox) {
  std::int64_t rows = 0;
  std::int64_t octets = 0;
  std::int64_t forget = 0;
  auto looked = each_row(connection, statements(log).newest_first, {account.value, scope(log, mailbox)},
                         [&](const db::Rows& row) -> Result<void> {
                           octets += row.integer(1);
                           if (++rows > kLogRows || octets > kLogOctets) forget = std::max(forget, row.integer(0));
                           return {};
                         });
  if (!looked) return looked;
  if (forget == 0) return {};
  auto forgotten = connection.run(statements(log).forget, {account.value, scope(log, mailbox), forget});
  if (!forgotten) return pass(forgotten);
  auto marked = connection.run(statements(log).insert,
                               {account.value, scope(log, mailbox), forget, db::Octets{std::string_view()}});
  if (!marked) return pass(marked);
  return {};
}

}  // namespace pabal::store
