// Letters: those that wait, what happened to one, and whether the store is whole.
#include <algorithm>

#include <fmt/format.h>

#include "admin/request.hpp"
#include "admin/state.hpp"
#include "base/text.hpp"

namespace pabal::admin {
namespace {

Result<json::array> parse_all(const std::vector<std::string>& texts) {
  json::array all;
  for (const std::string& text : texts) {
    auto value = parse_json(text);
    if (!value) return pass(value);
    all.push_back(std::move(*value));
  }
  return all;
}

/// "alice@seoul.example/INBOX/5" as the store wants it, with the account's number; other keys as they are.
Result<std::string> trace_key(ServiceState& state, const std::string& message) {
  const std::size_t slash = message.find('/');
  if (slash == std::string::npos || message.starts_with('<')) return message;
  const auto address = EmailAddress::parse(std::string_view(message).substr(0, slash));
  if (!address || address->domain() == nullptr) return message;
  const auto account = state.directory->find_account(*address);
  if (!account) return pass(account);
  if (!*account) return fail(ErrorKind::not_found, fmt::format("{}: no such account", address->display()));
  return fmt::format("{}{}", (*account)->id.value, message.substr(slash));
}

Result<json::value> change(ServiceState& state, const json::object& request, store::Store::QueueAction action) {
  const auto ids = texts_member(request, "ids");
  if (!ids) return pass(ids);
  json::array done;
  for (const std::string& id : *ids) {
    const auto changed = state.store->change_queue(id, action);
    if (!changed) return pass(changed);
    if (*changed == 0) {
      return fail(ErrorKind::not_found,
                  fmt::format("{}: no such letter in the queue{}", printable(id),
                              action == store::Store::QueueAction::release ? ", or none that is held" : ""));
    }
    done.push_back(json::string(id));
  }
  state.queue_changed();
  return json::object{{"ids", std::move(done)}};
}

}  // namespace

Result<json::value> Handlers::queue_list(State& state, const json::object&) {
  const auto rows = state.store->queue_rows();
  if (!rows) return pass(rows);
  auto letters = parse_all(*rows);
  if (!letters) return pass(letters);
  return json::object{{"letters", std::move(*letters)}};
}

Result<json::value> Handlers::queue_show(State& state, const json::object& request) {
  const auto ids = texts_member(request, "ids");
  if (!ids) return pass(ids);
  const auto rows = state.store->queue_rows();
  if (!rows) return pass(rows);
  const auto letters = parse_all(*rows);
  if (!letters) return pass(letters);
  json::array chosen;
  for (const std::string& id : *ids) {
    const std::size_t before = chosen.size();
    for (const json::value& letter : *letters) {
      const json::value* its = letter.is_object() ? letter.get_object().if_contains("id") : nullptr;
      if (its != nullptr && its->is_string() && its->get_string() == id) chosen.push_back(letter);
    }
    if (chosen.size() == before)
      return fail(ErrorKind::not_found, fmt::format("{}: no such letter in the queue", printable(id)));
  }
  return json::object{{"letters", std::move(chosen)}};
}

Result<json::value> Handlers::queue_retry(State& state, const json::object& request) {
  return change(state, request, store::Store::QueueAction::retry);
}
Result<json::value> Handlers::queue_hold(State& state, const json::object& request) {
  return change(state, request, store::Store::QueueAction::hold);
}
Result<json::value> Handlers::queue_release(State& state, const json::object& request) {
  return change(state, request, store::Store::QueueAction::release);
}
Result<json::value> Handlers::queue_drop(State& state, const json::object& request) {
  return change(state, request, store::Store::QueueAction::drop);
}

Result<json::value> Handlers::trace(State& state, const json::object& request) {
  const auto message = text_member(request, "message");
  if (!message) return pass(message);
  const auto key = trace_key(state, *message);
  if (!key) return pass(key);
  const auto found = state.store->traces(*key);
  if (!found) return pass(found);
  if (found->empty())
    return fail(ErrorKind::not_found, fmt::format("{}: no trace of such a message", printable(*message)));
  auto traces = parse_all(*found);
  if (!traces) return pass(traces);
  return json::object{{"traces", std::move(*traces)}};
}

Result<json::value> Handlers::store_check(State& state, const json::object&) {
  const auto found = state.store->check();
  if (!found) return pass(found);
  json::array findings;
  for (const auto& finding : *found) findings.push_back(json::object{{"where", finding.where}, {"what", finding.what}});
  return json::object{{"findings", std::move(findings)}};
}

}  // namespace pabal::admin
