// Giving way: all connections of a thread take turns, and a turn ends where a coroutine waits. One that never has to
// wait, because its peer sends and reads as fast as we do, must end its turn itself.
#pragma once
#include <cstddef>

#include "base/async.hpp"

namespace pabal::net {

/// Goes on at home, behind all that is ready to run there now.
[[nodiscard]] inline Async<> give_way() {
  const auto home = co_await asio::this_coro::executor;
  co_await asio::post(home, use_async);
}

/// Counts steps, and says when so many were made that it is time to give way: `if (turns.step()) co_await give_way();`
class Turns {
 public:
  explicit constexpr Turns(std::size_t most) noexcept : most_(most) {}
  [[nodiscard]] bool step(std::size_t count = 1) noexcept {
    made_ += count;
    if (made_ < most_) return false;
    made_ = 0;
    return true;
  }
  /// It has waited, so that others had their turn.
  void waited() noexcept { made_ = 0; }

 private:
  std::size_t most_;
  std::size_t made_ = 0;
};

/// Commands of one connection that are run in one turn.
inline constexpr std::size_t kCommandsATurn = 64;

}  // namespace pabal::net
