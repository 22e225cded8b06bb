// pabal queue, trace, store.
#include <algorithm>

#include <CLI/CLI.hpp>

#include "app/cli.hpp"
#include "app/config_values.hpp"
#include "app/operator.hpp"
#include "app/show.hpp"
#include "base/text.hpp"

namespace pabal::app {
namespace {

json::array ids_of(const Invocation& invocation) {
  json::array ids;
  for (const std::string& id : invocation.list) ids.push_back(json::string(id));
  return ids;
}

/// A flag whose value the command takes under this name.
CLI::Option* add_text(CLI::App& command, Invocation& invocation, const char* flag, const char* name, const char* help) {
  return command.add_option_function<std::string>(
      flag, [&invocation, name](const std::string& value) { invocation.text[name] = value; }, help);
}

/// Which of the letters that wait are meant.
std::vector<CLI::Option*> add_filters(CLI::App& command, Invocation& invocation) {
  const auto option = [&](const char* flag, const char* name, const char* help) {
    return add_text(command, invocation, flag, name, help);
  };
  return {option("--domain", "domain", "for this domain alone"),
          option("--sender", "sender", "of this address, or @DOMAIN"), option("--to", "recipient", "for this address"),
          option("--older-than", "older_than", "that came before so long, like 30m, 4h or 2d"),
          option("--state", "state", "held or waiting")->check(CLI::IsMember({"held", "waiting"}))};
}

/// A command with the filters that were given.
Result<json::object> filtered(const Invocation& invocation, const std::string& command) {
  json::object request{{"command", command}};
  for (const auto& [name, value] : invocation.text) {
    if (name == "limit") {
      request[name] = parse_decimal(value).value_or(0);
    } else if (name == "older_than") {
      const auto age = parse_duration(value);
      if (!age) return fail(ErrorKind::syntax, "--older-than: expected a duration like 30m, 4h or 2d");
      request[name] = std::chrono::duration_cast<std::chrono::seconds>(*age).count();
    } else if (name == "all") {
      request[name] = true;
    } else {
      request[name] = value;
    }
  }
  return request;
}

int list_some(const Invocation& invocation) {
  auto request = filtered(invocation, "queue list");
  if (!request) return refuse(request.error());
  return list_queue(invocation, *std::move(request));
}

/// Does it to all that the filters mean, a page at a time: the server goes on with its work between.
int change_some(const Invocation& invocation, const std::string& command) {
  auto request = filtered(invocation, command);
  if (!request) return refuse(request.error());
  const auto config = load_config(invocation.config);
  if (!config) return exit_refused;
  auto server = Operator::open(*config);
  if (!server) return refuse(server.error());
  std::uint64_t changed = 0;
  while (true) {
    const auto page = server->execute(*request);
    if (!page) {
      if (changed != 0) print_result(invocation, command, json::object{{"changed", changed}});
      return refuse(page.error());
    }
    changed += page->at("changed").to_number<std::uint64_t>();
    const auto* next = page->get_object().if_contains("next");
    if (next == nullptr) break;
    (*request)["after"] = *next;
  }
  print_result(invocation, command, json::object{{"changed", changed}});
  return exit_done;
}

int check_store(const Invocation& invocation) {
  const auto result = result_of(invocation, {{"command", "store check"}});
  if (!result) return exit_refused;
  print_result(invocation, "store check", *result);
  return result->at("findings").get_array().empty() ? exit_done : exit_refused;
}

}  // namespace

int list_queue(const Invocation& invocation, json::object request) {
  const auto config = load_config(invocation.config);
  if (!config) return exit_refused;
  auto server = Operator::open(*config);
  if (!server) return refuse(server.error());
  std::optional<std::uint64_t> left;
  if (const auto* limit = request.if_contains("limit")) left = limit->to_number<std::uint64_t>();
  QueuePages pages(invocation.json);
  while (true) {
    auto page = server->execute(request);
    if (!page) return refuse(page.error());
    const auto shown = page->at("letters").get_array().size();
    if (left) *left -= std::min<std::uint64_t>(*left, shown);
    const auto* next = page->get_object().if_contains("next");
    const bool ends = next == nullptr || (left && *left == 0);
    print_text(pages.add(*page, ends));
    if (ends) return exit_done;
    request["after"] = *next;
    if (left) request["limit"] = *left;
  }
}

void add_letter_commands(CLI::App& root, Invocation& invocation) {
  CLI::App* queue = root.add_subcommand("queue", "letters that wait")->require_subcommand(1);
  auto* list = data_command(*queue, invocation, "list", "all letters that wait, and why", true);
  add_filters(*list, invocation);
  add_text(*list, invocation, "--limit", "limit", "so many at most")->check(CLI::NonNegativeNumber);
  add_text(*list, invocation, "--after", "after",
           "only what comes behind this row: ID/NUMBER, as the end of a list that was cut says it");
  list->callback([&invocation] { invocation.action = [&invocation] { return list_some(invocation); }; });
  auto* domains = data_command(*queue, invocation, "domains", "how many letters wait for each domain", true);
  domains->callback([&invocation] {
    invocation.action = [&invocation] { return carry_out(invocation, {{"command", "queue domains"}}); };
  });
  struct Verb {
    const char* name;
    const char* help;
  };
  auto* shown = data_command(*queue, invocation, "show", "all that is known of letters", true);
  shown->add_option("ID", invocation.list, "the letters' ids, as queue list shows them")->required();
  shown->callback([&invocation] {
    invocation.action = [&invocation] {
      return carry_out(invocation, {{"command", "queue show"}, {"ids", ids_of(invocation)}});
    };
  });
  for (const Verb verb :
       {Verb{"retry", "try letters again now"}, Verb{"hold", "don't try letters until they are released"},
        Verb{"release", "undoes hold"}, Verb{"drop", "throw letters away, without telling anybody"}}) {
    auto* command = data_command(*queue, invocation, verb.name, verb.help, true);
    command->footer(
        "Name letters, or say which by the options: of several recipients of a letter only those that fit.");
    auto* ids = command->add_option("ID", invocation.list, "the letters' ids, as queue list shows them");
    auto* which = command->add_option_group("which");
    auto filters = add_filters(*which, invocation);
    filters.push_back(
        which->add_flag_callback("--all", [&invocation] { invocation.text["all"] = ""; }, "all of the queue"));
    for (auto* filter : filters) ids->excludes(filter);
    command->callback([&invocation, which, ids, name = std::string("queue ") + verb.name] {
      if (ids->count() == 0 && which->count_all() == 0) throw CLI::RequiredError("ID, a filter or --all");
      invocation.action = [&invocation, name] {
        if (invocation.list.empty()) return change_some(invocation, name);
        return carry_out(invocation, {{"command", name}, {"ids", ids_of(invocation)}});
      };
    });
  }

  auto* trace = data_command(root, invocation, "trace", "what happened to a message, and why", true);
  trace
      ->add_option_function<std::string>(
          "MESSAGE", [&invocation](const std::string& value) { invocation.text["message"] = value; },
          "its queue id (as in our Received field and in the 250), its Message-ID, or ADDRESS/MAILBOX/UID")
      ->required();
  trace->callback([&invocation] {
    invocation.action = [&invocation] {
      return carry_out(invocation, {{"command", "trace"}, {"message", invocation.text.at("message")}});
    };
  });

  CLI::App* store = root.add_subcommand("store", "the databases and files that mail is kept in")->require_subcommand(1);
  auto* check = data_command(*store, invocation, "check", "read everything and say what is wrong", true);
  check->footer("Exit status 1 where something is wrong.");
  check->callback([&invocation] { invocation.action = [&invocation] { return check_store(invocation); }; });
}

}  // namespace pabal::app
