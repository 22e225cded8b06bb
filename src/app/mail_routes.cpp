#include "app/mail_routes.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/ip/address.hpp>

#include "address/domain.hpp"
#include "base/text.hpp"
#include "net/local_addresses.hpp"

namespace pabal::app {
namespace {

namespace ip = boost::asio::ip;

/// "host:port" or "[2001:db8::1]:port", as the reader has checked it.
queue::SetRoute smart_host(const std::string& written) {
  queue::SetRoute route;
  route.domain = "*";
  const auto colon = written.rfind(':');
  auto host = written.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto domain = Domain::parse(host);
  route.host = domain ? domain->ascii() : host;
  route.port =
      static_cast<std::uint16_t>(parse_decimal(std::string_view(written).substr(colon + 1), 65535).value_or(0));
  return route;
}

}  // namespace

queue::RouteSettings route_settings_of(const Config& config) {
  queue::RouteSettings settings;
  settings.remote_port = config.queue.remote_port;
  for (const auto& written : config.queue.bind) settings.sources.push_back(ip::make_address(written));
  settings.set = config.routes;
  const bool has_one_for_all = std::ranges::find(config.routes, "*", &queue::SetRoute::domain) != config.routes.end();
  if (!config.queue.smart_host.empty() && !has_one_for_all) settings.set.push_back(smart_host(config.queue.smart_host));
  if (const auto own = Domain::parse(config.hostname)) settings.own_names.push_back(own->ascii());
  for (const auto& listener : config.listeners) {
    if (listener.protocol != Protocol::smtp || listener.is_unix()) continue;
    settings.own_endpoints.push_back(net::Endpoint::of(ip::make_address(listener.address), listener.port));
  }
  settings.own_addresses = net::local_addresses();
  return settings;
}

Result<std::unique_ptr<MailRoutes>> MailRoutes::make(const Config& config, dns::Resolver& resolver, const Clock& clock,
                                                     Random& random, queue::TlsOutcomes* outcomes) {
  auto tls = net::TlsClientContext::make({});
  if (!tls) return pass(tls);
  return std::unique_ptr<MailRoutes>(
      new MailRoutes(*std::move(tls), route_settings_of(config), resolver, clock, random, outcomes));
}

MailRoutes::MailRoutes(std::shared_ptr<const net::TlsClientContext> tls, queue::RouteSettings settings,
                       dns::Resolver& resolver, const Clock& clock, Random& random, queue::TlsOutcomes* outcomes)
    : https_(std::move(tls)),
      policies_(resolver, https_, clock),
      routes_(resolver, &policies_, random, std::move(settings), {.outcomes = outcomes, .clock = &clock}) {}

}  // namespace pabal::app
