#include "app/cli_dns.hpp"

#include <array>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <netdb.h>

#include "dns/record.hpp"

namespace pabal::app {
namespace {

/// A server that says nothing should not hold up who waits at a terminal as long as a letter.
constexpr std::chrono::milliseconds command_patience{8'000};

/// HOST@PORT with the host as an address, which is what libunbound takes.
Result<std::string> server_of(std::string_view text) {
  const auto at = std::min(text.rfind('@'), text.size());
  auto host = std::string(text.substr(0, at));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto port = std::string(text.substr(at));
  if (dns::parse_a(host) || dns::parse_aaaa(host)) return host + port;
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) {
    return fail(ErrorKind::not_found, fmt::format("--dns-server {}: there is no such host", text));
  }
  // "localhost" is both families, and a server of a test mostly IPv4 alone.
  const addrinfo* chosen = found;
  for (const addrinfo* one = found; one != nullptr && chosen->ai_family != AF_INET; one = one->ai_next) chosen = one;
  std::array<char, NI_MAXHOST> numeric{};
  const int status =
      ::getnameinfo(chosen->ai_addr, chosen->ai_addrlen, numeric.data(), numeric.size(), nullptr, 0, NI_NUMERICHOST);
  ::freeaddrinfo(found);
  if (status != 0) return fail(ErrorKind::not_found, fmt::format("--dns-server {}: it has no address", text));
  return std::string(numeric.data()) + port;
}

}  // namespace

void add_dns_options(CLI::App& command, Invocation& invocation) {
  command.add_option_function<std::string>(
      "--dns-server", [&invocation](const std::string& value) { invocation.text["dns-server"] = value; },
      "HOST@PORT of the server to ask; else [dns] of the settings, else the system's");
  command.add_option_function<std::string>(
      "--config", [&invocation](const std::string& value) { invocation.text["config"] = value; }, "the settings file");
}

Result<std::unique_ptr<NameService>> open_command_dns(const Invocation& invocation, FileSystem& files,
                                                      const Clock& clock) {
  DnsSettings settings;
  settings.timeout = command_patience;
  if (const auto server = invocation.text.find("dns-server"); server != invocation.text.end()) {
    auto address = server_of(server->second);
    if (!address) return pass(address);
    settings.servers = {*address};
    settings.dnssec = false;
    return NameService::open(settings, files, clock);
  }
  const auto given = invocation.text.find("config");
  const auto usual = files.exists(invocation.config);
  if (given != invocation.text.end() || (usual && *usual)) {
    auto config = read_config(files, given != invocation.text.end() ? given->second : invocation.config);
    if (!config) return pass(config);
    settings = config->dns;
    settings.timeout = std::min(settings.timeout, command_patience);
  }
  return NameService::open(settings, files, clock);
}

}  // namespace pabal::app
