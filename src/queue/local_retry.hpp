// LocalRetry: the worker that tries local letters again which had to wait: the mailbox was full, its shard away. Waits
// grow from retry to retry_max with some jitter, so that what failed together does not come back together. Nothing that
// was accepted is lost: what can't be delivered in the end goes back to its author, and what has none (a bounce) is
// held in the queue for the operator, and said in the log as an error.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/random.hpp"
#include "store/store.hpp"

namespace pabal::queue {

/// One try at a waiting letter; app wires it to the MDA.
using LocalDelivery = std::function<Async<Result<store::Delivered>>(store::QueuedLocal)>;

/// Sends a letter back that can't be delivered, and ends its row. False: it has nobody to go back to.
using SendBack = std::function<Async<Result<bool>>(store::QueuedLocal, Error why)>;

/// Puts a letter off that has waited for long, and tells its author so where that is wanted.
using Warn = std::function<Async<Result<void>>(store::QueuedLocal, SystemTime next, Error why)>;

/// The waiting local letters, as the worker sees them.
class LocalLetters {
 public:
  virtual ~LocalLetters() = default;
  [[nodiscard]] virtual Async<Result<std::vector<store::QueuedLocal>>> due(std::size_t at_most,
                                                                           std::chrono::seconds claim_for) = 0;
  [[nodiscard]] virtual Async<Result<void>> postpone(store::QueuedLocal letter, SystemTime next, std::string why) = 0;
  [[nodiscard]] virtual Async<Result<void>> hold(store::QueuedLocal letter, std::string why) = 0;
  [[nodiscard]] virtual Async<Result<std::optional<SystemTime>>> next_due() = 0;
};

struct RetryOptions {
  std::chrono::seconds retry = std::chrono::minutes(30);      ///< the first wait
  std::chrono::seconds retry_max = std::chrono::hours(4);     ///< the longest
  std::chrono::seconds give_up_after = std::chrono::days(5);  ///< age of a letter that is held instead of tried again
  std::chrono::seconds warn_after = std::chrono::hours(4);    ///< age of a letter whose author is told that it waits
  double jitter = 0.1;                                        ///< each wait is longer or shorter by up to this part
  std::size_t batch = 100;                                    ///< letters that are claimed at once
  std::chrono::seconds claim = std::chrono::minutes(10);      ///< for so long; a worker that dies leaves them after it
  std::chrono::seconds look = std::chrono::seconds(60);       ///< the longest sleep: another process may add letters
};

/// What to do about a letter whose try failed: wait until then, or hold it (nothing).
[[nodiscard]] std::optional<SystemTime> next_try(const store::QueuedLocal& letter, const Error& error, SystemTime now,
                                                 const RetryOptions& options, Random& random);

class LocalRetry {
 public:
  /// All must outlive it. It works at `home`.
  /// Without `send_back` all that can't be delivered is held; without `warn` nobody hears that it takes long.
  LocalRetry(Executor home, std::unique_ptr<LocalLetters> letters, LocalDelivery deliver, const Clock& clock,
             Random& random, const Log& log, Metrics& metrics, RetryOptions options, SendBack send_back = {},
             Warn warn = {});
  ~LocalRetry();
  LocalRetry(const LocalRetry&) = delete;
  LocalRetry& operator=(const LocalRetry&) = delete;

  /// Begins to work; any thread, once.
  void start();
  /// Ends after the letter at hand; `stopped` is called at home when it has. Any thread; also where it was never
  /// started.
  void stop(std::move_only_function<void()> stopped);
  /// From the next attempt on: retry, retry_max, warn_after, give_up_after. Waits that have begun stay as long as they
  /// are. Any thread.
  void change(const RetryOptions& options);
  /// Looks for due letters now (`pabal queue retry`). Any thread.
  void kick();

  /// One round: every letter that is due is tried once. What it did, and when to look again at the latest. For the
  /// worker itself and for tests.
  struct Round {
    std::size_t delivered = 0;
    std::size_t postponed = 0;
    std::size_t held = 0;
    std::size_t returned = 0;
    std::size_t failed = 0;  ///< the queue itself could not be read or written
    std::chrono::milliseconds sleep{0};
  };
  [[nodiscard]] Async<Round> round();

 private:
  struct State;
  [[nodiscard]] static Async<Round> work_once(std::shared_ptr<State> state);
  [[nodiscard]] static Async<> work(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

/// The letters of a store.
[[nodiscard]] std::unique_ptr<LocalLetters> letters_of(store::Store& store);

}  // namespace pabal::queue
