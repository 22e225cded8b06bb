// Relay: the worker that carries letters to other systems. Letters come from the store's rows, a bounded window of them
// at a time, or are handed over as they are accepted; they are sorted by destination, and each destination has as many
// connections as it bears: success raises the number, failures lower it, and one that doesn't answer is left alone for
// a while. Within a destination senders take turns; among destinations, those that were reached lately never wait for
// those that are not.
//
// Whatever a peer does, each recipient is delivered once, still in the queue, or given up with a notice to the author.
// The one case of doubt, a connection that breaks when all data were out, is tried again (RFC 1047).
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/random.hpp"
#include "queue/conclusion.hpp"
#include "queue/outgoing_letters.hpp"
#include "queue/peer.hpp"
#include "queue/route.hpp"
#include "queue/schedule.hpp"

namespace pabal::queue {

struct RelayOptions {
  ScheduleOptions schedule;
  std::string hostname = "localhost";
  std::size_t max_connections = 500;  ///< to all destinations
  /// Beside these, so many times more may be on their way to destinations that weren't reached lately: of hosts that
  /// say nothing each takes its time-out, and nobody else's turn.
  std::size_t tries_per_connection = 4;
  std::size_t max_connections_per_destination = 20;
  std::size_t first_connections = 2;  ///< to a destination of which nothing is known yet
  /// Likewise to a host; `max_connections_per_destination` bounds these, too: many destinations may be one host.
  std::size_t first_connections_per_host = 5;
  std::size_t letters_per_turn = 10;  ///< of one destination, where others wait for the host
  std::size_t letters_per_connection = 100;
  std::chrono::milliseconds keep_connection = std::chrono::seconds(2);  ///< open without a letter; 0: not at all
  std::size_t window = 10'000;                                          ///< letters in memory
  std::size_t window_per_destination = 500;
  std::size_t window_unproven = 5;  ///< of a destination that wasn't reached lately
  std::size_t batch = 100;          ///< letters that are claimed at once
  std::chrono::seconds claim = std::chrono::minutes(15);
  std::chrono::seconds look = std::chrono::seconds(60);  ///< the longest time without a look at the rows
  std::chrono::seconds rest = std::chrono::seconds(60);  ///< a destination that failed is left alone; doubled each time
  std::chrono::seconds rest_max = std::chrono::minutes(15);
  /// At an orderly stop: how long hosts have that take their time. Then what isn't decided waits for the next start.
  std::chrono::milliseconds stop_patience = std::chrono::seconds(3);
  std::size_t hops_at_most = 5;             ///< tried in one attempt
  std::uint64_t returned_at_most = 50'000;  ///< octets of a letter that a bounce has with it
};

/// What the relay stands on; all but `letters` must outlive it.
struct RelayServices {
  std::unique_ptr<OutgoingLetters> letters;
  Routes* routes = nullptr;
  Peers* peers = nullptr;
  FindAddressees addressees;
  SignNotice sign_notice = {};
  const Clock* clock = nullptr;
  Random* random = nullptr;
  Metrics* metrics = nullptr;
  /// Called at home when notices went into local mailboxes' queue rows.
  std::function<void()> noticed = {};
};

class Relay {
 public:
  /// It works at `home`.
  Relay(Executor home, RelayServices services, const Log& log, RelayOptions options);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  /// Begins to work; any thread, once.
  void start();
  /// Ends after the letters that are on the wire, and soon: what a host doesn't take in time waits again, and the
  /// attempt doesn't count. But where the end of a letter is out its reply is waited for. `stopped` is called at home
  /// when it has ended. Any thread; also where it was never started.
  void stop(std::move_only_function<void()> stopped);
  /// From the next attempt on: the schedule. Any thread.
  void change(const ScheduleOptions& schedule);
  /// Looks for due letters now, also of destinations that are left alone (`pabal queue retry`). Any thread.
  void kick();

  /// For a letter that is being accepted: until when its rows shall be claimed, so that they can be handed over;
  /// nothing: there is no room, and the store is asked later. Any thread.
  [[nodiscard]] std::optional<SystemTime> room(const std::string& author,
                                               const std::vector<store::RemoteRecipient>& recipients,
                                               store::TlsWish tls);
  /// After the commit. Any thread.
  void hand_over(std::vector<store::OutgoingLetter> letters);
  /// Rows have come that were not handed over: they are looked for, soon. Any thread.
  void tell();

  /// Tries all that is due, until nothing is, for tests: what became of recipients, and when the next one is due.
  struct Round {
    Tally tally;
    std::optional<SystemTime> next;
  };
  [[nodiscard]] Async<Round> round();

 private:
  struct State;
  struct Worker;
  std::shared_ptr<State> state_;
};

}  // namespace pabal::queue
