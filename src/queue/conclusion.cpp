#include "queue/conclusion.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/ids.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "queue/notice.hpp"

namespace pabal::queue {

namespace {

using message::DsnAction;
using store::AttemptEnd;

constexpr std::chrono::minutes kNoticeRetry{5};
constexpr std::size_t kMostAddressees = 20;

// A notice that is wanted, with the rows that it is about.
struct Wanted {
  DsnAction action = DsnAction::failed;
  std::vector<std::int64_t> numbers;
  std::vector<NoticeRecipient> recipients;

  void add(const store::OutgoingRecipient& recipient, const Ending& ending, bool gave_up) {
    numbers.push_back(recipient.number);
    recipients.push_back({.address = recipient.address,
                          .original_recipient = recipient.original_recipient,
                          .status = ending.status,
                          .diagnostic = ending.words,
                          .smtp = ending.smtp,
                          .remote_host = ending.host,
                          .gave_up = gave_up});
  }
};

std::string status_of(const Ending& ending) {
  if (!ending.status.empty()) return ending.status;
  switch (ending.fate) {
    case Fate::delivered:
      return "2.0.0";
    case Fate::lasting:
      return "5.0.0";
    case Fate::passing:
    case Fate::in_doubt:
    case Fate::untried:
      break;
  }
  return "4.0.0";
}

struct Desk {
  const ConclusionOptions* options;
  OutgoingLetters* letters;
  const FindAddressees* addressees;
  const Clock* clock;
  Random* random;
  Log log;
};

// The beginning of the letter, or all of it where that is returned; empty where it can't be read: the author is told
// all the same.
struct Beginning {
  std::string octets;
  bool whole = false;
};
Async<Beginning> beginning_of(const Attempt* attempt, const Desk* desk) {
  auto octets = attempt->octets;
  if (!octets) {
    auto opened = co_await desk->letters->open(attempt->letter.shard, attempt->letter.id);
    if (!opened) co_return Beginning();
    octets = std::move(opened->octets);
  }
  const auto count = static_cast<std::size_t>(std::min(octets->size(), desk->options->returned_at_most));
  auto read = co_await octets->read(0, count);
  if (!read) co_return Beginning();
  const bool whole = read->size() == octets->size();
  co_return Beginning{*std::move(read), whole};
}

Async<Result<WrittenNotice>> write_and_sign(const NoticeFacts* facts, const Desk* desk) {
  auto written = write_notice(*facts, *desk->random);
  if (!written) co_return fail(ErrorKind::syntax, written.error().log);
  if (!desk->options->sign) co_return written;
  auto with_signature = co_await desk->options->sign(written->content);
  // Word that comes without a signature is better than none, and than a letter that is tried again for its sake.
  if (with_signature) {
    written->content = *std::move(with_signature);
  } else {
    desk->log.error("notice_not_signed", {{"id", facts->letter->id}, {"why", with_signature.error().log}});
  }
  co_return written;
}

// The notices of one kind, one for each of the author's mailboxes; none where nobody is to be told, or the author is
// gone. An error: they can't be made now, or, of kind syntax, never.
Async<Result<std::vector<store::Notice>>> notices_of(const Attempt* attempt, Wanted wanted, const Desk* desk) {
  std::vector<store::Notice> notices;
  const auto& letter = attempt->letter;
  if (wanted.numbers.empty() || letter.author.empty()) co_return notices;
  auto author = EmailAddress::parse(letter.author, 255);
  if (!author) co_return fail(ErrorKind::syntax, author.error().log);
  auto found = co_await (*desk->addressees)(*std::move(author));
  if (!found) co_return fail(ErrorKind::busy, found.error().peer, found.error().log);
  if (found->local.empty() && found->remote.empty()) {
    desk->log.warning("notice_without_addressee", {{"id", letter.id}, {"author", letter.author}});
    co_return notices;
  }
  const auto beginning = co_await beginning_of(attempt, desk);
  NoticeFacts facts;
  facts.action = wanted.action;
  facts.letter = &letter;
  facts.recipients = std::move(wanted.recipients);
  facts.content = beginning.octets;
  // RFC 8689 §5: what had to go over TLS isn't returned but for its header.
  const bool secret = letter.tls == store::TlsWish::required;
  facts.whole = beginning.whole && letter.ret != "HDRS" && !secret;
  facts.hostname = desk->options->hostname;
  facts.now = desk->clock->now();
  facts.retry_until = letter.begins + desk->options->schedule.give_up_after;
  if (letter.deliver_by && letter.deliver_by->returns) {
    facts.retry_until = std::min(facts.retry_until, letter.deliver_by->time);
  }
  const auto make = [&](const WrittenNotice& written) {
    store::Notice notice;
    notice.id = make_token(to_database(facts.now), *desk->random);
    notice.content = written.content;
    notice.message_id = written.message_id;
    notice.smtputf8 = written.smtputf8;
    notice.form = written.form;
    // It goes as safely as it can, and isn't lost for it.
    if (secret) notice.tls = store::TlsWish::preferred;
    notice.about = wanted.numbers;
    notice.warns = wanted.action == DsnAction::delayed;
    notice.late = notice.warns && is_late(letter, facts.now);
    notice.trace = notice_trace(letter.id, letter.author, notice, wanted.action);
    return notice;
  };
  if (!found->local.empty()) {
    const auto written = co_await write_and_sign(&facts, desk);
    if (!written) co_return pass(written);
    for (auto& target : found->local) {
      if (notices.size() == kMostAddressees) break;
      notices.push_back(make(*written));
      notices.back().local = std::move(target);
    }
  }
  if (!found->remote.empty()) {
    // What goes to a host that keeps no secrets is cut out of it there (RFC 8689 §5).
    if (secret) facts.telling = Telling::header_apart;
    const auto written = co_await write_and_sign(&facts, desk);
    if (!written) co_return pass(written);
    for (auto& recipient : found->remote) {
      if (notices.size() == kMostAddressees) break;
      notices.push_back(make(*written));
      notices.back().remote = std::move(recipient);
    }
  }
  co_return notices;
}

// That word of success wasn't given is told by the attempt's trace, as that is all there will be of it.
void leave_mark(std::string& trace, std::string_view why) {
  auto told = parse_json(trace);
  if (!told || !told->is_object()) return;
  told->get_object()["success_untold"] = is_utf8(why) ? std::string(why) : printable(why, 1000);
  trace = json::serialize(*told);
}

}  // namespace

Async<Conclusion> conclude(const Attempt* attempt, const ConclusionOptions* options, OutgoingLetters* letters,
                           const FindAddressees* addressees, const Clock* clock, Random* random, Log log) {
  const Desk desk{options, letters, addressees, clock, random, std::move(log)};
  const auto now = clock->now();
  const auto& letter = attempt->letter;
  Conclusion conclusion;
  auto& outcome = conclusion.outcome;
  auto& tally = conclusion.tally;
  outcome.delivery_id = letter.id;
  outcome.trace = attempt->trace;
  outcome.made = now;
  Wanted failures{DsnAction::failed, {}, {}};
  Wanted delays{DsnAction::delayed, {}, {}};
  Wanted successes{attempt->lmtp ? DsnAction::delivered : DsnAction::relayed, {}, {}};
  for (std::size_t i = 0; i < letter.recipients.size(); ++i) {
    const auto& recipient = letter.recipients[i];
    auto ending = attempt->endings[i];
    ending.status = status_of(ending);
    const auto notify = notify_of(recipient.notify);
    auto& row = outcome.recipients.emplace_back();
    row.number = recipient.number;
    row.why = ending.words;
    if (ending.fate == Fate::delivered) {
      row.end = AttemptEnd::delivered;
      ++tally.delivered;
      // RFC 3461 §5.2.2: who hands it to a server that tells nothing tells it itself; RFC 2852 §4.2 likewise.
      const bool asked = notify.success && !attempt->dsn_passed_on;
      const bool traced = letter.deliver_by && letter.deliver_by->traced && !attempt->deliver_by_passed_on &&
                          !equal_ignoring_case(recipient.notify, "NEVER");
      if (asked || traced) successes.add(recipient, ending, false);
      continue;
    }
    const auto patient = patience(letter, recipient, now, options->schedule);
    const bool gives_up = patient == Patience::give_up;
    if (ending.fate == Fate::lasting || gives_up) {
      row.end = AttemptEnd::failed;
      row.said_by_host = ending.smtp && ending.fate == Fate::lasting;
      ++tally.failed;
      if (ending.fate != Fate::lasting) {
        const bool late = letter.deliver_by && letter.deliver_by->returns && now >= letter.deliver_by->time;
        ending.status = late ? "5.4.7" : "4.4.7";
      }
      if (notify.failure) failures.add(recipient, ending, ending.fate != Fate::lasting);
      continue;
    }
    row.end = AttemptEnd::postponed;
    ++tally.postponed;
    const bool greylisted = ending.smtp && is_greylisting(ending.code, ending.status, ending.words);
    row.next = next_attempt(recipient.attempts + 1, greylisted, now, options->schedule, *random);
    // Not after the moment at which it goes back, or its sender is to be told.
    if (letter.deliver_by && (letter.deliver_by->returns || !is_late(letter, now)))
      row.next = std::min(row.next, std::max(letter.deliver_by->time, now));
    if (patient == Patience::warn && notify.delay) delays.add(recipient, ending, false);
  }
  for (auto* wanted : {&failures, &delays, &successes}) {
    const auto numbers = wanted->numbers;
    const bool ends = wanted->action == DsnAction::failed;
    const bool success = wanted == &successes;
    auto notices = co_await notices_of(attempt, std::move(*wanted), &desk);
    if (notices) {
      tally.notices += notices->size();
      std::ranges::move(*notices, std::back_inserter(outcome.notices));
      continue;
    }
    const bool never = notices.error().kind == ErrorKind::syntax;
    const std::string_view event = never ? "notice_impossible" : success ? "notice_lost" : "notice_put_off";
    desk.log.error(event, {{"id", letter.id}, {"why", notices.error().log}});
    // What was delivered can't wait for it; a warning comes with the next attempt.
    if (success) leave_mark(outcome.trace, notices.error().log);
    if (!ends) continue;
    for (auto& row : outcome.recipients) {
      if (std::ranges::find(numbers, row.number) == numbers.end()) continue;
      --tally.failed;
      if (never) {
        row.end = AttemptEnd::held;
        row.why = fmt::format("its author can't be told ({}) of: {}", notices.error().log, row.why);
        ++tally.held;
        continue;
      }
      row.end = AttemptEnd::postponed;
      row.next = now + kNoticeRetry;
      ++tally.postponed;
    }
  }
  co_return conclusion;
}

}  // namespace pabal::queue
