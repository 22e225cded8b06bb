// docs/settings.md from the table; what a SIGHUP can change, and what not.
#include <fmt/format.h>

#include "app/config.hpp"
#include "app/config_table.hpp"

namespace pabal::app {
namespace {

template <class Owner>
void print(std::string& out, std::span<const Setting<Owner>> settings, std::string_view section) {
  out += "\n| setting | expected | default | SIGHUP | what it is |\n|---|---|---|---|---|\n";
  for (const auto& s : settings) {
    if (s.section != section) continue;
    const std::string value =
        s.default_text.empty() || s.default_text == "\"\"" ? "" : fmt::format("`{}`", s.default_text);
    fmt::format_to(std::back_inserter(out), "| `{}` | {} | {} | {} | {} |\n", s.name, s.range, value,
                   s.live ? "yes" : "", s.doc);
  }
}

std::vector<std::string_view> sections() {
  std::vector<std::string_view> all;
  for (const auto& s : config_settings()) {
    if (!s.section.empty() && std::ranges::find(all, s.section) == all.end()) all.push_back(s.section);
  }
  return all;
}

constexpr std::string_view introduction = R"(# Settings

The settings file is TOML, by default `/etc/pabal/pabal.toml`; every command that works on a server's data takes another with `--config FILE`.
`pabal config check` reads it and says what is wrong, each error as `file:line:column: what was expected`. A setting that isn't
known, of the wrong type or out of range stops the start. Relative paths are from the file's folder. Sizes are written `"50M"` (K, M, G, T are powers of
1024) or as a bare number of octets; durations `"30m"` (ms, s, m, h, d).

SIGHUP reads the file and the certificates again. What is marked so below counts from then on, for new connections (those that are there keep what they began
with); every other setting that has changed is named in the log (`setting_needs_restart`) and takes a new start. A file that is wrong changes nothing.

This page is printed by `pabal config reference` from the table that the program reads files by; a test keeps the two equal.

A small file:

    hostname = "mail.seoul.example"
    data = "/var/lib/pabal"
    user = "pabal"

    [[listener]]
    protocol = "smtp"

    [[listener]]
    protocol = "submission"
    tls = "implicit"

    [[listener]]
    protocol = "imap"
    tls = "implicit"

    [[listener]]
    protocol = "pop3"
    tls = "implicit"

    [tls]
    certificate = "/etc/letsencrypt/live/mail.seoul.example/fullchain.pem"
    key = "/etc/letsencrypt/live/mail.seoul.example/privkey.pem"
)";

}  // namespace

std::string settings_reference() {
  std::string out(introduction);
  out += "\n## At the top of the file\n";
  print(out, config_settings(), "");
  out +=
      "\n## `[[listener]]`\n\nOne table for each address and port. `managesieve` and `http` are known words, "
      "but this version refuses to serve them.\n";
  print(out, listener_settings(), "listener");
  out +=
      "\n## `[tls]` and `[[tls.certificates]]`\n\nFurther certificates, for clients that name another host (SNI), "
      "stand in tables `[[tls.certificates]]` with the same two settings. An RSA and an EC one for the same names may "
      "stand side by side: each client is shown the one that it can check.\n";
  print(out, certificate_settings(), "tls");
  for (const auto section : sections()) {
    fmt::format_to(std::back_inserter(out), "\n## `[{}]`\n", section);
    print(out, config_settings(), section);
  }
  out +=
      "\n## `[[route]]`\n\nOne table for each domain, or set of domains, whose letters take another way than by their "
      "MX records.\n";
  print(out, route_settings(), "route");
  return out;
}

namespace {
std::string proxies_text(const ListenerSettings& listener) {
  std::string all;
  for (const net::Network& network : listener.proxy_protocol) all += network.text() + " ";
  return all;
}

bool same_places(const Config& running, const Config& wanted) {
  return std::ranges::equal(running.listeners, wanted.listeners, {}, &ListenerSettings::text, &ListenerSettings::text);
}
}  // namespace

ChangedSettings changed_settings(const Config& running, const Config& wanted) {
  ChangedSettings changed;
  for (const auto& s : config_settings()) {
    if (s.get(running) == s.get(wanted)) continue;
    auto& list = s.live ? changed.live : changed.need_restart;
    list.push_back(s.section.empty() ? std::string(s.name) : fmt::format("[{}] {}", s.section, s.name));
  }
  if (running.routes != wanted.routes) changed.need_restart.emplace_back("route");
  if (!same_places(running, wanted)) {
    changed.need_restart.emplace_back("listener");
    return changed;
  }
  const auto differ = [&](const auto& look) {
    return !std::ranges::equal(running.listeners, wanted.listeners, {}, look, look);
  };
  if (differ(&ListenerSettings::allow_plaintext_auth)) changed.live.emplace_back("[[listener]] allow_plaintext_auth");
  if (differ(&ListenerSettings::require_tls)) changed.live.emplace_back("[[listener]] require_tls");
  if (differ(proxies_text)) changed.live.emplace_back("[[listener]] proxy_protocol");
  return changed;
}

void take_live_settings(Config& running, const Config& wanted) {
  for (const auto& s : config_settings()) {
    if (s.live) s.copy(running, wanted);
  }
  if (!same_places(running, wanted)) return;
  for (std::size_t i = 0; i < running.listeners.size(); ++i) {
    running.listeners[i].allow_plaintext_auth = wanted.listeners[i].allow_plaintext_auth;
    running.listeners[i].proxy_protocol = wanted.listeners[i].proxy_protocol;
    running.listeners[i].require_tls = wanted.listeners[i].require_tls;
  }
}

}  // namespace pabal::app
