#include "queue/relay.hpp"

#include <algorithm>

#include "queue/relay_worker.hpp"

namespace pabal::queue {

namespace {
constexpr std::chrono::seconds kLookAgain{1};
constexpr std::chrono::minutes kSetBack{1};  ///< what is less doesn't matter
}  // namespace

void Relay::Worker::ring_idle(State& state) {
  for (const auto& [name, lane] : state.lanes) {
    for (auto* alarm : lane->idle) alarm->ring();
  }
}

void Relay::Worker::interrupt(State& state) {
  state.services.peers->interrupt();
  for (auto* session : state.open) {
    if (session->peer) session->peer->interrupt();
  }
}

std::chrono::milliseconds Relay::Worker::sleep_of(State& state) {
  auto until = state.look_at;
  if (state.fresh_waits) until = std::min(until, state.steady() + TryPace::every);
  for (const auto& [name, lane] : state.lanes) {
    if (lane->waiting() == 0 || !lane->pace.rests(state.steady())) continue;
    until = std::min(until, lane->pace.rests_until());
  }
  if (!state.later.empty()) until = std::min(until, state.later.begin()->first);
  if (const auto moment = state.hosts.first_moment(state.steady())) until = std::min(until, *moment);
  const auto time = std::chrono::ceil<std::chrono::milliseconds>(until - state.steady());
  return std::clamp(time, std::chrono::milliseconds(20),
                    std::chrono::duration_cast<std::chrono::milliseconds>(state.options.look));
}

// Rows have times of day: where the clock is set back they would wait for as long as that. None waits longer than the
// longest wait there is. Also at the start: nobody knows what the clock said before.
void Relay::Worker::watch_clock(const Shared& state) {
  const std::chrono::microseconds apart =
      state->now().time_since_epoch() -
      std::chrono::duration_cast<std::chrono::microseconds>(state->steady().time_since_epoch());
  const auto before = std::exchange(state->clocks_apart, apart);
  if (before && apart > *before - kSetBack) {
    if (apart < *before) state->clocks_apart = before;  // small steps add up
    return;
  }
  if (before) {
    state->log.warning("clock_set_back",
                       {{"seconds", std::chrono::duration_cast<std::chrono::seconds>(*before - apart).count()}});
  }
  in_background(state, bring_forward(state));
}

// In the background: a million rows take a while.
Async<> Relay::Worker::bring_forward(Shared state) {
  // With jitter it is a little more than the setting.
  const auto latest = state->now() + state->options.schedule.retry_max * 5 / 4;
  const auto done =
      co_await state->services.letters->bring_forward(latest, [state = state.get()] { return !state->stopping; });
  if (!done) state->log.error("queue_unwritable", {{"why", done.error().log}});
  state->look_wanted = true;
}

Async<> Relay::Worker::work(Shared state) {
  const auto forgot = co_await state->services.letters->forget_claims();
  if (!forgot) state->log.error("queue_unwritable", {{"why", forgot.error().log}});
  while (!state->stopping) {
    std::exception_ptr thrown;
    try {
      watch_clock(state);
      take_up_later(state);
      co_await fill(state);
      open_connections(state);
    } catch (...) {
      thrown = std::current_exception();
    }
    if (thrown) state->log.error("relay_round_failed", {{"why", thrown_text(thrown)}});
    if (state->stopping) break;
    co_await state->alarm.wait(sleep_of(*state));
  }
  state->later.clear();  // their rows are due at their time
  ring_idle(*state);
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto patient_until = now() + state->options.stop_patience;
  while (state->sessions > 0 || state->settling > 0) {
    if (now() >= patient_until) interrupt(*state);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(patient_until - now());
    co_await state->alarm.wait(left.count() > 0 ? std::min<std::chrono::milliseconds>(left, std::chrono::seconds(1))
                                                : std::chrono::seconds(1));
  }
  state->working = false;
  if (state->stopped) std::exchange(state->stopped, nullptr)();
}

Async<Relay::Round> Relay::Worker::round(Shared state) {
  state->tally = {};
  while (true) {
    state->look_wanted = true;
    state->cursor.reset();
    const auto before = state->ended;
    take_up_later(state);
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
    const auto rests = std::max(lane->pace.rests_until(), state->steady());
    next = std::min(next.value_or(rests), rests);
  }
  std::optional<SystemTime> due;
  if (next) due = state->now() + std::chrono::duration_cast<std::chrono::microseconds>(*next - state->steady());
  co_return Round{state->tally, due};
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
    state->hosts.forgive();
    // An operator's `retry` means these, too: their rows say when, and come by the walk.
    state->later.clear();
    state->later_of = {};
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

std::optional<SystemTime> Relay::room(const std::string& author, const std::vector<store::RemoteRecipient>& recipients,
                                      store::TlsWish tls) {
  // A memory full of letters for hosts that say nothing is no reason for others to wait: they have as much again,
  // twice.
  const auto free = state_->free.load(std::memory_order_relaxed);
  const auto window = static_cast<std::int64_t>(state_->options.window);
  if (free <= -static_cast<std::int64_t>(State::direct_windows - 1) * window) return std::nullopt;
  {
    auto closed = state_->closed.lock();
    const auto sender = closed->empty() ? std::string() : sender_of(author);
    if (closed->contains("\f" + sender)) return std::nullopt;
    for (const auto& recipient : recipients) {
      if (closed->empty()) break;
      const auto lane = LaneKey{recipient.destination, tls}.text();
      if (free <= 0 && closed->contains("\n" + lane)) return std::nullopt;
      if (closed->contains(lane) || closed->contains(lane + "\n" + sender)) return std::nullopt;
    }
  }
  return state_->now() + state_->options.claim;
}

void Relay::hand_over(std::vector<store::OutgoingLetter> letters) {
  asio::post(state_->home, [state = state_, letters = std::move(letters)]() mutable {
    for (auto& letter : letters) {
      auto& lane = state->lane(lane_of(letter));
      const bool fresh = lane.waiting() == 0 && lane.sessions == 0;
      Worker::take(state, lane, std::move(letter));
      lane.ring();
      if (state->working) Worker::open_connections(state, lane, fresh);
    }
    state->tell_room();
    state->alarm.ring();
  });
}

Async<Relay::Round> Relay::round() { return Worker::round(state_); }

}  // namespace pabal::queue
