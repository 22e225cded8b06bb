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
#include "delivery/signer.hpp"
#include "store/store.hpp"

namespace pabal::delivery {

/// Who carries letters elsewhere, as the MDA sees it (queue::Relay). Any thread.
class Carrier {
 public:
  virtual ~Carrier() = default;
  /// Until when the rows of such a letter shall be claimed for it; nothing: it has no room.
  [[nodiscard]] virtual std::optional<SystemTime> room(const std::string& author,
                                                       const std::vector<store::RemoteRecipient>& recipients,
                                                       store::TlsWish tls) = 0;
  /// After the commit: what was claimed, or that there is something in the store.
  virtual void hand_over(std::vector<store::OutgoingLetter> letters) = 0;
  virtual void tell() = 0;
  /// An author wants to hear that a letter is in its mailboxes: the notices, to go in with it. None where they can't be
  /// made now.
  [[nodiscard]] virtual Async<std::vector<store::Notice>> receipts(Receipt receipt) = 0;
  /// After the commit with which they went in.
  virtual void receipts_went() = 0;
  /// The same for a letter of which they could not go in with it, after its commit: it may be lost with a crash.
  virtual void delivered(Receipt receipt) = 0;
};

class LocalMda final : public Mda {
 public:
  /// All must outlive it. Any thread; each letter's coroutine stays at its home. Letters with recipients elsewhere wait
  /// in the store where there is no carrier; without a signer none are signed or sealed.
  LocalMda(store::Store& store, const Clock& clock, const Log& log, Metrics& metrics, const account::Srs* srs = nullptr,
           Carrier* carrier = nullptr, Signer* signer = nullptr);

  [[nodiscard]] Async<Answer> deliver(Letter letter) override;

  /// One more try for a letter that had to wait: what app hands to queue::LocalRetry.
  [[nodiscard]] Async<Result<store::Delivered>> retry(store::QueuedLocal letter);

 private:
  [[nodiscard]] Async<Result<void>> mark(Letter* letter) const;
  void count(const Result<std::vector<store::TargetOutcome>>& outcomes, std::size_t targets) const;
  [[nodiscard]] Async<std::optional<Receipt>> receipt_of(store::QueuedLocal letter);

  store::Store* store_;
  const account::Srs* srs_;
  Carrier* carrier_;
  Signer* signer_;
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
