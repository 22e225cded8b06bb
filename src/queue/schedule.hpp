// When a letter that could not be delivered is tried again, and when not any more. Pure functions.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "store/outgoing.hpp"

namespace pabal::queue {

struct ScheduleOptions {
  std::chrono::seconds retry = std::chrono::minutes(30);       ///< the first wait
  std::chrono::seconds retry_max = std::chrono::hours(4);      ///< the longest
  std::chrono::seconds quick_retry = std::chrono::minutes(5);  ///< the first one where the peer greylists
  std::chrono::seconds warn_after = std::chrono::hours(4);
  std::chrono::seconds give_up_after = std::chrono::days(5);
  double jitter = 0.1;  ///< each wait is longer or shorter by up to this part
};

/// Whether a refusal looks like greylisting (RFC 6647 §2.5): 450 or 451 at RCPT or after the data, with 4.7.1, 4.2.0
/// or no status of a better reason, or by its words.
[[nodiscard]] bool is_greylisting(int code, std::string_view status, std::string_view words);

/// When a recipient is tried again after its `attempts`-th attempt (counted from 1) failed for a passing reason.
[[nodiscard]] SystemTime next_attempt(std::int64_t attempts, bool greylisted, SystemTime now,
                                      const ScheduleOptions& options, Random& random);

/// What is to be done about a recipient for which there is no more than a passing reason.
enum class Patience : std::uint8_t {
  wait,
  warn,     ///< wait, and tell the sender so
  give_up,  ///< its time is over
};
/// Whether a time is over that the sender gave for it (RFC 2852).
[[nodiscard]] bool is_late(const store::OutgoingLetter& letter, SystemTime now) noexcept;
[[nodiscard]] Patience patience(const store::OutgoingLetter& letter, const store::OutgoingRecipient& recipient,
                                SystemTime now, const ScheduleOptions& options) noexcept;

/// What the sender asked to be told of (RFC 3461 §4.1). Without NOTIFY: failures and delays.
struct Notify {
  bool success = false;
  bool failure = true;
  bool delay = true;
};
[[nodiscard]] Notify notify_of(std::string_view value) noexcept;

}  // namespace pabal::queue
