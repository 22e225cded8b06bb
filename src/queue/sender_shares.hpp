// Who takes how much of what is scarce in the relay: tries of hosts that may say nothing, and memory. No I/O.
#pragma once
#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"

namespace pabal::queue {

/// Whose letter it is, by its reverse-path: one who writes each letter under an address of its own (a subaddress, or a
/// recipient's address in it, VERP) is one sender all the same. Bounces are one sender, too.
[[nodiscard]] inline std::string sender_of(std::string_view author) {
  const auto at = author.rfind('@');
  if (at == std::string_view::npos) return std::string(author);
  const auto local = author.substr(0, at);
  const auto end = std::min(local.find_first_of("+=", 1), local.size());
  std::string sender(local.substr(0, end));
  sender += author.substr(at);
  return sender;
}

/// How much each has.
class SenderShares {
 public:
  [[nodiscard]] std::size_t of(const std::string& sender) const {
    const auto found = taken_.find(sender);
    return found == taken_.end() ? 0 : found->second;
  }
  void add(const std::string& sender) { ++taken_[sender]; }
  void remove(const std::string& sender) {
    const auto found = taken_.find(sender);
    if (found != taken_.end() && --found->second == 0) taken_.erase(found);
  }

 private:
  std::unordered_map<std::string, std::size_t> taken_;
};

/// So many in a time, and few at once.
class TryPace {
 public:
  static constexpr std::chrono::milliseconds every{5};
  static constexpr int at_once = 8;

  [[nodiscard]] bool take(SteadyTime now) noexcept {
    last_ = std::max<SteadyTime>(last_, now - every * at_once);
    if (now < last_ + every) return false;
    last_ += every;
    return true;
  }

 private:
  SteadyTime last_{};
};

}  // namespace pabal::queue
