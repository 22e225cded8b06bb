#include "queue/routes.hpp"

#include <algorithm>
#include <utility>

#include "queue/route_search.hpp"

namespace pabal::queue {

struct DnsRoutes::Parts {
  dns::Resolver& resolver;
  StsPolicies* policies;
  Random& random;
  RouteSettings settings;
  Told told;
  std::unordered_map<std::string, SetRoute> set;
};

DnsRoutes::DnsRoutes(dns::Resolver& resolver, StsPolicies* policies, Random& random, RouteSettings settings)
    : DnsRoutes(resolver, policies, random, std::move(settings), Told()) {}

DnsRoutes::DnsRoutes(dns::Resolver& resolver, StsPolicies* policies, Random& random, RouteSettings settings,
                     Told told) {
  std::unordered_map<std::string, SetRoute> set;
  for (const auto& one : settings.set) set.emplace(one.domain, one);
  parts_ = std::make_unique<const Parts>(resolver, policies, random, std::move(settings), told, std::move(set));
}

DnsRoutes::~DnsRoutes() = default;

Async<RouteAnswer> DnsRoutes::find(Destination destination, store::TlsWish wish) {
  RouteSearch search(*this, parts_->settings, parts_->resolver, parts_->policies, parts_->random,
                     std::move(destination), wish);
  co_return co_await search.run();
}

const SetRoute* DnsRoutes::set_for(const Domain& domain) const {
  const auto& name = domain.ascii();
  if (const auto found = parts_->set.find(name); found != parts_->set.end()) return &found->second;
  for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    const auto found = parts_->set.find("*" + name.substr(dot));
    if (found != parts_->set.end()) return &found->second;
  }
  return set_for_all();
}

const SetRoute* DnsRoutes::set_for_all() const {
  const auto found = parts_->set.find("*");
  return found == parts_->set.end() ? nullptr : &found->second;
}

void DnsRoutes::tell(TlsOutcome outcome) const {
  const auto& told = parts_->told;
  if (told.outcomes == nullptr) return;
  outcome.time = told.clock->now();
  told.outcomes->note(std::move(outcome));
}

bool DnsRoutes::is_own(const net::Endpoint& endpoint) const {
  const auto& settings = parts_->settings;
  return std::ranges::any_of(settings.own_endpoints, [&](const net::Endpoint& own) {
    if (!own.address || !endpoint.address || own.port != endpoint.port) return false;
    if (!own.address->is_unspecified()) return own.address == endpoint.address;
    return own.address->is_v4() == endpoint.address->is_v4() &&
           (endpoint.address->is_loopback() ||
            std::ranges::find(settings.own_addresses, *endpoint.address) != settings.own_addresses.end());
  });
}

}  // namespace pabal::queue
