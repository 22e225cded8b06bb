#include "queue/local_retry.hpp"

#include <algorithm>

#include "base/worker.hpp"

namespace pabal::queue {

struct LocalRetry::State {
  State(Executor where, std::unique_ptr<LocalLetters> waiting, LocalDelivery way, const Clock& time, Random& chance,
        const Log& lines, Metrics& metrics, RetryOptions settings, SendBack back, Warn warning)
      : worker(where),
        letters(std::move(waiting)),
        deliver(std::move(way)),
        send_back(std::move(back)),
        warn(std::move(warning)),
        clock(&time),
        random(&chance),
        log(lines),
        options(settings),
        delivered(metrics.counter(kName, kHelp, {{"result", "delivered"}})),
        postponed(metrics.counter(kName, kHelp, {{"result", "postponed"}})),
        held(metrics.counter(kName, kHelp, {{"result", "held"}})),
        returned(metrics.counter(kName, kHelp, {{"result", "returned"}})) {}

  static constexpr const char* kName = "pabal_queue_local_attempts_total";
  static constexpr const char* kHelp = "Tries at local letters that had to wait, by result.";

  Worker worker;
  std::unique_ptr<LocalLetters> letters;
  LocalDelivery deliver;
  SendBack send_back;
  Warn warn;
  const Clock* clock;
  Random* random;
  Log log;
  RetryOptions options;
  Counter delivered;
  Counter postponed;
  Counter held;
  Counter returned;
};

std::optional<SystemTime> next_try(const store::QueuedLocal& letter, const Error& error, SystemTime now,
                                   const RetryOptions& options, Random& random) {
  // A full mailbox may be emptied; what else lasts (the account is gone) does not change by waiting.
  if (!error.temporary() && error.kind != ErrorKind::quota) return std::nullopt;
  if (now - letter.arrived >= options.give_up_after) return std::nullopt;
  auto wait = std::chrono::duration_cast<std::chrono::microseconds>(options.retry);
  const auto longest = std::chrono::duration_cast<std::chrono::microseconds>(options.retry_max);
  for (std::int64_t i = 0; i < letter.attempts && wait < longest; ++i) wait = wait * 3 / 2;
  wait = std::min(wait, longest);
  const auto span = static_cast<std::uint64_t>(static_cast<double>(wait.count()) * options.jitter);
  wait += std::chrono::microseconds(static_cast<std::int64_t>(random.below(2 * span + 1)) -
                                    static_cast<std::int64_t>(span));
  return now + wait;
}

LocalRetry::LocalRetry(Executor home, std::unique_ptr<LocalLetters> letters, LocalDelivery deliver, const Clock& clock,
                       Random& random, const Log& log, Metrics& metrics, RetryOptions options, SendBack send_back,
                       Warn warn)
    : state_(std::make_shared<State>(home, std::move(letters), std::move(deliver), clock, random, log, metrics, options,
                                     std::move(send_back), std::move(warn))) {}

LocalRetry::~LocalRetry() = default;

namespace {

// A letter that makes us throw (a bug) waits as one whose shard is away: the others get their turn.
Async<Result<store::Delivered>> try_one(const LocalDelivery* deliver, store::QueuedLocal letter) {
  std::exception_ptr thrown;
  try {
    co_return co_await (*deliver)(std::move(letter));
  } catch (...) {
    thrown = std::current_exception();
  }
  co_return fail_thrown("the delivery", thrown);
}

// True: it was put off, with a warning or where none was wanted.
Async<bool> warn_of_one(const Warn* warn, store::QueuedLocal letter, SystemTime next, Error why, const Log* log) {
  std::exception_ptr thrown;
  Result<void> done;
  try {
    done = co_await (*warn)(std::move(letter), next, std::move(why));
  } catch (...) {
    thrown = std::current_exception();
  }
  if (thrown) done = fail_thrown("the warning", thrown);
  if (!done) log->error("author_not_warned", {{"why", done.error().log}});
  co_return done.has_value();
}

Async<bool> send_one_back(const SendBack* send_back, store::QueuedLocal letter, Error why, const Log* log) {
  if (!*send_back) co_return false;
  std::exception_ptr thrown;
  Result<bool> done = false;
  try {
    done = co_await (*send_back)(std::move(letter), std::move(why));
  } catch (...) {
    thrown = std::current_exception();
  }
  if (thrown) done = fail_thrown("the bounce", thrown);
  if (!done) log->error("letter_not_sent_back", {{"why", done.error().log}});
  co_return done.value_or(false);
}

}  // namespace

Async<LocalRetry::Round> LocalRetry::round() { return work_once(state_); }

Async<LocalRetry::Round> LocalRetry::work_once(std::shared_ptr<State> state) {
  Round done;
  const auto& options = state->options;
  bool more = true;
  while (more && !state->worker.stopping()) {
    auto due = co_await state->letters->due(options.batch, options.claim);
    if (!due) {
      state->log.error("queue_unreadable", {{"why", due.error().log}});
      ++done.failed;
      break;
    }
    more = due->size() == options.batch;
    for (auto& letter : *due) {
      if (state->worker.stopping()) break;  // the claim runs out by itself
      const store::QueuedLocal kept = letter;
      const auto delivered = co_await try_one(&state->deliver, std::move(letter));
      const Log log = state->log.with({"id", kept.delivery_id}).with({"recipient", kept.recipient});
      if (delivered) {
        ++done.delivered;
        state->delivered.add();
        log.info("queued_letter_delivered", {{"attempt", kept.attempts + 1}});
        continue;
      }
      const auto why = delivered.error().log;
      const auto next = next_try(kept, delivered.error(), state->clock->now(), options, *state->random);
      if (!next && co_await send_one_back(&state->send_back, kept, delivered.error(), &log)) {
        ++done.returned;
        state->returned.add();
        log.warning("queued_letter_sent_back", {{"attempt", kept.attempts + 1}, {"why", why}});
        continue;
      }
      Result<void> noted;
      const bool warns =
          next && state->warn && !kept.warned && state->clock->now() - kept.arrived >= options.warn_after;
      const bool warned = warns && co_await warn_of_one(&state->warn, kept, *next, delivered.error(), &log);
      if (next && !warned) {
        noted = co_await state->letters->postpone(kept, *next, why);
      } else if (!next) {
        noted = co_await state->letters->hold(kept, why);
      }
      if (!noted) {
        // The row stays as it is; it is tried again when the claim runs out.
        log.error("queue_unwritable", {{"why", noted.error().log}});
        ++done.failed;
      } else if (next) {
        ++done.postponed;
        state->postponed.add();
        log.warning("queued_letter_waits", {{"attempt", kept.attempts + 1}, {"why", why}});
      } else {
        ++done.held;
        state->held.add();
        log.error("queued_letter_held", {{"attempt", kept.attempts + 1}, {"why", why}});
      }
    }
  }

  done.sleep = std::chrono::duration_cast<std::chrono::milliseconds>(options.look);
  const auto next = co_await state->letters->next_due();
  if (!next) {
    state->log.error("queue_unreadable", {{"why", next.error().log}});
    ++done.failed;
  } else if (*next) {
    const auto until = std::chrono::ceil<std::chrono::milliseconds>(**next - state->clock->now());
    // At least a little, so that a queue that can't be written does not keep us busy.
    done.sleep = std::clamp(until, std::chrono::milliseconds(done.failed == 0 ? 10 : 1000), done.sleep);
  }
  co_return done;
}

Async<> LocalRetry::work(std::shared_ptr<State> state) {
  while (!state->worker.stopping()) {
    // What threw in one round may be gone in the next: letters must not wait for a new start.
    std::optional<Round> done;
    try {
      done = co_await work_once(state);
    } catch (...) {
      state->log.error("queue_round_failed", {{"why", thrown_text(std::current_exception())}});
    }
    co_await state->worker.wait(done ? done->sleep : std::chrono::milliseconds(state->options.look));
  }
}

void LocalRetry::start() {
  state_->worker.start(
      state_, [state = state_] { return work(state); },
      [state = state_.get()](const std::exception_ptr& thrown) {
        if (thrown) state->log.error("queue_worker_ended", {{"why", thrown_text(thrown)}});
      });
}

void LocalRetry::stop(std::move_only_function<void()> stopped) { state_->worker.stop(state_, std::move(stopped)); }

void LocalRetry::change(const RetryOptions& options) {
  asio::post(state_->worker.home(), [state = state_, options] {
    state->options.retry = options.retry;
    state->options.retry_max = options.retry_max;
    state->options.warn_after = options.warn_after;
    state->options.give_up_after = options.give_up_after;
  });
}

void LocalRetry::kick() {
  asio::post(state_->worker.home(), [state = state_] { state->worker.wake(); });
}

}  // namespace pabal::queue
