// What comes into the relay's memory, and which connections are made for it.
#include <algorithm>
#include <array>

#include "queue/relay_worker.hpp"

namespace pabal::queue {

namespace {

constexpr std::size_t kDestinationsALook = 200;
constexpr std::size_t kLanesKept = 20'000;  ///< of which something is remembered

std::string key_of(const std::string& id, std::int64_t number) { return fmt::format("{}/{}", id, number); }

}  // namespace

// Takes a letter into its lane; rows that are in hand already are left out.
void Relay::Worker::take(const Shared& state, Lane& lane, store::OutgoingLetter letter) {
  std::vector<std::string> keys;
  std::erase_if(letter.recipients, [&](const auto& recipient) {
    auto key = key_of(letter.id, recipient.number);
    if (!state->in_hand.insert(key).second) return true;
    keys.push_back(std::move(key));
    return false;
  });
  if (letter.recipients.empty()) return;
  const auto author = letter.author;
  lane.push({.letter = std::move(letter),
             .tries = 0,
             .first_hop = 0,
             .hold = std::make_shared<Hold>(state, std::move(keys))});
  close_or_open(*state, lane, author);
}

// Says what may be handed over directly: not to a destination that fails or has enough waiting, and of no sender
// more than half of that. What is not handed over comes from the rows in its turn.
void Relay::Worker::close_or_open(State& state, Lane& lane, const std::string& author) {
  const auto most = state.options.window_per_destination;
  const auto change = [&](const std::string& key, bool close, bool open) {
    if (close && lane.closed.insert(key).second) state.closed.lock()->insert(key);
    if (open && lane.closed.erase(key) != 0) state.closed.lock()->erase(key);
  };
  const bool failing = lane.pace.failing();
  change(lane.name(), failing || lane.waiting() >= most, !failing && lane.waiting() < most / 2);
  const auto own = lane.waiting_of(author);
  change(lane.name() + "\n" + author, own >= most / 2, own < most / 4);
}

std::optional<Held> Relay::Worker::pop(State& state, Lane& lane) {
  auto held = lane.pop();
  if (held) close_or_open(state, lane, held->letter.author);
  return held;
}

Async<> Relay::Worker::claim(Shared state, std::string destination, ShardId shard) {
  const auto& options = state->options;
  auto claimed =
      co_await state->services.letters->claim(shard, destination, options.batch, state->now() + options.claim);
  if (!claimed) {
    state->log.error("queue_unreadable", {{"why", claimed.error().log}});
    co_return;
  }
  auto& lane = state->lane(destination);
  std::size_t rows = 0;
  for (auto& letter : *claimed) {
    rows += letter.recipients.size();
    take(state, lane, std::move(letter));
  }
  if (rows >= options.batch) {
    lane.more.insert(shard);
  } else {
    lane.more.erase(shard);
  }
  state->tell_room();
  // Now, and not after the walk: it may be long.
  open_connections(state, lane);
}

// Goes on with the walk through the destinations until the window is full or all were seen.
Async<> Relay::Worker::look(Shared state) {
  const auto& options = state->options;
  if (!state->cursor) state->next_seen.reset();
  state->look_wanted = false;
  const auto note = [&](SystemTime time) { state->next_seen = std::min(state->next_seen.value_or(time), time); };
  do {
    auto found = co_await state->services.letters->due(state->cursor, kDestinationsALook);
    if (!found) {
      state->log.error("queue_unreadable", {{"why", found.error().log}});
      state->next_seen = state->now() + std::chrono::seconds(1);
      break;
    }
    if (found->next) note(*found->next);
    for (const auto& due : found->due) {
      auto& lane = state->lane(due.destination);
      if (lane.pace.rests(state->now())) {
        note(lane.pace.rests_until());
        continue;
      }
      if (lane.waiting() >= options.batch) {
        lane.more.insert(due.shard);
        continue;
      }
      co_await claim(state, due.destination, due.shard);
      // What of its letters is due next only another walk tells.
      note(state->now() + std::chrono::seconds(1));
    }
    state->cursor = std::move(found->go_on);
  } while (state->cursor && state->letters < options.window && !state->stopping);
  const auto latest = state->now() + options.look;
  state->looked_at = state->now();
  state->look_at = std::min(latest, state->next_seen.value_or(latest));
  forget_lanes(*state);
}

// What was learned of a destination is kept while it rests, and a little longer; not for ever.
void Relay::Worker::forget_lanes(State& state) {
  if (state.lanes.size() <= kLanesKept) return;
  std::erase_if(state.lanes, [&](const auto& entry) {
    const auto& lane = *entry.second;
    if (lane.waiting() != 0 || lane.sessions != 0 || lane.pace.rests(state.now())) return false;
    auto closed = state.closed.lock();
    for (const auto& key : lane.closed) closed->erase(key);
    return true;
  });
}

// Letters of lanes that have run low, and then the walk where it is time.
Async<> Relay::Worker::fill(Shared state) {
  std::vector<std::pair<std::string, ShardId>> low;
  for (const auto& [name, lane] : state->lanes) {
    if (lane->more.empty() || lane->waiting() >= state->options.batch || lane->pace.rests(state->now())) continue;
    for (const auto shard : lane->more) low.emplace_back(name, shard);
  }
  for (auto& [name, shard] : low) {
    if (state->letters >= state->options.window) co_return;
    co_await claim(state, std::move(name), shard);
  }
  const bool walks_on = state->cursor && state->letters < state->options.window / 2;
  if (state->look_wanted || walks_on || state->now() >= state->look_at) co_await look(state);
}

// Those that were reached lately may use all connections, those that failed few: a flood of letters for dead
// destinations takes nobody's turn.
bool Relay::Worker::may_connect(const State& state, const Lane& lane) {
  const auto most = state.options.max_connections;
  const auto share = lane.pace.proven() ? most : lane.pace.failing() ? most / 3 : most * 2 / 3;
  return state.sessions < std::max<std::size_t>(1, share);
}

// Whether letters wait for which there is neither a connection at rest nor one on its way.
bool Relay::Worker::wanted(const State& state, const Lane& lane) {
  if (lane.waiting() == 0 || lane.pace.rests(state.now()) || lane.sessions >= lane.pace.connections()) return false;
  return lane.waiting() > lane.idle.size() + (lane.sessions - lane.connected);
}

void Relay::Worker::open_connections(const Shared& state, Lane& lane) {
  while (!state->stopping && wanted(*state, lane) && may_connect(*state, lane)) {
    ++lane.sessions;
    ++state->sessions;
    state->connections.set(static_cast<double>(state->sessions));
    asio::co_spawn(state->home, session(state, lane.name()),
                   [state, name = lane.name()](const std::exception_ptr& thrown) {
                     ++state->ended;
                     --state->sessions;
                     --state->lane(name).sessions;
                     state->connections.set(static_cast<double>(state->sessions));
                     if (thrown)
                       state->log.error("relay_session_failed", {{"destination", name}, {"why", thrown_text(thrown)}});
                     state->alarm.ring();
                   });
  }
}

void Relay::Worker::open_connections(const Shared& state) {
  if (state->stopping) return;
  std::array<std::vector<Lane*>, 3> ready;  // proven, unknown, failing
  for (const auto& [name, lane] : state->lanes) {
    if (wanted(*state, *lane)) ready[lane->pace.proven() ? 0 : lane->pace.failing() ? 2 : 1].push_back(lane.get());
  }
  for (const auto& group : ready) {
    for (auto* lane : group) open_connections(state, *lane);
  }
}

}  // namespace pabal::queue
