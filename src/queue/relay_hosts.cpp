// Places at hosts: a connection of its own, one that another destination's letters have used, or a turn in the line.
#include <algorithm>

#include "queue/relay_worker.hpp"

namespace pabal::queue {

namespace {

// Its peer goes to this session; the other one wakes, and ends.
bool take_over(Host& host, RelaySession& session) {
  for (auto* resting : host.resting) {
    auto& other = *resting->session;
    if (other.kind != session.kind || !other.peer->is_reusable()) continue;
    // One that was rung is on its way to a letter of its own lane.
    if (std::erase(resting->lane->idle, resting->alarm) == 0) continue;
    session.peer = std::move(other.peer);
    session.sent = other.sent;
    session.place = std::exchange(other.place, {});
    session.stands = std::exchange(other.stands, false);
    session.trace.taken_over(session.peer->facts(), resting->lane->destination());
    resting->taken = true;
    resting->alarm->ring();
    std::erase(host.resting, resting);
    return true;
  }
  return false;
}

}  // namespace

namespace {

// Of a host's addresses that which counts: where we come through. Its first may be of a family that leads nowhere.
std::string place_at(HostTable& hosts, const std::vector<std::string>& names, SteadyTime now) {
  const std::string* connected = nullptr;
  for (const auto& name : names) {
    const auto* host = hosts.find(name);
    if (host == nullptr || host->connected == 0) continue;
    if (host->has_place(now)) return name;
    if (connected == nullptr) connected = &name;
  }
  return connected != nullptr ? *connected : names.front();
}

// One that rests and is of no use for another kind makes room.
void make_room(Host& host) {
  for (auto* resting : host.resting) {
    if (std::erase(resting->lane->idle, resting->alarm) == 0) continue;
    resting->unwanted = true;
    resting->alarm->ring();
    std::erase(host.resting, resting);
    return;
  }
}

}  // namespace

Relay::Worker::AtHost Relay::Worker::enter_host(State& state, Session& session, const Route& route, const NextHop& hop,
                                                store::TlsWish wish) {
  decline(state, session);
  session.kind = kind_of_connection(route, hop, wish);
  const auto names = host_names(hop);
  const auto now = state.steady();
  for (const auto& name : names) {
    auto* host = session.kind ? state.hosts.find(name) : nullptr;
    if (host != nullptr && !host->pace.rests(now) && take_over(*host, session)) return AtHost::taken_over;
  }
  auto name = place_at(state.hosts, names, now);
  auto& host = state.host(name);
  if (!host.has_place(now)) {
    make_room(host);
    if (session.full_at.empty()) session.full_at = std::move(name);
    return AtHost::full;
  }
  ++host.open;
  session.place = std::move(name);
  return AtHost::place;
}

// It is counted where it was reached.
void Relay::Worker::connected_to_host(State& state, Session& session, const NextHop& hop) {
  if (!hop.addresses.empty()) {
    auto reached = session.peer->facts().address.text();
    if (reached != session.place) {
      ++state.host(reached).open;
      leave_host(state, session);
      session.place = std::move(reached);
    }
  }
  ++state.host(session.place).connected;
  session.stands = true;
}

bool Relay::Worker::host_has_enough(State& state, Session& session, const NoPeer& no) {
  auto* host = state.hosts.find(session.place);
  if (host == nullptr) return false;
  const bool before_words = no.at == "connect" || no.at == "greeting";
  if (host->connected > 0 && before_words && (!no.reply || no.reply->is_passing())) {
    host->pace.has_enough(host->connected, state.steady());
    if (session.full_at.empty()) session.full_at = session.place;
    return true;
  }
  if (host->connected == 0 && before_words && !no.reply) host->pace.failed(state.steady());
  return false;
}

// An invitation that was taken, or that nobody needs.
void Relay::Worker::decline(State& state, Session& session) {
  if (session.invited_by.empty()) return;
  if (auto* host = state.hosts.find(session.invited_by)) --host->invited;
  session.invited_by.clear();
}

void Relay::Worker::leave_host(State& state, Session& session) {
  auto* host = session.place.empty() ? nullptr : state.hosts.find(session.place);
  session.place.clear();
  const bool stood = std::exchange(session.stands, false);
  if (host == nullptr) return;
  --host->open;
  if (stood) --host->connected;
}

bool Relay::Worker::others_wait(State& state, const Session& session) {
  const auto* host = session.place.empty() ? nullptr : state.hosts.find(session.place);
  return host != nullptr && !host->waiting.empty();
}

// As many of those that wait as there are places, each sender in his turn. The name is a copy: a session whose it is
// may lose it meanwhile.
void Relay::Worker::ring_host(const Shared& state, std::string name) {  // NOLINT(performance-unnecessary-value-param)
  auto* host = state->hosts.find(name);
  while (host != nullptr && !state->stopping && !host->waiting.empty()) {
    const auto now = state->steady();
    const bool releases = host->holds_nobody(now);
    if (!releases) {
      const auto limit = host->pace.connections();
      const auto places = host->resting.size() + (limit > host->open ? limit - host->open : 0);
      if (host->pace.rests(now) || host->invited >= places) return;
    }
    const auto next = host->waiting.pop();
    const auto found = state->lanes.find(next->lane);
    if (found == state->lanes.end() || found->second->waits_at != name) continue;
    auto& lane = *found->second;
    lane.waits_at.clear();
    if (releases) {  // each is tried, and hears of it, as any other that can't be reached
      state->alarm.ring();
      continue;
    }
    if (lane.waiting() == 0 || lane.pace.rests(now)) continue;
    if (lane.sessions >= lane.pace.connections()) {  // one of its own has had its turn, and goes on
      lane.ring();
      continue;
    }
    auto leave = host->connected == 0                             ? may_connect(*state, lane, false)
                 : state->busy() < state->options.max_connections ? std::optional(Leave{})
                                                                  : std::nullopt;
    if (!leave) {
      lane.waits_at = name;
      host->waiting.add_first(next->sender, next->lane);
      return;
    }
    ++host->invited;
    open_connection(state, lane, *std::move(leave), name, next->sender);
    host = state->hosts.find(name);  // what that has begun may have made room in the table
  }
}

void Relay::Worker::ring_hosts(const Shared& state) {
  for (const auto& name : state->hosts.waited()) ring_host(state, name);
}

}  // namespace pabal::queue
