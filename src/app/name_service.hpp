// NameService: the DNS as the settings want it: zone files first, then what is remembered, then libunbound.
#pragma once
#include <memory>

#include "app/config.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "dns/caching_resolver.hpp"
#include "dns/zone_resolver.hpp"
#include "net/unbound_resolver.hpp"

namespace pabal::app {

/// It must be destroyed when the threads of those who asked have stopped, and before their io_contexts.
class NameService {
 public:
  /// Reads the zones and starts the resolver's threads. Errors name the file and line.
  [[nodiscard]] static Result<std::unique_ptr<NameService>> open(const DnsSettings& settings, FileSystem& files,
                                                                 const Clock& clock);

  /// Other zones in place of those that it was opened with, from the next question on. Any thread.
  void take(dns::Zones zones) { zones_.replace(std::move(zones)); }

  /// Any thread, as long as this lives.
  [[nodiscard]] dns::Resolver& resolver() noexcept { return zones_; }
  [[nodiscard]] const dns::CachingResolver& cache() const noexcept { return cache_; }
  /// The file of the key that proofs start from; empty where nothing is validated.
  [[nodiscard]] const std::string& trust_anchor() const noexcept { return unbound_->trust_anchor(); }

 private:
  NameService(dns::Zones zones, std::unique_ptr<net::UnboundResolver> unbound, const Clock& clock,
              dns::CacheOptions cache);

  std::unique_ptr<net::UnboundResolver> unbound_;
  dns::CachingResolver cache_;
  dns::ZoneResolver zones_;
};

/// The zones of the settings, read and checked. Errors name the file and line.
[[nodiscard]] Result<dns::Zones> read_zones(const DnsSettings& settings, FileSystem& files);

}  // namespace pabal::app
