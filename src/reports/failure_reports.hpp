// FailureReports: tells domains that ask for it (ruf=) of single letters that failed (RFC 7489 §7.3). It stands before
// who counts outcomes; what it takes waits in a short queue, and is told by a worker at one home. Much is left untold:
// so many a day of one domain, of one sender of it, to one place, and of all; nothing of letters that machines wrote,
// or with the null reverse-path, or to the addresses where reports come: else two systems would report on each other's
// reports for ever.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "address/public_suffix.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/random.hpp"
#include "dns/resolver.hpp"
#include "reports/outcomes.hpp"
#include "reports/report_letter.hpp"
#include "reports/rua.hpp"

namespace pabal::reports {

struct FailureOptions {
  bool send = false;
  std::size_t of_domain_a_day = 20;
  std::size_t of_source_a_day = 3;   ///< of one domain's letters from one address
  std::size_t to_place_a_day = 100;  ///< to one address, and in one registrable domain, of others
  std::size_t a_day = 1000;
  std::size_t most_waiting = 50;
  std::vector<std::string> report_addresses = {};  ///< of ours, any case
};

/// What it takes; all must outlive it.
struct FailureServices {
  Outcomes* next = nullptr;  ///< counts all
  dns::Resolver* resolver = nullptr;
  const PublicSuffix* suffixes = nullptr;  ///< null: places of others get nothing
  const Clock* clock = nullptr;
  Random* random = nullptr;
  Metrics* metrics = nullptr;
  std::function<Async<Result<Reporter>>()> reporter;                                  ///< as for DispatchServices
  std::function<Async<Result<void>>(EmailAddress to, std::string letter)> post = {};  ///< likewise
};

/// Any thread.
class FailureReports final : public Outcomes {
 public:
  FailureReports(Executor home, FailureServices services, const Log& log, FailureOptions options);
  ~FailureReports() override;
  FailureReports(const FailureReports&) = delete;
  FailureReports& operator=(const FailureReports&) = delete;

  void note(JudgedLetter letter) noexcept override;
  [[nodiscard]] bool wants_header(const JudgedLetter& letter) const noexcept override;

  void start();
  /// Ends after the report at hand; `stopped` is called at home when it has.
  void stop(std::move_only_function<void()> stopped);
  void change(FailureOptions options);

 private:
  struct State;
  [[nodiscard]] static Async<> work(std::shared_ptr<State> state);
  [[nodiscard]] static Async<std::string> tell(std::shared_ptr<State> state, JudgedLetter letter);
  [[nodiscard]] static Async<std::string> tell_place(std::shared_ptr<State> state, const JudgedLetter* letter,
                                                     ReportUri place);

  std::shared_ptr<State> state_;
};

}  // namespace pabal::reports
