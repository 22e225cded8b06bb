// INPROGRESS (RFC 9585): while one long piece of work is awaited, its client hears now and then that it goes on.
#pragma once
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include "base/async.hpp"

namespace pabal::server::imap {

/// How far a command has come; home thread.
struct WorkDone {
  std::uint64_t done = 0;
  std::uint64_t goal = 0;  ///< 0: nobody knows
};
/// The code that tells of it (RFC 9585 §4), without brackets.
[[nodiscard]] inline std::string progress_code(std::string_view tag, const WorkDone& work) {
  // A tag may hold what would end a quoted string.
  if (tag.find_first_of("\"\\") != std::string_view::npos) return "INPROGRESS";
  if (work.done >= work.goal) return fmt::format("INPROGRESS (\"{}\" NIL NIL)", tag);
  return fmt::format("INPROGRESS (\"{}\" {} {})", tag, work.done, work.goal);
}

/// Ticks at home beside the work. Both live until end() is done.
class Ticker {
 public:
  using Say = std::function<Async<bool>()>;

  Ticker(const Executor& home, std::chrono::milliseconds every, Say say)
      : state_(std::make_shared<State>(home, every, std::move(say))) {
    // Also where a tick threw: the work is what matters.
    asio::co_spawn(home, run(state_), [state = state_](const std::exception_ptr& /*failed*/) {
      state->ended = true;
      state->over.cancel();
    });
  }
  /// No tick is said any more, and none is being said.
  [[nodiscard]] Async<> end() {
    auto state = std::move(state_);
    state->ending = true;
    state->next.cancel();
    while (!state->ended) {
      boost::system::error_code woken;
      co_await state->over.async_wait(asio::redirect_error(use_async, woken));
    }
  }

 private:
  struct State {
    State(const Executor& home, std::chrono::milliseconds wait, Say tick)
        : next(home), over(home), every(wait), say(std::move(tick)) {
      over.expires_at(asio::steady_timer::time_point::max());
    }
    asio::steady_timer next;
    asio::steady_timer over;
    std::chrono::milliseconds every;
    Say say;
    bool ending = false;
    bool ended = false;
  };
  [[nodiscard]] static Async<> run(std::shared_ptr<State> state) {
    while (!state->ending) {
      state->next.expires_after(state->every);
      boost::system::error_code woken;
      co_await state->next.async_wait(asio::redirect_error(use_async, woken));
      if (state->ending || !co_await state->say()) break;
    }
  }

  std::shared_ptr<State> state_;
};

/// Awaits `work`, and says so every `every` while it takes so long. `say` gives false where nobody hears it any more;
/// it may write to the client, as nothing else does meanwhile.
template <class T>
[[nodiscard]] Async<T> with_progress(Async<T> work, std::chrono::milliseconds every, Ticker::Say say) {
  Ticker ticker(co_await asio::this_coro::executor, every, std::move(say));
  std::optional<T> result;
  std::exception_ptr failure;
  try {
    result.emplace(co_await std::move(work));
  } catch (...) {
    failure = std::current_exception();
  }
  co_await ticker.end();
  if (failure) std::rethrow_exception(failure);
  co_return std::move(*result);
}

}  // namespace pabal::server::imap
