// Data and the lock that guards it as one object.
#pragma once
#include <mutex>
#include <utility>

namespace pabal {

/// A T that can only be touched under its mutex. Never hold the returned lock over a co_await.
template <class T>
class Guarded {
 public:
  template <class... Args>
  explicit Guarded(Args&&... args) : value_(std::forward<Args>(args)...) {}

  class Lock {
   public:
    explicit Lock(Guarded& owner) : lock_(owner.mutex_), value_(&owner.value_) {}
    T* operator->() noexcept { return value_; }
    T& operator*() noexcept { return *value_; }
    /// For condition variables.
    std::unique_lock<std::mutex>& unique_lock() noexcept { return lock_; }

   private:
    std::unique_lock<std::mutex> lock_;
    T* value_;
  };

  [[nodiscard]] Lock lock() { return Lock(*this); }

 private:
  std::mutex mutex_;
  T value_;
};

}  // namespace pabal
