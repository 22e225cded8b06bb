// The DNS of commands that ask it themselves: `--dns-server HOST@PORT`, else what the settings say, else the system's.
#pragma once
#include <memory>

#include "app/cli.hpp"
#include "app/name_service.hpp"

namespace pabal::app {

/// Adds --dns-server and --config to a command.
void add_dns_options(CLI::App& command, Invocation& invocation);

/// As the options say. With --dns-server that one is asked and nothing else: no zone files, no DNSSEC. Else it is the
/// settings file's [dns], where --config was given or the usual file is there; else the system's servers. Errors: the
/// server or the settings file.
[[nodiscard]] Result<std::unique_ptr<NameService>> open_command_dns(const Invocation& invocation, FileSystem& files,
                                                                    const Clock& clock);

}  // namespace pabal::app
