// Work of the upkeep that waits until nobody has made more of it for a while: a client that marks many messages often
// marks them again, or removes them then.
#pragma once
#include <chrono>
#include <utility>

#include "base/clock.hpp"

namespace pabal::store {

class PutOff {
 public:
  static constexpr std::chrono::seconds kRest{2};
  static constexpr std::chrono::seconds kRestAtMost{20};

  /// There is some.
  void note(SteadyTime now) noexcept {
    if (!std::exchange(any_, true)) first_ = now;
    last_ = now;
  }
  /// Whether to do it now, all that there is; whoever is told so and leaves some of it says so again.
  [[nodiscard]] bool take(SteadyTime now, bool at_once) noexcept {
    if (!any_ || (!at_once && now - last_ < kRest && now - first_ < kRestAtMost)) return false;
    any_ = false;
    return true;
  }
  void left_some() noexcept { any_ = true; }

 private:
  bool any_ = true;  ///< a process before this one may have left some
  SteadyTime first_{};
  SteadyTime last_{};
};

}  // namespace pabal::store
