// pabal serve, config, demo, sendmail.
#include <cstdio>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/cli.hpp"
#include "app/demo.hpp"
#include "app/sendmail.hpp"
#include "app/serve.hpp"
#include "net/tls.hpp"

namespace pabal::app {
namespace {

/// Everything that can be known without opening a port or the data.
Result<Config> check_config(const std::string& file) {
  RealFileSystem files;
  auto config = read_config(files, file);
  if (!config) return config;
  if (auto served = check_served(*config); !served) return pass(served);
  if (!config->certificates.empty()) {
    const auto loaded = net::TlsContext::load(files, tls_options(config->certificates));
    if (!loaded) return fail(ErrorKind::policy, fmt::format("{}: {}", file, loaded.error().log));
  }
  return config;
}

int config_check(const Invocation& invocation) {
  const auto config = check_config(invocation.config);
  if (invocation.json) {
    json::object out{{"ok", config.has_value()}};
    json::array listeners;
    json::array errors;
    if (config) {
      for (const auto& listener : config->listeners) listeners.push_back(json::string(listener.text()));
    } else {
      std::string_view rest = config.error().peer;
      while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        errors.push_back(json::string(rest.substr(0, end)));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    }
    out["listeners"] = std::move(listeners);
    out["errors"] = std::move(errors);
    std::cout << json::serialize(out) << "\n";
    return config ? exit_done : exit_refused;
  }
  if (!config) return refuse(config.error());
  std::cout << fmt::format("{}: good. {} would listen as:\n", invocation.config, config->hostname);
  for (const auto& listener : config->listeners) std::cout << "  " << listener.text() << "\n";
  if (config->listeners.empty()) std::cout << "  nothing: there is no [[listener]]\n";
  return exit_done;
}

}  // namespace

void add_server_commands(CLI::App& root, Invocation& invocation) {
  auto* serve_command = data_command(root, invocation, "serve", "run the mail system in the foreground", false);
  serve_command->footer(
      "SIGTERM or SIGINT: orderly stop, no connection is cut in the middle of a reply. SIGHUP: settings and "
      "certificates anew.\n"
      "Tells systemd when it is ready (Type=notify) and takes sockets from it. The log goes to standard error.\n"
      "Bind low ports as root and give `user` in the settings, or use systemd's sockets.");
  serve_command->callback([&invocation] { invocation.action = [&invocation] { return serve(invocation.config); }; });

  CLI::App* config = root.add_subcommand("config", "the settings file")->require_subcommand(1);
  auto* check =
      data_command(*config, invocation, "check", "read the settings file and say what is wrong with it", true);
  check->callback([&invocation] { invocation.action = [&invocation] { return config_check(invocation); }; });
  auto* reference = config->add_subcommand("reference", "every setting with its range and default (docs/settings.md)");
  reference->callback([&invocation] {
    invocation.action = [] {
      std::cout << settings_reference();
      return exit_done;
    };
  });

  auto* demo_command = root.add_subcommand("demo", "two whole mail systems on this machine, to try things out");
  demo_command->add_option_function<std::string>(
      "--data", [&invocation](const std::string& value) { invocation.text["data"] = value; },
      "a folder for their data, made where it isn't there; without it a temporary one, removed at the end");
  demo_command->add_flag_callback(
      "--lesson", [&invocation] { invocation.text["lesson"] = "yes"; },
      "also a letter that comes back to its sender, and one that has to wait, step by step");
  demo_command->footer(
      "seoul.example at 127.0.0.2 with alice, busan.example at 127.0.0.3 with bob; password demo.\n"
      "Says what to open and type; Ctrl-C stops it.");
  demo_command->callback([&invocation] {
    invocation.action = [&invocation] {
      const auto data = invocation.text.find("data");
      return demo(data == invocation.text.end() ? std::string() : data->second, invocation.text.contains("lesson"));
    };
  });
  add_sendmail_command(root);
}

}  // namespace pabal::app
