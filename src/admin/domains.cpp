// Domains, and the records that they need in the DNS.
#include <fmt/format.h>

#include "admin/request.hpp"
#include "admin/state.hpp"

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
  if (auto added = state.directory->add_domain(*domain); !added) return pass(added);
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

// What this version can honestly ask for: the way in (MX, addresses), who may send (SPF), and where mail programs find
// the server (SRV, RFC 6186 and RFC 8314 §5.1). The signing key's and the policies' records come with the parts that
// honour them.
Result<json::value> Handlers::domain_dns(State& state, const json::object& request) {
  const auto domain = domain_member(request, "domain");
  if (!domain) return pass(domain);
  if (auto found = find(*state.directory, *domain); !found) return pass(found);
  const std::string& host = state.facts.hostname;
  json::array records;
  const auto add = [&records](std::string name, std::string_view type, std::string data) {
    records.push_back(
        json::object{{"name", std::move(name)}, {"ttl", 3600}, {"type", type}, {"data", std::move(data)}});
  };
  add(domain->ascii() + ".", "MX", fmt::format("10 {}.", host));
  add(domain->ascii() + ".", "TXT", "\"v=spf1 mx -all\"");
  for (const auto& service : state.facts.services) {
    add(fmt::format("_{}._tcp.{}.", service.name, domain->ascii()), "SRV",
        fmt::format("0 1 {} {}.", service.port, host));
  }
  json::array notes;
  for (const auto& address : state.facts.addresses) add(host + ".", address.contains(':') ? "AAAA" : "A", address);
  if (state.facts.addresses.empty()) {
    notes.push_back(
        json::string(fmt::format("{}. also needs an A (and AAAA) record with this server's public address, and that "
                                 "address a PTR record back to {}.",
                                 host, host)));
  } else {
    notes.push_back(json::string(fmt::format("The address needs a PTR record back to {}.", host)));
  }
  notes.push_back(json::string("DKIM, DMARC and MTA-STS records will be listed by the version that signs and checks."));
  return json::object{{"domain", domain->ascii()}, {"records", std::move(records)}, {"notes", std::move(notes)}};
}

}  // namespace pabal::admin
