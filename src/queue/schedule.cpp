#include "queue/schedule.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace pabal::queue {

bool is_greylisting(int code, std::string_view status, std::string_view words) {
  if (code != 450 && code != 451) return false;
  const auto text = to_lower(words);
  for (const std::string_view word : {"greylist", "graylist", "grey-list", "gray-list"}) {
    if (text.contains(word)) return true;
  }
  return status.empty() || status == "4.7.1" || status == "4.7.0" || status == "4.2.0";
}

SystemTime next_attempt(std::int64_t attempts, bool greylisted, SystemTime now, const ScheduleOptions& options,
                        Random& random) {
  using std::chrono::microseconds;
  const auto longest = std::chrono::duration_cast<microseconds>(options.retry_max);
  auto wait = std::chrono::duration_cast<microseconds>(options.retry);
  if (greylisted && attempts <= 1) {
    wait = std::min(wait, std::chrono::duration_cast<microseconds>(options.quick_retry));
  } else {
    for (std::int64_t i = 1; i < attempts && wait < longest; ++i) wait = wait * 3 / 2;
    wait = std::min(wait, longest);
  }
  const auto span = static_cast<std::uint64_t>(static_cast<double>(wait.count()) * options.jitter);
  return now + wait +
         microseconds(static_cast<std::int64_t>(random.below(2 * span + 1)) - static_cast<std::int64_t>(span));
}

bool is_late(const store::OutgoingLetter& letter, SystemTime now) noexcept {
  return letter.deliver_by && now >= letter.deliver_by->time;
}

Patience patience(const store::OutgoingLetter& letter, const store::OutgoingRecipient& recipient, SystemTime now,
                  const ScheduleOptions& options) noexcept {
  const auto age = now - letter.begins;
  if (age >= options.give_up_after) return Patience::give_up;
  const bool late = is_late(letter, now);
  if (late && letter.deliver_by->returns) return Patience::give_up;
  if (late && !recipient.told_late) return Patience::warn;
  return !recipient.warned && age >= options.warn_after ? Patience::warn : Patience::wait;
}

Notify notify_of(std::string_view value) noexcept {
  if (value.empty()) return {};
  Notify notify{.success = false, .failure = false, .delay = false};
  while (!value.empty()) {
    const auto word = value.substr(0, value.find(','));
    value.remove_prefix(std::min(value.size(), word.size() + 1));
    notify.success = notify.success || equal_ignoring_case(word, "SUCCESS");
    notify.failure = notify.failure || equal_ignoring_case(word, "FAILURE");
    notify.delay = notify.delay || equal_ignoring_case(word, "DELAY");
  }
  return notify;
}

}  // namespace pabal::queue
