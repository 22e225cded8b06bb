#include "queue/local_return.hpp"

namespace pabal::queue {

namespace {

Ending ending_of(const Error& why) {
  Ending ending{.fate = why.temporary() || why.kind == ErrorKind::quota ? Fate::passing : Fate::lasting};
  switch (why.kind) {
    case ErrorKind::quota:
      ending.status = "4.2.2";
      break;
    case ErrorKind::not_found:
      ending.status = "5.1.1";
      break;
    case ErrorKind::state:
      ending.status = "5.2.1";
      break;
    default:
      ending.status = ending.fate == Fate::lasting ? "5.3.0" : "4.3.0";
  }
  ending.words = why.peer;
  return ending;
}

struct Desk {
  LocalReturnServices services;
  std::function<ConclusionOptions()> options;
  Log log;
};

Attempt attempt_at(store::QueuedLocal local, const Error& why, bool warned) {
  Attempt attempt;
  auto& letter = attempt.letter;
  letter.shard = local.shard;
  letter.id = local.delivery_id;
  letter.sender = letter.author = local.sender;
  letter.arrived = letter.begins = local.arrived;
  letter.envelope_id = local.envelope_id;
  letter.ret = local.ret;
  letter.smtputf8 = local.smtputf8;
  letter.tls = local.tls;
  letter.recipients.push_back({.number = local.number,
                               .address = local.recipient,
                               .notify = local.target.notify,
                               .original_recipient = local.target.original_recipient,
                               .attempts = local.attempts,
                               .last_error = local.last_error,
                               .warned = warned});
  attempt.endings.push_back(ending_of(why));
  return attempt;
}

Async<Result<void>> settle_one(Desk* desk, ShardId shard, store::AttemptOutcome outcome) {
  std::vector<store::AttemptOutcome> outcomes;
  outcomes.push_back(std::move(outcome));
  co_return co_await desk->services.letters->settle(shard, std::move(outcomes));
}

Async<Result<void>> warn_author(std::shared_ptr<Desk> desk, store::QueuedLocal local, SystemTime next, Error why) {
  const auto attempt = attempt_at(local, why, local.warned);
  const auto options = desk->options();
  const auto& services = desk->services;
  auto concluded = co_await conclude(&attempt, &options, services.letters, &services.addressees, services.clock,
                                     services.random, desk->log);
  auto& row = concluded.outcome.recipients.front();
  if (row.end != store::AttemptEnd::postponed) co_return fail(ErrorKind::state, "its time is over");
  row.next = next;
  row.why = why.log;
  co_return co_await settle_one(desk.get(), local.shard, std::move(concluded.outcome));
}

Async<Result<bool>> return_letter(std::shared_ptr<Desk> desk, store::QueuedLocal local, Error why) {
  const auto attempt = attempt_at(local, why, true);
  const auto options = desk->options();
  const auto& services = desk->services;
  auto concluded = co_await conclude(&attempt, &options, services.letters, &services.addressees, services.clock,
                                     services.random, desk->log);
  // Nobody is told: then it is kept for the operator, but where its author wanted just that.
  const bool told = !concluded.outcome.notices.empty() || !notify_of(local.target.notify).failure;
  if (!told || concluded.outcome.recipients.front().end != store::AttemptEnd::failed) co_return false;
  auto settled = co_await settle_one(desk.get(), local.shard, std::move(concluded.outcome));
  if (!settled) co_return pass(settled);
  co_return true;
}

}  // namespace

SendBack send_back(LocalReturnServices services, std::function<ConclusionOptions()> options, const Log& log) {
  auto desk = std::make_shared<Desk>(std::move(services), std::move(options), log);
  return [desk = std::move(desk)](store::QueuedLocal letter, Error why) {
    return return_letter(desk, std::move(letter), std::move(why));
  };
}

Warn warn(LocalReturnServices services, std::function<ConclusionOptions()> options, const Log& log) {
  auto desk = std::make_shared<Desk>(std::move(services), std::move(options), log);
  return [desk = std::move(desk)](store::QueuedLocal letter, SystemTime next, Error why) {
    return warn_author(desk, std::move(letter), next, std::move(why));
  };
}

}  // namespace pabal::queue
