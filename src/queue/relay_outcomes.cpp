// What came of attempts, as the store is told.
#include <algorithm>

#include "queue/relay_worker.hpp"

namespace pabal::queue {

namespace {

constexpr std::size_t kSettledAtOnce = 100;
constexpr std::chrono::milliseconds kSettleAgain{500};
constexpr std::chrono::seconds kSettleAgainMost{60};

}  // namespace

Async<> Relay::Worker::settle(Shared state, ShardId shard, std::vector<store::AttemptOutcome> attempts) {
  auto wait = kSettleAgain;
  while (true) {
    Result<void> done;
    std::exception_ptr thrown;
    try {
      done = co_await state->services.letters->settle(shard, attempts);
    } catch (...) {
      thrown = std::current_exception();
    }
    if (thrown) done = fail_thrown("the queue", thrown);
    if (done) break;
    // What was delivered must be known, or it goes out again: said until it is heard, or the process ends.
    state->log.error("queue_unwritable", {{"why", done.error().log}});
    if (state->stopping) break;
    co_await sleep_for(wait);
    wait = std::min<std::chrono::milliseconds>(wait * 2, kSettleAgainMost);
  }
  const bool noticed = std::ranges::any_of(attempts, [](const auto& attempt) { return !attempt.notices.empty(); });
  if (noticed) {
    state->look_wanted = true;
    if (state->services.noticed) state->services.noticed();
  }
}

// Makes of an attempt what the store is to know, and tells it; in the background.
void Relay::Worker::finish(const Shared& state, std::vector<Attempt> attempts) {
  ++state->settling;
  asio::co_spawn(state->home, settle_all(state, std::move(attempts)), [state](const std::exception_ptr& thrown) {
    --state->settling;
    if (thrown) state->log.error("relay_outcome_failed", {{"why", thrown_text(thrown)}});
    state->alarm.ring();
  });
}

Async<> Relay::Worker::settle_all(Shared state, std::vector<Attempt> attempts) {
  const ConclusionOptions options{.schedule = state->options.schedule,
                                  .hostname = state->options.hostname,
                                  .returned_at_most = state->options.returned_at_most};
  std::map<ShardId, std::vector<store::AttemptOutcome>> outcomes;
  for (const auto& attempt : attempts) {
    const auto shard = attempt.letter.shard;
    auto concluded = co_await conclude(&attempt, &options, state->services.letters.get(), &state->services.addressees,
                                       state->services.clock, state->services.random, state->log);
    note(*state, attempt.letter, concluded);
    auto& of_shard = outcomes[shard];
    of_shard.push_back(std::move(concluded.outcome));
    if (of_shard.size() >= kSettledAtOnce) co_await settle(state, shard, std::exchange(of_shard, {}));
  }
  for (auto& [shard, of_shard] : outcomes) {
    if (!of_shard.empty()) co_await settle(state, shard, std::move(of_shard));
  }
}

void Relay::Worker::note(State& state, const store::OutgoingLetter& letter, const Conclusion& concluded) {
  const auto& tally = concluded.tally;
  state.tally.delivered += tally.delivered;
  state.tally.postponed += tally.postponed;
  state.tally.failed += tally.failed;
  state.tally.notices += tally.notices;
  state.count(letter.destination, "delivered", tally.delivered);
  state.count(letter.destination, "postponed", tally.postponed);
  state.count(letter.destination, "failed", tally.failed);
  // The next look must not come too late for what waits.
  for (const auto& row : concluded.outcome.recipients) {
    if (row.end == store::AttemptEnd::postponed) state.look_at = std::min(state.look_at, row.next);
  }
  const auto log = state.log.with({"id", letter.id});
  for (std::size_t i = 0; i < letter.recipients.size(); ++i) {
    const auto& row = concluded.outcome.recipients[i];
    const auto& to = letter.recipients[i].address;
    if (row.end == store::AttemptEnd::delivered) {
      log.info("relayed", {{"to", to}, {"reply", row.why}});
    } else if (row.end == store::AttemptEnd::failed) {
      log.warning("relay_gave_up", {{"to", to}, {"why", row.why}});
    } else {
      log.info("relay_waits", {{"to", to}, {"attempt", letter.recipients[i].attempts + 1}, {"why", row.why}});
    }
  }
}

}  // namespace pabal::queue
