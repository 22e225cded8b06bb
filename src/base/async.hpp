// Async<T>: the coroutine that all sessions are made of, and the bridges from it to other threads. With net/ and
// server/ the only place that includes Asio.
//
// A coroutine runs at home: on the io_context that it was spawned on, which one thread runs. Blocking work (a read of
// the store, Argon2) goes to a Pool; a store write goes to the shard's writer; both resume the coroutine at home.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/guarded.hpp"
#include "base/log.hpp"

namespace pabal {

namespace asio = boost::asio;

using Executor = asio::io_context::executor_type;
template <class T = void>
using Async = asio::awaitable<T, Executor>;
inline constexpr asio::use_awaitable_t<Executor> use_async{};

/// Ends a wait that await_completion began: call it once, from any thread, and the coroutine goes on at home with the
/// value.
template <class T>
using Completion = std::move_only_function<void(T)>;

/// Waits for work that some other thread ends. `start` is called at once with the Completion and must not block.
template <class T, class Start>
[[nodiscard]] Async<T> await_completion(Start start) {
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(T)>(
      [](auto handler, Start begin) {
        // The handler must live at home to the end: it is posted there with the value, and with the guard, so that who
        // ends the wait touches home no more once it has been told. Home may be gone right after.
        auto home = asio::get_associated_executor(handler);
        begin(Completion<T>([handler = std::move(handler), work = asio::make_work_guard(home)](T value) mutable {
          auto executor = work.get_executor();
          asio::post(executor, [handler = std::move(handler), value = std::move(value),
                                work = std::move(work)]() mutable { std::move(handler)(std::move(value)); });
        }));
      },
      use_async, std::move(start));
}

namespace detail {
template <class T>
Async<> keep_result(Async<T> work, std::optional<T>* out) {
  out->emplace(co_await std::move(work));
}
}  // namespace detail

/// Runs a coroutine to its end on the calling thread: for the command line and threads of their own, never from a
/// coroutine or a pool that the coroutine needs.
template <class T>
[[nodiscard]] T run_blocking(Async<T> work) {
  asio::io_context home(1);
  std::optional<T> result;
  std::exception_ptr failed;
  asio::co_spawn(home, detail::keep_result(std::move(work), &result),
                 [&](std::exception_ptr error) { failed = std::move(error); });
  home.run();
  if (failed) std::rethrow_exception(failed);
  return std::move(*result);
}

/// Goes on after this time, at home.
[[nodiscard]] Async<> sleep_for(std::chrono::milliseconds time);

/// A sleep that can be cut short, for the parts that work in the background. All from home.
class Alarm {
 public:
  explicit Alarm(const Executor& home) : timer_(home) {}

  /// Sleeps for `most`, or until ring(); returns at once where it was rung since the last wait.
  [[nodiscard]] Async<> wait(std::chrono::milliseconds most) {
    if (!rung_) {
      timer_.expires_after(most);
      boost::system::error_code cancelled;
      co_await timer_.async_wait(asio::redirect_error(use_async, cancelled));
    }
    rung_ = false;
  }
  void ring() {
    rung_ = true;
    timer_.cancel();
  }

 private:
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor> timer_;
  bool rung_ = false;
};

/// A few threads for blocking calls. Jobs run in order of arrival; the destructor finishes what was posted. No
/// exception that leaves a job ends a thread. Of the threads that have nothing to do the one that worked last is woken
/// first: what it has in its caches (a database connection's among them) is warm.
class Pool {
 public:
  /// `log` is told of exceptions that left a posted job, which nobody waits for.
  Pool(std::size_t threads, Log log);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void post(std::move_only_function<void()> job);

  /// Runs `work` on the pool and resumes with its result, or with the exception that left it.
  template <class Work>
  [[nodiscard]] Async<std::invoke_result_t<Work&>> run(Work work) {
    using Outcome = std::expected<std::invoke_result_t<Work&>, std::exception_ptr>;
    auto outcome = co_await await_completion<Outcome>([this, work = std::move(work)](Completion<Outcome> done) mutable {
      post([work = std::move(work), done = std::move(done)]() mutable { done(outcome_of(work)); });
    });
    if (!outcome) std::rethrow_exception(std::move(outcome).error());
    co_return std::move(*outcome);
  }

 private:
  struct Idle {
    std::condition_variable wake;
    bool woken = false;
  };
  struct State {
    std::deque<std::move_only_function<void()>> jobs;
    std::vector<Idle*> idle;  ///< the latest last
    bool stopping = false;
  };
  template <class Work>
  [[nodiscard]] static std::expected<std::invoke_result_t<Work&>, std::exception_ptr> outcome_of(Work& work) {
    try {
      return std::expected<std::invoke_result_t<Work&>, std::exception_ptr>(std::in_place, work());
    } catch (...) {
      return std::unexpected(std::current_exception());
    }
  }
  void work();

  Log log_;
  Guarded<State> state_;
  std::vector<std::thread> threads_;
};

}  // namespace pabal
