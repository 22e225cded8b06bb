// Letters: those that wait, what happened to one, and whether the store is whole.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "admin/request.hpp"
#include "admin/state.hpp"
#include "base/clock.hpp"
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

constexpr std::size_t kQueuePage = 1000;

/// A place in the list of the queue, as `next` gives it: "ID/NUMBER".
Result<void> go_on_after(store::QueueFilter& filter, const std::string& place) {
  const auto slash = place.rfind('/');
  const auto number = slash == std::string::npos ? std::nullopt : parse_decimal(place.substr(slash + 1), INT64_MAX);
  if (!number || slash == 0 || place.find('\0') != std::string::npos)
    return fail(ErrorKind::syntax, "after: expected what next was");
  filter.after_id = place.substr(0, slash);
  filter.after_number = static_cast<std::int64_t>(*number);
  return {};
}

/// What `queue list` is to show, and the others' verbs are to be done to: domain, sender, recipient, older_than
/// (seconds), state, limit, after.
Result<store::QueueFilter> filter_of(const json::object& request) {
  store::QueueFilter filter;
  for (auto [name, place] :
       {std::pair("domain", &filter.destination), {"sender", &filter.sender}, {"recipient", &filter.recipient}}) {
    auto value = optional_text(request, name);
    if (!value) return pass(value);
    if (*value) *place = *std::move(*value);
  }
  if (filter.destination.find('\0') != std::string::npos || filter.sender.find('\0') != std::string::npos ||
      filter.recipient.find('\0') != std::string::npos) {
    return fail(ErrorKind::syntax, "expected texts without NUL");
  }
  if (!filter.destination.empty() && !filter.destination.starts_with('[')) {
    const auto domain = Domain::parse(filter.destination);
    if (!domain) return fail(ErrorKind::syntax, fmt::format("{}: not a domain", printable(filter.destination)));
    filter.destination = domain->ascii();
  }
  const auto older_than = optional_number(request, "older_than");
  if (!older_than) return pass(older_than);
  if (*older_than) {
    const auto age = std::chrono::seconds(std::min<std::uint64_t>(**older_than, 10ULL * 365 * 24 * 3600));
    filter.arrived_before = RealClock().now() - age;
  }
  const auto state = optional_text(request, "state");
  if (!state) return pass(state);
  if (*state && **state != "held" && **state != "waiting")
    return fail(ErrorKind::syntax, "state: expected held or waiting");
  if (*state) filter.held = **state == "held";
  const auto limit = optional_number(request, "limit");
  if (!limit) return pass(limit);
  filter.at_most = static_cast<std::size_t>(std::min<std::uint64_t>(limit->value_or(kQueuePage), kQueuePage));
  const auto after = optional_text(request, "after");
  if (!after) return pass(after);
  if (*after) {
    if (auto done = go_on_after(filter, **after); !done) return pass(done);
  }
  return filter;
}

std::string place_of(std::string_view id, std::int64_t number) { return fmt::format("{}/{}", id, number); }

/// A page of the rows that the filter means; `next` where there are more.
Result<json::value> change_page(ServiceState& state, const json::object& request, store::Store::QueueAction action) {
  constexpr std::array names{"domain", "sender", "recipient", "older_than", "state"};
  const auto* all = request.if_contains("all");
  if (std::ranges::none_of(names, [&](const char* name) { return request.contains(name); }) &&
      (all == nullptr || *all != json::value(true))) {
    return fail(ErrorKind::syntax, "expected ids, what list takes (domain, sender…), or all");
  }
  const auto filter = filter_of(request);
  if (!filter) return pass(filter);
  const auto change = state.store->change_queue(*filter, action);
  if (!change) return pass(change);
  if (change->changed != 0) state.queue_changed();
  json::object result{{"changed", change->changed}};
  if (change->more && filter->at_most != 0) result["next"] = place_of(change->last_id, change->last_number);
  return result;
}

bool is_there(store::Store& store, const std::string& id) {
  const auto rows = store.queue_rows_of(id);
  return rows && !rows->empty();
}

/// All of the letters that are there; those that aren't are named.
Result<json::value> change(ServiceState& state, const json::object& request, store::Store::QueueAction action) {
  if (!request.contains("ids")) return change_page(state, request, action);
  const auto ids = texts_member(request, "ids");
  if (!ids) return pass(ids);
  json::array done;
  std::string missing;
  std::string held;
  const auto name = [](std::string& names, const std::string& id) {
    if (names.size() < 1000) names += (names.empty() ? "" : ", ") + printable(id);
  };
  for (const std::string& id : *ids) {
    const auto changed = state.store->change_queue(id, action);
    if (!changed) {
      if (!done.empty()) state.queue_changed();
      return pass(changed);
    }
    if (*changed != 0) {
      done.push_back(json::string(id));
    } else if (action == store::Store::QueueAction::retry && is_there(*state.store, id)) {
      name(held, id);
    } else {
      name(missing, id);
    }
  }
  if (!done.empty()) state.queue_changed();
  const auto part = done.empty() ? "" : fmt::format("; done for {} of {}", done.size(), ids->size());
  if (!held.empty()) {
    return fail(ErrorKind::not_found, fmt::format("{}: held; release lets it go{}{}", held,
                                                  missing.empty() ? "" : ", and no such letter: " + missing, part));
  }
  if (!missing.empty()) {
    return fail(ErrorKind::not_found,
                fmt::format("{}: no such letter in the queue{}{}", missing,
                            action == store::Store::QueueAction::release ? ", or none that is held" : "", part));
  }
  return json::object{{"ids", std::move(done)}};
}

}  // namespace

Result<json::value> Handlers::queue_list(State& state, const json::object& request) {
  auto filter = filter_of(request);
  if (!filter) return pass(filter);
  // One more tells whether there are more.
  const auto page = filter->at_most++;
  const auto rows = state.store->queue_rows(*filter);
  if (!rows) return pass(rows);
  auto letters = parse_all(*rows);
  if (!letters) return pass(letters);
  const bool more = letters->size() > page;
  if (more) letters->pop_back();
  json::object result{{"letters", std::move(*letters)}};
  if (more && page != 0) {
    const auto& last = result["letters"].get_array().back();
    result["next"] = place_of(last.at("id").get_string(), last.at("number").as_int64());
  }
  return result;
}

Result<json::value> Handlers::queue_domains(State& state, const json::object&) {
  const auto rows = state.store->queue_destinations();
  if (!rows) return pass(rows);
  auto domains = parse_all(*rows);
  if (!domains) return pass(domains);
  return json::object{{"domains", std::move(*domains)}};
}

Result<json::value> Handlers::queue_show(State& state, const json::object& request) {
  const auto ids = texts_member(request, "ids");
  if (!ids) return pass(ids);
  json::array chosen;
  for (const std::string& id : *ids) {
    const auto rows = state.store->queue_rows_of(id);
    if (!rows) return pass(rows);
    if (rows->empty()) return fail(ErrorKind::not_found, fmt::format("{}: no such letter in the queue", printable(id)));
    auto letters = parse_all(*rows);
    if (!letters) return pass(letters);
    for (auto& letter : *letters) chosen.push_back(std::move(letter));
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
