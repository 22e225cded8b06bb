// ZoneResolver: answers from zone files first; what they don't have, and where their aliases lead, the next one
// answers.
#pragma once
#include <cstddef>
#include <memory>
#include <utility>

#include "base/guarded.hpp"
#include "dns/resolver.hpp"
#include "dns/zones.hpp"

namespace pabal::dns {

/// Aliases that are followed one after another before it is called a circle.
inline constexpr std::size_t most_aliases = 16;

/// Any thread. Answers from zones are at once there, and never secure.
class ZoneResolver final : public Resolver {
 public:
  /// `next` must outlive it.
  ZoneResolver(Zones zones, Resolver& next) : zones_(std::make_shared<const Zones>(std::move(zones))), next_(next) {}
  [[nodiscard]] Async<Answer> resolve(Name name, Type type) override;
  /// Other zones in place of these, from the next question on.
  void replace(Zones zones) { *zones_.lock() = std::make_shared<const Zones>(std::move(zones)); }

 private:
  Guarded<std::shared_ptr<const Zones>> zones_;
  Resolver& next_;
};

}  // namespace pabal::dns
