// One connection of the relay: the way, the peer, letters one after another.
#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "message/bounce.hpp"
#include "queue/relay_worker.hpp"

namespace pabal::queue {

namespace {

constexpr int kMostTries = 3;

}  // namespace

Attempt Relay::Worker::attempt_at(const State& state, Session& session, Held held, std::vector<Ending> endings,
                                  const std::vector<Said>& said) {
  Attempt attempt;
  attempt.trace = session.trace.of(held.letter, endings, said, state.now(), held.before);
  attempt.endings = std::move(endings);
  attempt.letter = std::move(held.letter);
  attempt.hold = std::move(held.hold);
  attempt.lmtp = session.route.lmtp;
  return attempt;
}

// The same for all of its recipients.
Attempt Relay::Worker::attempt_failed(const State& state, Session& session, Held held, const Ending& ending) {
  std::vector<Ending> endings(held.letter.recipients.size(), ending);
  return attempt_at(state, session, std::move(held), std::move(endings), {});
}

// All letters that wait for a destination to which there is no way now: those in memory, and what is due in the rows.
Async<> Relay::Worker::fail_all(Shared state, Lane* lane, Session* session, Held first, Ending ending) {
  std::vector<Attempt> attempts;
  std::optional<Held> held = std::move(first);
  while (held) {
    attempts.push_back(attempt_failed(*state, *session, *std::move(held), ending));
    held = pop(*state, *lane);
  }
  finish(state, std::move(attempts));
  // Looked up each time: a lane that nobody needs may go while this waits.
  const auto main = [&]() -> Lane& { return state->lane({lane->destination()}); };
  while (!main().more.empty() && !state->stopping) {
    const auto shard = *main().more.begin();
    auto claimed = co_await state->services.letters->claim(shard, lane->destination(), state->options.batch,
                                                           state->now() + state->options.claim);
    std::size_t rows = 0;
    std::vector<Attempt> rest;
    if (claimed) {
      for (auto& letter : *claimed) {
        rows += letter.recipients.size();
        if (lane_of(letter) == lane->key()) {
          if (auto mine = in_hand(state, std::move(letter))) {
            rest.push_back(attempt_failed(*state, *session, *std::move(mine), ending));
          }
        } else {
          take(state, state->lane(lane_of(letter)), std::move(letter));
        }
      }
    }
    if (rows < state->options.batch) main().more.erase(shard);
    // Not in the background: so there is never more than this in memory.
    co_await settle_all(state, std::move(rest));
  }
}

namespace {

// The places of hosts to try, in their order: the best that isn't passed by always, of many others some in their turn.
// By name, since equals come in another order with each look-up.
std::vector<std::size_t> hops_of(const std::vector<NextHop>& hops, std::size_t at_most, const Held& held,
                                 std::size_t attempts) {
  std::vector<std::size_t> here;
  for (std::size_t i = 0; i < hops.size(); ++i) {
    if (!held.passes_by(hops[i].host)) here.push_back(i);
  }
  // The route was another one when they were passed by.
  for (std::size_t i = 0; here.empty() && i < hops.size(); ++i) here.push_back(i);
  const auto wanted = std::min(here.size(), std::max<std::size_t>(at_most, 1));
  if (wanted == 0) return {};
  std::vector<std::size_t> places = {here.front()};
  const auto others = here.size() - 1;
  const auto skipped = here.size() == wanted ? 0 : attempts * (wanted - 1) % others;
  for (std::size_t i = 0; places.size() < wanted; ++i) places.push_back(here[1 + (skipped + i) % others]);
  return places;
}

}  // namespace

Ending Relay::Worker::ending_of(const NoRoute& no) {
  return {.fate = no.lasting ? Fate::lasting : Fate::passing,
          .code = 0,
          .status = std::string(no.status),
          .words = no.words};
}

Ending Relay::Worker::ending_of(const NoPeer& no, const NextHop& hop) {
  Ending ending{.fate = no.lasting ? Fate::lasting : Fate::passing, .code = 0, .status = no.status, .words = no.words};
  if (no.reply) {
    ending.code = no.reply->code;
    ending.words = no.reply->line();
    ending.smtp = true;
    if (ending.status.empty()) ending.status = no.reply->status;
  }
  ending.host = hop.host;
  return ending;
}

Result<Destination> Relay::Worker::destination_named(const std::string& name) {
  if (name.starts_with('[') && name.ends_with(']')) {
    auto literal = AddressLiteral::parse(std::string_view(name).substr(1, name.size() - 2));
    if (!literal) return pass(literal);
    return Destination(*std::move(literal));
  }
  auto domain = Domain::parse(name);
  if (!domain) return pass(domain);
  return Destination(*std::move(domain));
}

void Relay::Worker::rest(State& state, Lane& lane) {
  lane.pace.failed(state.steady());
  close_or_open(state, lane, {});
}

// Finds the way and connects, from hop `from` on. Nothing: there is none, and what waits was told so.
Async<bool> Relay::Worker::connect(Shared state, Lane* lane, Session* session, std::optional<Held>* first) {
  session->trace.begin(state->now());
  RouteAnswer answer = std::unexpected(NoRoute{true, "5.1.2", "there is no such domain", {}});
  if (auto destination = destination_named(lane->destination())) {
    answer = co_await state->services.routes->find(*std::move(destination), lane->key().wish);
  }
  if (!answer) {
    session->trace.looked_up(answer.error().how);
    if (!answer.error().lasting) rest(*state, *lane);
    co_await fail_all(state, lane, session, *std::exchange(*first, std::nullopt), ending_of(answer.error()));
    co_return false;
  }
  session->trace.looked_up(answer->how);
  session->route = *std::move(answer);
  const auto& hops = session->route.hops;
  std::optional<Ending> passing;
  std::optional<Ending> lasting;
  // A letter for which the first hosts lack something says nothing of the destination; others begin with the best, and
  // where there are many, one attempt goes on where the one before it has ended.
  const bool alone = !(*first)->passed_by.empty();
  const auto& recipients = (*first)->letter.recipients;
  const auto attempts = recipients.empty() ? 0 : static_cast<std::size_t>(recipients.front().attempts);
  std::optional<std::size_t> full;
  for (const auto i : hops_of(hops, state->options.hops_at_most, **first, attempts)) {
    if (state->stopping) break;
    // Our own limit is no failure of the host: its equals may do, those behind it are for when it fails.
    if (full && hops[i].preference != hops[*full].preference) break;
    const auto at_host = enter_host(*state, *session, session->route, hops[i], lane->key().wish);
    if (at_host == AtHost::full) {
      full = full.value_or(i);
      continue;
    }
    session->hop = i;
    if (at_host == AtHost::taken_over) co_return true;
    auto hop = hops[i];
    hop.hurry = session->hurry;
    auto peer = co_await state->services.peers->connect(session->route, std::move(hop));
    if (peer) {
      session->peer = std::move(*peer);
      connected_to_host(*state, *session, hops[i]);
      session->trace.connected(session->peer->facts());
      co_return true;
    }
    const bool enough = host_has_enough(*state, *session, peer.error());
    leave_host(*state, *session);
    if (enough) {
      full = full.value_or(i);
      continue;
    }
    session->trace.failed(hops[i], peer.error());
    (peer.error().lasting ? lasting : passing) = ending_of(peer.error(), hops[i]);
  }
  if (full && !state->stopping) {
    lane->put_back(*std::exchange(*first, std::nullopt));
    state->hosts.wait_for(session->full_at, *lane);
    co_return false;
  }
  if (state->stopping || (!passing && !lasting)) {  // the next start takes the claim back
    lane->put_back(*std::exchange(*first, std::nullopt));
    co_return false;
  }
  if (alone) {
    auto held = *std::exchange(*first, std::nullopt);
    const auto ending = passing ? *passing : held.lacks.value_or(*lasting);
    end_one(state, *session, std::move(held), ending);
    co_return false;
  }
  if (lane->connected > 0) {
    // Others of our connections work: it wants no more of them.
    lane->pace.has_enough(lane->connected, state->steady());
    lane->put_back(*std::exchange(*first, std::nullopt));
    co_return false;
  }
  if (passing) rest(*state, *lane);
  co_await fail_all(state, lane, session, *std::exchange(*first, std::nullopt), passing ? *passing : *lasting);
  co_return false;
}

Result<OutgoingTransaction> Relay::Worker::transaction_of(const store::OutgoingLetter& letter, SystemTime now) {
  OutgoingTransaction transaction;
  if (!letter.sender.empty()) {
    auto sender = EmailAddress::parse(letter.sender, 255);
    if (!sender) return pass(sender);
    transaction.sender = *std::move(sender);
  }
  for (const auto& recipient : letter.recipients) {
    auto address = EmailAddress::parse(recipient.address, 255);
    if (!address) return pass(address);
    transaction.recipients.push_back(
        {.address = *std::move(address), .notify = recipient.notify, .orcpt = recipient.original_recipient});
  }
  transaction.envid = letter.envelope_id;
  transaction.ret = letter.ret;
  transaction.body = letter.form == store::ContentForm::binary      ? smtp::Body::binary_mime
                     : letter.form == store::ContentForm::eight_bit ? smtp::Body::eight_bit_mime
                                                                    : smtp::Body::seven_bit;
  transaction.smtputf8 = letter.smtputf8;
  transaction.require_tls = letter.tls == store::TlsWish::required || letter.tls == store::TlsWish::preferred;
  if (letter.priority != 0) transaction.priority = letter.priority;
  if (letter.deliver_by) {
    transaction.by = DeliverBy{std::chrono::duration_cast<std::chrono::seconds>(letter.deliver_by->time - now).count(),
                               letter.deliver_by->returns, letter.deliver_by->traced};
  }
  return transaction;
}

void Relay::Worker::end_one(const Shared& state, Session& session, Held held, const Ending& ending) {
  std::vector<Attempt> attempts;
  attempts.push_back(attempt_failed(*state, session, std::move(held), ending));
  finish(state, std::move(attempts));
}

namespace {

// RFC 5321 §5.1: hosts are tried in turn until one takes it. Not where this one seems to ask for time alone, which it
// would ask of whoever comes to the next; but many say so of any trouble, so that the third attempt goes on.
bool another_may_take(const store::OutgoingRecipient& recipient, const RecipientOutcome& one) {
  if (one.fate != Fate::passing) return false;
  if (one.ours || recipient.attempts > 1) return true;
  const auto& reply = one.reply;
  return !is_greylisting(reply.code, reply.status, reply.text) &&
         message::bounce_reason(reply.text, reply.status, reply.code) != message::BounceReason::rate_limited;
}

// A host that takes the data and then never says a word, each time: the first doubt is left to time, since it costs a
// second copy where the host has the letter (RFC 1047). With each attempt one host more is passed by, so that a letter
// isn't given up while another host would have it.
bool doubted_before(const store::OutgoingRecipient& recipient, const RecipientOutcome& one, const Held& held) {
  return one.fate == Fate::in_doubt && std::cmp_less(held.passed_by.size(), recipient.attempts);
}

// Recipients of a letter that are tried again at once.
struct Again {
  Again(const Held& of, std::vector<std::string> passed_by)
      : held{.letter = of.letter,
             .tries = of.tries + 1,
             .passed_by = std::move(passed_by),
             .lacks = of.lacks,
             .hold = of.hold} {
    held.letter.recipients.clear();
  }
  void add(const store::OutgoingRecipient& recipient, Ending ending) {
    held.letter.recipients.push_back(recipient);
    endings.push_back(std::move(ending));
  }
  Held held;
  std::vector<Ending> endings;
};

// Takes out those recipients that don't wait (any more); nothing where all do.
std::optional<Held> part(Held& held, const std::vector<std::int64_t>& waiting) {
  const auto waits = [&](const auto& one) { return std::ranges::binary_search(waiting, one.number); };
  auto& all = held.letter.recipients;
  if (std::ranges::all_of(all, waits)) return std::nullopt;
  Held others{.letter = held.letter, .hold = held.hold};
  std::erase_if(others.letter.recipients, waits);
  std::erase_if(all, [&](const auto& one) { return !waits(one); });
  return others;
}

}  // namespace

// Ends the claims of what can't be tried now: let go by the operator, it is due at once.
Async<> Relay::Worker::give_back(Shared state, Held held) {
  store::AttemptOutcome outcome{.delivery_id = held.letter.id, .recipients = {}};
  for (const auto& recipient : held.letter.recipients) {
    outcome.recipients.push_back(
        {.number = recipient.number, .end = store::AttemptEnd::released, .next = state->now()});
  }
  std::vector<store::AttemptOutcome> outcomes;
  outcomes.push_back(std::move(outcome));
  co_await settle(state, held.letter.shard, std::move(outcomes));
  held.hold.reset();
  state->look_wanted = true;
}

// One letter over the connection.
Async<> Relay::Worker::send(Shared state, Lane* lane, Session* session, Held held) {
  auto& letter = held.letter;
  if (letter.deliver_by && letter.deliver_by->returns && state->now() >= letter.deliver_by->time) {
    end_one(state, *session, std::move(held),
            {.fate = Fate::passing, .code = 0, .status = "5.4.7", .words = "the time that the sender gave is over"});
    co_return;
  }
  auto opened = co_await state->services.letters->open(letter.shard, letter.id);
  if (!opened) {
    if (opened.error().kind == ErrorKind::not_found) co_return;  // an operator dropped it meanwhile
    state->log.error("letter_unreadable", {{"id", letter.id}, {"why", opened.error().log}});
    end_one(state, *session, std::move(held),
            {.fate = Fate::passing, .code = 0, .status = "4.3.0", .words = opened.error().peer});
    co_return;
  }
  const auto octets = opened->octets;
  // What an operator holds goes nowhere, also from memory.
  if (auto others = part(held, opened->waiting)) {
    in_background(state, give_back(state, *std::move(others)));
    if (letter.recipients.empty()) co_return;
  }
  auto transaction = transaction_of(letter, state->now());
  if (!transaction) {
    end_one(state, *session, std::move(held),
            {.fate = Fate::lasting, .code = 0, .status = "5.1.3", .words = transaction.error().peer});
    co_return;
  }
  transaction->octets = octets;
  auto outcome = co_await session->peer->send(*std::move(transaction));
  if (outcome.recipients.size() != letter.recipients.size()) {
    RecipientOutcome none;
    none.reply.text = "no outcome was told";
    none.ours = true;
    outcome.recipients.resize(letter.recipients.size(), none);
  }
  adapt(*state, *lane, *session, outcome);

  // Recipients of which nothing came about, or whom another host may serve, are tried again at once: each group by
  // itself, since what this host lacks for some it doesn't for the others.
  const auto& hops = session->route.hops;
  const auto& host = hops[session->hop].host;
  const bool more_hops =
      std::ranges::any_of(hops, [&](const auto& hop) { return hop.host != host && !held.passes_by(hop.host); });
  Again untried(held, held.passed_by);
  Again elsewhere(held, held.passed_by);
  elsewhere.held.passed_by.push_back(host);
  Held ended{
      .letter = letter, .tries = held.tries, .passed_by = held.passed_by, .before = held.before, .hold = held.hold};
  ended.letter.recipients.clear();
  std::vector<Ending> endings;
  for (std::size_t i = 0; i < letter.recipients.size(); ++i) {
    auto& one = outcome.recipients[i];
    // Cut short by our own stop, which is no attempt.
    const bool stopped = state->stopping && one.ours && (one.fate == Fate::passing || one.fate == Fate::untried);
    if (stopped) one.fate = Fate::untried;
    Ending ending{.fate = one.fate,
                  .code = one.ours ? 0 : one.reply.code,
                  .status = one.reply.status,
                  .words = one.ours ? one.reply.text : one.reply.line(),
                  .smtp = !one.ours,
                  .host = session->peer->facts().host};
    const bool lacks = more_hops && (one.host_lacks ? one.fate != Fate::delivered
                                                    : another_may_take(letter.recipients[i], one) ||
                                                          doubted_before(letter.recipients[i], one, held));
    if ((held.tries < kMostTries || stopped) && (lacks || one.fate == Fate::untried)) {
      (lacks ? elsewhere : untried).add(letter.recipients[i], std::move(ending));
      continue;
    }
    if (one.fate == Fate::untried) {
      ending.fate = Fate::passing;
      if (ending.status.empty()) ending.status = "4.4.2";
    }
    ended.letter.recipients.push_back(letter.recipients[i]);
    endings.push_back(std::move(ending));
  }
  if (!elsewhere.endings.empty()) elsewhere.held.lacks = elsewhere.endings.front();
  // What was seen is told with those that end now, else with the first group.
  bool told = !ended.letter.recipients.empty();
  for (auto* again : {&elsewhere, &untried}) {
    if (again->endings.empty()) continue;
    if (!std::exchange(told, true)) {
      again->held.before = held.before.empty()
                               ? session->trace.of(again->held.letter, again->endings, outcome.said, state->now())
                               : held.before;
    }
    lane->put_back(std::move(again->held));
  }
  if (ended.letter.recipients.empty()) co_return;
  std::vector<Attempt> attempts;
  attempts.push_back(attempt_at(*state, *session, std::move(ended), std::move(endings), outcome.said));
  auto& attempt = attempts.back();
  attempt.dsn_passed_on = outcome.dsn_passed_on;
  attempt.deliver_by_passed_on = outcome.deliver_by_passed_on;
  attempt.octets = octets;
  finish(state, std::move(attempts));
}

void Relay::Worker::adapt(State& state, Lane& lane, const Session& session, const TransactionOutcome& outcome) {
  bool taken = false;
  bool too_fast = false;
  for (const auto& one : outcome.recipients) {
    taken = taken || one.fate == Fate::delivered || one.fate == Fate::lasting;
    if (one.fate != Fate::passing || one.ours) continue;
    too_fast =
        too_fast || one.reply.code == 421 ||
        message::bounce_reason(one.reply.text, one.reply.status, one.reply.code) == message::BounceReason::rate_limited;
  }
  auto* host = session.place.empty() ? nullptr : state.hosts.find(session.place);
  if (too_fast) {
    lane.pace.was_too_fast(state.steady());
    if (host != nullptr) host->pace.was_too_fast(state.steady());
  } else if (taken) {
    lane.pace.succeeded(state.steady());
    if (host != nullptr) host->pace.succeeded(state.steady());
    close_or_open(state, lane, {});
  }
}

// The next letter for this connection; waits a little for one. Where others wait for the host it is theirs after a
// turn. Nothing, too, where it has become another's.
Async<std::optional<Held>> Relay::Worker::next_for(Shared state, Lane* lane, Session* session) {
  for (int round = 0; round < 2; ++round) {
    if (state->stopping || lane->pace.rests(state->steady())) co_return std::nullopt;
    auto* host = state->hosts.find(session->place);
    if (host != nullptr && host->pace.rests(state->steady())) co_return std::nullopt;
    const bool turn_is_over = session->turn >= state->options.letters_per_turn && others_wait(*state, *session);
    if (!turn_is_over) {
      if (auto held = lane->pop_apart(session->route.hops[session->hop].host)) co_return held;
      if (auto held = pop(*state, *lane)) co_return held;
    }
    session->turn = 0;
    if (turn_is_over) {
      host->waiting.had_turn(lane->last_sender());
      if (lane->waiting() > 0) state->hosts.wait_for(session->place, *lane);
    }
    if (round == 1 || state->options.keep_connection.count() == 0) break;
    Alarm alarm(state->home);
    Resting resting{.session = session, .lane = lane, .alarm = &alarm};
    lane->idle.push_back(&alarm);
    if (host != nullptr) {
      host->resting.push_back(&resting);
      ring_host(state, session->place);
    }
    co_await alarm.wait(state->options.keep_connection);
    if (resting.taken) co_return std::nullopt;
    if (host != nullptr) std::erase(host->resting, &resting);
    if (resting.unwanted) co_return std::nullopt;
    if (std::erase(lane->idle, &alarm) == 0) --lane->rung;
  }
  co_return std::nullopt;
}

Async<> Relay::Worker::run_session(Shared state, LaneKey key, std::shared_ptr<Session> own) {
  auto& lane = state->lane(key);
  auto& session = *own;
  auto held = lane.pop_apart();
  if (!held) held = pop(*state, lane, session.invited_for);
  if (!held) co_return;
  if (!co_await connect(state, &lane, &session, &held)) co_return;
  if (session.trying) {
    // Too many answered at once: it gets its turn.
    if (state->busy() >= state->options.max_connections) {
      lane.put_back(*std::exchange(held, std::nullopt));
      co_await session.peer->quit();
      co_return;
    }
    try_ends(*state, session);
  }
  ++lane.connected;
  std::exception_ptr thrown;
  try {
    while (held) {
      co_await send(state, &lane, &session, *std::exchange(held, std::nullopt));
      ++session.turn;
      if (++session.sent >= state->options.letters_per_connection || !session.peer->is_reusable()) break;
      held = co_await next_for(state, &lane, &session);
    }
  } catch (...) {
    thrown = std::current_exception();
  }
  --lane.connected;
  if (session.peer) co_await session.peer->quit();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace pabal::queue
