// What an operator changes in the directory.
#include <array>

#include "account/directory_rows.hpp"
#include "account/directory_state.hpp"

namespace pabal::account {

namespace {

using db::Connection;

Result<void> need_domain(Connection& connection, const Domain& domain) {
  const auto there = rows::has_domain(connection, domain.ascii());
  if (!there) return pass(there);
  if (!*there) return fail(ErrorKind::not_found, "no such domain: " + domain.unicode());
  return {};
}

// An address that an account or alias can have: with a domain of ours and nobody's yet.
Result<void> need_free(Connection& connection, const EmailAddress& address) {
  if (address.domain() == nullptr) return fail(ErrorKind::policy, "an address here needs a domain, not a literal");
  if (auto there = need_domain(connection, *address.domain()); !there) return there;
  const auto key = canonical_local_part(address.local_part());
  const auto account = rows::account(connection, address.domain()->ascii(), key);
  if (!account) return pass(account);
  if (*account) return fail(ErrorKind::exists, "there is an account with this address: " + address.display());
  const auto targets = rows::alias_targets(connection, address.domain()->ascii(), key);
  if (!targets) return pass(targets);
  if (!targets->empty()) return fail(ErrorKind::exists, "there is an alias with this address: " + address.display());
  return {};
}

// A statement that must have changed a row.
Result<void> changed_one(const Result<std::int64_t>& rows_changed, std::string_view what) {
  if (!rows_changed) return pass(rows_changed);
  if (*rows_changed == 0) return fail(ErrorKind::not_found, "no such " + std::string(what));
  return {};
}

Result<void> ran(const Result<std::int64_t>& rows_changed) {
  if (!rows_changed) return pass(rows_changed);
  return {};
}

db::Parameter quota_parameter(std::optional<std::uint64_t> quota) {
  if (!quota) return std::monostate{};
  return static_cast<std::int64_t>(std::min<std::uint64_t>(*quota, INT64_MAX));
}

Result<std::int64_t> next_number(Connection& connection, std::string_view update_returning) {
  const auto number = connection.number(update_returning);
  if (!number) return pass(number);
  if (!*number) return fail(ErrorKind::io, "local error in processing", "the directory has no state row");
  return **number;
}

}  // namespace

Result<void> Directory::State::change(std::function<Result<void>(Connection&)> work) {
  std::int64_t raised = 0;
  auto done = writer.run([&raised, &work](Connection& connection) -> Result<void> {
    const auto number = next_number(
        connection, "UPDATE directory_state SET generation = generation + 1 WHERE id = 1 RETURNING generation");
    if (!number) return pass(number);
    raised = *number;
    return work(connection);
  });
  if (done) {
    raise(raised);
  } else if (raised != 0) {
    // A commit that failed may have happened all the same. What is in the database says so; if even that can't be read,
    // nothing cached before counts any more.
    const auto now = readers.read([](Connection& connection) { return rows::generation(connection); });
    raise(now ? *now : raised);
  }
  return done;
}

Result<void> Directory::add_domain(const Domain& domain) {
  return state_->change([&](Connection& connection) -> Result<void> {
    const auto there = rows::has_domain(connection, domain.ascii());
    if (!there) return pass(there);
    if (*there) return fail(ErrorKind::exists, "the domain is there already: " + domain.unicode());
    const auto id = next_number(
        connection, "UPDATE directory_state SET last_domain = last_domain + 1 WHERE id = 1 RETURNING last_domain");
    if (!id) return pass(id);
    return ran(connection.run("INSERT INTO directory_domain (name, domain_id, created) VALUES ($1, $2, $3)",
                              {domain.ascii(), *id, to_database(state_->clock.now())}));
  });
}

Result<void> Directory::set_catch_all(const Domain& domain, const std::optional<EmailAddress>& target) {
  return state_->change([&](Connection& connection) -> Result<void> {
    if (auto there = need_domain(connection, domain); !there) return there;
    if (!target) return ran(connection.run("DELETE FROM directory_catch_all WHERE domain = $1", {domain.ascii()}));
    const std::string text = target->text();
    return ran(
        connection.run("INSERT INTO directory_catch_all (domain, target) VALUES ($1, $2) "
                       "ON CONFLICT (domain) DO UPDATE SET target = excluded.target",
                       {domain.ascii(), text}));
  });
}

Result<void> Directory::remove_domain(const Domain& domain) {
  auto removed = state_->change([&](Connection& connection) -> Result<void> {
    const auto accounts =
        connection.number("SELECT count(*) FROM directory_account WHERE domain = $1", {domain.ascii()});
    if (!accounts) return pass(accounts);
    const auto aliases = connection.number("SELECT count(*) FROM directory_alias WHERE domain = $1", {domain.ascii()});
    if (!aliases) return pass(aliases);
    if (accounts->value_or(0) != 0 || aliases->value_or(0) != 0) {
      return fail(ErrorKind::policy, fmt::format("the domain has {} accounts and {} aliases", accounts->value_or(0),
                                                 aliases->value_or(0)));
    }
    auto gone = ran(connection.run("DELETE FROM directory_catch_all WHERE domain = $1", {domain.ascii()}));
    if (gone) gone = ran(connection.run("DELETE FROM domain_key WHERE domain = $1", {domain.ascii()}));
    if (!gone) return gone;
    return changed_one(connection.run("DELETE FROM directory_domain WHERE name = $1", {domain.ascii()}), "domain");
  });
  // Also after a failure: a commit that failed may have happened all the same.
  state_->removed_domains.fetch_add(1, std::memory_order_acq_rel);
  return removed;
}

Result<std::vector<Directory::DomainInfo>> Directory::list_domains() {
  return state_->readers.read([](Connection& connection) -> Result<std::vector<DomainInfo>> {
    auto domains = rows::domains(connection, INT64_MAX);
    if (!domains) return pass(domains);
    std::vector<DomainInfo> out;
    for (auto& domain : *domains) {
      auto catch_all = rows::catch_all(connection, domain.ascii());
      if (!catch_all) return pass(catch_all);
      const auto count =
          connection.number("SELECT count(*) FROM directory_account WHERE domain = $1", {domain.ascii()});
      if (!count) return pass(count);
      out.push_back({std::move(domain), *std::move(catch_all), count->value_or(0)});
    }
    return out;
  });
}

Result<Account> Directory::add_account(const EmailAddress& address, ShardId shard, std::optional<std::uint64_t> quota) {
  Account account{.id = {}, .address = address, .shard = shard, .quota_bytes = quota};
  auto done = state_->change([&](Connection& connection) -> Result<void> {
    if (auto free = need_free(connection, address); !free) return free;
    const auto id = next_number(
        connection, "UPDATE directory_state SET last_account = last_account + 1 WHERE id = 1 RETURNING last_account");
    if (!id) return pass(id);
    account.id = AccountId{*id};
    const std::string key = canonical_local_part(address.local_part());
    const std::string text = address.text();
    return ran(connection.run(
        "INSERT INTO directory_account (account_id, domain, local_key, address, shard_id, enabled, quota, "
        "credential_generation, created) VALUES ($1, $2, $3, $4, $5, 1, $6, 0, $7)",
        {*id, address.domain()->ascii(), key, text, shard.value, quota_parameter(quota),
         to_database(state_->clock.now())}));
  });
  if (!done) return pass(done);
  return account;
}

Result<void> Directory::set_enabled(AccountId account, bool enabled) {
  return state_->change([&](Connection& connection) {
    return changed_one(connection.run("UPDATE directory_account SET enabled = $2 WHERE account_id = $1",
                                      {account.value, std::int64_t{enabled}}),
                       "account");
  });
}

Result<void> Directory::set_quota(AccountId account, std::optional<std::uint64_t> quota) {
  return state_->change([&](Connection& connection) {
    return changed_one(connection.run("UPDATE directory_account SET quota = $2 WHERE account_id = $1",
                                      {account.value, quota_parameter(quota)}),
                       "account");
  });
}

Result<void> Directory::remove_account(AccountId account) {
  return state_->change([&](Connection& connection) -> Result<void> {
    auto gone = ran(connection.run("DELETE FROM credential WHERE account_id = $1", {account.value}));
    if (!gone) return gone;
    return changed_one(connection.run("DELETE FROM directory_account WHERE account_id = $1", {account.value}),
                       "account");
  });
}

Result<std::vector<Account>> Directory::list_accounts(const std::optional<Domain>& domain) {
  return state_->readers.read([&](Connection& connection) -> Result<std::vector<Account>> {
    if (!domain) return rows::accounts(connection, {});
    if (auto there = need_domain(connection, *domain); !there) return pass(there);
    return rows::accounts(connection, domain->ascii());
  });
}

Result<std::optional<Account>> Directory::find_account(const EmailAddress& address) {
  if (address.domain() == nullptr) return std::nullopt;
  return state_->readers.read([&](Connection& connection) {
    return rows::account(connection, address.domain()->ascii(), canonical_local_part(address.local_part()));
  });
}

Result<std::optional<Account>> Directory::find_account(AccountId account) {
  return state_->readers.read([&](Connection& connection) { return rows::account(connection, account); });
}

Result<void> Directory::add_alias(const EmailAddress& address, const std::vector<EmailAddress>& targets) {
  if (targets.empty()) return fail(ErrorKind::policy, "an alias needs a target");
  if (targets.size() > state_->options.max_alias_targets) {
    return fail(ErrorKind::limit, fmt::format("an alias has at most {} targets", state_->options.max_alias_targets));
  }
  return state_->change([&](Connection& connection) -> Result<void> {
    if (auto free = need_free(connection, address); !free) return free;
    const std::string key = canonical_local_part(address.local_part());
    const std::string& domain = address.domain()->ascii();
    const std::string text = address.text();
    auto added =
        ran(connection.run("INSERT INTO directory_alias (domain, local_key, address, created) VALUES ($1, $2, $3, $4)",
                           {domain, key, text, to_database(state_->clock.now())}));
    std::int64_t position = 0;
    for (const auto& target : targets) {
      if (!added) return added;
      if (target.domain() != nullptr && target.domain()->ascii() == domain &&
          canonical_local_part(target.local_part()) == key) {
        return fail(ErrorKind::policy, "an alias cannot lead to itself");
      }
      const std::string target_text = target.text();
      added = ran(connection.run(
          "INSERT INTO directory_alias_target (domain, local_key, position, target) VALUES ($1, $2, $3, $4)",
          {domain, key, position++, target_text}));
    }
    return added;
  });
}

Result<void> Directory::remove_alias(const EmailAddress& address) {
  if (address.domain() == nullptr) return fail(ErrorKind::not_found, "no such alias");
  return state_->change([&](Connection& connection) -> Result<void> {
    const std::string key = canonical_local_part(address.local_part());
    const std::string& domain = address.domain()->ascii();
    auto gone =
        ran(connection.run("DELETE FROM directory_alias_target WHERE domain = $1 AND local_key = $2", {domain, key}));
    if (!gone) return gone;
    return changed_one(
        connection.run("DELETE FROM directory_alias WHERE domain = $1 AND local_key = $2", {domain, key}), "alias");
  });
}

Result<std::vector<Directory::AliasInfo>> Directory::list_aliases(const std::optional<Domain>& domain) {
  return state_->readers.read([&](Connection& connection) -> Result<std::vector<AliasInfo>> {
    if (domain) {
      if (auto there = need_domain(connection, *domain); !there) return pass(there);
    }
    constexpr std::string_view of_all =
        "SELECT alias.address, target.target FROM directory_alias alias JOIN directory_alias_target target "
        "ON target.domain = alias.domain AND target.local_key = alias.local_key "
        "ORDER BY alias.domain, alias.local_key, target.position";
    constexpr std::string_view of_domain =
        "SELECT alias.address, target.target FROM directory_alias alias JOIN directory_alias_target target "
        "ON target.domain = alias.domain AND target.local_key = alias.local_key WHERE alias.domain = $1 "
        "ORDER BY alias.domain, alias.local_key, target.position";
    auto found = domain ? connection.query(of_domain, {domain->ascii()}) : connection.query(of_all);
    if (!found) return pass(found);
    std::vector<AliasInfo> out;
    while (true) {
      const auto more = found->next();
      if (!more) return pass(more);
      if (!*more) return out;
      auto address = rows::stored_address(found->text(0));
      auto target = rows::stored_address(found->text(1));
      if (!address) return pass(address);
      if (!target) return pass(target);
      if (out.empty() || out.back().address != *address) out.push_back({*std::move(address), {}});
      out.back().targets.push_back(*std::move(target));
    }
  });
}

Result<void> Directory::change(std::function<Result<void>(Connection&)> work) {
  return state_->change(std::move(work));
}

Result<void> Directory::change_credentials(AccountId account, std::function<Result<void>(Connection&)> work) {
  return state_->change([&](Connection& connection) -> Result<void> {
    auto raised =
        changed_one(connection.run("UPDATE directory_account SET credential_generation = credential_generation + 1 "
                                   "WHERE account_id = $1",
                                   {account.value}),
                    "account");
    if (!raised) return raised;
    return work(connection);
  });
}

}  // namespace pabal::account
