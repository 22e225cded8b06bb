#include "net/io_threads.hpp"

#include <algorithm>
#include <csignal>

#include <fmt/format.h>
#include <pthread.h>

#include "net/home.hpp"

namespace pabal::net {

IoThreads::IoThreads(std::size_t count) {
  if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
  for (std::size_t i = 0; i < count; ++i) {
    // Only its own thread runs a context: with this hint Asio leaves out what several would need.
    contexts_.push_back(std::make_unique<asio::io_context>(1));
    work_.push_back(asio::make_work_guard(*contexts_.back()));
    // Opens what the context needs of the system now, and not when descriptors may have run out.
    static_cast<void>(Home::of(contexts_.back()->get_executor()));
  }
}

IoThreads::~IoThreads() { stop(); }

void IoThreads::start() {
  if (!threads_.empty()) return;
  // Signals are for the main thread.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (auto& context : contexts_) {
    threads_.emplace_back([io = context.get()] { io->run(); });
    ::pthread_setname_np(threads_.back().native_handle(), fmt::format("io-{}", threads_.size() - 1).c_str());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void IoThreads::stop() {
  for (auto& context : contexts_) context->stop();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace pabal::net
