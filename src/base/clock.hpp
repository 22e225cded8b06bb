// The clock as an interface, so that tests and simulated worlds can own the time.
#pragma once
#include <chrono>
#include <cstdint>

namespace pabal {

using SystemTime = std::chrono::sys_time<std::chrono::microseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  /// The time of day, UTC.
  [[nodiscard]] virtual SystemTime now() const noexcept = 0;
  /// Time that never goes back, for deadlines and durations.
  [[nodiscard]] virtual SteadyTime steady() const noexcept = 0;
};

/// The machine's clock.
class RealClock final : public Clock {
 public:
  [[nodiscard]] SystemTime now() const noexcept override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  }
  [[nodiscard]] SteadyTime steady() const noexcept override { return std::chrono::steady_clock::now(); }
};

/// A clock that a test moves by hand. Not for several threads at once.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(SystemTime start) : now_(start) {}
  [[nodiscard]] SystemTime now() const noexcept override { return now_; }
  [[nodiscard]] SteadyTime steady() const noexcept override { return SteadyTime(now_.time_since_epoch()); }
  void advance(std::chrono::microseconds by) noexcept { now_ += by; }

 private:
  SystemTime now_;
};

/// Microseconds since 1970, as times stand in the databases.
[[nodiscard]] constexpr std::int64_t to_database(SystemTime t) noexcept { return t.time_since_epoch().count(); }
[[nodiscard]] constexpr SystemTime from_database(std::int64_t t) noexcept {
  return SystemTime(std::chrono::microseconds(t));
}

}  // namespace pabal
