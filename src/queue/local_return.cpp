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

Async<Result<bool>> return_letter(std::shared_ptr<Desk> desk, store::QueuedLocal local, Error why) {
  Attempt attempt;
  auto& letter = attempt.letter;
  letter.shard = local.shard;
  letter.id = local.delivery_id;
  letter.sender = letter.author = local.sender;
  letter.arrived = letter.begins = local.arrived;
  letter.envelope_id = local.envelope_id;
  letter.ret = local.ret;
  letter.smtputf8 = local.smtputf8;
  letter.recipients.push_back({.number = local.number,
                               .address = local.recipient,
                               .notify = local.target.notify,
                               .original_recipient = local.target.original_recipient,
                               .attempts = local.attempts,
                               .last_error = local.last_error,
                               .warned = true});
  attempt.endings.push_back(ending_of(why));
  const auto options = desk->options();
  const auto& services = desk->services;
  auto concluded = co_await conclude(&attempt, &options, services.letters, &services.addressees, services.clock,
                                     services.random, desk->log);
  // Nobody is told: then it is kept for the operator, but where its author wanted just that.
  const bool told = !concluded.outcome.notices.empty() || !notify_of(local.target.notify).failure;
  if (!told || concluded.outcome.recipients.front().end != store::AttemptEnd::failed) co_return false;
  std::vector<store::AttemptOutcome> outcomes;
  outcomes.push_back(std::move(concluded.outcome));
  auto settled = co_await services.letters->settle(local.shard, std::move(outcomes));
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

}  // namespace pabal::queue
