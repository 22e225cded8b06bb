// A count of things under way that no way out of a scope, an exception's included, leaves too high.
#pragma once
#include <atomic>
#include <cstddef>

namespace pabal {

/// Counts one more while it lives. `count` must outlive it.
class Counted {
 public:
  explicit Counted(std::atomic<std::size_t>& count) noexcept
      : count_(&count), before_(count.fetch_add(1, std::memory_order_relaxed)) {}
  ~Counted() { count_->fetch_sub(1, std::memory_order_relaxed); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

  /// How many there were already.
  [[nodiscard]] std::size_t before() const noexcept { return before_; }

 private:
  std::atomic<std::size_t>* count_;
  std::size_t before_;
};

}  // namespace pabal
