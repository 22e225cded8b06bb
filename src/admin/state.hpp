// What the handlers of requests share; private to admin.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "admin/service.hpp"
#include "base/guarded.hpp"

namespace pabal::admin {

struct ServiceState {
  account::Directory* directory = nullptr;
  account::Authenticator* authenticator = nullptr;
  account::DomainKeys* keys = nullptr;
  store::Store* store = nullptr;
  Facts facts;  ///< but for the report mailboxes, which may change
  Guarded<std::vector<std::string>> report_mailboxes;
  std::function<void()> queue_changed = [] {};
  Service::AskDns ask_dns = [](const std::vector<dns::Question>&) -> Result<std::vector<dns::Answer>> {
    return fail(ErrorKind::unsupported, "there is nobody to ask the DNS");
  };
  /// Accounts in each shard, counted once; from then on kept by adding and removing.
  Guarded<std::optional<std::map<ShardId, std::int64_t>>> counts;
};

/// One function for each command: the request in, the result out.
struct Handlers {
  using State = ServiceState;
  using Handler = Result<json::value> (*)(State&, const json::object&);

  static Result<json::value> domain_add(State& state, const json::object& request);
  static Result<json::value> domain_list(State& state, const json::object& request);
  static Result<json::value> domain_show(State& state, const json::object& request);
  static Result<json::value> domain_remove(State& state, const json::object& request);
  static Result<json::value> domain_catch_all(State& state, const json::object& request);
  static Result<json::value> domain_dns(State& state, const json::object& request);

  static Result<json::value> dkim_keygen(State& state, const json::object& request);
  static Result<json::value> dkim_import(State& state, const json::object& request);
  static Result<json::value> dkim_list(State& state, const json::object& request);
  static Result<json::value> dkim_rotate(State& state, const json::object& request);
  static Result<json::value> dkim_use(State& state, const json::object& request);
  static Result<json::value> dkim_retire(State& state, const json::object& request);
  static Result<json::value> dkim_withdraw(State& state, const json::object& request);
  static Result<json::value> dkim_remove(State& state, const json::object& request);
  static Result<json::value> dkim_update(State& state, const json::object& request);
  static Result<json::value> dkim_passphrase(State& state, const json::object& request);

  static Result<json::value> account_add(State& state, const json::object& request);
  static Result<json::value> account_list(State& state, const json::object& request);
  static Result<json::value> account_show(State& state, const json::object& request);
  static Result<json::value> account_passwd(State& state, const json::object& request);
  static Result<json::value> account_quota(State& state, const json::object& request);
  static Result<json::value> account_disable(State& state, const json::object& request);
  static Result<json::value> account_enable(State& state, const json::object& request);
  static Result<json::value> account_remove(State& state, const json::object& request);
  static Result<json::value> account_import(State& state, const json::object& request);

  static Result<json::value> alias_add(State& state, const json::object& request);
  static Result<json::value> alias_list(State& state, const json::object& request);
  static Result<json::value> alias_remove(State& state, const json::object& request);

  static Result<json::value> queue_list(State& state, const json::object& request);
  static Result<json::value> queue_domains(State& state, const json::object& request);
  static Result<json::value> queue_show(State& state, const json::object& request);
  static Result<json::value> queue_retry(State& state, const json::object& request);
  static Result<json::value> queue_hold(State& state, const json::object& request);
  static Result<json::value> queue_release(State& state, const json::object& request);
  static Result<json::value> queue_drop(State& state, const json::object& request);
  static Result<json::value> trace(State& state, const json::object& request);
  static Result<json::value> store_check(State& state, const json::object& request);
};

}  // namespace pabal::admin
