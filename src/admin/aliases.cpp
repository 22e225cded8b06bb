// Aliases: an address whose mail goes to other addresses.
#include <fmt/format.h>

#include "admin/request.hpp"
#include "admin/state.hpp"

namespace pabal::admin {
namespace {

json::object to_json(const account::Directory::AliasInfo& alias) {
  json::array targets;
  for (const auto& target : alias.targets) targets.push_back(json::string(target.text()));
  return json::object{{"address", alias.address.text()}, {"targets", std::move(targets)}};
}

}  // namespace

Result<json::value> Handlers::alias_add(State& state, const json::object& request) {
  auto address = address_member(request, "address");
  if (!address) return pass(address);
  const auto written = texts_member(request, "targets");
  if (!written) return pass(written);
  if (written->empty()) return fail(ErrorKind::syntax, "targets: expected at least one address");
  std::vector<EmailAddress> targets;
  for (const std::string& text : *written) {
    auto target = parse_address(text);
    if (!target) return pass(target);
    targets.push_back(std::move(*target));
  }
  if (auto added = state.directory->add_alias(*address, targets); !added) return pass(added);
  return to_json({std::move(*address), std::move(targets)});
}

Result<json::value> Handlers::alias_list(State& state, const json::object& request) {
  const auto domain = optional_domain(request, "domain");
  if (!domain) return pass(domain);
  const auto all = state.directory->list_aliases(*domain);
  if (!all) return pass(all);
  json::array list;
  for (const auto& alias : *all) list.push_back(to_json(alias));
  return json::object{{"aliases", std::move(list)}};
}

Result<json::value> Handlers::alias_remove(State& state, const json::object& request) {
  const auto address = address_member(request, "address");
  if (!address) return pass(address);
  if (auto removed = state.directory->remove_alias(*address); !removed) return pass(removed);
  return json::object{{"address", address->text()}};
}

}  // namespace pabal::admin
