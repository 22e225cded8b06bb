// How often something may happen to one of many in a day: so many reports to one place, whoever asks for them. Bounded:
// where more are counted than there is room for, those that are new have none left.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/guarded.hpp"

namespace pabal::reports {

class Allowance {
 public:
  explicit Allowance(std::size_t most_counted = 20'000) : most_counted_(most_counted) {}

  /// Whether one more is within `most` for it that day (days since 1970); counts it then. Any thread.
  [[nodiscard]] bool take(std::int64_t day, const std::string& who, std::size_t most) {
    auto counts = counts_.lock();
    if (counts->day != day) *counts = {.day = day, .of = {}};
    const auto found = counts->of.find(who);
    if (found == counts->of.end()) {
      if (most == 0 || counts->of.size() >= most_counted_) return false;
      counts->of.emplace(who, 1);
      return true;
    }
    if (found->second >= most) return false;
    ++found->second;
    return true;
  }

 private:
  struct Counts {
    std::int64_t day = 0;
    std::unordered_map<std::string, std::size_t> of = {};
  };
  std::size_t most_counted_;
  Guarded<Counts> counts_;
};

}  // namespace pabal::reports
