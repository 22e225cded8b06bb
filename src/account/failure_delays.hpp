// FailureDelays: how long whoever failed to log in must wait before the next attempt is looked at. Part of the
// authenticator.
//
// The wait comes before the attempt, not after it: an attacker who hangs up instead of waiting for "no" gains nothing.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "account/keyed_hash.hpp"
#include "base/clock.hpp"
#include "base/guarded.hpp"

namespace pabal::account {

struct DelayOptions {
  std::chrono::milliseconds first{500};  ///< after one failure; doubles with each further one
  std::chrono::milliseconds most{15'000};
  std::chrono::seconds memory{900};   ///< failures are forgotten so long after the last one
  std::size_t max_tracked = 100'000;  ///< names; whoever has not failed for longest is forgotten first
};

/// Failures by name (an address, an account). Any thread; the clock too must allow it.
class FailureDelays {
 public:
  FailureDelays(const Clock& clock, DelayOptions options) : clock_(clock), names_(Names{options, {}, {}}) {}

  /// What counts from now on; what was counted stays.
  void set_options(DelayOptions options) { names_.lock()->options = options; }

  /// The wait before an attempt now; zero for a name without failures.
  [[nodiscard]] std::chrono::milliseconds before_attempt(std::string_view name);
  void failed(std::string_view name);
  void forget(std::string_view name);

  /// The place of an attempt that waits, given up with it.
  class Waiting {
   public:
    Waiting(FailureDelays& delays, std::string name) : delays_(&delays), name_(std::move(name)) {}
    Waiting(Waiting&& other) noexcept : delays_(std::exchange(other.delays_, nullptr)), name_(std::move(other.name_)) {}
    Waiting& operator=(Waiting&& other) noexcept {
      std::swap(delays_, other.delays_);
      std::swap(name_, other.name_);
      return *this;
    }
    ~Waiting() {
      if (delays_ != nullptr) delays_->end_wait(name_);
    }

   private:
    FailureDelays* delays_;
    std::string name_;
  };
  /// One more attempt is waiting; nothing if `most` wait under this name already. Must not outlive this.
  [[nodiscard]] std::optional<Waiting> begin_wait(std::string_view name, std::size_t most);

  [[nodiscard]] std::size_t size();

 private:
  void end_wait(std::string_view name);

  struct Entry {
    std::string name;
    std::uint32_t failures = 0;
    std::uint32_t waiting = 0;
    SteadyTime last;
  };
  struct Names {
    DelayOptions options;
    std::list<Entry> entries;  // the latest failure first
    std::unordered_map<std::string_view, std::list<Entry>::iterator, KeyedHash> places;
  };

  const Clock& clock_;
  Guarded<Names> names_;
};

/// The name under which a client's address is counted: IPv4 as it is, IPv6 by /64, since one customer has that many.
[[nodiscard]] std::string network_of(std::string_view address);

}  // namespace pabal::account
