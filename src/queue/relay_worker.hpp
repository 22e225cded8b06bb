// The relay's insides: what it knows, and its coroutines, which each hold it. relay_window.cpp has what comes into
// memory and leaves it, relay_hosts.cpp the hosts' places, relay_session.cpp one connection, relay_outcomes.cpp what
// the store is told, relay.cpp the rest.
#pragma once
#include <algorithm>
#include <atomic>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "base/guarded.hpp"
#include "queue/attempt_trace.hpp"
#include "queue/host_table.hpp"
#include "queue/label_places.hpp"
#include "queue/lane.hpp"
#include "queue/relay.hpp"
#include "queue/sender_shares.hpp"

namespace pabal::queue {

/// One connection on its way, open, or given to another session.
struct RelaySession {
  AttemptTrace trace;
  Route route;
  std::size_t hop = 0;  ///< the one that is connected
  std::unique_ptr<Peer> peer;
  std::size_t sent = 0;  ///< letters over it, whoever had it
  std::size_t turn = 0;  ///< of those, in this session, since others were asked
  bool trying = false;
  std::string tried_for = {};
  std::chrono::milliseconds hurry{0};
  std::string place = {};                ///< the host that counts it; empty: none
  bool stands = false;                   ///< it is one of that host's made connections
  std::optional<std::string> kind = {};  ///< kind_of_connection()
  std::string full_at = {};              ///< the first host on its way that has no place for it
  std::string invited_by = {};           ///< the host that has a place for it
  std::string invited_for = {};          ///< the sender whose turn it is there
};

struct Relay::State {
  State(Executor where, RelayServices given, const Log& lines, RelayOptions settings)
      : home(where),
        alarm(where),
        services(std::move(given)),
        log(lines),
        options(std::move(settings)),
        connections(
            services.metrics->gauge("pabal_relay_connections", "Connections to other systems, open or being made.")),
        in_window(
            services.metrics->gauge("pabal_relay_window_letters", "Letters for other systems that are in memory.")) {}

  static constexpr std::size_t direct_windows = 3;

  Executor home;
  Alarm alarm;
  RelayServices services;
  Log log;
  RelayOptions options;
  Gauge connections;
  Gauge in_window;

  // At home.
  std::map<LaneKey, std::unique_ptr<Lane>> lanes;
  HostTable hosts;
  std::unordered_set<std::string> in_hand;  ///< rows that are in memory
  std::size_t letters = 0;                  ///< in lanes and on connections
  std::size_t sessions = 0;
  std::unordered_set<RelaySession*> open;  ///< these
  std::size_t trying = 0;                  ///< of those, on their way to destinations that weren't reached lately
  SenderShares tries;                      ///< whose letters these are for
  TryPace spare_tries;
  bool fresh_waits = false;  ///< for one of them
  std::uint64_t arrivals = 0;
  std::size_t settling = 0;
  SenderShares held;                      ///< letters in memory
  std::multimap<SteadyTime, Held> later;  ///< what was put off, of those who would wait behind others' rows
  SenderShares later_of;                  ///< by lane and sender
  LabelPlaces labels{50, 500};

  // The walk through the destinations.
  bool look_wanted = true;
  std::optional<store::DestinationCursor> cursor;
  std::optional<SteadyTime> next_seen;  ///< in the walk at hand
  SteadyTime look_at{};                 ///< the next walk begins at the latest
  SteadyTime looked_at{};
  std::optional<std::chrono::microseconds> clocks_apart;  ///< the time of day, less the steady clock's

  Tally tally;
  std::uint64_t ended = 0;  ///< sessions
  bool working = false;
  bool stopping = false;
  std::move_only_function<void()> stopped;

  /// Any thread: how many letters there is room for, and destinations that take none.
  std::atomic<std::int64_t> free{0};
  Guarded<std::unordered_set<std::string>> closed;

  [[nodiscard]] SystemTime now() const { return services.clock->now(); }
  /// What this process waits for, it waits for by this clock; rows have times of day.
  [[nodiscard]] SteadyTime steady() const { return services.clock->steady(); }
  [[nodiscard]] SteadyTime steady_of(SystemTime time) const {
    static constexpr std::chrono::microseconds most = std::chrono::days(3650);
    return steady() + std::clamp(time - now(), -most, most);
  }
  /// Connections that count as such.
  [[nodiscard]] std::size_t busy() const { return sessions - trying; }
  [[nodiscard]] std::size_t most_tries() const { return options.max_connections * options.tries_per_connection; }
  /// How many of its letters are worth their place in memory.
  [[nodiscard]] std::size_t window_of(const Lane& lane) const {
    return lane.pace.proven() ? options.window_per_destination : options.window_unproven;
  }
  [[nodiscard]] std::size_t batch_of(const Lane& lane) const {
    return lane.pace.proven() ? options.batch : std::min(options.batch, options.window_unproven);
  }
  [[nodiscard]] Lane& lane(const LaneKey& key) {
    auto& lane = lanes[key];
    if (!lane) lane = std::make_unique<Lane>(key, pace_options(options.first_connections));
    return *lane;
  }
  [[nodiscard]] Host& host(const std::string& name) {
    return hosts.of(name, pace_options(options.first_connections_per_host), steady());
  }
  [[nodiscard]] PaceOptions pace_options(std::size_t first) const {
    PaceOptions pace;
    pace.most = static_cast<double>(options.max_connections_per_destination);
    pace.first = std::min(static_cast<double>(first), pace.most);
    // No longer than its letters wait.
    pace.rest = std::min(options.rest, options.schedule.retry);
    pace.rest_max = std::min(options.rest_max, options.schedule.retry_max);
    return pace;
  }
  void count(const std::string& destination, const char* result, std::size_t by) {
    if (by == 0) return;
    static constexpr const char* kName = "pabal_relay_recipients_total";
    static constexpr const char* kHelp = "Recipients at other systems, by destination and what an attempt came to.";
    const bool named = labels.has(destination, steady());
    services.metrics->counter(kName, kHelp, {{"destination", named ? destination : "other"}, {"result", result}})
        .add(static_cast<double>(by));
  }
  /// Letters that are handed over directly may take three windows in all; of one sender no more than there is room
  /// left for others.
  [[nodiscard]] std::size_t direct_room() const {
    const auto most = direct_windows * options.window;
    return most - std::min(most, letters);
  }
  void close_or_open(const std::string& sender) {
    const auto own = held.of(sender);
    const auto room = direct_room();
    if (own > room) {
      closed.lock()->insert("\f" + sender);
    } else if (own <= room / 2) {
      closed.lock()->erase("\f" + sender);
    }
  }
  void tell_room() {
    free.store(static_cast<std::int64_t>(options.window) - static_cast<std::int64_t>(letters),
               std::memory_order_relaxed);
    in_window.set(static_cast<double>(letters));
  }
};

/// The relay's coroutines; each holds the state.
struct Relay::Worker {
  using Shared = std::shared_ptr<State>;
  using Session = RelaySession;

  // While it lives the letter's rows are in hand, and nobody takes them up a second time.
  class Hold {
   public:
    Hold(const Shared& state, std::vector<std::string> keys, const std::string& author)
        : state_(state), keys_(std::move(keys)), sender_(sender_of(author)) {
      ++state->letters;
      state->held.add(sender_);
      state->close_or_open(sender_);
    }
    ~Hold() {
      const auto state = state_.lock();
      if (!state) return;
      for (const auto& key : keys_) state->in_hand.erase(key);
      --state->letters;
      state->held.remove(sender_);
      state->close_or_open(sender_);
      state->tell_room();
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    std::weak_ptr<State> state_;
    std::vector<std::string> keys_;
    std::string sender_;
  };

  /// Without recipients whose rows are in memory already; nothing where all are.
  [[nodiscard]] static std::optional<Held> in_hand(const Shared& state, store::OutgoingLetter letter);
  static void take(const Shared& state, Lane& lane, store::OutgoingLetter letter);

  static void close_or_open(State& state, Lane& lane, const std::string& author);
  static std::optional<Held> pop(State& state, Lane& lane, const std::string& sender = {});

  static Async<> claim(Shared state, std::string destination, ShardId shard);
  static std::size_t room_in(const State& state);

  static Async<> look(Shared state);

  static void forget_lanes(State& state);

  static Async<> fill(Shared state);

  struct Leave {
    bool trying = false;
    std::string sender = {};  ///< whose letter it is tried for
  };
  static std::optional<Leave> may_connect(State& state, const Lane& lane, bool fresh);
  /// `invited`: by that host, for that sender.
  static void open_connection(const Shared& state, Lane& lane, Leave leave, std::string invited = {},
                              std::string sender = {});
  static void try_ends(State& state, Session& session);

  static bool wanted(const State& state, const Lane& lane);

  static void open_connections(const Shared& state);
  /// `fresh`: its first letter has just come.
  static void open_connections(const Shared& state, Lane& lane, bool fresh);

  static Async<> settle(Shared state, ShardId shard, std::vector<store::AttemptOutcome> attempts);

  static void in_background(const Shared& state, Async<> work);
  static void finish(const Shared& state, std::vector<Attempt> attempts);
  static Async<> settle_all(Shared state, std::vector<Attempt> attempts);
  static std::optional<std::pair<SteadyTime, Held>> for_later(State& state, const Attempt& attempt,
                                                              const Conclusion& concluded);
  static void take_up_later(const Shared& state);
  static void note(State& state, const store::OutgoingLetter& letter, const Conclusion& concluded);

  static Attempt attempt_at(const State& state, Session& session, Held held, std::vector<Ending> endings,
                            const std::vector<Said>& said);
  static Attempt attempt_failed(const State& state, Session& session, Held held, const Ending& ending);
  static Async<> fail_all(Shared state, Lane* lane, Session* session, Held first, Ending ending);

  static Ending ending_of(const NoRoute& no);
  static Ending ending_of(const NoPeer& no, const NextHop& hop);

  static Result<Destination> destination_named(const std::string& name);

  static void rest(State& state, Lane& lane);

  enum class AtHost : std::uint8_t {
    taken_over,  ///< a connection that was at rest
    place,       ///< for a connection of its own
    full,        ///< and its lane is to wait
  };
  static AtHost enter_host(State& state, Session& session, const Route& route, const NextHop& hop, store::TlsWish wish);
  static void connected_to_host(State& state, Session& session, const NextHop& hop);
  /// Whether that says only that the host takes no more connections of ours than it has.
  static bool host_has_enough(State& state, Session& session, const NoPeer& no);
  static void leave_host(State& state, Session& session);
  static void decline(State& state, Session& session);
  static void ring_host(const Shared& state, std::string name);
  static void ring_hosts(const Shared& state);
  static bool others_wait(State& state, const Session& session);

  static Async<bool> connect(Shared state, Lane* lane, Session* session, std::optional<Held>* first);

  static Result<OutgoingTransaction> transaction_of(const store::OutgoingLetter& letter, SystemTime now);

  static void end_one(const Shared& state, Session& session, Held held, const Ending& ending);

  static Async<> give_back(Shared state, Held held);
  static Async<> send(Shared state, Lane* lane, Session* session, Held held);

  static void adapt(State& state, Lane& lane, const Session& session, const TransactionOutcome& outcome);

  static Async<std::optional<Held>> next_for(Shared state, Lane* lane, Session* session);

  static Async<> run_session(Shared state, LaneKey key, std::shared_ptr<Session> session);

  static void ring_idle(State& state);

  static void interrupt(State& state);
  static std::chrono::milliseconds sleep_of(State& state);
  static void watch_clock(const Shared& state);
  static Async<> bring_forward(Shared state);

  static Async<> work(Shared state);

  static Async<Round> round(Shared state);
};

}  // namespace pabal::queue
