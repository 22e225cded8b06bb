// The keys that domains sign with.
#include <fmt/format.h>

#include "admin/key_pairs.hpp"
#include "admin/request.hpp"
#include "admin/state.hpp"
#include "base/text.hpp"
#include "base/wiped.hpp"

namespace pabal::admin {
namespace {

json::object to_json(const account::DomainKey& key) {
  json::object out{{"domain", key.domain.ascii()},
                   {"selector", key.selector},
                   {"algorithm", account::name_of(key.algorithm)},
                   {"state", account::name_of(key.state())}};
  const auto put = [&out](std::string_view name, const std::optional<SystemTime>& time) {
    if (time) out[name] = std::chrono::duration_cast<std::chrono::seconds>(time->time_since_epoch()).count();
  };
  put("made", key.made);
  put("published", key.published);
  put("used", key.used);
  put("retired", key.retired);
  put("withdrawn", key.withdrawn);
  out["name"] = key.record_name() + ".";
  out["record"] = key.record;
  return out;
}

Result<json::value> shown(ServiceState& state, const Domain& domain, std::string_view selector) {
  const auto key = state.keys->find(domain, selector);
  if (!key) return pass(key);
  return to_json(*key);
}

Result<std::optional<account::KeyAlgorithm>> algorithm_member(const json::object& request) {
  const auto text = optional_text(request, "algorithm");
  if (!text) return pass(text);
  if (!*text) return std::optional<account::KeyAlgorithm>();
  const auto algorithm = account::key_algorithm(**text);
  if (!algorithm) {
    return fail(ErrorKind::syntax,
                fmt::format("{}: expected rsa-2048, rsa-3072, rsa-4096 or ed25519", printable(**text, 40)));
  }
  return algorithm;
}

struct Named {
  Domain domain;
  std::string selector;
};
Result<Named> key_members(const json::object& request) {
  auto domain = domain_member(request, "domain");
  if (!domain) return pass(domain);
  auto selector = text_member(request, "selector");
  if (!selector) return pass(selector);
  return Named{*std::move(domain), to_lower(*selector)};
}

Result<account::DomainKey> add_key(ServiceState& state, const Domain& domain, account::KeyAlgorithm algorithm,
                                   const std::optional<std::string>& selector) {
  // Before the work of making one.
  if (auto there = state.keys->list(domain); !there) return pass(there);
  auto pair = make_key_pair(algorithm);
  if (!pair) return pass(pair);
  const WipeAtEnd wiped(pair->private_pem);
  return state.keys->add(domain, *pair, selector);
}

}  // namespace

Result<json::value> Handlers::dkim_keygen(State& state, const json::object& request) {
  const auto domain = domain_member(request, "domain");
  if (!domain) return pass(domain);
  const auto algorithm = algorithm_member(request);
  if (!algorithm) return pass(algorithm);
  const auto selector = optional_text(request, "selector");
  if (!selector) return pass(selector);
  const auto key = add_key(state, *domain, algorithm->value_or(account::KeyAlgorithm::rsa_2048), *selector);
  if (!key) return pass(key);
  return to_json(*key);
}

Result<json::value> Handlers::dkim_import(State& state, const json::object& request) {
  const auto named = key_members(request);
  if (!named) return pass(named);
  auto pem = text_member(request, "pem");
  if (!pem) return pass(pem);
  const WipeAtEnd wiped_pem(*pem);
  auto pair = read_key_pair(*pem);
  if (!pair) return pass(pair);
  const WipeAtEnd wiped(pair->private_pem);
  const auto key = state.keys->add(named->domain, *pair, named->selector);
  if (!key) return pass(key);
  return to_json(*key);
}

Result<json::value> Handlers::dkim_list(State& state, const json::object& request) {
  const auto domain = optional_domain(request, "domain");
  if (!domain) return pass(domain);
  const auto keys = state.keys->list(*domain);
  if (!keys) return pass(keys);
  json::array list;
  for (const auto& key : *keys) list.push_back(to_json(key));
  return json::object{{"keys", std::move(list)}, {"sealed", state.keys->sealed()}};
}

// A new key for each that is in use (or of this algorithm alone); it is used once its record was seen and the wait is
// over. A domain without any gets those that a new domain would.
Result<json::value> Handlers::dkim_rotate(State& state, const json::object& request) {
  const auto domain = domain_member(request, "domain");
  if (!domain) return pass(domain);
  const auto only = algorithm_member(request);
  if (!only) return pass(only);
  const auto keys = state.keys->list(*domain);
  if (!keys) return pass(keys);
  std::vector<account::KeyAlgorithm> wanted;
  if (*only) {
    wanted.push_back(**only);
  } else {
    for (const auto& key : *keys) {
      if (key.state() == account::KeyState::used) wanted.push_back(key.algorithm);
    }
    if (wanted.empty()) wanted = state.facts.dkim_algorithms;
  }
  for (const auto& key : *keys) {
    const bool waits = key.state() == account::KeyState::made || key.state() == account::KeyState::published;
    if (!waits) continue;
    for (const auto algorithm : wanted) {
      if (account::same_kind(algorithm, key.algorithm)) {
        return fail(ErrorKind::exists,
                    fmt::format("{} waits already: publish it, or remove it first", key.record_name()));
      }
    }
  }
  json::array made;
  for (const auto algorithm : wanted) {
    const auto key = add_key(state, *domain, algorithm, std::nullopt);
    if (!key) return pass(key);
    made.push_back(to_json(*key));
  }
  return json::object{{"domain", domain->ascii()}, {"keys", std::move(made)}};
}

Result<json::value> Handlers::dkim_use(State& state, const json::object& request) {
  const auto named = key_members(request);
  if (!named) return pass(named);
  const auto force = flag_member(request, "force");
  if (!force) return pass(force);
  if (auto done = state.keys->use(named->domain, named->selector, *force); !done) return pass(done);
  return shown(state, named->domain, named->selector);
}

Result<json::value> Handlers::dkim_retire(State& state, const json::object& request) {
  const auto named = key_members(request);
  if (!named) return pass(named);
  if (auto done = state.keys->retire(named->domain, named->selector); !done) return pass(done);
  return shown(state, named->domain, named->selector);
}

Result<json::value> Handlers::dkim_withdraw(State& state, const json::object& request) {
  const auto named = key_members(request);
  if (!named) return pass(named);
  if (auto done = state.keys->withdraw(named->domain, named->selector); !done) return pass(done);
  return shown(state, named->domain, named->selector);
}

Result<json::value> Handlers::dkim_remove(State& state, const json::object& request) {
  const auto named = key_members(request);
  if (!named) return pass(named);
  if (auto done = state.keys->remove(named->domain, named->selector); !done) return pass(done);
  return json::object{{"domain", named->domain.ascii()}, {"selector", named->selector}};
}

Result<json::value> Handlers::dkim_passphrase(State& state, const json::object& request) {
  auto passphrase = optional_text(request, "passphrase");
  if (!passphrase) return pass(passphrase);
  const WipeAtEnd wiped(*passphrase);
  if (auto done = state.keys->set_passphrase(*passphrase); !done) return pass(done);
  return json::object{{"sealed", state.keys->sealed()}};
}

}  // namespace pabal::admin
