// Lane: what the relay has in memory of one: letters that wait for a connection, senders in turns, and how many
// connections it bears. No I/O.
#pragma once
#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "store/outgoing.hpp"

namespace pabal::queue {

/// A letter in the window.
struct Held {
  store::OutgoingLetter letter;
  int tries = 0;                          ///< how often it was put back without having been tried
  std::size_t first_hop = 0;              ///< hops before this one lack what it needs
  std::string before = {};                ///< the trace of a try that led to another one at once
  std::shared_ptr<const void> hold = {};  ///< its rows are in memory as long as somebody has this
};

/// How a destination's connections are to be used.
struct PaceOptions {
  double first = 2;
  double most = 20;
  std::chrono::seconds rest = std::chrono::seconds(60);
  std::chrono::seconds rest_max = std::chrono::minutes(15);
  std::chrono::milliseconds slowest = std::chrono::seconds(60);  ///< between two letters
};

/// How many connections, how fast, and whether at all: rises with success, falls with refusals.
class Pace {
 public:
  explicit Pace(const PaceOptions& options) noexcept : options_(options), limit_(options.first) {}

  [[nodiscard]] std::size_t connections() const noexcept { return static_cast<std::size_t>(std::max(1.0, limit_)); }
  /// Not before this moment.
  [[nodiscard]] SystemTime rests_until() const noexcept { return rests_until_; }
  [[nodiscard]] bool rests(SystemTime now) const noexcept { return now < rests_until_; }
  /// It was reached, and not failed since.
  [[nodiscard]] bool proven() const noexcept { return proven_ && failures_ == 0; }
  [[nodiscard]] bool failing() const noexcept { return failures_ != 0; }

  /// A letter was taken.
  void succeeded(SystemTime now) noexcept {
    failures_ = 0;
    proven_ = true;
    limit_ = std::min(options_.most, limit_ + 1.0 / limit_);
    interval_ = interval_ < std::chrono::milliseconds(20) ? std::chrono::milliseconds(0) : interval_ * 9 / 10;
    slow_down(now);
  }
  /// It says that it is too much: fewer connections, and time between letters.
  void was_too_fast(SystemTime now) noexcept {
    limit_ = std::max(1.0, limit_ / 2);
    interval_ = std::clamp(interval_ * 2, std::chrono::milliseconds(100), options_.slowest);
    slow_down(now);
  }
  /// It takes no more connections than those that are open.
  void has_enough(std::size_t open) noexcept { limit_ = std::max(1.0, static_cast<double>(open)); }
  /// It could not be reached at all.
  void failed(SystemTime now) noexcept {
    limit_ = 1;
    const auto rest = options_.rest * (1LL << std::min(failures_, 20));
    ++failures_;
    rests_until_ = std::max(rests_until_, now + std::min<std::chrono::seconds>(rest, options_.rest_max));
  }
  void forgive() noexcept { rests_until_ = {}; }

 private:
  void slow_down(SystemTime now) noexcept {
    if (interval_.count() != 0) rests_until_ = std::max(rests_until_, now + interval_);
  }

  PaceOptions options_;
  double limit_;
  std::chrono::milliseconds interval_{0};
  SystemTime rests_until_{};
  int failures_ = 0;
  bool proven_ = false;
};

class Lane {
 public:
  Lane(std::string name, const PaceOptions& options) : pace(options), name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
  [[nodiscard]] std::size_t waiting_of(const std::string& author) const {
    const auto found = by_sender_.find(author);
    return found == by_sender_.end() ? 0 : found->second.size();
  }

  void push(Held held) {
    ++waiting_;
    auto& letters = by_sender_[held.letter.author];
    // RFC 6710: the more urgent first, the others in the order in which they came.
    const auto at =
        std::ranges::find_if(letters, [&](const Held& other) { return other.letter.priority < held.letter.priority; });
    letters.insert(at, std::move(held));
  }
  void put_back(Held held) {
    ++waiting_;
    by_sender_[held.letter.author].push_front(std::move(held));
  }
  /// The next one; the senders take turns.
  [[nodiscard]] std::optional<Held> pop() {
    if (by_sender_.empty()) return std::nullopt;
    auto at = by_sender_.upper_bound(last_sender_);
    if (at == by_sender_.end()) at = by_sender_.begin();
    last_sender_ = at->first;
    Held held = std::move(at->second.front());
    at->second.pop_front();
    if (at->second.empty()) by_sender_.erase(at);
    --waiting_;
    return held;
  }

  Pace pace;
  std::size_t sessions = 0;      ///< connections that are open or being made
  std::size_t connected = 0;     ///< of those, open ones
  std::set<ShardId> more;        ///< shards that have more letters for it than were claimed
  std::vector<Alarm*> idle;      ///< of connections that wait for a letter
  std::set<std::string> closed;  ///< what is handed to nobody directly (Relay::room)

 private:
  std::string name_;
  std::map<std::string, std::deque<Held>> by_sender_;
  std::string last_sender_;
  std::size_t waiting_ = 0;
};

}  // namespace pabal::queue
