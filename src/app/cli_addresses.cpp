// pabal domain, account, alias.
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include "app/cli.hpp"
#include "app/config_values.hpp"
#include "app/operator.hpp"
#include "base/text.hpp"
#include "base/wiped.hpp"

namespace pabal::app {
namespace {

/// The next member of a request that comes from an option of the same name; left out where it wasn't given.
void take(json::object& request, const Invocation& invocation, std::string_view name) {
  if (const auto found = invocation.text.find(name); found != invocation.text.end()) request[name] = found->second;
}

/// A command whose options are the request's members.
CLI::App* simple(CLI::App& group, Invocation& invocation, const std::string& verb, const std::string& description,
                 const std::vector<std::string>& positionals, bool required = true) {
  CLI::App* command = data_command(group, invocation, verb, description, true);
  for (const std::string& name : positionals) {
    auto* option = command->add_option_function<std::string>(
        to_upper(name), [&invocation, name](const std::string& value) { invocation.text[name] = value; }, "");
    if (required) option->required();
  }
  const std::string whole = group.get_name() + " " + verb;
  command->callback([&invocation, whole, positionals] {
    invocation.action = [&invocation, whole, positionals] {
      json::object request{{"command", whole}};
      for (const std::string& name : positionals) take(request, invocation, name);
      return carry_out(invocation, request);
    };
  });
  return command;
}

/// Asks on the terminal, without showing what is typed.
std::optional<std::string> ask(const char* question) {
  std::cerr << question << std::flush;
  termios before{};
  const bool hidden = tcgetattr(STDIN_FILENO, &before) == 0;
  if (hidden) {
    termios quiet = before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  std::string line;
  const bool got = static_cast<bool>(std::getline(std::cin, line));
  if (hidden) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  std::cerr << "\n";
  if (!got) return std::nullopt;
  return line;
}

struct Password {
  bool wrong = false;
  std::optional<std::string> text;
};

/// From standard input, or from a person at a terminal; nothing where there is neither.
Password read_password(bool from_stdin) {
  if (from_stdin) {
    std::string line;
    const WipeAtEnd wiped(line);
    if (!std::getline(std::cin, line)) {
      refuse({ErrorKind::syntax, "--password-stdin: expected a line with the password on standard input", {}});
      return {.wrong = true, .text = {}};
    }
    if (line.ends_with('\r')) line.pop_back();
    return {.text = line};
  }
  if (isatty(STDIN_FILENO) == 0) return {};
  auto once = ask("Password: ");
  auto again = once ? ask("Once more: ") : std::nullopt;
  const WipeAtEnd wiped_once(once);
  const WipeAtEnd wiped_again(again);
  if (!once || once != again) {
    refuse({ErrorKind::syntax, "the two passwords are not the same", {}});
    return {.wrong = true, .text = {}};
  }
  return {.text = once};
}

/// "2G" as octets, "none" as null.
std::optional<json::value> read_quota(const std::string& text) {
  if (text == "none") return json::value(nullptr);
  const auto octets = parse_size(text);
  if (!octets) return std::nullopt;
  return json::value(*octets);
}

int wrong_usage(const std::string& what) {
  std::cerr << "pabal: " << what << "\n";
  return exit_usage;
}

int account_add(const Invocation& invocation) {
  json::object request{{"command", "account add"}};
  take(request, invocation, "address");
  if (const auto size = invocation.text.find("quota"); size != invocation.text.end()) {
    const auto quota = read_quota(size->second);
    if (!quota)
      return wrong_usage(fmt::format("--quota: expected a size like 2G, or none, not {}", printable(size->second)));
    request["quota"] = *quota;
  }
  Password password = read_password(invocation.flag);
  const WipeAtEnd wiped(password.text);
  if (password.wrong) return exit_refused;
  if (password.text) request["password"] = *password.text;
  return carry_out(invocation, request);
}

int account_passwd(const Invocation& invocation) {
  json::object request{{"command", "account passwd"}};
  take(request, invocation, "address");
  Password password = read_password(invocation.flag);
  const WipeAtEnd wiped(password.text);
  if (password.wrong) return exit_refused;
  if (!password.text) return wrong_usage("expected --password-stdin, or a terminal to ask on");
  request["password"] = *password.text;
  return carry_out(invocation, request);
}

/// The number; false where it is none.
json::value number_value(std::string_view text) {
  std::uint64_t number = 0;
  const auto end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return json::value(false);
  return json::value(number);
}

int account_quota(const Invocation& invocation) {
  json::object request{{"command", "account quota"}};
  take(request, invocation, "address");
  const auto quota = read_quota(invocation.text.at("quota"));
  if (!quota)
    return wrong_usage(
        fmt::format("QUOTA: expected a size like 2G, or none, not {}", printable(invocation.text.at("quota"))));
  request["quota"] = *quota;
  if (const auto most = invocation.text.find("messages"); most != invocation.text.end()) {
    const auto messages = most->second == "none" ? json::value(nullptr) : number_value(most->second);
    if (!messages.is_null() && !messages.is_uint64()) {
      return wrong_usage(fmt::format("--messages: expected a number, or none, not {}", printable(most->second)));
    }
    request["messages"] = messages;
  }
  return carry_out(invocation, request);
}

/// The lines in portions, so that no request is big and what is done is done.
int account_import(const Invocation& invocation) {
  constexpr std::size_t portion = 200;
  const std::string& name = invocation.text.at("file");
  std::ifstream file;
  if (name != "-") {
    file.open(name);
    if (!file) return refuse({ErrorKind::io, fmt::format("{}: can't be read", name), {}});
  }
  std::istream& input = name == "-" ? std::cin : file;
  const auto config = load_config(invocation.config);
  if (!config) return exit_refused;
  auto server = Operator::open(*config);
  if (!server) return refuse(server.error());

  std::uint64_t added = 0;
  json::array errors;
  json::array waiting;
  const auto flush = [&]() -> Result<void> {
    const auto result = server->execute({{"command", "account import"}, {"accounts", std::exchange(waiting, {})}});
    if (!result) return pass(result);
    added += result->at("added").to_number<std::uint64_t>();
    for (const json::value& error : result->at("errors").get_array()) errors.push_back(error);
    return {};
  };
  std::string line;
  for (std::int64_t number = 1; std::getline(input, line); ++number) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t tab = line.find('\t');
    if (tab == std::string::npos) {
      errors.push_back(json::object{{"line", number}, {"reason", "expected ADDRESS<tab>PASSWORD"}});
      continue;
    }
    if (!is_utf8(line)) {
      errors.push_back(json::object{{"line", number}, {"reason", "expected UTF-8"}});
      continue;
    }
    waiting.push_back(
        json::object{{"line", number}, {"address", line.substr(0, tab)}, {"password", line.substr(tab + 1)}});
    if (waiting.size() < portion) continue;
    if (auto done = flush(); !done) return refuse(done.error());
  }
  if (!waiting.empty()) {
    if (auto done = flush(); !done) return refuse(done.error());
  }
  std::ranges::sort(errors, {}, [](const json::value& error) { return error.at("line").to_number<std::int64_t>(); });
  for (const json::value& error : errors) {
    std::cerr << fmt::format("pabal: {}:{}: {}\n", name, error.at("line").to_number<std::int64_t>(),
                             error.at("reason").get_string().c_str());
  }
  const bool all = errors.empty();
  print_result(invocation, "account import", json::object{{"added", added}, {"errors", std::move(errors)}});
  return all ? exit_done : exit_refused;
}

}  // namespace

void add_address_commands(CLI::App& root, Invocation& invocation) {
  const auto when_chosen = [&invocation](CLI::App* command, int (*action)(const Invocation&)) {
    command->callback(
        [&invocation, action] { invocation.action = [&invocation, action] { return action(invocation); }; });
  };
  const auto option = [&invocation](CLI::App* command, const std::string& flag, const std::string& name,
                                    const std::string& help) {
    return command->add_option_function<std::string>(
        flag, [&invocation, name](const std::string& value) { invocation.text[name] = value; }, help);
  };

  CLI::App* domain = root.add_subcommand("domain", "the domains that mail is taken for")->require_subcommand(1);
  simple(*domain, invocation, "add", "take mail for a domain", {"domain"});
  simple(*domain, invocation, "list", "all domains", {});
  simple(*domain, invocation, "show", "one domain", {"domain"});
  simple(*domain, invocation, "remove", "take no more mail for a domain; it must have no accounts and aliases",
         {"domain"});
  auto* catch_all = simple(*domain, invocation, "catch-all",
                           "where mail for unknown addresses of a domain goes; without TARGET: nowhere, it is refused",
                           {"domain", "target"}, false);
  catch_all->get_option("DOMAIN")->required();
  auto* dns = data_command(*domain, invocation, "dns", "the records to publish, in zone-file format", true);
  option(dns, "DOMAIN", "domain", "")->required();
  dns->add_flag("--check", invocation.flag, "ask the DNS which of them are there; keys that are seen may be used then");
  when_chosen(dns, [](const Invocation& given) {
    json::object request{{"command", "domain dns"}, {"check", given.flag}};
    take(request, given, "domain");
    return carry_out(given, request);
  });

  CLI::App* account =
      root.add_subcommand("account", "the people (and programs) that have mailboxes")->require_subcommand(1);
  auto* add = data_command(*account, invocation, "add", "a new account", true);
  option(add, "ADDRESS", "address", "its address, which is also its login name")->required();
  add->add_flag("--password-stdin", invocation.flag, "the password is the first line of standard input");
  option(add, "--quota", "quota", "how much it may keep, like 2G; none: as much as it wants");
  add->footer(
      "The password is asked for on a terminal. With neither a terminal nor --password-stdin the account has none\n"
      "and nobody can log in until pabal account passwd.");
  when_chosen(add, account_add);
  auto* list = simple(*account, invocation, "list", "all accounts, or those of a domain", {"domain"}, false);
  list->get_option("DOMAIN")->description("only of this domain");
  simple(*account, invocation, "show", "one account, and how much it keeps", {"address"});
  auto* passwd = data_command(*account, invocation, "passwd", "a new password", true);
  option(passwd, "ADDRESS", "address", "")->required();
  passwd->add_flag("--password-stdin", invocation.flag, "the password is the first line of standard input");
  when_chosen(passwd, account_passwd);
  auto* quota = data_command(*account, invocation, "quota", "how much it may keep", true);
  option(quota, "ADDRESS", "address", "")->required();
  option(quota, "QUOTA", "quota", "a size like 2G, or none")->required();
  option(quota, "--messages", "messages", "and how many messages; none: any number; without it as it was");
  when_chosen(quota, account_quota);
  simple(*account, invocation, "disable", "no login and no new mail, but everything is kept", {"address"});
  simple(*account, invocation, "enable", "undoes disable", {"address"});
  simple(*account, invocation, "remove", "the account and all its mail, for ever", {"address"});
  auto* import = data_command(*account, invocation, "import", "many new accounts", true);
  option(import, "FILE", "file", "lines ADDRESS<tab>PASSWORD; - is standard input")->required();
  import->footer(
      "Empty lines and lines that begin with # are passed over. A bad line is told with its number, the others are "
      "done; the\n"
      "exit status is then 1. Hashing the passwords takes nearly all of the time (tens of milliseconds each, on all "
      "cores).");
  when_chosen(import, account_import);

  CLI::App* alias = root.add_subcommand("alias", "addresses whose mail goes to other addresses")->require_subcommand(1);
  auto* alias_add = data_command(*alias, invocation, "add", "a new alias", true);
  option(alias_add, "ADDRESS", "address", "")->required();
  alias_add->add_option("TARGET", invocation.list, "where its mail goes")->required();
  when_chosen(alias_add, [](const Invocation& given) {
    json::array targets;
    for (const std::string& target : given.list) targets.push_back(json::string(target));
    json::object request{{"command", "alias add"}, {"targets", std::move(targets)}};
    take(request, given, "address");
    return carry_out(given, request);
  });
  simple(*alias, invocation, "list", "all aliases, or those of a domain", {"domain"}, false);
  simple(*alias, invocation, "remove", "", {"address"});
}

}  // namespace pabal::app
