// What the parts of a Dispatcher share; private to it.
#pragma once
#include <atomic>

#include "base/guarded.hpp"
#include "base/worker.hpp"
#include "reports/allowance.hpp"
#include "reports/dispatch.hpp"

namespace pabal::reports {

/// What the book is to note of a day that was told.
struct Dispatcher::Mark {
  rows::Due due;
  std::vector<rows::Untold> told;  ///< their keys and counts alone
  SystemTime until;
  rows::DayState state = rows::DayState::told;
  std::string words;

  /// Blocking.
  [[nodiscard]] Result<void> make(Book& book) const { return book.mark_told(due, told, until, state, words); }
};

struct Dispatcher::State {
  State(Executor where, DispatchServices given, const Log& lines, DispatchOptions first);

  Worker worker;
  DispatchServices services;
  Log log;
  Guarded<DispatchOptions> options;
  Counter sent;
  Counter refused;
  Counter postponed;
  std::atomic<bool> busy{false};
  Allowance places;  ///< what was sent to places of others
  /// Days that were told, and the book could not note it: they are not told again. Whoever is `busy` has it.
  std::vector<Mark> unnoted;

  std::vector<std::move_only_function<void(Result<Round>)>> asked;  ///< at home
};

/// One day of a domain, told.
class Dispatcher::Telling {
 public:
  Telling(State& state, Reporter reporter, DispatchOptions options, rows::Due due)
      : state_(state), reporter_(std::move(reporter)), options_(options), due_(std::move(due)) {}

  /// What became of it; the book has it. Errors are the book's.
  [[nodiscard]] Async<Result<void>> tell(Round* round);

 private:
  [[nodiscard]] Async<> tell_dmarc();
  [[nodiscard]] Async<> tell_dmarc_policy(std::vector<rows::Untold> rows, std::size_t number);
  [[nodiscard]] Async<> tell_tls();
  [[nodiscard]] Async<std::vector<ReportUri>> willing(std::vector<ReportUri> places);
  [[nodiscard]] bool may_bother(const ReportUri& place);
  [[nodiscard]] Async<> mail(ReportUri place, std::string report_id, PackedReport packed);
  [[nodiscard]] Async<> upload(ReportUri place, PackedReport packed);
  [[nodiscard]] std::string report_id(std::size_t number) const;
  [[nodiscard]] SystemTime until() const;
  void say(std::string words);
  void refuse(std::string words);
  void fail_for_now(std::string words);

  State& state_;
  Reporter reporter_;
  DispatchOptions options_;
  rows::Due due_;
  std::vector<rows::Untold> rows_;
  SystemTime now_{};
  std::size_t accepted_ = 0;
  bool may_pass_ = false;  ///< something failed that may go well later
  std::string words_;
};

}  // namespace pabal::reports
