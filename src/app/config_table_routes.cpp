// The settings of [[route]]: where letters for some domains go, by the operator's word.
#include "address/domain.hpp"
#include "app/config_kinds.hpp"
#include "app/config_table.hpp"

namespace pabal::app {
namespace {

using namespace kinds;

/// "busan.example", "*.busan.example" or "*", as domains are compared.
std::optional<std::string> route_domain(const std::string& written) {
  if (written == "*") return written;
  const bool below = written.starts_with("*.");
  const auto domain = Domain::parse(below ? written.substr(2) : written);
  if (!domain) return std::nullopt;
  return (below ? "*." : "") + domain->ascii();
}

std::optional<std::string> route_host(const std::string& written, const ReadContext& context) {
  if (written.starts_with("unix:")) {
    if (written.size() == 5 || written.contains('\0')) return std::nullopt;
    return "unix:" + context.path(written.substr(5));
  }
  if (const auto address = ip_address(written)) return address->to_string();
  const auto domain = Domain::parse(written);
  if (!domain) return std::nullopt;
  return domain->ascii();
}

std::vector<Setting<RouteDraft>> make_route_settings() {
  using R = RouteDraft;
  std::vector<Setting<R>> all;
  const auto add = [&](Setting<R> setting) { all.push_back(std::move(setting)); };
  add(from_text<R>(
      {"route", "domain",
       "Whose letters: \"busan.example\" is that domain, \"*.busan.example\" all below it, \"*\" all that no other "
       "route fits, address literals too; the nearest counts. Must be given."},
      "text", "a domain, \"*.\" and a domain, or \"*\"", [](R& r) -> auto& { return r.route.domain; },
      [](std::string& value, const std::string& written, const ReadContext&) {
        auto domain = route_domain(written);
        if (!domain) return false;
        value = std::move(*domain);
        return true;
      },
      itself));
  add(from_text<R>(
      {"route", "host",
       "Where they go: a host (its addresses count, not its MX records), an IP address, or \"unix:PATH\". Without it, "
       "by "
       "MX as ever, and the other settings count for the hosts found."},
      "text", "a host name, an IP address or \"unix:PATH\"", [](R& r) -> auto& { return r.route.host; },
      [](std::string& value, const std::string& written, const ReadContext& context) {
        auto host = route_host(written, context);
        if (!host) return false;
        value = std::move(*host);
        return true;
      },
      itself));
  add(number<R>(
      {"route", "port", "The host's port; 0: 465 with implicit_tls, 24 with lmtp, else that of [queue] remote_port."},
      [](R& r) -> auto& { return r.route.port; }, 0, 65535));
  add(choice<R>(
      {"route", "tls",
       "What is demanded: \"none\" (no TLS at all), \"opportunistic\" (where it is offered, with any certificate), "
       "\"encrypted\" (demanded, with any certificate), \"verified\" (a trusted certificate with the host's name; of "
       "hosts that MX records name: with the domain's own, or a name below it, where neither DNSSEC nor an MTA-STS "
       "policy proves the host's), "
       "\"dane\" (TLSA records, proven by DNSSEC). \"automatic\": opportunistic, and DANE and MTA-STS where the domain "
       "has them; verified with user and password, but to loopback."},
      [](R& r) -> auto& { return r.tls; },
      {{"automatic", std::optional<queue::TlsPolicy>()},
       {"none", queue::TlsPolicy::none},
       {"opportunistic", queue::TlsPolicy::opportunistic},
       {"encrypted", queue::TlsPolicy::encrypted},
       {"verified", queue::TlsPolicy::verified},
       {"dane", queue::TlsPolicy::dane}}));
  add(boolean<R>({"route", "implicit_tls", "TLS from the first octet (port 465) instead of by STARTTLS."},
                 [](R& r) -> auto& { return r.route.implicit_tls; }));
  add(boolean<R>({"route", "lmtp", "Speak LMTP (RFC 2033) instead of SMTP."},
                 [](R& r) -> auto& { return r.route.lmtp; }));
  add(text<R>(
      {"route", "user", "The name to log in with (AUTH), together with password; said only over TLS, but to loopback."},
      "a name", [](R& r) -> auto& { return r.user; },
      [](const std::string& written) { return !written.empty() && !written.contains('\0'); }));
  add(text<R>(
      {"route", "password", "Its password. Keep the settings file from others' eyes then."}, "a password",
      [](R& r) -> auto& { return r.password; },
      [](const std::string& written) { return !written.empty() && !written.contains('\0'); }));
  add(list<R>(
      {"route", "bind", "Source addresses of these connections, in place of [queue] bind."}, "IP addresses",
      [](R& r) -> auto& { return r.route.sources; },
      [](const std::string& written, const ReadContext&) { return ip_address(written); },
      [](const boost::asio::ip::address& address) { return address.to_string(); }));
  return all;
}

}  // namespace

std::span<const Setting<RouteDraft>> route_settings() {
  static const std::vector<Setting<RouteDraft>> all = make_route_settings();
  return all;
}

}  // namespace pabal::app
