// Memory for the messages of an APPEND that are small, but many. Each command has some of its own; what all commands
// together may have beyond that is one sum for the server, so that many clients at once get no more of it than one.
#pragma once
#include <atomic>
#include <cstdint>

namespace pabal::server::imap {

/// What is left for all commands. Any thread.
class AppendMemory {
 public:
  static constexpr std::uint64_t kForAll = 64U << 20;

  [[nodiscard]] bool take(std::uint64_t octets) noexcept {
    auto left = left_.load(std::memory_order_relaxed);
    while (octets <= left) {
      if (left_.compare_exchange_weak(left, left - octets, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  void give(std::uint64_t octets) noexcept { left_.fetch_add(octets, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> left_ = kForAll;
};

/// One command's part of it; given back at its end.
class AppendShare {
 public:
  static constexpr std::uint64_t kOwn = 4U << 20;       ///< octets that every command may have
  static constexpr std::uint64_t kAtMost = 32U << 20;   ///< with what it gets of the common sum
  static constexpr std::uint64_t kAtOnce = 256U << 10;  ///< of the common sum

  explicit AppendShare(AppendMemory& common) noexcept : common_(&common) {}
  ~AppendShare() { common_->give(taken_); }
  AppendShare(const AppendShare&) = delete;
  AppendShare& operator=(const AppendShare&) = delete;

  /// Whether so many octets may lie in memory. No: some have to go into files.
  [[nodiscard]] bool allows(std::uint64_t octets) noexcept {
    while (octets > kOwn + taken_) {
      if (octets > kAtMost || !common_->take(kAtOnce)) return false;
      taken_ += kAtOnce;
    }
    return true;
  }

 private:
  AppendMemory* common_;
  std::uint64_t taken_ = 0;
};

}  // namespace pabal::server::imap
