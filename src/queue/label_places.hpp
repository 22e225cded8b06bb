// LabelPlaces: which destinations have counters of their own in the metrics. Strangers choose where letters go, so
// there are few places; who writes to nobody for an hour gives his up when another needs it. No I/O.
#pragma once
#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/clock.hpp"

namespace pabal::queue {

class LabelPlaces {
 public:
  static constexpr std::chrono::hours quiet{1};

  /// At one time `places` have one. Counters stay, so in all `most` get one ever.
  LabelPlaces(std::size_t places, std::size_t most) : places_(places), most_(most) {}

  /// Whether it is counted under its own name now. A counter that had been given up goes on from where it was.
  [[nodiscard]] bool has(const std::string& name, SteadyTime now) {
    if (const auto found = last_.find(name); found != last_.end()) {
      found->second = now;
      return true;
    }
    const bool known = ever_.contains(name);
    if (!known && ever_.size() >= most_) return false;
    if (last_.size() >= places_) {
      const auto oldest = std::ranges::min_element(last_, {}, [](const auto& one) { return one.second; });
      if (oldest == last_.end() || now - oldest->second < quiet) return false;
      last_.erase(oldest);
    }
    last_.emplace(name, now);
    if (!known) ever_.insert(name);
    return true;
  }

 private:
  std::size_t places_;
  std::size_t most_;
  std::unordered_map<std::string, SteadyTime> last_;  ///< when it was counted
  std::unordered_set<std::string> ever_;
};

}  // namespace pabal::queue
