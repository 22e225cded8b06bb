// Started<T>: work that goes on while the coroutine that began it does something else. All from home.
#pragma once
#include <memory>
#include <optional>

#include "base/async.hpp"

namespace pabal::server::imap {

template <class T>
class Started {
 public:
  /// Begins at once, up to its first wait.
  Started(const Executor& home, Async<T> work) : state_(std::make_shared<State>()) {
    asio::co_spawn(home, std::move(work), [state = state_](std::exception_ptr failed, T value) {
      state->failed = std::move(failed);
      if (!state->failed) state->value.emplace(std::move(value));
      state->over = true;
      if (state->waiting) std::exchange(state->waiting, nullptr)(true);
    });
  }

  /// Waits for its end, once; throws what left it.
  [[nodiscard]] Async<T> end() {
    const auto state = state_;
    co_await wait(state);
    if (state->failed) std::rethrow_exception(state->failed);
    co_return std::move(*state->value);
  }
  /// Waits for its end, whatever it is, where nobody wants the value any more.
  [[nodiscard]] Async<> over() { return wait(state_); }

 private:
  struct State {
    bool over = false;
    std::optional<T> value;
    std::exception_ptr failed;
    Completion<bool> waiting;
  };
  [[nodiscard]] static Async<> wait(std::shared_ptr<State> state) {
    if (state->over) co_return;
    co_await await_completion<bool>([state](Completion<bool> done) { state->waiting = std::move(done); });
  }

  std::shared_ptr<State> state_;
};

/// Both at once; goes on when both are over.
template <class A, class B>
[[nodiscard]] Async<std::pair<A, B>> both(Executor home, Async<A> first, Async<B> second) {
  Started<A> begun(home, std::move(first));
  std::optional<B> ended;
  std::exception_ptr failed;
  try {
    ended.emplace(co_await std::move(second));
  } catch (...) {
    failed = std::current_exception();
  }
  co_await begun.over();
  if (failed) std::rethrow_exception(failed);
  co_return std::pair<A, B>(co_await begun.end(), std::move(*ended));
}

}  // namespace pabal::server::imap
