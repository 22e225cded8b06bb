// Annotations (RFC 5464) and access control lists (RFC 4314) of mailboxes.
#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "store/mailbox_rows.hpp"

namespace pabal::store {

namespace {

constexpr std::size_t kMostNameOctets = 1000;
constexpr std::size_t kMostIdentifierOctets = 500;
constexpr std::int64_t kMostAccessEntries = 1000;
constexpr std::int64_t kEntryOctets = 64;                  ///< what an entry counts beside its name and value
constexpr std::size_t kMostAnnotationsAtOnce = 16U << 20;  // octets

// RFC 5464 §4.1: components behind slashes, of ASCII without controls and what patterns are made of.
bool is_entry_name(std::string_view name) noexcept {
  if (name.size() > kMostNameOctets || name.ends_with('/') || name.find("//") != std::string_view::npos) return false;
  if (!name.starts_with("/private/") && !name.starts_with("/shared/")) return false;
  return std::ranges::all_of(name, [](char c) { return c >= ' ' && c < '\x7f' && c != '*' && c != '%'; });
}

// The mailbox must be there; 0 stands for the account itself.
Result<void> expect_mailbox(db::Connection& connection, AccountId account, MailboxId mailbox) {
  if (!mailbox) return {};
  auto info = read_mailbox(connection, account, mailbox);
  if (!info) return pass(info);
  return {};
}

// Every change of an account has a number, so that nobody overlooks it.
Result<ChangeNumber> changed(db::Connection& connection, AccountId account, MailboxId mailbox) {
  auto change = take_changes(connection, account);
  if (!change) return change;
  if (auto counted = count_mailbox(connection, account, mailbox, *change, {}); !counted) return pass(counted);
  return change;
}

Result<void> write_annotation(db::Connection& connection, AccountId account, MailboxId mailbox, AccountId reader,
                              const Annotation& entry, ChangeNumber change) {
  const auto name = to_lower(entry.name);
  if (!is_entry_name(name)) {
    return fail(ErrorKind::policy, "no such entry", fmt::format("annotation {}", printable(entry.name)));
  }
  if (mailbox && name == kSpecialUseEntry) {
    if (reader != account) return fail(ErrorKind::state, "special uses are the owner's affair");
    auto given = write_special_use(connection, account, mailbox, entry.value, change);
    if (!given) return given;
  }
  const auto whose = name.starts_with("/private/") ? reader : AccountId{};
  if (!entry.value) {
    auto removed = connection.run(
        "UPDATE annotation SET value = $5, change = $6, removed = 1 WHERE account_id = $1 AND mailbox_id "
        "= $2 AND reader = $3 AND name = $4 AND removed = 0",
        {account.value, mailbox.value, whose.value, std::string_view(name), db::Octets{""}, change.value});
    if (!removed) return pass(removed);
    return {};
  }
  if (entry.value->size() > kMostAnnotationOctets) return fail(ErrorKind::limit, "value too long");
  auto set = connection.run(
      "INSERT INTO annotation (account_id, mailbox_id, reader, name, value, change, removed) VALUES ($1, $2, $3, $4, "
      "$5, $6, 0) ON CONFLICT (account_id, mailbox_id, reader, name) DO UPDATE SET value = excluded.value, change = "
      "excluded.change, removed = 0 WHERE annotation.value <> excluded.value OR annotation.removed = 1",
      {account.value, mailbox.value, whose.value, std::string_view(name), db::Octets{*entry.value}, change.value});
  if (!set) return pass(set);
  return {};
}

// Of those that were taken away the newest stay, as many as there may be.
Result<void> forget_removed(db::Connection& connection, AccountId account, MailboxId mailbox, AccountId whose) {
  auto last = connection.number(
      "SELECT change FROM annotation WHERE account_id = $1 AND mailbox_id = $2 AND reader = $3 AND removed = 1 ORDER "
      "BY change DESC LIMIT 1 OFFSET $4",
      {account.value, mailbox.value, whose.value, static_cast<std::int64_t>(kMostAnnotations)});
  if (!last) return pass(last);
  if (!*last) return {};
  auto forgotten = connection.run(
      "DELETE FROM annotation WHERE account_id = $1 AND mailbox_id = $2 AND reader = $3 AND removed = 1 AND change <= "
      "$4",
      {account.value, mailbox.value, whose.value, **last});
  if (!forgotten) return pass(forgotten);
  return {};
}

// In all mailboxes together, too, nobody's entries take room from another's.
Result<void> expect_room(db::Connection& connection, AccountId account, AccountId reader) {
  for (const auto whose : {AccountId{}, reader}) {
    auto octets = connection.number(
        "SELECT CAST(COALESCE(SUM(LENGTH(name) + LENGTH(value) + $3), 0) AS BIGINT) FROM annotation WHERE account_id = "
        "$1 AND reader = "
        "$2 AND removed = 0",
        {account.value, whose.value, kEntryOctets});
    if (!octets) return pass(octets);
    if (octets->value_or(0) > static_cast<std::int64_t>(kMostAnnotationsOfAccount)) {
      return fail(ErrorKind::quota, "too much in entries");
    }
  }
  return {};
}

}  // namespace

Result<std::vector<Annotation>> read_annotations(db::Connection& connection, AccountId account, MailboxId mailbox,
                                                 AccountId reader) {
  if (auto there = expect_mailbox(connection, account, mailbox); !there) return pass(there);
  std::vector<Annotation> entries;
  auto read = each_row(connection,
                       "SELECT name, value FROM annotation WHERE account_id = $1 AND mailbox_id = $2 AND reader IN (0, "
                       "$3) AND removed = 0 ORDER BY name",
                       {account.value, mailbox.value, reader.value}, [&](const db::Rows& row) -> Result<void> {
                         if (mailbox && row.text(0) == kSpecialUseEntry) return {};
                         entries.push_back({std::string(row.text(0)), std::string(row.octets(1))});
                         return {};
                       });
  if (!read) return pass(read);
  if (!mailbox || reader != account) return entries;
  read = read_special_uses(connection, account, mailbox, [&](MailboxId, std::string use) {
    const auto place = std::ranges::lower_bound(entries, kSpecialUseEntry, {}, &Annotation::name);
    entries.insert(place, Annotation{std::string(kSpecialUseEntry), std::move(use)});
  });
  if (!read) return pass(read);
  return entries;
}

Result<std::vector<std::pair<MailboxId, Annotation>>> read_all_annotations(db::Connection& connection,
                                                                           AccountId account, AccountId reader,
                                                                           const std::vector<std::string>& names) {
  std::vector<std::pair<MailboxId, Annotation>> entries;
  std::size_t octets = 0;
  for (const auto& name : names) {
    if (name == kSpecialUseEntry) {
      if (reader != account) continue;
      auto read = read_special_uses(connection, account, {}, [&](MailboxId mailbox, std::string use) {
        entries.push_back({mailbox, {name, std::move(use)}});
      });
      if (!read) return pass(read);
      continue;
    }
    const auto take = [&](const db::Rows& row) -> Result<void> {
      octets += row.octets(1).size();
      if (octets > kMostAnnotationsAtOnce) return fail(ErrorKind::limit, "too many annotations at once");
      entries.push_back({MailboxId{row.integer(0)}, {name, std::string(row.octets(1))}});
      return {};
    };
    auto read =
        each_row(connection,
                 "SELECT mailbox_id, value FROM annotation WHERE account_id = $1 AND mailbox_id <> 0 AND reader "
                 "IN (0, $2) AND name = $3 AND removed = 0",
                 {account.value, reader.value, std::string_view(name)}, take);
    if (!read) return pass(read);
  }
  return entries;
}

Result<ChangeNumber> write_annotations(db::Connection& connection, AccountId account, MailboxId mailbox,
                                       AccountId reader, const std::vector<Annotation>& entries) {
  auto change = take_changes(connection, account);
  if (!change) return change;
  if (auto there = expect_mailbox(connection, account, mailbox); !there) return pass(there);
  for (const auto& entry : entries) {
    auto written = write_annotation(connection, account, mailbox, reader, entry, *change);
    if (!written) return pass(written);
  }
  // Nobody's entries take room from another's.
  const bool adds = std::ranges::any_of(entries, [](const auto& entry) { return entry.value.has_value(); });
  for (const auto whose : {AccountId{}, reader}) {
    if (auto forgotten = forget_removed(connection, account, mailbox, whose); !forgotten) return pass(forgotten);
    auto count = connection.number(
        "SELECT COUNT(*) FROM annotation WHERE account_id = $1 AND mailbox_id = $2 AND reader = $3 "
        "AND removed = 0",
        {account.value, mailbox.value, whose.value});
    if (!count) return pass(count);
    if (adds && count->value_or(0) > static_cast<std::int64_t>(kMostAnnotations)) {
      return fail(ErrorKind::quota, "too many entries");
    }
  }
  if (adds) {
    if (auto room = expect_room(connection, account, reader); !room) return pass(room);
  }
  if (!mailbox) return change;
  if (auto counted = count_mailbox(connection, account, mailbox, *change, {}); !counted) return pass(counted);
  return change;
}

Result<std::vector<std::string>> read_changed_entries(db::Connection& connection, const Place& place, MailboxId mailbox,
                                                      ChangeNumber since, ChangeNumber until) {
  std::vector<std::string> names;
  auto read = each_row(connection,
                       "SELECT name FROM annotation WHERE account_id = $1 AND mailbox_id = $2 AND reader IN (0, $3) "
                       "AND change > $4 AND change <= $5 ORDER BY name",
                       {place.account.value, mailbox.value, place.reader.value, since.value, until.value},
                       [&](const db::Rows& row) -> Result<void> {
                         names.emplace_back(row.text(0));
                         return {};
                       });
  if (!read) return pass(read);
  return names;
}

Result<std::vector<std::pair<MailboxId, std::string>>> read_changed_entries(db::Connection& connection,
                                                                            AccountId account, AccountId reader,
                                                                            ChangeNumber since) {
  std::vector<std::pair<MailboxId, std::string>> names;
  auto read = each_row(connection,
                       "SELECT mailbox_id, name FROM annotation WHERE account_id = $1 AND reader IN (0, $2) AND change "
                       "> $3 ORDER BY mailbox_id, name",
                       {account.value, reader.value, since.value}, [&](const db::Rows& row) -> Result<void> {
                         names.emplace_back(row.integer(0), std::string(row.text(1)));
                         return {};
                       });
  if (!read) return pass(read);
  return names;
}

Result<std::vector<AccessEntry>> read_access(db::Connection& connection, AccountId account, MailboxId mailbox) {
  auto info = read_mailbox(connection, account, mailbox);
  if (!info) return pass(info);
  std::vector<AccessEntry> entries;
  auto read = each_row(connection,
                       "SELECT identifier, rights FROM access WHERE account_id = $1 AND mailbox_id = $2 ORDER BY "
                       "identifier",
                       {account.value, mailbox.value}, [&](const db::Rows& row) -> Result<void> {
                         entries.push_back({std::string(row.text(0)), std::string(row.text(1))});
                         return {};
                       });
  if (!read) return pass(read);
  return entries;
}

Result<std::vector<std::pair<MailboxId, AccessEntry>>> read_access_lists(db::Connection& connection,
                                                                         AccountId account) {
  std::vector<std::pair<MailboxId, AccessEntry>> entries;
  auto read =
      each_row(connection,
               "SELECT mailbox_id, identifier, rights FROM access WHERE account_id = $1 ORDER BY mailbox_id, "
               "identifier",
               {account.value}, [&](const db::Rows& row) -> Result<void> {
                 entries.push_back({MailboxId{row.integer(0)},
                                    {.identifier = std::string(row.text(1)), .rights = std::string(row.text(2))}});
                 return {};
               });
  if (!read) return pass(read);
  return entries;
}

namespace {

// What the identifier's rights become.
Result<std::string> rights_after(db::Connection& connection, AccountId account, MailboxId mailbox,
                                 const AccessChange& change) {
  using How = AccessChange::How;
  auto rights = change.entry.rights;
  if (change.how == How::replace) return rights;
  auto now = change.initial;
  auto read =
      each_row(connection, "SELECT rights FROM access WHERE account_id = $1 AND mailbox_id = $2 AND identifier = $3",
               {account.value, mailbox.value, std::string_view(change.entry.identifier)},
               [&](const db::Rows& row) -> Result<void> {
                 now = row.text(0);
                 return {};
               });
  if (!read) return pass(read);
  if (change.how == How::add) return now + rights;
  std::erase_if(now, [&](char c) { return rights.contains(c); });
  return now;
}

}  // namespace

Result<ChangeNumber> write_access(db::Connection& connection, AccountId account, MailboxId mailbox,
                                  const AccessChange& change) {
  const auto& entry = change.entry;
  // The account's row first: what is read is what is changed.
  if (auto held = take_changes(connection, account, 0); !held) return pass(held);
  auto info = read_mailbox(connection, account, mailbox);
  if (!info) return pass(info);
  if (entry.identifier.empty() || entry.identifier.size() > kMostIdentifierOctets || !is_utf8(entry.identifier) ||
      entry.identifier.find('\0') != std::string::npos) {
    return fail(ErrorKind::policy, "no such identifier", fmt::format("identifier {}", printable(entry.identifier)));
  }
  auto after = rights_after(connection, account, mailbox, change);
  if (!after) return pass(after);
  auto rights = std::move(*after);
  std::ranges::sort(rights);
  rights.erase(std::ranges::unique(rights).begin(), rights.end());
  if (!std::ranges::all_of(rights, [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c); })) {
    return fail(ErrorKind::policy, "no such right", fmt::format("rights {}", printable(entry.rights)));
  }
  const std::string_view identifier = entry.identifier;
  auto set = rights.empty()
                 ? connection.run("DELETE FROM access WHERE account_id = $1 AND mailbox_id = $2 AND identifier = $3",
                                  {account.value, mailbox.value, identifier})
                 : connection.run(
                       "INSERT INTO access (account_id, mailbox_id, identifier, rights) VALUES ($1, $2, $3, "
                       "$4) ON CONFLICT (account_id, mailbox_id, identifier) DO UPDATE SET rights = "
                       "excluded.rights",
                       {account.value, mailbox.value, identifier, std::string_view(rights)});
  if (!set) return pass(set);
  auto count = connection.number("SELECT COUNT(*) FROM access WHERE account_id = $1 AND mailbox_id = $2",
                                 {account.value, mailbox.value});
  if (!count) return pass(count);
  if (!rights.empty() && count->value_or(0) > kMostAccessEntries) return fail(ErrorKind::limit, "too many entries");
  return changed(connection, account, mailbox);
}

namespace {

// The entries that take rights away (RFC 4314 §2) of the mailboxes that were found.
Result<void> add_negative_rights(db::Connection& connection, const std::vector<std::string>& identifiers,
                                 std::vector<SharedMailbox>& found) {
  std::set<std::pair<AccountId, MailboxId>> seen;
  for (std::size_t i = 0, count = found.size(); i < count; ++i) {
    const auto place = found[i].place;
    const auto id = found[i].info.id;
    if (!seen.emplace(place.account, id).second) continue;
    auto entries = read_access(connection, place.account, id);
    if (!entries) return pass(entries);
    for (auto& entry : *entries) {
      if (!entry.identifier.starts_with('-') || std::ranges::find(identifiers, entry.identifier) == identifiers.end()) {
        continue;
      }
      SharedMailbox one;
      one.place = place;
      one.info.id = id;
      one.entry = std::move(entry);
      found.push_back(std::move(one));
    }
  }
  return {};
}

}  // namespace

Result<std::vector<SharedMailbox>> read_shared_with(db::Connection& connection, ShardId shard,
                                                    const std::vector<std::string>& identifiers) {
  std::vector<SharedMailbox> found;
  for (const auto& identifier : identifiers) {
    // What takes rights away is read below, of each mailbox that was found: a limit must not hide it.
    if (identifier.starts_with('-')) continue;
    auto read = each_row(connection,
                         "SELECT account_id, mailbox_id, rights FROM access WHERE identifier = $1 ORDER BY account_id, "
                         "mailbox_id LIMIT $2",
                         {std::string_view(identifier), static_cast<std::int64_t>(kMostSharedMailboxes)},
                         [&](const db::Rows& row) -> Result<void> {
                           SharedMailbox one;
                           one.place = {AccountId{row.integer(0)}, shard};
                           one.info.id = MailboxId{row.integer(1)};
                           one.entry = {identifier, std::string(row.text(2))};
                           found.push_back(std::move(one));
                           return {};
                         });
    if (!read) return pass(read);
  }
  if (auto taken = add_negative_rights(connection, identifiers, found); !taken) return pass(taken);
  for (auto& one : found) {
    auto info = read_mailbox(connection, one.place.account, one.info.id);
    if (!info) return pass(info);
    one.info = std::move(*info);
  }
  std::ranges::sort(found, {}, [](const SharedMailbox& one) { return std::tie(one.place.account, one.info.path); });
  return found;
}

}  // namespace pabal::store
