// Few big letters at a time lie in memory whole: those that are searched or whose structure is derived when it is asked
// for. All sessions of a server take turns, so that many clients at once need no more memory than a few.
#pragma once
#include <cstdint>
#include <deque>
#include <utility>

#include "base/async.hpp"
#include "base/guarded.hpp"

namespace pabal::server::imap {

/// Any thread. It outlives all who wait.
class BigLetters {
 public:
  static constexpr std::uint64_t kBig = 1U << 20;  ///< octets from which on a letter waits for its turn
  static constexpr std::size_t kAtOnce = 2;

  /// As long as it lives nobody else has this place. Not to be held while a client is waited for.
  class Turn {
   public:
    Turn() = default;
    explicit Turn(BigLetters& of) noexcept : of_(&of) {}
    Turn(Turn&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    Turn& operator=(Turn&& other) noexcept {
      std::swap(of_, other.of_);
      return *this;
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (of_ != nullptr) of_->leave();
    }

   private:
    BigLetters* of_ = nullptr;
  };

  /// At once where a letter of so many octets isn't big.
  [[nodiscard]] Async<Turn> enter(std::uint64_t octets) {
    if (octets < kBig) co_return Turn();
    co_await await_completion<bool>([this](Completion<bool> go) {
      {
        auto state = state_.lock();
        if (state->inside >= kAtOnce) {
          state->waiting.push_back(std::move(go));
          return;
        }
        ++state->inside;
      }
      go(true);
    });
    co_return Turn(*this);
  }

 private:
  struct State {
    std::size_t inside = 0;
    std::deque<Completion<bool>> waiting;
  };

  void leave() {
    Completion<bool> next;
    {
      auto state = state_.lock();
      if (state->waiting.empty()) {
        --state->inside;
        return;
      }
      next = std::move(state->waiting.front());
      state->waiting.pop_front();
    }
    next(true);
  }

  Guarded<State> state_;
};

}  // namespace pabal::server::imap
