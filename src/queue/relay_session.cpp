// One connection of the relay: the way, the peer, letters one after another.
#include <algorithm>

#include "base/text.hpp"
#include "message/bounce.hpp"
#include "queue/relay_worker.hpp"

namespace pabal::queue {

namespace {

constexpr int kMostTries = 3;

}  // namespace

// All letters that wait for a destination to which there is no way now.
void Relay::Worker::fail_all(const Shared& state, Lane& lane, Session& session, Held first, const Ending& ending) {
  std::vector<Attempt> attempts;
  std::optional<Held> held = std::move(first);
  while (held) {
    Attempt attempt;
    attempt.endings.assign(held->letter.recipients.size(), ending);
    attempt.trace = session.trace.of(held->letter, attempt.endings, {}, state->now());
    attempt.letter = std::move(held->letter);
    attempt.hold = std::move(held->hold);
    attempts.push_back(std::move(attempt));
    held = pop(*state, lane);
  }
  finish(state, std::move(attempts));
}

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
  lane.pace.failed(state.now());
  close_or_open(state, lane, {});
}

// Finds the way and connects, from hop `from` on. Nothing: there is none, and what waits was told so.
Async<bool> Relay::Worker::connect(Shared state, Lane* lane, Session* session, std::optional<Held>* first) {
  session->trace.begin(state->now());
  RouteAnswer answer = std::unexpected(NoRoute{true, "5.1.2", "there is no such domain", {}});
  if (auto destination = destination_named(lane->name())) {
    answer = co_await state->services.routes->find(*std::move(destination));
  }
  if (!answer) {
    session->trace.looked_up(answer.error().how);
    if (!answer.error().lasting) rest(*state, *lane);
    fail_all(state, *lane, *session, *std::exchange(*first, std::nullopt), ending_of(answer.error()));
    co_return false;
  }
  session->trace.looked_up(answer->how);
  session->route = *std::move(answer);
  const auto& hops = session->route.hops;
  std::optional<Ending> passing;
  std::optional<Ending> lasting;
  const std::size_t begin = (*first)->first_hop < hops.size() ? (*first)->first_hop : 0;
  for (std::size_t i = begin; i < hops.size() && i < begin + state->options.hops_at_most && !state->stopping; ++i) {
    auto peer = co_await state->services.peers->connect(session->route, hops[i]);
    if (peer) {
      session->peer = std::move(*peer);
      session->hop = i;
      session->trace.connected(session->peer->facts());
      co_return true;
    }
    session->trace.failed(hops[i], peer.error());
    (peer.error().lasting ? lasting : passing) = ending_of(peer.error(), hops[i]);
  }
  if (!passing && !lasting) {  // told to stop: the rows are due again when the claim ends
    lane->put_back(*std::exchange(*first, std::nullopt));
    co_return false;
  }
  if (lane->connected > 0) {
    // Others of our connections work: it wants no more of them.
    lane->pace.has_enough(lane->connected);
    lane->put_back(*std::exchange(*first, std::nullopt));
    co_return false;
  }
  if (passing) rest(*state, *lane);
  fail_all(state, *lane, *session, *std::exchange(*first, std::nullopt), passing ? *passing : *lasting);
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
  transaction.require_tls = letter.require_tls;
  if (letter.priority != 0) transaction.priority = letter.priority;
  if (letter.deliver_by) {
    transaction.by = DeliverBy{std::chrono::duration_cast<std::chrono::seconds>(letter.deliver_by->time - now).count(),
                               letter.deliver_by->returns, letter.deliver_by->traced};
  }
  return transaction;
}

void Relay::Worker::end_all(const Shared& state, Session& session, Held held, const Ending& ending) {
  Attempt attempt;
  attempt.endings.assign(held.letter.recipients.size(), ending);
  attempt.trace = session.trace.of(held.letter, attempt.endings, {}, state->now());
  attempt.letter = std::move(held.letter);
  attempt.hold = std::move(held.hold);
  std::vector<Attempt> attempts;
  attempts.push_back(std::move(attempt));
  finish(state, std::move(attempts));
}

// One letter over the connection.
Async<> Relay::Worker::send(Shared state, Lane* lane, Session* session, Held held) {
  const auto& letter = held.letter;
  if (letter.deliver_by && letter.deliver_by->returns && state->now() >= letter.deliver_by->time) {
    end_all(state, *session, std::move(held),
            {.fate = Fate::passing, .code = 0, .status = "5.4.7", .words = "the time that the sender gave is over"});
    co_return;
  }
  auto transaction = transaction_of(letter, state->now());
  if (!transaction) {
    end_all(state, *session, std::move(held),
            {.fate = Fate::lasting, .code = 0, .status = "5.1.3", .words = transaction.error().log});
    co_return;
  }
  auto opened = co_await state->services.letters->open(letter.shard, letter.id);
  if (!opened) {
    if (opened.error().kind == ErrorKind::not_found) co_return;  // an operator dropped it meanwhile
    end_all(state, *session, std::move(held),
            {.fate = Fate::passing, .code = 0, .status = "4.3.0", .words = opened.error().log});
    co_return;
  }
  const auto octets = *opened;
  transaction->octets = octets;
  auto outcome = co_await session->peer->send(*std::move(transaction));
  if (outcome.recipients.size() != letter.recipients.size()) {
    RecipientOutcome none;
    none.reply.text = "no outcome was told";
    none.ours = true;
    outcome.recipients.resize(letter.recipients.size(), none);
  }
  adapt(*state, *lane, outcome);

  // Recipients of which nothing came about, or whom another host may serve, are tried again at once.
  const bool more_hops = session->hop + 1 < session->route.hops.size();
  Held again{.letter = letter, .tries = held.tries + 1, .first_hop = held.first_hop, .hold = held.hold};
  again.letter.recipients.clear();
  std::vector<Ending> again_endings;
  Attempt attempt;
  attempt.letter = letter;
  attempt.letter.recipients.clear();
  for (std::size_t i = 0; i < letter.recipients.size(); ++i) {
    const auto& one = outcome.recipients[i];
    const bool elsewhere = one.host_lacks && more_hops && one.fate != Fate::delivered;
    Ending ending{.fate = one.fate,
                  .code = one.ours ? 0 : one.reply.code,
                  .status = one.reply.status,
                  .words = one.ours ? one.reply.text : one.reply.line(),
                  .smtp = !one.ours,
                  .host = session->peer->facts().host};
    if ((one.fate == Fate::untried || elsewhere) && held.tries < kMostTries) {
      if (elsewhere) again.first_hop = session->hop + 1;
      again.letter.recipients.push_back(letter.recipients[i]);
      again_endings.push_back(std::move(ending));
      continue;
    }
    if (one.fate == Fate::untried) {
      ending.fate = Fate::passing;
      if (ending.status.empty()) ending.status = "4.4.2";
    }
    attempt.letter.recipients.push_back(letter.recipients[i]);
    attempt.endings.push_back(std::move(ending));
  }
  if (!again.letter.recipients.empty()) {
    if (attempt.letter.recipients.empty() && held.before.empty()) {
      again.before = session->trace.of(again.letter, again_endings, outcome.said, state->now());
    }
    lane->put_back(std::move(again));
  }
  if (attempt.letter.recipients.empty()) co_return;
  attempt.trace = session->trace.of(attempt.letter, attempt.endings, outcome.said, state->now(), held.before);
  attempt.dsn_passed_on = outcome.dsn_passed_on;
  attempt.deliver_by_passed_on = outcome.deliver_by_passed_on;
  attempt.lmtp = session->route.lmtp;
  attempt.octets = octets;
  attempt.hold = held.hold;
  std::vector<Attempt> attempts;
  attempts.push_back(std::move(attempt));
  finish(state, std::move(attempts));
}

void Relay::Worker::adapt(State& state, Lane& lane, const TransactionOutcome& outcome) {
  bool taken = false;
  bool too_fast = false;
  for (const auto& one : outcome.recipients) {
    taken = taken || one.fate == Fate::delivered || one.fate == Fate::lasting;
    if (one.fate != Fate::passing || one.ours) continue;
    too_fast =
        too_fast || one.reply.code == 421 ||
        message::bounce_reason(one.reply.text, one.reply.status, one.reply.code) == message::BounceReason::rate_limited;
  }
  if (too_fast) {
    lane.pace.was_too_fast(state.now());
  } else if (taken) {
    lane.pace.succeeded(state.now());
    close_or_open(state, lane, {});
  }
}

// The next letter for this connection; waits a little for one.
Async<std::optional<Held>> Relay::Worker::next_for(Shared state, Lane* lane, const Session* session) {
  for (int round = 0; round < 2; ++round) {
    if (state->stopping || lane->pace.rests(state->now())) co_return std::nullopt;
    if (auto held = pop(*state, *lane)) {
      if (held->first_hop <= session->hop) co_return held;
      lane->put_back(*std::move(held));
      co_return std::nullopt;
    }
    if (round == 1 || state->options.keep_connection.count() == 0) break;
    Alarm alarm(state->home);
    lane->idle.push_back(&alarm);
    co_await alarm.wait(state->options.keep_connection);
    std::erase(lane->idle, &alarm);
  }
  co_return std::nullopt;
}

Async<> Relay::Worker::session(Shared state, std::string name) {
  auto& lane = state->lane(name);
  auto held = pop(*state, lane);
  if (!held) co_return;
  Session session;
  if (!co_await connect(state, &lane, &session, &held)) co_return;
  ++lane.connected;
  std::exception_ptr thrown;
  try {
    for (std::size_t sent = 1; held; ++sent) {
      co_await send(state, &lane, &session, *std::exchange(held, std::nullopt));
      if (sent >= state->options.letters_per_connection || !session.peer->is_reusable()) break;
      held = co_await next_for(state, &lane, &session);
    }
  } catch (...) {
    thrown = std::current_exception();
  }
  --lane.connected;
  co_await session.peer->quit();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace pabal::queue
