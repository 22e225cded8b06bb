// QueueGauges: how much waits in the queue, as metrics. Counted when somebody asks for the metrics, and not often.
#pragma once
#include <chrono>
#include <string_view>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/guarded.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "store/store.hpp"

namespace pabal::queue {

class QueueGauges {
 public:
  static constexpr std::chrono::seconds at_least{15};  ///< between two counts

  /// All must outlive it.
  QueueGauges(store::Store& store, const Clock& clock, Metrics& metrics, const Log& log);

  /// Counts anew, unless it was done not long ago (longer where counting takes long), or somebody is at it. Any thread.
  [[nodiscard]] Async<> refresh();

 private:
  struct OfKind {
    OfKind(Metrics& metrics, std::string_view kind);
    void set(const store::QueueCounts::OfKind& counts) const;
    Gauge waiting;
    Gauge due;
    Gauge held;
  };
  struct Times {
    bool counting = false;
    SteadyTime next{};
  };

  store::Store& store_;
  const Clock& clock_;
  Log log_;
  OfKind local_;
  OfKind remote_;
  Gauge oldest_;
  Guarded<Times> times_;
};

}  // namespace pabal::queue
