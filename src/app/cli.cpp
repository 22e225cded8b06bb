#include "app/cli.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/operator.hpp"
#include "app/sendmail.hpp"
#include "app/show.hpp"

namespace pabal::app {
namespace {

constexpr const char* introduction =
    "Pabal, a whole Internet mail system in one program.\n"
    "Each command explains itself: pabal COMMAND --help";

constexpr const char* exits =
    "Exit status: 0 done, 1 refused or not found (the reason is on standard error), 2 wrong usage.\n"
    "Commands that work on a server's data do so whether or not the server is running.";

void print(std::FILE* to, std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), to) != text.size()) std::exit(exit_refused);
}

/// The words behind the program's name, last first, as CLI11 takes them. Of `--option=` it would take the next word for
/// the value; the empty one is meant.
std::vector<std::string> words_of(int argc, char** argv) {
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    const bool empty_value = word.starts_with("--") && word.find('=') == word.size() - 1;
    if (empty_value) word.pop_back();
    words.push_back(std::move(word));
    if (empty_value) words.emplace_back();
  }
  std::ranges::reverse(words);
  return words;
}

}  // namespace

std::optional<Config> load_config(const std::string& file) {
  RealFileSystem files;
  auto config = read_config(files, file);
  if (config) return std::move(*config);
  refuse(config.error());
  return std::nullopt;
}

int refuse(const Error& error) {
  print(stderr,
        fmt::format("pabal: {}\n", error.kind == ErrorKind::syntax || error.log.empty() ? error.peer : error.log));
  return exit_refused;
}

void print_result(const Invocation& invocation, std::string_view command, const json::value& result) {
  print(stdout, invocation.json ? json::serialize(result) + "\n" : show(command, result));
}

void print_text(std::string_view text) { print(stdout, text); }

std::optional<json::value> result_of(const Invocation& invocation, const json::object& request) {
  const auto config = load_config(invocation.config);
  if (!config) return std::nullopt;
  auto server = Operator::open(*config);
  auto result = server ? server->execute(request) : pass(server);
  if (result) return std::move(*result);
  refuse(result.error());
  return std::nullopt;
}

int carry_out(const Invocation& invocation, const json::object& request) {
  const auto result = result_of(invocation, request);
  if (!result) return exit_refused;
  const json::string& command = request.at("command").get_string();
  print_result(invocation, {command.data(), command.size()}, *result);
  return exit_done;
}

CLI::App* command_group(CLI::App& root, const std::string& name, const std::string& description) {
  const auto there = root.get_subcommands([&](const CLI::App* group) { return group->get_name() == name; });
  if (!there.empty()) return there.front();
  return root.add_subcommand(name, description)->require_subcommand(1);
}

CLI::App* data_command(CLI::App& parent, Invocation& invocation, const std::string& name,
                       const std::string& description, bool shows) {
  CLI::App* command = parent.add_subcommand(name, description);
  command->add_option("--config", invocation.config, "the settings file")->capture_default_str();
  if (shows) command->add_flag("--json", invocation.json, "the result as JSON");
  return command;
}

int run(int argc, char** argv) {
  // sendmail's words are not ours to choose, so they are not read as all others.
  if (argc > 1 && std::string_view(argv[1]) == "sendmail") return sendmail({argv + 2, argv + argc});
  // Linked to /usr/sbin/sendmail and mailq, it is called by those names.
  const std::string called = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : std::string();
  if (called == "sendmail") return sendmail({argv + 1, argv + argc});
  if (called == "mailq") return sendmail({"-bp"});
  Invocation invocation;
  CLI::App root(introduction, "pabal");
  root.footer(exits);
  root.set_version_flag("--version", "pabal " PABAL_VERSION);
  root.require_subcommand(1);
  add_server_commands(root, invocation);
  add_address_commands(root, invocation);
  add_letter_commands(root, invocation);
  add_message_commands(root, invocation);
  add_dkim_commands(root, invocation);
  add_spf_command(root, invocation);
  add_check_command(root, invocation);
  add_key_commands(root, invocation);
  add_report_commands(root, invocation);
  try {
    root.parse(words_of(argc, argv));
  } catch (const CLI::ParseError& error) {
    return root.exit(error) == 0 ? exit_done : exit_usage;
  }
  return invocation.action ? invocation.action() : exit_usage;
}

}  // namespace pabal::app
