// Domains.
#include <fmt/format.h>

#include "admin/key_pairs.hpp"
#include "admin/request.hpp"
#include "admin/state.hpp"
#include "base/wiped.hpp"

namespace pabal::admin {
namespace {

json::object to_json(const account::Directory::DomainInfo& info) {
  json::object out{{"domain", info.name.ascii()}, {"accounts", info.accounts}, {"catch_all", nullptr}};
  if (const std::string shown = info.name.unicode(); shown != info.name.ascii()) out["unicode"] = shown;
  if (info.catch_all) out["catch_all"] = info.catch_all->text();
  return out;
}

std::unexpected<Error> no_such(const Domain& domain) {
  return fail(ErrorKind::not_found, fmt::format("{}: no such domain here", domain.unicode()));
}

Result<account::Directory::DomainInfo> find(account::Directory& directory, const Domain& domain) {
  auto all = directory.list_domains();
  if (!all) return pass(all);
  for (auto& info : *all) {
    if (info.name == domain) return std::move(info);
  }
  return no_such(domain);
}

Result<json::value> set_catch_all(account::Directory& directory, const Domain& domain,
                                  const std::optional<std::string>& written) {
  std::optional<EmailAddress> target;
  if (written) {
    auto parsed = parse_address(*written);
    if (!parsed) return pass(parsed);
    target = std::move(*parsed);
  }
  if (auto found = find(directory, domain); !found) return pass(found);
  if (auto done = directory.set_catch_all(domain, target); !done) return pass(done);
  json::object out{{"domain", domain.ascii()}, {"catch_all", nullptr}};
  if (target) out["catch_all"] = target->text();
  return out;
}

}  // namespace

Result<json::value> Handlers::domain_add(State& state, const json::object& request) {
  const auto domain = domain_member(request, "domain");
  if (!domain) return pass(domain);
  const auto catch_all = optional_text(request, "catch_all");
  if (!catch_all) return pass(catch_all);
  if (*catch_all) {
    if (auto target = parse_address(**catch_all); !target) return pass(target);
  }
  // Made first: a domain that is there has its keys, too.
  std::vector<account::KeyPair> pairs;
  for (const auto algorithm : state.facts.dkim_algorithms) {
    auto pair = make_key_pair(algorithm);
    if (!pair) return pass(pair);
    pairs.push_back(*std::move(pair));
  }
  if (auto added = state.directory->add_domain(*domain); !added) return pass(added);
  for (auto& pair : pairs) {
    const WipeAtEnd wiped(pair.private_pem);
    if (auto added = state.keys->add(*domain, pair, std::nullopt); !added) return pass(added);
  }
  if (*catch_all) return set_catch_all(*state.directory, *domain, *catch_all);
  return json::object{{"domain", domain->ascii()}};
}

Result<json::value> Handlers::domain_list(State& state, const json::object&) {
  const auto all = state.directory->list_domains();
  if (!all) return pass(all);
  json::array list;
  for (const auto& info : *all) list.push_back(to_json(info));
  return json::object{{"domains", std::move(list)}};
}

Result<json::value> Handlers::domain_show(State& state, const json::object& request) {
  const auto domain = domain_member(request, "domain");
  if (!domain) return pass(domain);
  const auto info = find(*state.directory, *domain);
  if (!info) return pass(info);
  const auto aliases = state.directory->list_aliases(*domain);
  if (!aliases) return pass(aliases);
  json::object out = to_json(*info);
  out["aliases"] = aliases->size();
  return out;
}

Result<json::value> Handlers::domain_remove(State& state, const json::object& request) {
  const auto domain = domain_member(request, "domain");
  if (!domain) return pass(domain);
  if (auto removed = state.directory->remove_domain(*domain); !removed) return pass(removed);
  return json::object{{"domain", domain->ascii()}};
}

Result<json::value> Handlers::domain_catch_all(State& state, const json::object& request) {
  const auto domain = domain_member(request, "domain");
  if (!domain) return pass(domain);
  const auto target = optional_text(request, "target");
  if (!target) return pass(target);
  return set_catch_all(*state.directory, *domain, *target);
}

}  // namespace pabal::admin
