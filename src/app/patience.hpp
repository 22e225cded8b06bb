// Waiting for data that another process holds for a moment: a command beside the start of a server, a server that just
// stops.
#pragma once
#include <chrono>
#include <thread>
#include <type_traits>

#include "base/error.hpp"

namespace pabal::app {

/// How long a start or a command waits for the data. A command that works on the data itself may be a long one (`store
/// check`), so it has an end.
inline constexpr std::chrono::seconds data_patience{30};

/// Calls `take`, which gives a Result, until it succeeds, fails otherwise than `busy`, or `data_patience` has passed;
/// `waits` is called once where it is not at once. Blocking.
template <class Take, class Waits>
[[nodiscard]] std::invoke_result_t<Take&> take_patiently(Take take, Waits waits) {
  const auto give_up_at = std::chrono::steady_clock::now() + data_patience;
  for (bool told = false;; told = true) {
    auto taken = take();
    if (taken || taken.error().kind != ErrorKind::busy || std::chrono::steady_clock::now() >= give_up_at) return taken;
    if (!told) waits(taken.error());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace pabal::app
