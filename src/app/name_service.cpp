#include "app/name_service.hpp"

#include <utility>

namespace pabal::app {

Result<dns::Zones> read_zones(const DnsSettings& settings, FileSystem& files) {
  std::vector<dns::ZoneFile> all;
  for (const auto& file : settings.zones) {
    auto zone = dns::read_zone(files, file);
    if (!zone) return pass(zone);
    all.push_back(*std::move(zone));
  }
  return dns::Zones::of(all);
}

Result<std::unique_ptr<NameService>> NameService::open(const DnsSettings& settings, FileSystem& files,
                                                       const Clock& clock) {
  auto zones = read_zones(settings, files);
  if (!zones) return pass(zones);
  auto unbound = net::UnboundResolver::make(files, {.servers = settings.servers,
                                                    .trust_anchor = settings.trust_anchor,
                                                    .validate = settings.dnssec,
                                                    .timeout = settings.timeout});
  if (!unbound) return pass(unbound);
  dns::CacheOptions cache;
  cache.max_octets = settings.cache_size;
  return std::unique_ptr<NameService>(new NameService(*std::move(zones), *std::move(unbound), clock, cache));
}

NameService::NameService(dns::Zones zones, std::unique_ptr<net::UnboundResolver> unbound, const Clock& clock,
                         dns::CacheOptions cache)
    : unbound_(std::move(unbound)), cache_(*unbound_, clock, cache), zones_(std::move(zones), cache_) {}

}  // namespace pabal::app
