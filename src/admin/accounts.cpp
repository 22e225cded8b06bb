// Accounts: made in the directory first, then in their shard, then their password; removed the other way round, so that
// what a crash cuts short can be done again.
#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "admin/request.hpp"
#include "admin/state.hpp"
#include "base/async.hpp"
#include "base/text.hpp"
#include "base/wiped.hpp"

namespace pabal::admin {
namespace {

constexpr std::size_t most_imported_at_once = 5'000;

Result<account::Account> find(ServiceState& state, const json::object& request) {
  const auto address = address_member(request, "address");
  if (!address) return pass(address);
  auto found = state.directory->find_account(*address);
  if (!found) return pass(found);
  if (!*found) return fail(ErrorKind::not_found, fmt::format("{}: no such account", address->display()));
  return std::move(**found);
}

json::object to_json(const account::Account& account) {
  json::object out{{"address", account.address.text()},
                   {"enabled", account.enabled},
                   {"quota", nullptr},
                   {"id", account.id.value},
                   {"shard", account.shard.value}};
  if (account.quota_bytes) out["quota"] = *account.quota_bytes;
  return out;
}

/// The shard with the fewest accounts, counting the new one in.
Result<ShardId> choose_shard(ServiceState& state) {
  const auto& shards = state.facts.shards;
  if (shards.empty()) return fail(ErrorKind::state, "no shard is open");
  if (shards.size() == 1) return shards.front();
  auto counts = state.counts.lock();
  if (!counts->has_value()) {
    const auto accounts = state.directory->list_accounts(std::nullopt);
    if (!accounts) return pass(accounts);
    counts->emplace();
    for (const ShardId shard : shards) (*counts)->emplace(shard, 0);
    for (const auto& account : *accounts) ++(**counts)[account.shard];
  }
  const auto fewest = std::ranges::min_element(shards, {}, [&](ShardId shard) { return (**counts)[shard]; });
  ++(**counts)[*fewest];
  return *fewest;
}

/// Takes an account out of the count again.
void uncount(ServiceState& state, ShardId shard) {
  if (auto counts = state.counts.lock(); counts->has_value()) --(**counts)[shard];
}

Result<account::Account> add(ServiceState& state, const EmailAddress& address,
                             const std::optional<std::string>& password, std::optional<std::uint64_t> quota) {
  if (password && password->empty())
    return fail(ErrorKind::policy, fmt::format("{}: the password is empty", address.display()));
  const auto shard = choose_shard(state);
  if (!shard) return pass(shard);
  auto account = state.directory->add_account(address, *shard, quota);
  if (!account) {
    uncount(state, *shard);
    return pass(account);
  }
  Result<void> done = state.store->create_account({account->id, account->shard}, quota);
  if (done && password) done = state.authenticator->set_password(account->id, *password);
  if (done) return account;
  // A half-made account would neither work nor let itself be added again.
  Error error = std::move(done).error();
  uncount(state, *shard);
  if (auto undone = state.store->remove_account({account->id, account->shard}); !undone)
    error.log += "; and then: " + undone.error().log;
  if (auto undone = state.directory->remove_account(account->id); !undone)
    error.log += "; and then: " + undone.error().log;
  return std::unexpected(std::move(error));
}

Result<json::value> set_enabled(ServiceState& state, const json::object& request, bool enabled) {
  auto account = find(state, request);
  if (!account) return pass(account);
  if (auto done = state.directory->set_enabled(account->id, enabled); !done) return pass(done);
  account->enabled = enabled;
  return to_json(*account);
}

struct ImportLine {
  std::int64_t number = 0;
  std::string address;
  std::string password;
};

Result<std::vector<ImportLine>> import_lines(const json::object& request) {
  const json::value* list = request.if_contains("accounts");
  if (list == nullptr || !list->is_array()) return fail(ErrorKind::syntax, "accounts: expected a list");
  if (list->get_array().size() > most_imported_at_once) {
    return fail(ErrorKind::limit, fmt::format("accounts: expected at most {} in one request", most_imported_at_once));
  }
  std::vector<ImportLine> lines;
  for (const json::value& item : list->get_array()) {
    if (!item.is_object()) return fail(ErrorKind::syntax, "accounts: expected objects");
    const auto number = optional_number(item.get_object(), "line");
    auto address = text_member(item.get_object(), "address");
    auto password = text_member(item.get_object(), "password");
    if (!number) return pass(number);
    if (!address) return pass(address);
    if (!password) return pass(password);
    lines.push_back({static_cast<std::int64_t>(number->value_or(0)), std::move(*address), std::move(*password)});
  }
  return lines;
}

}  // namespace

Result<json::value> Handlers::account_add(State& state, const json::object& request) {
  const auto address = address_member(request, "address");
  if (!address) return pass(address);
  auto password = optional_text(request, "password");
  if (!password) return pass(password);
  const WipeAtEnd wiped(*password);
  const auto quota = optional_number(request, "quota");
  if (!quota) return pass(quota);
  const auto account = add(state, *address, *password, *quota);
  if (!account) return pass(account);
  json::object out = to_json(*account);
  out["has_password"] = password->has_value();
  return out;
}

Result<json::value> Handlers::account_list(State& state, const json::object& request) {
  const auto domain = optional_domain(request, "domain");
  if (!domain) return pass(domain);
  const auto all = state.directory->list_accounts(*domain);
  if (!all) return pass(all);
  json::array list;
  for (const auto& account : *all) list.push_back(to_json(account));
  return json::object{{"accounts", std::move(list)}};
}

Result<json::value> Handlers::account_show(State& state, const json::object& request) {
  const auto account = find(state, request);
  if (!account) return pass(account);
  const auto quota = run_blocking(state.store->quota({account->id, account->shard}));
  if (!quota) return pass(quota);
  json::object out = to_json(*account);
  out["used"] = quota->bytes;
  out["emails"] = quota->emails;
  if (quota->emails_limit) out["most_emails"] = *quota->emails_limit;
  return out;
}

Result<json::value> Handlers::account_passwd(State& state, const json::object& request) {
  const auto account = find(state, request);
  if (!account) return pass(account);
  auto password = text_member(request, "password");
  if (!password) return pass(password);
  const WipeAtEnd wiped(*password);
  if (password->empty()) return fail(ErrorKind::policy, "the password is empty");
  if (auto done = state.authenticator->set_password(account->id, *password); !done) return pass(done);
  return to_json(*account);
}

Result<json::value> Handlers::account_quota(State& state, const json::object& request) {
  auto account = find(state, request);
  if (!account) return pass(account);
  const auto quota = optional_number(request, "quota");
  if (!quota) return pass(quota);
  const store::Place place{account->id, account->shard};
  const auto now = run_blocking(state.store->quota(place));
  if (!now) return pass(now);
  const auto messages = optional_number(request, "messages");
  if (!messages) return pass(messages);
  const auto most = request.contains("messages") ? *messages : now->emails_limit;
  if (auto done = run_blocking(state.store->limit(place, {.bytes = *quota, .emails = most})); !done) return pass(done);
  if (auto done = state.directory->set_quota(account->id, *quota); !done) return pass(done);
  account->quota_bytes = *quota;
  return to_json(*account);
}

Result<json::value> Handlers::account_disable(State& state, const json::object& request) {
  return set_enabled(state, request, false);
}
Result<json::value> Handlers::account_enable(State& state, const json::object& request) {
  return set_enabled(state, request, true);
}

Result<json::value> Handlers::account_remove(State& state, const json::object& request) {
  const auto account = find(state, request);
  if (!account) return pass(account);
  // Disabled first: no letter comes in between. What is gone already, by a removal that was cut short, does no harm.
  if (auto done = state.directory->set_enabled(account->id, false); !done) return pass(done);
  const auto gone = [](const Result<void>& removed) { return removed || removed.error().kind == ErrorKind::not_found; };
  if (auto done = state.authenticator->remove_credentials(account->id); !gone(done)) return pass(done);
  if (auto done = state.store->remove_account({account->id, account->shard}); !gone(done)) return pass(done);
  if (auto done = state.directory->remove_account(account->id); !done) return pass(done);
  uncount(state, account->shard);
  return json::object{{"address", account->address.text()}};
}

// Hashing the passwords is nearly all of the work (tens of milliseconds each, on purpose), so it is spread over the
// cores; the rows of accounts that are added at the same moment share commits.
Result<json::value> Handlers::account_import(State& state, const json::object& request) {
  const auto lines = import_lines(request);
  if (!lines) return pass(lines);
  std::vector<std::string> problems(lines->size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < lines->size(); i = next++) {
      const ImportLine& line = (*lines)[i];
      const auto address = parse_address(line.address);
      if (!address) {
        problems[i] = address.error().peer;
      } else if (const auto added = add(state, *address, line.password, std::nullopt); !added) {
        problems[i] = added.error().log.empty() ? added.error().peer : added.error().log;
      }
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (std::size_t i = 1; i < std::min(state.facts.threads, lines->size()); ++i) helpers.emplace_back(work);
    work();
  }
  json::array errors;
  for (std::size_t i = 0; i < lines->size(); ++i) {
    if (!problems[i].empty()) errors.push_back(json::object{{"line", (*lines)[i].number}, {"reason", problems[i]}});
  }
  return json::object{{"added", lines->size() - errors.size()}, {"errors", std::move(errors)}};
}

}  // namespace pabal::admin
