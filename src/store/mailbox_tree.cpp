// Mailboxes come, go and are renamed.
#include <algorithm>

#include "base/text.hpp"
#include "store/delivery_rows.hpp"
#include "store/leaving.hpp"
#include "store/mailbox_rows.hpp"

namespace pabal::store {

namespace {

constexpr std::int64_t kMostSubscriptions = 10'000;  ///< of names without a mailbox
constexpr std::string_view kInbox = "INBOX";

// A name that had a subscription without a mailbox gives it to the mailbox.
Result<bool> take_subscription(db::Connection& connection, AccountId account, std::string_view path) {
  auto taken = connection.run("DELETE FROM subscription WHERE account_id = $1 AND path = $2", {account.value, path});
  if (!taken) return pass(taken);
  return *taken != 0;
}

// RFC 4314 §4: a new mailbox takes the access control list of the one above it.
Result<void> inherit_access(db::Connection& connection, AccountId account, std::string_view path, MailboxId made) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return {};
  auto taken = connection.run(
      "INSERT INTO access (account_id, mailbox_id, identifier, rights) SELECT a.account_id, $3, a.identifier, a.rights "
      "FROM access a JOIN mailbox m ON m.account_id = a.account_id AND m.mailbox_id = a.mailbox_id WHERE a.account_id "
      "= $1 AND m.path = $2",
      {account.value, path.substr(0, slash), made.value});
  if (!taken) return pass(taken);
  return {};
}

// UIDVALIDITY only ever grows in an account, so that a name that was used before never comes back with an old one.
Result<std::int64_t> take_uid_validity(db::Connection& connection, AccountId account, SystemTime now) {
  auto validity = connection.number(
      "UPDATE account SET uid_validity = CASE WHEN uid_validity < $2 THEN $2 ELSE uid_validity + 1 END "
      "WHERE account_id = $1 RETURNING uid_validity",
      {account.value, to_database(now) / 1'000'000});
  if (!validity) return pass(validity);
  return validity->value_or(1);
}

Result<std::int64_t> count_subscriptions(db::Connection& connection, AccountId account) {
  auto count = connection.number("SELECT COUNT(*) FROM subscription WHERE account_id = $1", {account.value});
  if (!count) return pass(count);
  return count->value_or(0);
}

Result<MailboxMade> insert_mailbox(db::Connection& connection, AccountId account, std::string_view path,
                                   std::string_view role, SystemTime now, bool subscribed, std::size_t most) {
  auto count = connection.number("SELECT COUNT(*) FROM mailbox WHERE account_id = $1 AND path >= ' '", {account.value});
  if (!count) return pass(count);
  if (count->value_or(0) >= static_cast<std::int64_t>(most)) return fail(ErrorKind::limit, "too many mailboxes");
  auto change = take_changes(connection, account);
  if (!change) return pass(change);
  auto validity = take_uid_validity(connection, account, now);
  if (!validity) return pass(validity);
  auto had = take_subscription(connection, account, path);
  if (!had) return pass(had);
  auto made = connection.run(
      "INSERT INTO mailbox (account_id, mailbox_id, path, role, uid_validity, uid_next, first_recent_uid, change, "
      "emails, unseen, bytes, subscribed) VALUES ($1, $2, $3, $4, $5, 1, 1, $2, 0, 0, 0, $6)",
      {account.value, change->value, path, role, *validity, std::int64_t{subscribed || *had}});
  if (!made) return pass(made);
  if (auto inherited = inherit_access(connection, account, path, MailboxId{change->value}); !inherited) {
    return pass(inherited);
  }
  return MailboxMade{MailboxId{change->value}, static_cast<std::uint32_t>(*validity), *change};
}

Result<bool> is_there(db::Connection& connection, AccountId account, std::string_view path) {
  auto there =
      connection.number("SELECT mailbox_id FROM mailbox WHERE account_id = $1 AND path = $2", {account.value, path});
  if (!there) return pass(there);
  return there->has_value();
}

// Those above it that are missing.
Result<void> make_parents(db::Connection& connection, AccountId account, std::string_view path, SystemTime now,
                          bool subscribed, std::size_t most) {
  for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    const auto name = path.substr(0, slash);
    auto there = is_there(connection, account, name);
    if (!there) return pass(there);
    if (*there) continue;
    if (auto made = insert_mailbox(connection, account, name, {}, now, subscribed, most); !made) return pass(made);
  }
  return {};
}

struct Named {
  MailboxId id;
  std::string path;
  std::int64_t uid_validity = 0;
};
// All below a path, by path. Between "path/" and "path0", the octet that follows the slash.
Result<std::vector<Named>> mailboxes_below(db::Connection& connection, AccountId account, std::string_view path) {
  const auto begin = std::string(path) + "/";
  const auto end = std::string(path) + "0";
  std::vector<Named> below;
  auto listed = each_row(
      connection,
      "SELECT mailbox_id, path, uid_validity FROM mailbox WHERE account_id = $1 AND path > $2 AND path < "
      "$3 ORDER BY path",
      {account.value, std::string_view(begin), std::string_view(end)}, [&](const db::Rows& row) -> Result<void> {
        below.push_back({MailboxId{row.integer(0)}, std::string(row.text(1)), row.integer(2)});
        return {};
      });
  if (!listed) return pass(listed);
  return below;
}

// A mailbox leaves its name. `id` is less than 0 where the mailbox itself stays, under another one.
Result<void> log_name(db::Connection& connection, AccountId account, ChangeNumber change, std::int64_t id,
                      std::string_view path, std::int64_t uid_validity) {
  auto logged = connection.run(
      "INSERT INTO removed_mailbox (account_id, change, mailbox_id, path, uid_validity) VALUES ($1, $2, $3, $4, $5)",
      {account.value, change.value, id, path, uid_validity});
  if (!logged) return pass(logged);
  return {};
}

// RFC 9051 §6.3.6 and §2.3.1.1: under a name that was used before by a younger mailbox it gets a UIDVALIDITY above that
// one's.
Result<std::int64_t> uid_validity_under(db::Connection& connection, AccountId account, std::string_view path,
                                        std::int64_t present, SystemTime now) {
  // Any name may have been among those that are forgotten.
  auto before = connection.number(
      "SELECT COALESCE(MAX(uid_validity), 0) FROM removed_mailbox WHERE account_id = $1 AND path IN ($2, '')",
      {account.value, path});
  if (!before) return pass(before);
  if (before->value_or(0) <= present) return present;
  return take_uid_validity(connection, account, now);
}

// Of too many names the oldest go. One row without a name stays of them: the change up to which nothing is known, and
// the highest UIDVALIDITY.
Result<void> forget_names(db::Connection& connection, AccountId account) {
  auto last = connection.number(
      "SELECT change FROM removed_mailbox WHERE account_id = $1 AND mailbox_id <> 0 ORDER BY change DESC LIMIT 1 "
      "OFFSET "
      "$2",
      {account.value, kMostGivenUpNames});
  if (!last) return pass(last);
  if (!*last) return {};
  auto highest = connection.number(
      "SELECT MAX(uid_validity) FROM removed_mailbox WHERE account_id = $1 AND change <= $2", {account.value, **last});
  if (!highest) return pass(highest);
  auto gone =
      connection.run("DELETE FROM removed_mailbox WHERE account_id = $1 AND change <= $2", {account.value, **last});
  if (!gone) return pass(gone);
  return log_name(connection, account, ChangeNumber{**last}, 0, "", highest->value_or(0));
}

std::unexpected<Error> already_there(AccountId account, std::string_view path) {
  return fail(ErrorKind::exists, "mailbox already exists",
              fmt::format("account {}: {} is there", account.value, printable(path)));
}

// Its messages go to a new mailbox; INBOX itself stays (RFC 9051 §6.3.6).
Result<ChangeNumber> rename_inbox(db::Connection& connection, AccountId account, const MailboxInfo& inbox,
                                  std::string_view to, SystemTime now, std::size_t most) {
  if (auto parents = make_parents(connection, account, to, now, false, most); !parents) return pass(parents);
  auto made = insert_mailbox(connection, account, to, {}, now, false, most);
  if (!made) return pass(made);
  auto moved = move_messages(connection, account, inbox.id, {UidRange{}}, made->id, now);
  if (!moved) return pass(moved);
  if (auto seen = move_seen(connection, account, inbox.id, *moved); !seen) return pass(seen);
  return std::max(made->change, moved->change);
}

}  // namespace

Result<void> make_mailbox(db::Connection& connection, AccountId account, std::string_view path, std::string_view role,
                          SystemTime now, bool subscribed) {
  auto there = is_there(connection, account, path);
  if (!there) return pass(there);
  if (*there) return {};
  if (auto parents = make_parents(connection, account, path, now, subscribed, kMostMailboxes); !parents) {
    return pass(parents);
  }
  if (auto made = insert_mailbox(connection, account, path, role, now, subscribed, kMostMailboxes); !made) {
    return pass(made);
  }
  return {};
}

Result<MailboxMade> create_mailbox(db::Connection& connection, AccountId account, std::string_view path,
                                   std::string_view role, SystemTime now, std::size_t most) {
  auto name = mailbox_path(path);
  if (!name) return pass(name);
  auto there = is_there(connection, account, *name);
  if (!there) return pass(there);
  if (*there) return already_there(account, *name);
  if (auto free = expect_free_role(connection, account, role, {}); !free) return pass(free);
  if (auto parents = make_parents(connection, account, *name, now, false, most); !parents) return pass(parents);
  return insert_mailbox(connection, account, *name, role, now, false, most);
}

namespace {

// The mailbox, if it may be deleted.
Result<MailboxInfo> deletable(db::Connection& connection, AccountId account, std::string_view path,
                              std::optional<MailboxId> id) {
  auto info = read_mailbox(connection, account, path);
  if (!info) return info;
  // Another has its name by now.
  if (id && info->id != *id) return no_mailbox(account, printable(path));
  if (info->path == kInbox) return fail(ErrorKind::policy, "INBOX can't be deleted");
  auto below = mailboxes_below(connection, account, info->path);
  if (!below) return pass(below);
  if (!below->empty()) return fail(ErrorKind::state, "mailbox has others below it");
  return info;
}

// What hangs on a mailbox and is nothing without its name.
Result<void> remove_attachments(db::Connection& connection, AccountId account, MailboxId mailbox) {
  for (const std::string_view table : {"mailbox_pack", "annotation", "access", "reader_seen"}) {
    auto removed = connection.run(fmt::format("DELETE FROM {} WHERE account_id = $1 AND mailbox_id = $2", table),
                                  {account.value, mailbox.value});
    if (!removed) return pass(removed);
  }
  return {};
}

// The name of a mailbox that was subscribed stays so, as long as there is room.
Result<void> keep_subscription(db::Connection& connection, AccountId account, const MailboxInfo& mailbox) {
  if (!mailbox.subscribed) return {};
  auto count = count_subscriptions(connection, account);
  if (!count) return pass(count);
  if (*count >= kMostSubscriptions) return {};
  auto kept = connection.run("INSERT INTO subscription (account_id, path) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                             {account.value, std::string_view(mailbox.path)});
  if (!kept) return pass(kept);
  return {};
}

Result<void> begin_leaving(db::Connection& connection, AccountId account, MailboxId mailbox, ChangeNumber change) {
  if (auto removed = remove_attachments(connection, account, mailbox); !removed) return removed;
  const auto path = path_of_leaving(mailbox);
  auto set = connection.run(
      "UPDATE mailbox SET path = $3, role = '', subscribed = 0, change = $4 WHERE account_id = $1 AND mailbox_id = $2",
      {account.value, mailbox.value, std::string_view(path), change.value});
  if (!set) return pass(set);
  return {};
}

}  // namespace

Result<void> remove_mailbox_rows(db::Connection& connection, AccountId account, MailboxId mailbox) {
  if (auto removed = remove_attachments(connection, account, mailbox); !removed) return removed;
  for (const std::string_view table : {"changed_membership", "removed_membership", "pending_flags", "mailbox"}) {
    auto removed = connection.run(fmt::format("DELETE FROM {} WHERE account_id = $1 AND mailbox_id = $2", table),
                                  {account.value, mailbox.value});
    if (!removed) return pass(removed);
  }
  return {};
}

Result<MailboxDeleted> delete_mailbox(db::Connection& connection, AccountId account, std::string_view path,
                                      std::optional<MailboxId> id, SystemTime now) {
  auto info = deletable(connection, account, path, id);
  if (!info) return pass(info);
  const bool big = info->emails > static_cast<std::uint64_t>(kEmptyAtOnce);
  if (!big) {
    auto gone = expunge(connection, account, info->id, {UidRange{}}, Which::all, now);
    if (!gone) return pass(gone);
  }
  auto change = take_changes(connection, account);
  if (!change) return pass(change);
  auto left =
      big ? begin_leaving(connection, account, info->id, *change) : remove_mailbox_rows(connection, account, info->id);
  if (!left) return pass(left);
  auto logged = log_name(connection, account, *change, info->id.value, info->path, info->uid_validity);
  if (logged) logged = forget_names(connection, account);
  if (logged) logged = keep_subscription(connection, account, *info);
  if (!logged) return pass(logged);
  return MailboxDeleted{*change, big ? std::optional(info->id) : std::nullopt};
}

Result<ChangeNumber> rename_mailbox(db::Connection& connection, AccountId account, std::string_view from,
                                    std::optional<MailboxId> id, std::string_view to, SystemTime now,
                                    std::size_t most) {
  auto info = read_mailbox(connection, account, from);
  if (!info) return pass(info);
  // Another has its name by now.
  if (id && info->id != *id) return no_mailbox(account, printable(from));
  auto name = mailbox_path(to);
  if (!name) return pass(name);
  auto there = is_there(connection, account, *name);
  if (!there) return pass(there);
  if (*there) return already_there(account, *name);
  if (info->path == kInbox) return rename_inbox(connection, account, *info, *name, now, most);
  if (name->starts_with(info->path + "/")) return fail(ErrorKind::policy, "mailbox can't come under itself");
  auto moving = mailboxes_below(connection, account, info->path);
  if (!moving) return pass(moving);
  moving->insert(moving->begin(), {info->id, info->path, info->uid_validity});
  if (auto parents = make_parents(connection, account, *name, now, false, most); !parents) return pass(parents);
  auto change = take_changes(connection, account);
  if (!change) return pass(change);
  for (const auto& mailbox : *moving) {
    // Those below may become too long or too deep.
    auto path = mailbox_path(*name + mailbox.path.substr(info->path.size()));
    if (!path) return pass(path);
    auto taken = is_there(connection, account, *path);
    if (!taken) return pass(taken);
    if (*taken) return already_there(account, *path);
    auto had = take_subscription(connection, account, *path);
    if (!had) return pass(had);
    auto validity = uid_validity_under(connection, account, *path, mailbox.uid_validity, now);
    if (!validity) return pass(validity);
    auto logged = log_name(connection, account, *change, -mailbox.id.value, mailbox.path, mailbox.uid_validity);
    if (!logged) return pass(logged);
    auto renamed = connection.run(
        "UPDATE mailbox SET path = $3, change = $4, uid_validity = $6, subscribed = CASE WHEN $5 = 1 THEN 1 ELSE "
        "subscribed END WHERE account_id = $1 AND mailbox_id = $2",
        {account.value, mailbox.id.value, std::string_view(*path), change->value, std::int64_t{*had}, *validity});
    if (!renamed) return pass(renamed);
  }
  if (auto forgotten = forget_names(connection, account); !forgotten) return pass(forgotten);
  return *change;
}

Result<ChangeNumber> subscribe(db::Connection& connection, AccountId account, std::string_view path, bool subscribed) {
  auto name = mailbox_path(path);
  if (!name) return pass(name);
  auto info = read_mailbox(connection, account, *name);
  if (!info && info.error().kind != ErrorKind::not_found) return pass(info);
  if (info) {
    if (info->subscribed == subscribed) return ChangeNumber{};
    auto change = take_changes(connection, account);
    if (!change) return pass(change);
    auto set =
        connection.run("UPDATE mailbox SET subscribed = $3, change = $4 WHERE account_id = $1 AND mailbox_id = $2",
                       {account.value, info->id.value, std::int64_t{subscribed}, change->value});
    if (!set) return pass(set);
    return *change;
  }
  const std::string_view sql =
      subscribed ? "INSERT INTO subscription (account_id, path) VALUES ($1, $2) ON CONFLICT DO NOTHING"
                 : "DELETE FROM subscription WHERE account_id = $1 AND path = $2";
  auto set = connection.run(sql, {account.value, std::string_view(*name)});
  if (!set) return pass(set);
  if (*set == 0) return ChangeNumber{};
  auto count = count_subscriptions(connection, account);
  if (!count) return pass(count);
  if (subscribed && *count > kMostSubscriptions) return fail(ErrorKind::limit, "too many subscriptions");
  return take_changes(connection, account);
}

}  // namespace pabal::store
