#include "account/directory_rows.hpp"

#include <array>

namespace pabal::account::rows {

namespace {

// Every change takes the row of directory_state first, so that writers of several processes go one after another.
constexpr std::string_view version_1 = R"(
CREATE TABLE directory_state (
  id INTEGER NOT NULL PRIMARY KEY,
  generation INTEGER NOT NULL,
  last_account INTEGER NOT NULL,
  last_domain INTEGER NOT NULL
) STRICT;
INSERT INTO directory_state (id, generation, last_account, last_domain) VALUES (1, 1, 0, 0);

CREATE TABLE directory_domain (
  name TEXT NOT NULL PRIMARY KEY,
  domain_id INTEGER NOT NULL UNIQUE,
  created INTEGER NOT NULL
) STRICT;

CREATE TABLE directory_catch_all (
  domain TEXT NOT NULL PRIMARY KEY,
  target TEXT NOT NULL
) STRICT;

CREATE TABLE directory_account (
  account_id INTEGER NOT NULL PRIMARY KEY,
  domain TEXT NOT NULL,
  local_key TEXT NOT NULL,
  address TEXT NOT NULL,
  shard_id INTEGER NOT NULL,
  enabled INTEGER NOT NULL,
  quota INTEGER,
  credential_generation INTEGER NOT NULL,
  created INTEGER NOT NULL,
  UNIQUE (domain, local_key)
) STRICT;

CREATE TABLE directory_alias (
  domain TEXT NOT NULL,
  local_key TEXT NOT NULL,
  address TEXT NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (domain, local_key)
) STRICT;

CREATE TABLE directory_alias_target (
  domain TEXT NOT NULL,
  local_key TEXT NOT NULL,
  position INTEGER NOT NULL,
  target TEXT NOT NULL,
  PRIMARY KEY (domain, local_key, position)
) STRICT;

CREATE TABLE credential (
  account_id INTEGER NOT NULL,
  credential_id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  secret BYTES NOT NULL,
  created INTEGER NOT NULL,
  last_used INTEGER,
  PRIMARY KEY (account_id, credential_id)
) STRICT;
)";

// The keys of domains (domain_keys.hpp). Times are null for what has not happened; `private_key` is null once it is
// destroyed. The one row of domain_key_seal has the master key of those that are sealed.
constexpr std::string_view version_2 = R"(
CREATE TABLE domain_key (
  domain TEXT NOT NULL,
  selector TEXT NOT NULL,
  algorithm TEXT NOT NULL,
  record TEXT NOT NULL,
  private_key BYTES,
  sealed INTEGER NOT NULL,
  made INTEGER NOT NULL,
  published INTEGER,
  used INTEGER,
  retired INTEGER,
  withdrawn INTEGER,
  PRIMARY KEY (domain, selector)
) STRICT;

CREATE TABLE domain_key_seal (
  id INTEGER NOT NULL PRIMARY KEY,
  salt BYTES NOT NULL,
  memory INTEGER NOT NULL,
  passes INTEGER NOT NULL,
  master BYTES NOT NULL
) STRICT;
)";

constexpr std::array steps = {db::Migration{1, version_1}, db::Migration{2, version_2}};

constexpr std::string_view account_columns =
    "account_id, address, shard_id, enabled, quota, credential_generation FROM directory_account ";

Result<Account> read_account(const db::Rows& row) {
  auto address = stored_address(row.text(1));
  if (!address) return pass(address);
  return Account{
      .id = AccountId{row.integer(0)},
      .address = *std::move(address),
      .shard = ShardId{row.integer(2)},
      .enabled = row.integer(3) != 0,
      .quota_bytes = row.is_null(4) ? std::nullopt : std::optional(static_cast<std::uint64_t>(row.integer(4))),
      .credential_generation = static_cast<std::uint64_t>(row.integer(5)),
  };
}

Result<std::optional<Account>> one_account(Result<db::Rows> found) {
  if (!found) return pass(found);
  const auto more = found->next();
  if (!more) return pass(more);
  if (!*more) return std::nullopt;
  auto account = read_account(*found);
  if (!account) return pass(account);
  return *std::move(account);
}

std::string select_accounts(std::string_view rest) {
  return std::string("SELECT ").append(account_columns).append(rest);
}

}  // namespace

Result<void> migrate(db::Connection& connection) { return db::migrate(connection, "directory", steps); }

Result<EmailAddress> stored_address(std::string_view text) {
  auto address = EmailAddress::parse(text);
  if (address) return address;
  return fail(ErrorKind::io, "local error in processing", "the directory is damaged: " + address.error().log);
}

Result<Domain> stored_domain(std::string_view text) {
  auto domain = Domain::parse(text);
  if (domain) return domain;
  return fail(ErrorKind::io, "local error in processing", "the directory is damaged: " + domain.error().log);
}

Result<std::int64_t> generation(db::Connection& connection) {
  const auto number = connection.number("SELECT generation FROM directory_state WHERE id = 1");
  if (!number) return pass(number);
  if (!*number) return fail(ErrorKind::io, "local error in processing", "the directory has no state row");
  return **number;
}

Result<bool> has_domain(db::Connection& connection, std::string_view domain) {
  const auto id = connection.number("SELECT domain_id FROM directory_domain WHERE name = $1", {domain});
  if (!id) return pass(id);
  return id->has_value();
}

Result<std::optional<Account>> account(db::Connection& connection, std::string_view domain, std::string_view key) {
  static const std::string sql = select_accounts("WHERE domain = $1 AND local_key = $2");
  return one_account(connection.query(sql, {domain, key}));
}

Result<std::optional<Account>> account(db::Connection& connection, AccountId id) {
  static const std::string sql = select_accounts("WHERE account_id = $1");
  return one_account(connection.query(sql, {id.value}));
}

Result<std::optional<Account>> first_account(db::Connection& connection, std::string_view domain) {
  static const std::string of_domain =
      select_accounts("WHERE domain = $1 AND enabled <> 0 ORDER BY account_id LIMIT 1");
  static const std::string of_all = select_accounts("WHERE enabled <> 0 ORDER BY account_id LIMIT 1");
  if (domain.empty()) return one_account(connection.query(of_all));
  return one_account(connection.query(of_domain, {domain}));
}

Result<std::vector<Account>> accounts(db::Connection& connection, std::string_view domain) {
  static const std::string of_domain = select_accounts("WHERE domain = $1 ORDER BY domain, local_key");
  static const std::string of_all = select_accounts("ORDER BY domain, local_key");
  auto found = domain.empty() ? connection.query(of_all) : connection.query(of_domain, {domain});
  if (!found) return pass(found);
  std::vector<Account> out;
  while (true) {
    const auto more = found->next();
    if (!more) return pass(more);
    if (!*more) return out;
    auto account = read_account(*found);
    if (!account) return pass(account);
    out.push_back(*std::move(account));
  }
}

Result<std::vector<EmailAddress>> alias_targets(db::Connection& connection, std::string_view domain,
                                                std::string_view key) {
  auto found = connection.query(
      "SELECT target FROM directory_alias_target WHERE domain = $1 AND local_key = $2 ORDER BY position",
      {domain, key});
  if (!found) return pass(found);
  std::vector<EmailAddress> out;
  while (true) {
    const auto more = found->next();
    if (!more) return pass(more);
    if (!*more) return out;
    auto address = stored_address(found->text(0));
    if (!address) return pass(address);
    out.push_back(*std::move(address));
  }
}

Result<std::optional<EmailAddress>> catch_all(db::Connection& connection, std::string_view domain) {
  auto found = connection.query("SELECT target FROM directory_catch_all WHERE domain = $1", {domain});
  if (!found) return pass(found);
  const auto more = found->next();
  if (!more) return pass(more);
  if (!*more) return std::nullopt;
  auto address = stored_address(found->text(0));
  if (!address) return pass(address);
  return *std::move(address);
}

Result<std::vector<Domain>> domains(db::Connection& connection, std::int64_t count) {
  auto found = connection.query("SELECT name FROM directory_domain ORDER BY domain_id LIMIT $1", {count});
  if (!found) return pass(found);
  std::vector<Domain> out;
  while (true) {
    const auto more = found->next();
    if (!more) return pass(more);
    if (!*more) return out;
    auto domain = stored_domain(found->text(0));
    if (!domain) return pass(domain);
    out.push_back(*std::move(domain));
  }
}

}  // namespace pabal::account::rows
