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
  state_.lock()->stopping = true;
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Pool::post(std::move_only_function<void()> job) {
  state_.lock()->jobs.push_back(std::move(job));
  wake_.notify_one();
}

void Pool::work() {
  while (true) {
    std::move_only_function<void()> job;
    {
      auto state = state_.lock();
      wake_.wait(state.unique_lock(), [&] { return !state->jobs.empty() || state->stopping; });
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
