// What came of attempts, as the store is told.
#include <algorithm>

#include "queue/relay_worker.hpp"

namespace pabal::queue {

namespace {

constexpr std::size_t kSettledAtOnce = 100;
constexpr int kTogether = 4;  ///< tries
constexpr std::chrono::milliseconds kSettleAgain{500};
constexpr std::chrono::seconds kSettleAgainMost{60};

}  // namespace

// Ends when all is written, or when the process is to end: until then the letters stay in hand, and nobody claims their
// rows anew.
Async<> Relay::Worker::settle(Shared state, ShardId shard, std::vector<store::AttemptOutcome> attempts) {
  auto wait = kSettleAgain;
  bool noticed = false;
  for (int tries = 1;; ++tries) {
    // One of them may be what can't be written: the others don't wait for it.
    const std::size_t at_once = tries > kTogether ? 1 : attempts.size();
    std::vector<store::AttemptOutcome> left;
    std::string why;
    for (std::size_t at = 0; at < attempts.size(); at += at_once) {
      const std::vector<store::AttemptOutcome> some(
          std::make_move_iterator(attempts.begin() + std::ptrdiff_t(at)),
          std::make_move_iterator(attempts.begin() + std::ptrdiff_t(at + at_once)));
      Result<void> done;
      std::exception_ptr thrown;
      try {
        done = co_await state->services.letters->settle(shard, some);
      } catch (...) {
        thrown = std::current_exception();
      }
      if (thrown) done = fail_thrown("the queue", thrown);
      if (done) {
        noticed = noticed || std::ranges::any_of(some, [](const auto& one) { return !one.notices.empty(); });
      } else {
        why = done.error().log;
        left.insert(left.end(), some.begin(), some.end());
      }
    }
    if (left.empty()) break;
    attempts = std::move(left);
    // What was delivered must be known, or it goes out again: said until it is heard, or the process ends.
    state->log.error("queue_unwritable", {{"why", why}});
    if (state->stopping) break;
    co_await sleep_for(wait);
    wait = std::min<std::chrono::milliseconds>(wait * 2, kSettleAgainMost);
  }
  if (noticed) {
    state->look_wanted = true;
    if (state->services.noticed) state->services.noticed();
  }
}

void Relay::Worker::in_background(const Shared& state, Async<> work) {
  ++state->settling;
  asio::co_spawn(state->home, std::move(work), [state](const std::exception_ptr& thrown) {
    --state->settling;
    if (thrown) state->log.error("relay_outcome_failed", {{"why", thrown_text(thrown)}});
    state->alarm.ring();
  });
}

// Makes of an attempt what the store is to know, and tells it; in the background.
void Relay::Worker::finish(const Shared& state, std::vector<Attempt> attempts) {
  in_background(state, settle_all(state, std::move(attempts)));
}

namespace {

// Without notices: what was delivered is, and the rest waits.
Conclusion plain_conclusion(const Attempt& attempt, SystemTime now, SystemTime next) {
  Conclusion concluded;
  concluded.outcome.delivery_id = attempt.letter.id;
  concluded.outcome.trace = attempt.trace;
  concluded.outcome.made = now;
  for (std::size_t i = 0; i < attempt.letter.recipients.size(); ++i) {
    const bool delivered = attempt.endings[i].fate == Fate::delivered;
    concluded.outcome.recipients.push_back(
        {.number = attempt.letter.recipients[i].number,
         .end = delivered ? store::AttemptEnd::delivered : store::AttemptEnd::postponed,
         .next = next,
         .why = attempt.endings[i].words});
    ++(delivered ? concluded.tally.delivered : concluded.tally.postponed);
  }
  return concluded;
}

}  // namespace

namespace {

constexpr std::size_t kMostLater = 1000;
constexpr std::size_t kMostLaterOfOne = 5;  ///< in a lane

std::string later_key(const store::OutgoingLetter& letter) {
  return lane_of(letter).text() + "\n" + sender_of(letter.author);
}

}  // namespace

// Rows come by their time alone: where a destination has more of them than go out, a letter that was put off (a
// greylisting host's second try) would wait behind all that another has sent before. Who has little there keeps it in
// memory, too, where senders take turns. Its row says the same, for the next start.
std::optional<std::pair<SteadyTime, Held>> Relay::Worker::for_later(State& state, const Attempt& attempt,
                                                                    const Conclusion& concluded) {
  const auto& letter = attempt.letter;
  const auto found = state.lanes.find(lane_of(letter));
  if (found == state.lanes.end() || state.later.size() >= kMostLater || state.stopping) return std::nullopt;
  const auto& lane = *found->second;
  const auto main = state.lanes.find({letter.destination});
  const bool crowded =
      lane.waiting() >= state.batch_of(lane) || (main != state.lanes.end() && !main->second->more.empty());
  if (!crowded || lane.waiting_of(letter.author) != 0 || state.later_of.of(later_key(letter)) >= kMostLaterOfOne) {
    return std::nullopt;
  }
  Held held{.letter = letter, .hold = attempt.hold};
  held.letter.recipients.clear();
  std::optional<SystemTime> next;
  for (std::size_t i = 0; i < letter.recipients.size(); ++i) {
    const auto& row = concluded.outcome.recipients[i];
    if (row.end != store::AttemptEnd::postponed) continue;
    next = std::max(next.value_or(row.next), row.next);
    held.letter.recipients.push_back(letter.recipients[i]);
    ++held.letter.recipients.back().attempts;
    held.letter.recipients.back().last_error = row.why;
  }
  if (!next) return std::nullopt;
  state.later_of.add(later_key(letter));
  return std::pair(state.steady_of(*next), std::move(held));
}

void Relay::Worker::take_up_later(const Shared& state) {
  while (!state->later.empty() && state->later.begin()->first <= state->steady()) {
    auto held = std::move(state->later.begin()->second);
    state->later.erase(state->later.begin());
    state->later_of.remove(later_key(held.letter));
    auto& lane = state->lane(lane_of(held.letter));
    const auto author = held.letter.author;
    lane.push(std::move(held));
    state->hosts.came_to(lane, author);
    close_or_open(*state, lane, author);
    lane.ring();
    open_connections(state, lane, false);
  }
}

Async<> Relay::Worker::settle_all(Shared state, std::vector<Attempt> attempts) {
  const ConclusionOptions options{.schedule = state->options.schedule,
                                  .hostname = state->options.hostname,
                                  .returned_at_most = state->options.returned_at_most,
                                  .sign = state->services.sign_notice};
  std::map<ShardId, std::vector<store::AttemptOutcome>> outcomes;
  std::vector<std::pair<SteadyTime, Held>> later;
  for (const auto& attempt : attempts) {
    const auto shard = attempt.letter.shard;
    Conclusion concluded;
    std::exception_ptr thrown;
    try {
      concluded = co_await conclude(&attempt, &options, state->services.letters.get(), &state->services.addressees,
                                    state->services.clock, state->services.random, state->log);
    } catch (...) {
      thrown = std::current_exception();
    }
    if (thrown) {
      // What was delivered must not go out again for it.
      state->log.error("relay_outcome_failed", {{"id", attempt.letter.id}, {"why", thrown_text(thrown)}});
      concluded = plain_conclusion(attempt, state->now(), state->now() + state->options.schedule.retry);
    }
    note(*state, attempt.letter, concluded);
    if (auto one = for_later(*state, attempt, concluded)) later.push_back(*std::move(one));
    auto& of_shard = outcomes[shard];
    of_shard.push_back(std::move(concluded.outcome));
    if (of_shard.size() >= kSettledAtOnce) co_await settle(state, shard, std::exchange(of_shard, {}));
  }
  for (auto& [shard, of_shard] : outcomes) {
    if (!of_shard.empty()) co_await settle(state, shard, std::move(of_shard));
  }
  for (auto& one : later) state->later.insert(std::move(one));
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
  state.count(letter.destination, "held", tally.held);
  // The next look must not come too late for what waits.
  for (const auto& row : concluded.outcome.recipients) {
    if (row.end == store::AttemptEnd::postponed) state.look_at = std::min(state.look_at, state.steady_of(row.next));
  }
  const auto log = state.log.with({"id", letter.id});
  for (std::size_t i = 0; i < letter.recipients.size(); ++i) {
    const auto& row = concluded.outcome.recipients[i];
    const auto& to = letter.recipients[i].address;
    if (row.end == store::AttemptEnd::delivered) {
      log.info("relayed", {{"to", to}, {"reply", row.why}});
    } else if (row.end == store::AttemptEnd::held) {
      log.error("relay_holds", {{"to", to}, {"why", row.why}});
    } else if (row.end == store::AttemptEnd::failed) {
      log.warning("relay_gave_up", {{"to", to}, {"why", row.why}});
    } else {
      log.info("relay_waits", {{"to", to}, {"attempt", letter.recipients[i].attempts + 1}, {"why", row.why}});
    }
  }
}

}  // namespace pabal::queue
