#include "admin/service.hpp"

#include <fmt/format.h>

#include "admin/request.hpp"
#include "admin/state.hpp"
#include "base/text.hpp"

namespace pabal::admin {
namespace {

struct Command {
  std::string_view name;
  Handlers::Handler handler;
};

constexpr Command commands_table[] = {
    {"domain add", &Handlers::domain_add},              // domain, catch_all?
    {"domain list", &Handlers::domain_list},            //
    {"domain show", &Handlers::domain_show},            // domain
    {"domain remove", &Handlers::domain_remove},        // domain
    {"domain catch-all", &Handlers::domain_catch_all},  // domain, target (null: none)
    {"domain dns", &Handlers::domain_dns},              // domain, check?
    {"dkim keygen", &Handlers::dkim_keygen},            // domain, algorithm?, selector?
    {"dkim import", &Handlers::dkim_import},            // domain, selector, pem
    {"dkim list", &Handlers::dkim_list},                // domain?
    {"dkim rotate", &Handlers::dkim_rotate},            // domain, algorithm?
    {"dkim use", &Handlers::dkim_use},                  // domain, selector, force?
    {"dkim retire", &Handlers::dkim_retire},            // domain, selector
    {"dkim withdraw", &Handlers::dkim_withdraw},        // domain, selector
    {"dkim remove", &Handlers::dkim_remove},            // domain, selector
    {"dkim update", &Handlers::dkim_update},            // domain?
    {"dkim passphrase", &Handlers::dkim_passphrase},    // passphrase (null: none)
    {"account add", &Handlers::account_add},            // address, password?, quota?
    {"account list", &Handlers::account_list},          // domain?
    {"account show", &Handlers::account_show},          // address
    {"account passwd", &Handlers::account_passwd},      // address, password
    {"account quota",
     &Handlers::account_quota},  // address, quota (null: none), messages (the same; without it as it was)
    {"account disable", &Handlers::account_disable},  // address
    {"account enable", &Handlers::account_enable},    // address
    {"account remove", &Handlers::account_remove},    // address
    {"account import", &Handlers::account_import},    // accounts: [{line, address, password}…]
    {"alias add", &Handlers::alias_add},              // address, targets
    {"alias list", &Handlers::alias_list},            // domain?
    {"alias remove", &Handlers::alias_remove},        // address
    {"queue list", &Handlers::queue_list},        // domain?, sender?, recipient?, older_than?, state?, limit?, after?
    {"queue domains", &Handlers::queue_domains},  //
    {"queue show", &Handlers::queue_show},        // ids
    {"queue retry", &Handlers::queue_retry},      // ids; or list's filters, or all
    {"queue hold", &Handlers::queue_hold},        // the same
    {"queue release", &Handlers::queue_release},  // the same
    {"queue drop", &Handlers::queue_drop},        // the same
    {"trace", &Handlers::trace},                  // message
    {"store check", &Handlers::store_check},      //
};

}  // namespace

Service::Service(account::Directory& directory, account::Authenticator& authenticator, account::DomainKeys& keys,
                 store::Store& store, Facts facts)
    : state_(std::make_unique<ServiceState>()) {
  state_->directory = &directory;
  state_->authenticator = &authenticator;
  state_->keys = &keys;
  state_->store = &store;
  *state_->report_mailboxes.lock() = facts.report_mailboxes;
  state_->facts = std::move(facts);
}
Service::~Service() = default;

Result<json::value> Service::execute(const json::object& request) {
  const auto name = text_member(request, "command");
  if (!name) return pass(name);
  for (const Command& command : commands_table) {
    if (command.name == *name) return command.handler(*state_, request);
  }
  return fail(ErrorKind::unsupported, fmt::format("{}: no such command", printable(*name, 60)));
}

void Service::change_report_mailboxes(std::vector<std::string> mailboxes) {
  *state_->report_mailboxes.lock() = std::move(mailboxes);
}

void Service::when_queue_changes(std::function<void()> tell) { state_->queue_changed = std::move(tell); }

void Service::ask_dns(AskDns ask) { state_->ask_dns = std::move(ask); }

std::vector<std::string_view> Service::commands() {
  std::vector<std::string_view> names;
  for (const Command& command : commands_table) names.push_back(command.name);
  return names;
}

}  // namespace pabal::admin
