// HostTable: what the relay knows of hosts, whichever domains' letters go there (a smart host, a provider of many
// domains): how many connections one bears, which of them are at rest, and who waits for one. No I/O.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/async.hpp"
#include "queue/lane.hpp"
#include "queue/route.hpp"

namespace pabal::queue {

/// Lanes that wait for a host. Senders take turns: who writes to ten thousand domains behind one host waits with all of
/// them for as long as who writes to one.
class WaitingLanes {
 public:
  /// Nothing changes where it is in that sender's line already.
  void add(const std::string& sender, const LaneKey& lane) {
    if (known_.emplace(sender, lane).second) by_sender_[sender].push_back(lane);
  }
  /// It was his turn, and nobody could take it.
  void add_first(const std::string& sender, const LaneKey& lane) {
    if (known_.emplace(sender, lane).second) by_sender_[sender].push_front(lane);
  }
  struct Next {
    std::string sender;
    LaneKey lane;
  };
  [[nodiscard]] std::optional<Next> pop() {
    if (by_sender_.empty()) return std::nullopt;
    auto at = by_sender_.upper_bound(last_);
    if (at == by_sender_.end()) at = by_sender_.begin();
    last_ = at->first;
    Next next{at->first, std::move(at->second.front())};
    at->second.pop_front();
    if (at->second.empty()) by_sender_.erase(at);
    known_.erase({next.sender, next.lane});
    return next;
  }
  /// He comes after all others.
  void had_turn(const std::string& sender) { last_ = sender; }
  [[nodiscard]] bool empty() const noexcept { return by_sender_.empty(); }

 private:
  std::map<std::string, std::deque<LaneKey>> by_sender_;
  std::set<std::pair<std::string, LaneKey>> known_;
  std::string last_;
};

struct RelaySession;

/// A connection at rest, which another destination's letter may go over. It lives as long as its session waits.
struct Resting {
  RelaySession* session = nullptr;
  Lane* lane = nullptr;
  Alarm* alarm = nullptr;  ///< ring it when something below has changed
  bool taken = false;      ///< its peer went to another session
  bool unwanted = false;   ///< its place is wanted for another kind of connection; it is none at rest any more
};

struct Host {
  explicit Host(const PaceOptions& options) : pace(options) {}

  Pace pace;
  static constexpr std::chrono::seconds patience{1};

  std::size_t open = 0;       ///< connections, also those that are being made
  SteadyTime since{};         ///< when the first of these was begun
  std::size_t connected = 0;  ///< of those, which stand
  std::size_t invited = 0;    ///< sessions on their way to take a place
  std::vector<Resting*> resting;
  WaitingLanes waiting;

  /// None of our connections stands, so that nothing is known of how many it bears now: a line before a host that says
  /// nothing would only keep from those in it what they are to hear, and memory full of their letters.
  /// One that has asked for time is known to be there.
  [[nodiscard]] bool holds_nobody(SteadyTime now) const noexcept {
    return connected == 0 && (pace.failing() || !pace.rests(now));
  }
  /// Whether one more may be made now.
  [[nodiscard]] bool has_place(SteadyTime now) const {
    return holds_nobody(now) || (!pace.rests(now) && open < pace.connections());
  }
  /// What is known of one that can't be reached is no loss: it refuses nobody.
  [[nodiscard]] bool is_needed(SteadyTime now) const {
    return open != 0 || invited != 0 || !waiting.empty() || (pace.rests(now) && !pace.failing());
  }
};

class HostTable {
 public:
  static constexpr std::size_t kKept = 5'000;  ///< of which something is remembered

  /// Null where nothing is known of it.
  [[nodiscard]] Host* find(const std::string& name);
  /// Stays as long as it is needed.
  [[nodiscard]] Host& of(const std::string& name, const PaceOptions& options, SteadyTime now);
  /// The lane waits for it from now on, with each sender whose letters it has.
  void wait_for(const std::string& name, Lane& lane);
  /// One more sender for a lane that waits.
  void came_to(const Lane& lane, const std::string& author);
  /// Those for which lanes wait.
  [[nodiscard]] std::vector<std::string> waited();
  /// Of those, the first moment at which one that is left alone may be asked again.
  [[nodiscard]] std::optional<SteadyTime> first_moment(SteadyTime now);
  /// Somebody wants to know now.
  void forgive();

 private:
  std::unordered_map<std::string, std::unique_ptr<Host>> hosts_;
  std::set<std::string> waited_;
};

/// The names under which a hop's hosts are known: each of its addresses with the port, since a host counts what comes
/// to it, whatever it is called; its name where there are none.
[[nodiscard]] std::vector<std::string> host_names(const NextHop& hop);

/// What a connection has that letters of another destination may go over: the same for two of them means that what was
/// asked of the one (TLS, certificate, login, source) is all that would be asked of the other. Nothing: its letters go
/// alone (a session under a policy that is tested, or that has a fault, is to be told in its own domain's report).
[[nodiscard]] std::optional<std::string> kind_of_connection(const Route& route, const NextHop& hop,
                                                            store::TlsWish wish);

}  // namespace pabal::queue
