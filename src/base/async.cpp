#include "base/async.hpp"

#include "base/error.hpp"

namespace pabal {

Async<> sleep_for(std::chrono::milliseconds time) {
  Alarm alarm(co_await asio::this_coro::executor);
  co_await alarm.wait(time);
}

Pool::Pool(std::size_t threads, Log log) : log_(std::move(log)) {
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Pool::~Pool() {
  {
    auto state = state_.lock();
    state->stopping = true;
    for (auto* idle : state->idle) {
      idle->woken = true;
      idle->wake.notify_one();
    }
    state->idle.clear();
  }
  for (auto& thread : threads_) thread.join();
}

void Pool::post(std::move_only_function<void()> job) {
  auto state = state_.lock();
  state->jobs.push_back(std::move(job));
  if (state->idle.empty()) return;
  auto* const idle = state->idle.back();
  state->idle.pop_back();
  idle->woken = true;
  idle->wake.notify_one();  // under the lock: it may be gone with its thread right after
}

void Pool::work() {
  Idle idle;
  while (true) {
    std::move_only_function<void()> job;
    {
      auto state = state_.lock();
      while (state->jobs.empty() && !state->stopping) {
        idle.woken = false;
        state->idle.push_back(&idle);
        idle.wake.wait(state.unique_lock(), [&] { return idle.woken; });
      }
      if (state->jobs.empty()) return;
      job = std::move(state->jobs.front());
      state->jobs.pop_front();
    }
    try {
      job();
    } catch (...) {
      log_.error("job_threw", {{"why", thrown_text(std::current_exception())}});
    }
  }
}

}  // namespace pabal
