// LocalMda: delivers letters into the mailboxes of this system while the sender waits: one transaction a shard, and the
// answer comes after its commit (promise 1). What can't be stored for a passing reason goes to the queue's local retry.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "account/srs.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "delivery/mda.hpp"
#include "delivery/receipt.hpp"
#include "store/store.hpp"

namespace pabal::delivery {

/// Who carries letters elsewhere, as the MDA sees it (queue::Relay). Any thread.
class Carrier {
 public:
  virtual ~Carrier() = default;
  /// Until when the rows of such a letter shall be claimed for it; nothing: it has no room.
  [[nodiscard]] virtual std::optional<SystemTime> room(const std::string& author,
                                                       const std::vector<store::RemoteRecipient>& recipients) = 0;
  /// After the commit: what was claimed, or that there is something in the store.
  virtual void hand_over(std::vector<store::OutgoingLetter> letters) = 0;
  virtual void tell() = 0;
  /// After the commit: an author wants to hear of it. May be lost with a crash.
  virtual void delivered(Receipt receipt) = 0;
};

class LocalMda final : public Mda {
 public:
  /// All must outlive it. Any thread; each letter's coroutine stays at its home. Letters with recipients elsewhere wait
  /// in the store where there is no carrier.
  LocalMda(store::Store& store, const Clock& clock, const Log& log, Metrics& metrics, const account::Srs* srs = nullptr,
           Carrier* carrier = nullptr);

  [[nodiscard]] Async<Answer> deliver(Letter letter) override;

  /// One more try for a letter that had to wait: what app hands to queue::LocalRetry.
  [[nodiscard]] Async<Result<store::Delivered>> retry(store::QueuedLocal letter);

 private:
  void count(const Result<std::vector<store::TargetOutcome>>& outcomes, std::size_t targets) const;

  store::Store* store_;
  const account::Srs* srs_;
  Carrier* carrier_;
  const Clock* clock_;
  Log log_;
  Counter stored_;
  Counter queued_;
  Counter refused_;
  Counter failed_;
  Counter retried_;
  Histogram seconds_;
};

}  // namespace pabal::delivery
