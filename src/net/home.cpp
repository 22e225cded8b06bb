#include "net/home.hpp"

namespace pabal::net {

asio::execution_context::id Home::id;

Buffer BufferPool::take(std::size_t size) {
  std::size_t kind = 0;
  while (kind + 1 < kSizes.size() && kSizes[kind] < size) ++kind;
  auto& free = free_[kind];
  if (free.empty()) return {.data = std::make_unique_for_overwrite<char[]>(kSizes[kind]), .size = kSizes[kind]};
  Buffer buffer{.data = std::move(free.back()), .size = kSizes[kind]};
  free.pop_back();
  return buffer;
}

void BufferPool::give_back(Buffer buffer) noexcept {
  for (std::size_t kind = 0; kind < kSizes.size(); ++kind) {
    if (buffer.size != kSizes[kind]) continue;
    if (free_[kind].capacity() == 0) free_[kind].reserve(kMostKept[kind]);
    if (free_[kind].size() < kMostKept[kind]) free_[kind].push_back(std::move(buffer.data));
  }
}

Home::Home(asio::io_context& io) : asio::execution_context::service(io), timer_(io.get_executor()) {}

void Home::watch(Waiter& waiter) {
  const auto deadline = waiter.deadline();
  if (waiter.looked_at_ <= deadline) return;  // kNever, where it is not in the queue, is later than all others
  if (waiter.looked_at_ != kNever) queue_.erase(queue_.iterator_to(waiter));
  waiter.looked_at_ = deadline;
  queue_.insert(waiter);
  arm();
}

void Home::drop(Waiter& waiter) noexcept {
  if (waiter.looked_at_ != kNever) {
    queue_.erase(queue_.iterator_to(waiter));
    waiter.looked_at_ = kNever;
    if (queue_.empty()) {
      // An armed timer would keep run() from returning.
      armed_ = kNever;
      timer_.cancel();
    }
  }
  if (waiter.server_ != nullptr) {
    served_.erase(served_.iterator_to(waiter));
    waiter.server_ = nullptr;
  }
}

void Home::arm() {
  if (queue_.empty() || queue_.begin()->looked_at_ >= armed_) return;
  armed_ = queue_.begin()->looked_at_;
  timer_.expires_at(armed_);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    armed_ = kNever;
    look(std::chrono::steady_clock::now());
    arm();
  });
}

void Home::look(SteadyTime now) noexcept {
  while (!queue_.empty() && queue_.begin()->looked_at_ <= now) {
    Waiter& waiter = *queue_.begin();
    queue_.erase(queue_.begin());
    waiter.looked_at_ = kNever;
    if (waiter.deadline() <= now) waiter.deadline_passed(now);
    const auto next = waiter.deadline();
    if (next == kNever) continue;
    waiter.looked_at_ = next;
    queue_.insert(waiter);
  }
}

void Home::enlist(Waiter& waiter, const void* server) {
  waiter.server_ = server;
  served_.push_back(waiter);
}

void Home::stop_gently(const void* server) noexcept {
  for (auto& waiter : served_) {
    if (waiter.server_ == server) waiter.stop_gently();
  }
}

void Home::stop_hard(const void* server) noexcept {
  for (auto& waiter : served_) {
    if (waiter.server_ == server) waiter.stop_hard();
  }
}

}  // namespace pabal::net
