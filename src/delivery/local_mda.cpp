#include "delivery/local_mda.hpp"

#include <algorithm>

#include "delivery/plan.hpp"
#include "message/header.hpp"

namespace pabal::delivery {

namespace {
constexpr const char* kName = "pabal_delivery_targets_total";
constexpr const char* kHelp = "Mailboxes that a letter was to go into, by what became of it.";
constexpr std::size_t kMostHeader = 64UL << 10;

bool in_one_shard(const store::Delivery& delivery) {
  return std::ranges::all_of(
      delivery.targets, [&](const auto& target) { return target.place.shard == delivery.targets.front().place.shard; });
}

// The first address of ours that sends the letter on; null where none does.
const EmailAddress* sends_on(const Letter& letter) {
  for (const auto& recipient : letter.recipients) {
    if (recipient.local && !recipient.local->remote_targets.empty()) return &recipient.address;
  }
  return nullptr;
}
}  // namespace

LocalMda::LocalMda(store::Store& store, const Clock& clock, const Log& log, Metrics& metrics, const account::Srs* srs,
                   Carrier* carrier, Signer* signer)
    : store_(&store),
      srs_(srs),
      carrier_(carrier),
      signer_(signer),
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

// Ours are signed for everybody, people here too, who shall see what others see. What is sent on is sealed.
Async<Result<void>> LocalMda::mark(Letter* letter) const {
  if (signer_ == nullptr) co_return Result<void>();
  Result<Signer::Marks> marks = Signer::Marks();
  if (letter->begins_here) {
    marks =
        co_await signer_->sign(&letter->content, {.writer = letter->writer, .account = letter->origin.authenticated});
  } else if (const EmailAddress* through = sends_on(*letter); through != nullptr && letter->findings) {
    marks = co_await signer_->seal(&letter->content, *through, *letter->findings);
  }
  if (!marks) co_return pass(marks);
  letter->marks = std::move(marks->trace);
  co_return co_await letter->content.put_before(std::move(marks->fields));
}

Async<Answer> LocalMda::deliver(Letter letter) {
  const auto began = clock_->steady();
  const Log log = log_.with({"session", letter.origin.session});
  const Result<void> marked = co_await mark(&letter);
  if (!marked) {
    log.error("signing_failed", {{"id", letter.id}, {"why", marked.error().log}});
    Answer answer;
    answer.results.assign(letter.answer_each ? letter.recipients.size() : 1, marked);
    co_return answer;
  }
  const auto now = clock_->now();
  auto receipt = carrier_ != nullptr ? wanted_receipt(letter, now) : std::nullopt;
  Plan plan = make_plan(std::move(letter), now, srs_);
  const std::string id = plan.delivery.id;
  const std::size_t targets = plan.delivery.targets.size();
  const bool goes_out = carrier_ != nullptr && !plan.delivery.remote.empty();
  std::vector<store::OutgoingLetter> handed;
  if (goes_out && plan.delivery.terms.not_before <= now) {
    if (const auto until = carrier_->room(plan.delivery.sender, plan.delivery.remote, plan.delivery.tls)) {
      plan.delivery.claim_until = *until;
      handed = store_->outgoing_letters(plan.delivery, now);
    }
  }
  bool with_receipts = false;
  if (receipt) {
    plan.delivery.receipts = co_await carrier_->receipts(*receipt);
    with_receipts = !plan.delivery.receipts.empty() && in_one_shard(plan.delivery);
  }
  const auto outcomes = co_await store_->deliver(std::move(plan.delivery));
  if (goes_out && outcomes && handed.empty()) carrier_->tell();
  if (goes_out && outcomes && !handed.empty()) carrier_->hand_over(std::move(handed));
  if (receipt && outcomes) {
    const bool all = std::ranges::all_of(*outcomes, [](const auto& one) { return one.result.has_value(); });
    if (with_receipts && all) {
      carrier_->receipts_went();
    } else if (keep_stored(*receipt, plan, *outcomes)) {
      carrier_->delivered(*std::move(receipt));
    }
  }
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
  auto receipt = co_await receipt_of(letter);
  const bool together = letter.shard == letter.target.place.shard;
  std::vector<store::Notice> receipts;
  if (receipt && together) receipts = co_await carrier_->receipts(*receipt);
  const bool with_receipts = !receipts.empty();
  auto delivered = co_await store_->retry_local(std::move(letter), std::move(receipts));
  if (!delivered) co_return delivered;
  retried_.add();
  if (with_receipts) {
    carrier_->receipts_went();
  } else if (receipt) {
    carrier_->delivered(*std::move(receipt));
  }
  co_return delivered;
}

// Word for the author of a letter that had to wait.
Async<std::optional<Receipt>> LocalMda::receipt_of(store::QueuedLocal letter) {
  if (carrier_ == nullptr || letter.sender.empty() || !asks_for_success(letter.target.notify)) co_return std::nullopt;
  const auto opened = co_await store_->open_outgoing(letter.shard, letter.delivery_id);
  if (!opened) co_return std::nullopt;
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(opened->octets->size(), kMostHeader));
  auto head = co_await opened->octets->read(0, count);
  if (!head) co_return std::nullopt;
  head->resize(message::header_size(*head).value_or(head->size()));
  Receipt receipt{.id = letter.delivery_id,
                  .author = letter.sender,
                  .envelope_id = letter.envelope_id,
                  .smtputf8 = letter.smtputf8,
                  .require_tls = letter.tls == store::TlsWish::required,
                  .arrived = letter.arrived,
                  .head = *std::move(head),
                  .recipients = {}};
  receipt.recipients.push_back({.address = letter.recipient, .original_recipient = letter.target.original_recipient});
  co_return receipt;
}

}  // namespace pabal::delivery
