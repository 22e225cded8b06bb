// The special uses of mailboxes (RFC 6154), which the store keeps as roles (RFC 8621 §2), and the annotation that tells
// and changes them (RFC 6154 §4).
#include <algorithm>

#include "base/text.hpp"
#include "store/mailbox_rows.hpp"

namespace pabal::store {

std::string special_use_of(std::string_view role) {
  if (role.empty() || role == "inbox") return {};
  std::string use = "\\" + std::string(role);
  use[1] = static_cast<char>(use[1] - 'a' + 'A');
  return use;
}

std::optional<std::string> role_of_special_use(std::string_view use) {
  if (!use.starts_with('\\')) return std::nullopt;
  for (const std::string_view role : {"archive", "drafts", "junk", "sent", "trash"}) {
    if (equal_ignoring_case(use.substr(1), role)) return std::string(role);
  }
  return std::nullopt;
}

Result<void> expect_free_role(db::Connection& connection, AccountId account, std::string_view role, MailboxId besides) {
  if (role.empty()) return {};
  auto taken = connection.number(
      "SELECT mailbox_id FROM mailbox WHERE account_id = $1 AND role = $2 AND mailbox_id <> $3 LIMIT 1",
      {account.value, role, besides.value});
  if (!taken) return pass(taken);
  if (*taken) return fail(ErrorKind::state, "another mailbox has this special use");
  return {};
}

Result<void> write_special_use(db::Connection& connection, AccountId account, MailboxId mailbox,
                               const std::optional<std::string>& uses, ChangeNumber change) {
  std::string role;
  if (const auto use = uses ? trim(*uses) : std::string_view(); !use.empty()) {
    auto found = role_of_special_use(use);
    if (!found) return fail(ErrorKind::state, "not this special use");
    role = std::move(*found);
  }
  auto info = read_mailbox(connection, account, mailbox);
  if (!info) return pass(info);
  if (info->role == role) return {};
  if (info->role == "inbox") {
    if (role.empty()) return {};
    return fail(ErrorKind::state, "INBOX has no other use");
  }
  if (auto free = expect_free_role(connection, account, role, mailbox); !free) return pass(free);
  auto given = connection.run("UPDATE mailbox SET role = $3, change = $4 WHERE account_id = $1 AND mailbox_id = $2",
                              {account.value, mailbox.value, std::string_view(role), change.value});
  if (!given) return pass(given);
  return {};
}

Result<void> read_special_uses(db::Connection& connection, AccountId account, MailboxId mailbox,
                               const std::function<void(MailboxId, std::string)>& take) {
  return each_row(connection,
                  "SELECT mailbox_id, role FROM mailbox WHERE account_id = $1 AND role <> '' AND ($2 = 0 OR mailbox_id "
                  "= $2)",
                  {account.value, mailbox.value}, [&](const db::Rows& row) -> Result<void> {
                    if (auto use = special_use_of(row.text(1)); !use.empty()) {
                      take(MailboxId{row.integer(0)}, std::move(use));
                    }
                    return {};
                  });
}

}  // namespace pabal::store
