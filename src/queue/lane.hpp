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
#include <string_view>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "queue/conclusion.hpp"
#include "queue/sender_shares.hpp"
#include "store/outgoing.hpp"

namespace pabal::queue {

/// A letter in the window.
struct Held {
  store::OutgoingLetter letter;
  int tries = 0;                            ///< how often it was put back without having been tried
  std::vector<std::string> passed_by = {};  ///< hosts that lack what it needs, or leave it to another this time
  std::optional<Ending> lacks = {};         ///< why those hosts don't take it
  std::string before = {};                  ///< the trace of a try that led to another one at once
  std::shared_ptr<const void> hold = {};    ///< its rows are in memory as long as somebody has this

  [[nodiscard]] bool passes_by(std::string_view host) const {
    return std::ranges::find(passed_by, host) != passed_by.end();
  }
};

/// How a destination's connections are to be used.
struct PaceOptions {
  double first = 2;
  double most = 20;
  std::chrono::seconds rest = std::chrono::seconds(60);
  std::chrono::seconds rest_max = std::chrono::minutes(15);
  std::chrono::milliseconds slowest = std::chrono::seconds(60);  ///< between two letters
};

/// How many connections, how fast, and whether at all: rises with success, falls with refusals. By the steady clock:
/// the time of day may be set back.
class Pace {
 public:
  explicit Pace(const PaceOptions& options) noexcept : options_(options), limit_(options.first) {}

  [[nodiscard]] std::size_t connections() const noexcept { return static_cast<std::size_t>(std::max(1.0, limit_)); }
  /// Not before this moment.
  [[nodiscard]] SteadyTime rests_until() const noexcept { return rests_until_; }
  [[nodiscard]] bool rests(SteadyTime now) const noexcept { return now < rests_until_; }
  /// It was reached, and not failed since.
  [[nodiscard]] bool proven() const noexcept { return proven_ && failures_ == 0; }
  [[nodiscard]] bool failing() const noexcept { return failures_ != 0; }

  /// A letter was taken.
  void succeeded(SteadyTime now) noexcept {
    failures_ = 0;
    proven_ = true;
    if (now >= enough_until_) limit_ = std::min(options_.most, limit_ + 1.0 / limit_);
    interval_ = interval_ < std::chrono::milliseconds(20) ? std::chrono::milliseconds(0) : interval_ * 9 / 10;
    slow_down(now);
  }
  /// It says that it is too much: fewer connections, and time between letters.
  void was_too_fast(SteadyTime now) noexcept {
    limit_ = std::max(1.0, limit_ / 2);
    interval_ = std::clamp(interval_ * 2, std::chrono::milliseconds(100), options_.slowest);
    slow_down(now);
  }
  /// It takes no more connections than those that are open: for a while nobody tries whether it takes another.
  void has_enough(std::size_t open, SteadyTime now) noexcept {
    limit_ = std::max(1.0, static_cast<double>(open));
    enough_until_ = now + options_.rest;
  }
  /// It could not be reached at all.
  void failed(SteadyTime now) noexcept {
    limit_ = 1;
    const auto rest = options_.rest * (1LL << std::min(failures_, 20));
    ++failures_;
    rests_until_ = std::max(rests_until_, now + std::min<std::chrono::seconds>(rest, options_.rest_max));
  }
  void forgive() noexcept { rests_until_ = {}; }

 private:
  void slow_down(SteadyTime now) noexcept {
    if (interval_.count() != 0) rests_until_ = std::max(rests_until_, now + interval_);
  }

  PaceOptions options_;
  double limit_;
  std::chrono::milliseconds interval_{0};
  SteadyTime rests_until_{};
  SteadyTime enough_until_{};
  int failures_ = 0;
  bool proven_ = false;
};

/// What letters of one destination that go in one lane have in common.
struct LaneKey {
  std::string destination;
  store::TlsWish wish = store::TlsWish::none;  ///< its connections are made by it
  friend auto operator<=>(const LaneKey&, const LaneKey&) = default;
  /// No two have the same.
  [[nodiscard]] std::string text() const {
    static constexpr std::string_view kWishes[] = {"", "\rTLS", "\rany", "\rsafe"};
    return destination + std::string(kWishes[static_cast<std::size_t>(wish)]);
  }
};
[[nodiscard]] inline LaneKey lane_of(const store::OutgoingLetter& letter) { return {letter.destination, letter.tls}; }

class Lane {
 public:
  Lane(LaneKey key, const PaceOptions& options) : pace(options), key_(std::move(key)) {}

  [[nodiscard]] const LaneKey& key() const noexcept { return key_; }
  [[nodiscard]] const std::string& destination() const noexcept { return key_.destination; }
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
  [[nodiscard]] std::size_t waiting_of(std::string_view author) const {
    const auto found = by_sender_.find(sender_of(author));
    return found == by_sender_.end() ? 0 : found->second.size();
  }

  /// Whether the predicate holds of one of those whose letters wait: gives the first such one.
  template <class Predicate>
  [[nodiscard]] std::optional<std::string> find_author(Predicate predicate) const {
    for (const auto& [author, letters] : by_sender_) {
      if (predicate(author)) return author;
    }
    for (const auto& held : apart_) {
      if (predicate(held.letter.author)) return held.letter.author;
    }
    return std::nullopt;
  }

  /// Each once; those of letters that pass by some hosts among them.
  template <class Call>
  void for_senders(Call call) const {
    for (const auto& [sender, letters] : by_sender_) call(sender);
    for (const auto& held : apart_) call(sender_of(held.letter.author));
  }

  void push(Held held) {
    ++waiting_;
    auto& letters = by_sender_[sender_of(held.letter.author)];
    // RFC 6710: the more urgent first, the others in the order in which they came.
    const auto at =
        std::ranges::find_if(letters, [&](const Held& other) { return other.letter.priority < held.letter.priority; });
    letters.insert(at, std::move(held));
  }
  void put_back(Held held) {
    ++waiting_;
    if (!held.passed_by.empty()) {
      apart_.push_back(std::move(held));
      return;
    }
    auto& letters = by_sender_[sender_of(held.letter.author)];
    letters.push_front(std::move(held));
  }
  /// The next of those that pass by some hosts, if a connection to this one will do; whichever without a name.
  [[nodiscard]] std::optional<Held> pop_apart(std::string_view host = {}) {
    if (apart_.empty() || (!host.empty() && apart_.front().passes_by(host))) return std::nullopt;
    Held held = std::move(apart_.front());
    apart_.pop_front();
    --waiting_;
    return held;
  }
  /// The next one; the senders take turns, and it is that of `sender` where he has one.
  [[nodiscard]] std::optional<Held> pop(const std::string& sender = {}) {
    if (by_sender_.empty()) return std::nullopt;
    auto at = sender.empty() ? by_sender_.end() : by_sender_.find(sender);
    if (at == by_sender_.end()) at = by_sender_.upper_bound(last_sender_);
    if (at == by_sender_.end()) at = by_sender_.begin();
    last_sender_ = at->first;
    Held held = std::move(at->second.front());
    at->second.pop_front();
    if (at->second.empty()) by_sender_.erase(at);
    --waiting_;
    return held;
  }

  /// Whose turn it was.
  [[nodiscard]] const std::string& last_sender() const noexcept { return last_sender_; }

  /// Wakes one connection that waits; not one that others have a turn at.
  void ring() {
    if (idle.empty() || !waits_at.empty()) return;
    auto* alarm = idle.front();
    idle.erase(idle.begin());
    ++rung;
    alarm->ring();
  }

  Pace pace;
  std::size_t sessions = 0;      ///< connections that are open or being made
  std::size_t connected = 0;     ///< of those, open ones
  std::set<ShardId> more;        ///< shards that have more letters for it than were claimed
  std::vector<Alarm*> idle;      ///< of connections that wait for a letter
  std::size_t rung = 0;          ///< connections that were, and are on their way to take one
  std::set<std::string> closed;  ///< what is handed to nobody directly (Relay::room)
  std::uint64_t since = 0;       ///< the greater, the later did its first letter come
  bool fresh = false;            ///< it came just now, and nobody has looked after it yet
  std::string waits_at;          ///< the host that is to have a place for it first (HostTable); empty: none

 private:
  LaneKey key_;
  std::map<std::string, std::deque<Held>> by_sender_;  ///< by sender_of(): addresses of one are one
  std::string last_sender_;
  std::deque<Held> apart_;  ///< which pass by some hosts
  std::size_t waiting_ = 0;
};

}  // namespace pabal::queue
