// The threads that sessions live on: one io_context on one thread each.
#pragma once
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "base/async.hpp"

namespace pabal::net {

/// Made before what the sessions use is destroyed, and stopped before that: stop() ends the threads, the destructor
/// destroys the coroutines that still waited.
class IoThreads {
 public:
  /// 0: one a core.
  explicit IoThreads(std::size_t count = 0);
  ~IoThreads();
  IoThreads(const IoThreads&) = delete;
  IoThreads& operator=(const IoThreads&) = delete;

  [[nodiscard]] std::size_t size() const noexcept { return contexts_.size(); }
  [[nodiscard]] asio::io_context& context(std::size_t index) noexcept { return *contexts_[index]; }
  [[nodiscard]] Executor executor(std::size_t index) noexcept { return contexts_[index]->get_executor(); }
  /// Starts the threads. Not before root is given up and the process has forked for the last time.
  void start();
  [[nodiscard]] bool running() const noexcept { return !threads_.empty(); }
  /// Stops them in the middle of whatever they wait for, and waits for their end. Harmless when called again.
  void stop();

 private:
  std::vector<std::unique_ptr<asio::io_context>> contexts_;
  std::vector<asio::executor_work_guard<Executor>> work_;
  std::vector<std::thread> threads_;
};

}  // namespace pabal::net
