#include "delivery/local_mda.hpp"

#include "delivery/plan.hpp"

namespace pabal::delivery {

namespace {
constexpr const char* kName = "pabal_delivery_targets_total";
constexpr const char* kHelp = "Mailboxes that a letter was to go into, by what became of it.";
}  // namespace

LocalMda::LocalMda(store::Store& store, const Clock& clock, const Log& log, Metrics& metrics, const account::Srs* srs,
                   Carrier* carrier)
    : store_(&store),
      srs_(srs),
      carrier_(carrier),
      clock_(&clock),
      log_(log),
      stored_(metrics.counter(kName, kHelp, {{"result", "stored"}})),
      queued_(metrics.counter(kName, kHelp, {{"result", "queued"}})),
      refused_(metrics.counter(kName, kHelp, {{"result", "refused"}})),
      failed_(metrics.counter(kName, kHelp, {{"result", "failed"}})),
      retried_(metrics.counter(kName, kHelp, {{"result", "stored_later"}})),
      seconds_(metrics.seconds("pabal_delivery_seconds", "From a letter's last octet to its commit.")) {}

void LocalMda::count(const Result<std::vector<store::TargetOutcome>>& outcomes, std::size_t targets) const {
  if (!outcomes) {
    (outcomes.error().temporary() ? failed_ : refused_).add(static_cast<double>(targets));
    return;
  }
  for (const auto& outcome : *outcomes) {
    if (outcome.result) {
      stored_.add();
    } else if (outcome.queued) {
      queued_.add();
    } else if (outcome.result.error().temporary()) {
      failed_.add();
    } else {
      refused_.add();
    }
  }
}

Async<Answer> LocalMda::deliver(Letter letter) {
  const auto began = clock_->steady();
  const Log log = log_.with({"session", letter.origin.session});
  const auto now = clock_->now();
  auto receipt = carrier_ != nullptr ? wanted_receipt(letter, now) : std::nullopt;
  Plan plan = make_plan(std::move(letter), now, srs_);
  const std::string id = plan.delivery.id;
  const std::size_t targets = plan.delivery.targets.size();
  const bool goes_out = carrier_ != nullptr && !plan.delivery.remote.empty();
  std::vector<store::OutgoingLetter> handed;
  if (goes_out && plan.delivery.terms.not_before <= now) {
    if (const auto until = carrier_->room(plan.delivery.sender, plan.delivery.remote)) {
      plan.delivery.claim_until = *until;
      handed = store_->outgoing_letters(plan.delivery, now);
    }
  }
  const auto outcomes = co_await store_->deliver(std::move(plan.delivery));
  if (goes_out && outcomes && handed.empty()) carrier_->tell();
  if (goes_out && outcomes && !handed.empty()) carrier_->hand_over(std::move(handed));
  if (receipt && outcomes && keep_stored(*receipt, plan, *outcomes)) carrier_->delivered(*std::move(receipt));
  count(outcomes, targets);
  seconds_.observe(std::chrono::duration<double>(clock_->steady() - began).count());
  if (!outcomes) {
    const auto& error = outcomes.error();
    if (error.temporary()) {
      log.error("delivery_failed", {{"id", id}, {"why", error.log}});
    } else {
      log.warning("delivery_refused", {{"id", id}, {"why", error.log}});
    }
  } else {
    for (const auto& outcome : *outcomes) {
      if (outcome.result) continue;
      log.warning(outcome.queued ? "delivery_queued" : "delivery_refused",
                  {{"id", id}, {"why", outcome.result.error().log}});
    }
  }
  co_return make_answer(plan, outcomes);
}

Async<Result<store::Delivered>> LocalMda::retry(store::QueuedLocal letter) {
  auto delivered = co_await store_->retry_local(std::move(letter));
  if (delivered) retried_.add();
  co_return delivered;
}

}  // namespace pabal::delivery
