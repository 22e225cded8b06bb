#include "reports/dispatch.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "reports/dispatch_state.hpp"

namespace pabal::reports {
namespace {

constexpr std::size_t kDaysAtOnce = 200;
constexpr std::size_t kMostFailures = 5;  ///< of days in one round: then something is wrong for all of them
constexpr const char* kReportsName = "pabal_reports_total";
constexpr const char* kReportsHelp = "Reports to domains' owners, by what became of them.";

std::unexpected<Error> nobody_works() { return fail(ErrorKind::state, "reports are not being sent: the server stops"); }

/// Set while a round is under way.
class Busy {
 public:
  explicit Busy(std::atomic<bool>& flag) : flag_(flag), mine_(!flag.exchange(true)) {}
  ~Busy() {
    if (mine_) flag_ = false;
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  [[nodiscard]] bool mine() const noexcept { return mine_; }

 private:
  std::atomic<bool>& flag_;
  bool mine_;
};

}  // namespace

Dispatcher::State::State(Executor where, DispatchServices given, const Log& lines, DispatchOptions first)
    : worker(where),
      services(std::move(given)),
      log(lines),
      options(first),
      sent(services.metrics->counter(kReportsName, kReportsHelp, {{"result", "sent"}})),
      refused(services.metrics->counter(kReportsName, kReportsHelp, {{"result", "not_wanted"}})),
      postponed(services.metrics->counter(kReportsName, kReportsHelp, {{"result", "postponed"}})) {}

Dispatcher::Dispatcher(Executor home, DispatchServices services, const Log& log, DispatchOptions options)
    : state_(std::make_shared<State>(home, std::move(services), log, options)) {}

Dispatcher::~Dispatcher() = default;

Async<Result<Dispatcher::Round>> Dispatcher::round(bool even_now) { return work_once(state_, even_now); }

/// Without words: they may be what the database doesn't take.
Async<> Dispatcher::note_again(State* state) {
  auto* const book = state->services.book;
  std::vector<Mark> still;
  for (auto& mark : std::exchange(state->unnoted, {})) {
    mark.words.clear();
    const auto noted = co_await state->services.pool->run([book, &mark] { return mark.make(*book); });
    if (!noted) still.push_back(std::move(mark));
  }
  state->unnoted = std::move(still);
}

Async<Result<Dispatcher::Round>> Dispatcher::work_once(std::shared_ptr<State> state, bool even_now) {
  const Busy busy(state->busy);
  if (!busy.mine()) co_return fail(ErrorKind::busy, "reports are being sent just now");
  const auto options = *state->options.lock();
  auto* const book = state->services.book;
  Round round;
  if (!options.dmarc && !options.tls) co_return round;
  if (even_now) {
    const auto flushed = co_await state->services.pool->run([book] { return book->flush(); });
    if (!flushed) co_return pass(flushed);
  }
  co_await note_again(state.get());
  if (state->unnoted.size() >= kDaysAtOnce) {
    co_return fail(ErrorKind::io, "the book of reports doesn't note what was sent");
  }
  auto due = co_await state->services.pool->run([book, even_now] { return book->due(even_now, kDaysAtOnce); });
  if (!due) co_return pass(due);
  std::erase_if(*due, [&](const rows::Due& day) {
    return std::ranges::any_of(state->unnoted, [&](const Mark& mark) {
      return mark.due.kind == day.kind && mark.due.day == day.day && mark.due.domain == day.domain;
    });
  });
  if (due->empty()) co_return round;
  auto reporter = co_await state->services.reporter();
  if (!reporter) co_return pass(reporter);
  std::size_t failures = 0;
  for (auto& day : *due) {
    if (state->worker.stopping()) break;
    const std::string domain = day.domain;
    Telling telling(*state, *reporter, options, std::move(day));
    const auto told = co_await telling.tell(&round);
    if (told) continue;
    state->log.error("report_not_noted", {{"domain", domain}, {"why", told.error().log}});
    if (++failures == kMostFailures) co_return pass(told);
  }
  co_return round;
}

Async<> Dispatcher::work(std::shared_ptr<State> state) {
  while (!state->worker.stopping()) {
    auto asked = std::exchange(state->asked, {});
    Result<Round> done = Round();
    try {
      done = co_await work_once(state, !asked.empty());
    } catch (...) {
      done = fail_thrown("the sending of reports", std::current_exception());
    }
    for (auto& told : asked) told(done);
    const bool failed = !done && done.error().kind != ErrorKind::busy;
    if (failed) state->log.error("reports_not_sent", {{"why", done.error().log}});
    if (!state->asked.empty()) continue;
    // What is wrong for all of them is not said every minute.
    const auto look = state->options.lock()->look;  // no lock is held over an await
    co_await state->worker.wait(failed ? std::chrono::minutes(30) : look);
  }
}

void Dispatcher::send_now(std::move_only_function<void(Result<Round>)> told) {
  asio::post(state_->worker.home(), [state = state_, told = std::move(told)]() mutable {
    if (!state->worker.working() || state->worker.stopping()) return told(nobody_works());
    state->asked.push_back(std::move(told));
    state->worker.wake();
  });
}

void Dispatcher::start() {
  state_->worker.start(
      state_, [state = state_] { return work(state); },
      [state = state_.get()](const std::exception_ptr& thrown) {
        if (thrown) state->log.error("report_worker_ended", {{"why", thrown_text(thrown)}});
        // Whoever waits for it hears that nobody works any more.
        for (auto& told : std::exchange(state->asked, {})) told(nobody_works());
      });
}

void Dispatcher::stop(std::move_only_function<void()> stopped) { state_->worker.stop(state_, std::move(stopped)); }

void Dispatcher::change(const DispatchOptions& options) { *state_->options.lock() = options; }

}  // namespace pabal::reports
