#include "queue/queue_gauges.hpp"

#include <algorithm>

namespace pabal::queue {

QueueGauges::OfKind::OfKind(Metrics& metrics, std::string_view kind) {
  static constexpr const char* kHelp =
      "Recipients in the queue: waiting (due: of these, by now) and held, of letters for mailboxes here and elsewhere.";
  const auto gauge = [&](const char* state) {
    return metrics.gauge("pabal_queue_recipients", kHelp, {{"kind", std::string(kind)}, {"state", state}});
  };
  waiting = gauge("waiting");
  due = gauge("due");
  held = gauge("held");
}

void QueueGauges::OfKind::set(const store::QueueCounts::OfKind& counts) const {
  waiting.set(static_cast<double>(counts.waiting));
  due.set(static_cast<double>(counts.due));
  held.set(static_cast<double>(counts.held));
}

QueueGauges::QueueGauges(store::Store& store, const Clock& clock, Metrics& metrics, const Log& log)
    : store_(store),
      clock_(clock),
      log_(log),
      local_(metrics, "local"),
      remote_(metrics, "remote"),
      oldest_(metrics.gauge("pabal_queue_oldest_seconds", "How long the oldest letter in the queue has been in it.")) {}

Async<> QueueGauges::refresh() {
  const auto begun = clock_.steady();
  {
    auto times = times_.lock();
    if (times->counting || (times->next != SteadyTime() && begun < times->next)) co_return;
    times->counting = true;
  }
  // A hundredth of the time at most; also where it ends by an exception.
  struct Ending {
    QueueGauges& gauges;
    SteadyTime begun;
    ~Ending() {
      const auto now = gauges.clock_.steady();
      auto times = gauges.times_.lock();
      times->counting = false;
      times->next = now + std::max<SteadyTime::duration>(at_least, 100 * (now - begun));
    }
  };
  const Ending ending{*this, begun};
  const auto counts = co_await store_.queue_counts();
  if (counts) {
    local_.set(counts->local);
    remote_.set(counts->remote);
    const auto age = counts->oldest ? std::chrono::duration<double>(clock_.now() - *counts->oldest).count() : 0.0;
    oldest_.set(std::max(age, 0.0));
  } else {
    log_.error("queue_unreadable", {{"why", counts.error().log}});
  }
}

}  // namespace pabal::queue
