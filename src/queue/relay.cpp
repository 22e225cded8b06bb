#include "queue/relay.hpp"

#include <algorithm>

#include "queue/relay_worker.hpp"

namespace pabal::queue {

namespace {
constexpr std::chrono::seconds kLookAgain{1};
}  // namespace

void Relay::Worker::ring_idle(State& state) {
  for (const auto& [name, lane] : state.lanes) {
    for (auto* alarm : lane->idle) alarm->ring();
  }
}

std::chrono::milliseconds Relay::Worker::sleep_of(const State& state) {
  auto until = state.look_at;
  for (const auto& [name, lane] : state.lanes) {
    if (lane->waiting() == 0 || !lane->pace.rests(state.now())) continue;
    until = std::min(until, lane->pace.rests_until());
  }
  const auto time = std::chrono::ceil<std::chrono::milliseconds>(until - state.now());
  return std::clamp(time, std::chrono::milliseconds(20),
                    std::chrono::duration_cast<std::chrono::milliseconds>(state.options.look));
}

Async<> Relay::Worker::work(Shared state) {
  const auto forgot = co_await state->services.letters->forget_claims(state->options.claim);
  if (!forgot) state->log.error("queue_unwritable", {{"why", forgot.error().log}});
  while (!state->stopping) {
    std::exception_ptr thrown;
    try {
      co_await fill(state);
      open_connections(state);
    } catch (...) {
      thrown = std::current_exception();
    }
    if (thrown) state->log.error("relay_round_failed", {{"why", thrown_text(thrown)}});
    if (state->stopping) break;
    co_await state->alarm.wait(sleep_of(*state));
  }
  ring_idle(*state);
  while (state->sessions > 0 || state->settling > 0) co_await state->alarm.wait(std::chrono::seconds(1));
  state->working = false;
  if (state->stopped) std::exchange(state->stopped, nullptr)();
}

Async<Relay::Round> Relay::Worker::round(Shared state) {
  state->tally = {};
  while (true) {
    state->look_wanted = true;
    state->cursor.reset();
    const auto before = state->ended;
    co_await fill(state);
    open_connections(state);
    while (state->sessions > 0 || state->settling > 0) {
      co_await state->alarm.wait(std::chrono::seconds(1));
      open_connections(state);
    }
    if (before == state->ended) break;
  }
  auto next = state->next_seen;
  for (const auto& [name, lane] : state->lanes) {
    if (lane->waiting() == 0) continue;
    const auto rests = std::max(lane->pace.rests_until(), state->now());
    next = std::min(next.value_or(rests), rests);
  }
  co_return Round{state->tally, next};
}

Relay::Relay(Executor home, RelayServices services, const Log& log, RelayOptions options)
    : state_(std::make_shared<State>(home, std::move(services), log, std::move(options))) {
  state_->tell_room();
}
Relay::~Relay() = default;

void Relay::start() {
  asio::post(state_->home, [state = state_] {
    if (state->working || state->stopping) return;
    state->working = true;
    asio::co_spawn(state->home, Worker::work(state), [state](const std::exception_ptr& thrown) {
      if (!thrown) return;
      state->working = false;
      state->log.error("relay_ended", {{"why", thrown_text(thrown)}});
      if (state->stopped) std::exchange(state->stopped, nullptr)();
    });
  });
}

void Relay::stop(std::move_only_function<void()> stopped) {
  asio::post(state_->home, [state = state_, stopped = std::move(stopped)]() mutable {
    state->stopping = true;
    state->free.store(0, std::memory_order_relaxed);
    if (!state->working) {
      if (stopped) stopped();
      return;
    }
    state->stopped = std::move(stopped);
    Worker::ring_idle(*state);
    state->alarm.ring();
  });
}

void Relay::change(const ScheduleOptions& schedule) {
  asio::post(state_->home, [state = state_, schedule] { state->options.schedule = schedule; });
}

void Relay::kick() {
  asio::post(state_->home, [state = state_] {
    // Somebody wants to know now: also of destinations that are left alone.
    for (const auto& [name, lane] : state->lanes) lane->pace.forgive();
    state->look_wanted = true;
    state->alarm.ring();
  });
}

void Relay::tell() {
  asio::post(state_->home, [state = state_] {
    state->look_at = std::min(state->look_at, state->looked_at + kLookAgain);
    state->alarm.ring();
  });
}

std::optional<SystemTime> Relay::room(const std::string& author,
                                      const std::vector<store::RemoteRecipient>& recipients) {
  if (state_->free.load(std::memory_order_relaxed) <= 0) return std::nullopt;
  {
    auto closed = state_->closed.lock();
    for (const auto& recipient : recipients) {
      if (closed->empty()) break;
      if (closed->contains(recipient.destination) || closed->contains(recipient.destination + "\n" + author)) {
        return std::nullopt;
      }
    }
  }
  return state_->now() + state_->options.claim;
}

void Relay::hand_over(std::vector<store::OutgoingLetter> letters) {
  asio::post(state_->home, [state = state_, letters = std::move(letters)]() mutable {
    for (auto& letter : letters) {
      auto& lane = state->lane(letter.destination);
      Worker::take(state, lane, std::move(letter));
      if (!lane.idle.empty()) lane.idle.front()->ring();
      if (state->working) Worker::open_connections(state, lane);
    }
    state->tell_room();
    state->alarm.ring();
  });
}

Async<Relay::Round> Relay::round() { return Worker::round(state_); }

}  // namespace pabal::queue
