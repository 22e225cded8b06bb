// The command line: `pabal COMMAND …`. Exit status: 0 done, 1 refused or not found (the reason is on standard error), 2
// wrong usage.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.hpp"
#include "base/json.hpp"

namespace CLI {
class App;
}

namespace pabal::app {

constexpr int exit_done = 0;
constexpr int exit_refused = 1;
constexpr int exit_usage = 2;

/// What the words on the command line have been read into, and what is to be done then.
struct Invocation {
  std::string config = "/etc/pabal/pabal.toml";
  bool json = false;
  std::map<std::string, std::string, std::less<>> text;  ///< options and positionals by name; absent: not given
  std::vector<std::string> list;
  bool flag = false;
  std::function<int()> action;
};

/// All of it; what main returns.
[[nodiscard]] int run(int argc, char** argv);

/// Reads the settings, or says on standard error what is wrong with them.
[[nodiscard]] std::optional<Config> load_config(const std::string& file);
/// The error on standard error; returns exit_refused.
int refuse(const Error& error);
/// The result on standard output, as JSON or for people.
void print_result(const Invocation& invocation, std::string_view command, const json::value& result);
void print_text(std::string_view text);

// Each adds its commands to the tree.
void add_server_commands(CLI::App& root, Invocation& invocation);
void add_address_commands(CLI::App& root, Invocation& invocation);
void add_letter_commands(CLI::App& root, Invocation& invocation);
void add_message_commands(CLI::App& root, Invocation& invocation);
void add_dkim_commands(CLI::App& root, Invocation& invocation);
void add_spf_command(CLI::App& root, Invocation& invocation);
void add_check_command(CLI::App& root, Invocation& invocation);
void add_key_commands(CLI::App& root, Invocation& invocation);
void add_report_commands(CLI::App& root, Invocation& invocation);

/// A command that has commands; several files may add theirs to it.
CLI::App* command_group(CLI::App& root, const std::string& name, const std::string& description);

/// One request to the server (or its data); nothing where it was refused, which standard error then says.
[[nodiscard]] std::optional<json::value> result_of(const Invocation& invocation, const json::object& request);
/// The letters that wait (`queue list`), page by page, so that a million of them are in nobody's memory at once;
/// `request` may have a limit.
int list_queue(const Invocation& invocation, json::object request);

/// One request to the server (or its data) and its result printed; what most commands are.
int carry_out(const Invocation& invocation, const json::object& request);

/// A command that works on a server's data: with --config and, where it shows something, --json.
CLI::App* data_command(CLI::App& parent, Invocation& invocation, const std::string& name,
                       const std::string& description, bool shows);

}  // namespace pabal::app
