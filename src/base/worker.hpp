// Worker: a coroutine that works in the background at one home until it is told to stop, and says when it has.
#pragma once
#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <utility>

#include "base/async.hpp"

namespace pabal {

/// A member of what the work is about, which is handed over as `keep` and lives until the work has ended.
class Worker {
 public:
  explicit Worker(const Executor& home) : home_(home), alarm_(home) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Begins work(), which goes on until stopping(). `ended` is told at home when it has, with what left it. Once; any
  /// thread.
  void start(std::shared_ptr<const void> keep, std::function<Async<>()> work,
             std::move_only_function<void(const std::exception_ptr& thrown)> ended) {
    asio::post(home_, [this, keep = std::move(keep), work = std::move(work), ended = std::move(ended)]() mutable {
      if (working_ || stopping_) return;
      working_ = true;
      asio::co_spawn(
          home_, work(),
          [this, keep = std::move(keep), ended = std::move(ended)](const std::exception_ptr& thrown) mutable {
            working_ = false;
            ended(thrown);
            if (stopped_) std::exchange(stopped_, nullptr)();
          });
    });
  }
  /// From now on stopping() is true, and nobody waits; `stopped` is called at home when the work has ended, also where
  /// there was none. Any thread.
  void stop(std::shared_ptr<const void> keep, std::move_only_function<void()> stopped) {
    stopping_ = true;
    asio::post(home_, [this, keep = std::move(keep), stopped = std::move(stopped)]() mutable {
      if (!working_) {
        if (stopped) stopped();
        return;
      }
      stopped_ = std::move(stopped);
      alarm_.ring();
    });
  }

  [[nodiscard]] const Executor& home() const noexcept { return home_; }
  /// Any thread.
  [[nodiscard]] bool stopping() const noexcept { return stopping_; }
  // At home.
  [[nodiscard]] bool working() const noexcept { return working_; }
  /// Sleeps for `most`, or until wake() or stop().
  [[nodiscard]] Async<> wait(std::chrono::milliseconds most) { return alarm_.wait(most); }
  void wake() { alarm_.ring(); }

 private:
  Executor home_;
  Alarm alarm_;
  std::atomic<bool> stopping_{false};
  bool working_ = false;
  std::move_only_function<void()> stopped_;
};

}  // namespace pabal
