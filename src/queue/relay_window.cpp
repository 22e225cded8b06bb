// What comes into the relay's memory, and which connections are made for it.
#include <algorithm>
#include <array>
#include <set>

#include "queue/relay_worker.hpp"

namespace pabal::queue {

namespace {

constexpr std::size_t kDestinationsALook = 200;
constexpr std::size_t kLanesKept = 20'000;  ///< of which something is remembered
constexpr std::size_t kShareOfLeft = 3;     ///< a sender's tries, of those that are left
constexpr std::size_t kReserved = 16;       ///< the part of the tries that is for senders with few of them alone

std::string key_of(const std::string& id, std::int64_t number) { return fmt::format("{}/{}", id, number); }

}  // namespace

// Takes a letter into its lane; rows that are in hand already are left out.
std::optional<Held> Relay::Worker::in_hand(const Shared& state, store::OutgoingLetter letter) {
  std::vector<std::string> keys;
  std::erase_if(letter.recipients, [&](const auto& recipient) {
    auto key = key_of(letter.id, recipient.number);
    if (!state->in_hand.insert(key).second) return true;
    keys.push_back(std::move(key));
    return false;
  });
  if (letter.recipients.empty()) return std::nullopt;
  auto hold = std::make_shared<Hold>(state, std::move(keys), letter.author);
  return Held{.letter = std::move(letter), .hold = std::move(hold)};
}

void Relay::Worker::take(const Shared& state, Lane& lane, store::OutgoingLetter letter) {
  auto held = in_hand(state, std::move(letter));
  if (!held) return;
  const auto author = held->letter.author;
  if (lane.waiting() == 0) lane.since = ++state->arrivals;
  lane.push(*std::move(held));
  state->hosts.came_to(lane, author);
  close_or_open(*state, lane, author);
}

// Says what may be handed over directly: not to a destination that fails or has enough waiting twice over, and of no
// sender more than there is room left for others, however many of these have as much. What is not handed over comes
// from the rows in its turn.
void Relay::Worker::close_or_open(State& state, Lane& lane, const std::string& author) {
  const auto most = 2 * state.window_of(lane);
  const auto change = [&](const std::string& key, bool close, bool open) {
    if (close && lane.closed.insert(key).second) state.closed.lock()->insert(key);
    if (open && lane.closed.erase(key) != 0) state.closed.lock()->erase(key);
  };
  const bool failing = lane.pace.failing();
  const auto name = lane.key().text();
  change(name, failing || lane.waiting() >= most, !failing && lane.waiting() <= most * 3 / 4);
  // Where memory is full: those that have something in it and don't move.
  const bool stands = !lane.pace.proven() && lane.waiting() != 0;
  change("\n" + name, stands, !stands);
  const auto own = lane.waiting_of(author);
  const auto room = most - std::min(most, lane.waiting());
  change(name + "\n" + sender_of(author), own > room, own <= room / 2);
}

std::optional<Held> Relay::Worker::pop(State& state, Lane& lane, const std::string& sender) {
  auto held = lane.pop(sender);
  if (held) close_or_open(state, lane, held->letter.author);
  return held;
}

// For letters of the rows.
std::size_t Relay::Worker::room_in(const State& state) {
  return state.options.window - std::min(state.options.window, state.letters);
}

Async<> Relay::Worker::claim(Shared state, std::string destination, ShardId shard) {
  const auto& options = state->options;
  auto& lane = state->lane({destination});
  const auto most = std::min(state->batch_of(lane), room_in(*state));
  if (most == 0) co_return;
  auto claimed = co_await state->services.letters->claim(shard, destination, most, state->now() + options.claim);
  if (!claimed) {
    state->log.error("queue_unreadable", {{"why", claimed.error().log}});
    co_return;
  }
  std::size_t rows = 0;
  std::set<Lane*> others;
  for (auto& letter : *claimed) {
    rows += letter.recipients.size();
    auto& own = state->lane(lane_of(letter));
    if (&own != &lane) others.insert(&own);
    take(state, own, std::move(letter));
    own.ring();
  }
  if (rows >= most) {
    lane.more.insert(shard);
  } else {
    lane.more.erase(shard);
  }
  state->tell_room();
  // Now, and not after the walk: it may be long.
  open_connections(state, lane, false);
  for (auto* other : others) open_connections(state, *other, false);
}

// Goes on with the walk through the destinations until the window is full or all were seen.
Async<> Relay::Worker::look(Shared state) {
  const auto& options = state->options;
  if (room_in(*state) == 0) {
    // What waits in memory comes first.
    state->look_at = state->steady() + std::chrono::seconds(1);
    co_return;
  }
  if (!state->cursor) state->next_seen.reset();
  state->look_wanted = false;
  const auto note = [&](SteadyTime time) { state->next_seen = std::min(state->next_seen.value_or(time), time); };
  do {
    auto found = co_await state->services.letters->due(state->cursor, kDestinationsALook);
    if (!found) {
      state->log.error("queue_unreadable", {{"why", found.error().log}});
      state->next_seen = state->steady() + std::chrono::seconds(1);
      break;
    }
    if (found->next) note(state->steady_of(*found->next));
    std::optional<store::DestinationCursor> full;
    for (const auto& due : found->due) {
      if (room_in(*state) == 0) break;
      full = store::DestinationCursor{due.shard, due.destination};
      auto& lane = state->lane({due.destination});
      if (lane.pace.rests(state->steady())) {
        note(lane.pace.rests_until());
        continue;
      }
      if (lane.waiting() >= state->batch_of(lane)) {
        lane.more.insert(due.shard);
        continue;
      }
      co_await claim(state, due.destination, due.shard);
      // What of its letters is due next only another walk tells.
      note(state->steady() + std::chrono::seconds(1));
    }
    // Where memory is full the walk goes on behind the last one that was looked at.
    state->cursor = room_in(*state) == 0 && full ? std::move(full) : std::move(found->go_on);
  } while (state->cursor && state->letters < options.window && !state->stopping);
  const auto latest = state->steady() + options.look;
  state->looked_at = state->steady();
  state->look_at = std::min(latest, state->next_seen.value_or(latest));
  forget_lanes(*state);
}

// What was learned of a destination is kept while it rests, and a little longer; not for ever.
void Relay::Worker::forget_lanes(State& state) {
  if (state.lanes.size() <= kLanesKept) return;
  std::erase_if(state.lanes, [&](const auto& entry) {
    const auto& lane = *entry.second;
    if (lane.waiting() != 0 || lane.sessions != 0 || lane.pace.rests(state.steady())) return false;
    auto closed = state.closed.lock();
    for (const auto& key : lane.closed) closed->erase(key);
    return true;
  });
}

// Letters of lanes that have run low, and then the walk where it is time.
Async<> Relay::Worker::fill(Shared state) {
  std::vector<std::pair<std::string, ShardId>> low;
  for (const auto& [key, lane] : state->lanes) {
    if (lane->more.empty() || lane->waiting() >= state->batch_of(*lane) || lane->pace.rests(state->steady())) continue;
    // Where nobody was reached lately the first letters tell; the rest comes, or fails, with them.
    if (!lane->pace.proven() && lane->sessions != 0) continue;
    for (const auto shard : lane->more) low.emplace_back(key.destination, shard);
  }
  for (auto& [name, shard] : low) {
    if (room_in(*state) == 0) break;
    co_await claim(state, std::move(name), shard);
  }
  const bool walks_on = state->cursor && state->letters < state->options.window / 2;
  if (state->look_wanted || walks_on || state->steady() >= state->look_at) co_await look(state);
}

// Those that were reached lately may use all connections. Others are tried beside them, those that failed least, and
// what has just come before what waits: a flood of letters for dead destinations takes nobody's turn. Nor does one
// sender's: he leaves as much to others as keeps a third of his own free, and only what has just come goes beyond that,
// a little at a time, and not all: some are left in any flood.
std::optional<Relay::Worker::Leave> Relay::Worker::may_connect(State& state, const Lane& lane, bool fresh) {
  if (state.busy() >= state.options.max_connections) return std::nullopt;
  if (lane.pace.proven()) return Leave{};
  const auto most = state.most_tries();
  const auto share = std::max<std::size_t>(1, lane.pace.failing() ? most / 2 : fresh ? most : most * 3 / 4);
  if (state.trying >= share) return std::nullopt;
  const auto left = std::max<std::size_t>(most, 1) - state.trying;
  auto author = lane.find_author([&](const auto& one) { return state.tries.of(sender_of(one)) < kShareOfLeft * left; });
  if (!author && fresh && !lane.pace.failing() && left > most / kReserved && state.spare_tries.take(state.steady())) {
    author = lane.find_author([](const auto& /*any*/) { return true; });
  }
  if (!author) return std::nullopt;
  return Leave{.trying = true, .sender = sender_of(*author)};
}

namespace {

// The fuller it is, the less time has each.
std::chrono::milliseconds hurry_of(std::size_t trying, std::size_t most) {
  if (trying * 4 >= most * 3) return std::chrono::seconds(2);
  if (trying * 2 >= most) return std::chrono::seconds(5);
  return std::chrono::milliseconds(0);
}

}  // namespace

// Whether letters wait for which there is neither a connection at rest nor one on its way.
bool Relay::Worker::wanted(const State& state, const Lane& lane) {
  if (!lane.waits_at.empty()) return false;
  if (lane.waiting() == 0 || lane.pace.rests(state.steady()) || lane.sessions >= lane.pace.connections()) return false;
  return lane.waiting() > lane.idle.size() + lane.rung + (lane.sessions - lane.connected);
}

void Relay::Worker::try_ends(State& state, Session& session) {
  if (!std::exchange(session.trying, false)) return;
  --state.trying;
  state.tries.remove(session.tried_for);
}

void Relay::Worker::open_connection(const Shared& state, Lane& lane, Leave leave, std::string invited,
                                    std::string sender) {
  auto session = std::make_shared<Session>();
  session->invited_by = std::move(invited);
  session->invited_for = std::move(sender);
  lane.fresh = false;
  ++lane.sessions;
  ++state->sessions;
  state->open.insert(session.get());
  if (leave.trying) {
    session->trying = true;
    session->tried_for = std::move(leave.sender);
    session->hurry = hurry_of(state->trying, state->most_tries());
    ++state->trying;
    state->tries.add(session->tried_for);
  }
  state->connections.set(static_cast<double>(state->sessions));
  asio::co_spawn(state->home, run_session(state, lane.key(), session),
                 [state, key = lane.key(), session](const std::exception_ptr& thrown) {
                   ++state->ended;
                   --state->sessions;
                   state->open.erase(session.get());
                   try_ends(*state, *session);
                   const auto host = session->place.empty() ? session->invited_by : session->place;
                   decline(*state, *session);
                   leave_host(*state, *session);
                   session->peer.reset();
                   --state->lane(key).sessions;
                   state->connections.set(static_cast<double>(state->sessions));
                   if (thrown) {
                     state->log.error("relay_session_failed",
                                      {{"destination", key.destination}, {"why", thrown_text(thrown)}});
                   }
                   if (!host.empty()) ring_host(state, host);
                   state->alarm.ring();
                 });
}

void Relay::Worker::open_connections(const Shared& state, Lane& lane, bool fresh) {
  while (!state->stopping && wanted(*state, lane)) {
    auto leave = may_connect(*state, lane, fresh);
    if (!leave) {
      lane.fresh = lane.fresh || (fresh && lane.sessions == 0);
      state->fresh_waits = state->fresh_waits || lane.fresh;
      return;
    }
    open_connection(state, lane, *std::move(leave));
  }
}

void Relay::Worker::open_connections(const Shared& state) {
  if (state->stopping) return;
  ring_hosts(state);
  std::array<std::vector<Lane*>, 3> ready;  // proven, unknown, failing
  std::vector<Lane*> fresh;
  for (const auto& [name, lane] : state->lanes) {
    if (!wanted(*state, *lane)) continue;
    auto* one = lane.get();
    ready[one->pace.proven() ? 0 : one->pace.failing() ? 2 : 1].push_back(one);
    if (one->fresh) fresh.push_back(one);
  }
  // The newest: those before them had their chance, and are many.
  state->fresh_waits = false;
  const auto newest =
      fresh.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(fresh.size(), TryPace::at_once));
  std::ranges::partial_sort(fresh, newest, std::ranges::greater(), &Lane::since);
  for (auto at = fresh.begin(); at != newest; ++at) open_connections(state, **at, true);
  // Of what has waited, the oldest.
  const auto free = state->most_tries() - std::min(state->most_tries(), state->trying);
  const auto oldest = ready[1].begin() + static_cast<std::ptrdiff_t>(std::min(ready[1].size(), free));
  std::ranges::partial_sort(ready[1], oldest, {}, &Lane::since);
  for (const auto& group : ready) {
    for (auto* lane : group) open_connections(state, *lane, false);
  }
}

}  // namespace pabal::queue
