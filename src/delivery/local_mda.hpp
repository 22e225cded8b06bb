// LocalMda: delivers letters into the mailboxes of this system while the sender waits: one transaction a shard, and the
// answer comes after its commit (promise 1). What can't be stored for a passing reason goes to the queue's local retry.
#pragma once
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "delivery/mda.hpp"
#include "store/store.hpp"

namespace pabal::delivery {

class LocalMda final : public Mda {
 public:
  /// All must outlive it. Any thread; each letter's coroutine stays at its home.
  LocalMda(store::Store& store, const Clock& clock, const Log& log, Metrics& metrics);

  [[nodiscard]] Async<Answer> deliver(Letter letter) override;

  /// One more try for a letter that had to wait: what app hands to queue::LocalRetry.
  [[nodiscard]] Async<Result<store::Delivered>> retry(store::QueuedLocal letter);

 private:
  void count(const Result<std::vector<store::TargetOutcome>>& outcomes, std::size_t targets) const;

  store::Store* store_;
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
