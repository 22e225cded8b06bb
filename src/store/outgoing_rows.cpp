// The queue's rows of recipients elsewhere: what is due, claims, and what came of attempts. Statements that walk the
// destinations name kind and state as the partial index queue_destination has them.
#include <algorithm>
#include <functional>
#include <limits>
#include <map>

#include "base/json.hpp"
#include "store/delivery_rows.hpp"
#include "store/queue_rows.hpp"

namespace pabal::store {

namespace {

constexpr std::size_t kMostClaimed = 1000;
// Of queue_recipient's `notified`.
constexpr std::int64_t kWarned = 1;
constexpr std::int64_t kToldLate = 2;

OutgoingLetter letter_of(const db::Rows& rows, ShardId shard, std::string_view destination) {
  OutgoingLetter letter;
  letter.shard = shard;
  letter.id = rows.text(0);
  letter.destination = destination;
  letter.author = rows.text(8);
  letter.sender = rows.is_null(7) ? letter.author : std::string(rows.text(7));
  letter.arrived = from_database(rows.integer(9));
  letter.size = static_cast<std::uint64_t>(rows.integer(10));
  letter.envelope_id = rows.text(11);
  letter.ret = rows.text(12);
  letter.smtputf8 = rows.integer(13) != 0;
  letter.tls = tls_wish_of(rows.integer(14));
  letter.account = AccountId{rows.integer(15)};
  letter.form = static_cast<ContentForm>(std::clamp<std::int64_t>(rows.integer(16), 0, 2));
  letter.priority = static_cast<int>(rows.integer(17));
  letter.begins = std::max(letter.arrived, from_database(rows.integer(18)));
  if (const auto by = rows.integer(19); by != 0) {
    const auto mode = rows.text(20);
    letter.deliver_by = {from_database(by), mode.starts_with('R'), mode.ends_with('T')};
  }
  return letter;
}

Result<bool> postpone(db::Connection& connection, const std::string& id, const RecipientOutcome& outcome) {
  const auto why = safe_text(std::string_view(outcome.why).substr(0, 1000));
  if (outcome.end == AttemptEnd::held) {
    const auto held = connection.run(
        "UPDATE queue_recipient SET state = $3, claimed_until = 0, attempts = attempts + 1, last_error = $4 WHERE "
        "delivery_id = $1 AND number = $2",
        {id, outcome.number, static_cast<std::int64_t>(RecipientState::held), why});
    if (!held) return pass(held);
    return *held != 0;
  }
  const auto changed =
      outcome.end == AttemptEnd::released
          ? connection.run(
                "UPDATE queue_recipient SET next_attempt = $3, claimed_until = 0 WHERE delivery_id = $1 AND "
                "number = $2",
                {id, outcome.number, to_database(outcome.next)})
          : connection.run(
                "UPDATE queue_recipient SET next_attempt = $3, claimed_until = 0, attempts = attempts + 1, "
                "last_error = $4 WHERE delivery_id = $1 AND number = $2",
                {id, outcome.number, to_database(outcome.next), why});
  if (!changed) return pass(changed);
  return *changed != 0;
}

// Ends a row, unless an operator holds it and no host has said the word. False: it isn't there, or it stays.
Result<bool> end_row(db::Connection& connection, const std::string& id, const RecipientOutcome& outcome, SystemTime now,
                     bool& ended) {
  if (outcome.end == AttemptEnd::failed && !outcome.said_by_host) {
    const auto state = connection.number("SELECT state FROM queue_recipient WHERE delivery_id = $1 AND number = $2",
                                         {id, outcome.number});
    if (!state) return pass(state);
    if (*state == static_cast<std::int64_t>(RecipientState::held)) {
      RecipientOutcome stays = outcome;
      stays.end = AttemptEnd::held;
      return postpone(connection, id, stays);
    }
  }
  auto removed = remove_queue_row(connection, {id, outcome.number}, now);
  ended = removed && *removed;
  return removed;
}

// An attempt whose rows are gone (dropped, or this very write was done already) is told where its letter still is.
Result<bool> is_told(db::Connection& connection, const AttemptOutcome& attempt, bool any) {
  if (attempt.trace.empty()) return false;
  if (any) return true;
  if (attempt.made == SystemTime()) return false;
  const auto traced = connection.number("SELECT 1 FROM trace WHERE delivery_id = $1", {attempt.delivery_id});
  if (!traced) return pass(traced);
  return traced->has_value();
}

// Whether some of the rows that the notice warns of are there, and none of them had been warned of. Where another
// attempt was quicker with one, the others are warned of by the next.
Result<bool> mark_warned(db::Connection& connection, const std::string& id, const Notice& notice) {
  const auto mark = notice.late ? kToldLate : kWarned;
  for (const auto number : notice.about) {
    const auto warned = connection.number(
        "SELECT number FROM queue_recipient WHERE delivery_id = $1 AND number = $2 AND notified >= $3",
        {id, number, mark});
    if (!warned) return pass(warned);
    if (*warned) return false;
  }
  bool any = false;
  for (const auto number : notice.about) {
    const auto marked = connection.run(
        "UPDATE queue_recipient SET notified = $3 WHERE delivery_id = $1 AND number = $2 AND notified < $3",
        {id, number, mark});
    if (!marked) return pass(marked);
    any = any || *marked != 0;
  }
  return any;
}

}  // namespace

Result<DueDestinations> due_rows(db::Connection& connection, ShardId shard, std::string_view after, std::size_t at_most,
                                 SystemTime now) {
  DueDestinations found;
  std::string last(after);
  std::int64_t urgency = std::numeric_limits<std::int64_t>::max();
  for (std::size_t seen = 0;;) {
    auto rows = connection.query(kNextDestination, {std::string_view(last), urgency});
    if (!rows) return pass(rows);
    const auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return found;
    if (std::string destination(rows->text(0)); destination != last) {
      if (seen++ == at_most) break;
      last = std::move(destination);
    }
    urgency = rows->integer(1);
    const auto next = from_database(rows->integer(2));
    if (next > now) {
      found.next = std::min(found.next.value_or(next), next);
    } else if (found.due.empty() || found.due.back().destination != last) {
      found.due.push_back({shard, last, next});
    } else {
      found.due.back().next = std::min(found.due.back().next, next);
    }
  }
  found.go_on = DestinationCursor{shard, std::move(last)};
  return found;
}

namespace {

/// Part of a claim: so many of a destination's rows of one urgency, those that were due first.
struct Claim {
  std::int64_t urgency = 0;
  std::int64_t rows = 0;
};

// What a claim takes where rows of several urgencies are due: the most urgent ones, and for a quarter those that were
// due first, so that a flood of urgent letters leaves something to the others. Nearly always there is one urgency, and
// the index is looked at twice for it.
Result<std::vector<Claim>> claims_of(db::Connection& connection, std::string_view destination, std::int64_t at_most,
                                     SystemTime now) {
  std::vector<Claim> claims;
  for (auto urgency = std::numeric_limits<std::int64_t>::min();;) {
    auto rows = connection.query(kNextUrgency, {destination, urgency});
    if (!rows) return pass(rows);
    const auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) break;
    urgency = rows->integer(0);
    if (from_database(rows->integer(1)) <= now) claims.push_back({.urgency = urgency});
  }
  if (claims.size() == 1) claims.front().rows = at_most;
  if (claims.size() <= 1) return claims;
  std::vector<std::vector<std::int64_t>> due(claims.size());  // when
  auto left = at_most;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    auto rows = connection.query(
        "SELECT next_attempt FROM queue_recipient WHERE kind = 2 AND state = 0 AND destination = $1 AND urgency = $2 "
        "AND next_attempt <= $3 ORDER BY next_attempt LIMIT $4",
        {destination, claims[i].urgency, to_database(now), at_most});
    if (!rows) return pass(rows);
    while (true) {
      const auto any = rows->next();
      if (!any) return pass(any);
      if (!*any) break;
      due[i].push_back(rows->integer(0));
    }
    claims[i].rows = std::min(std::ssize(due[i]), std::max<std::int64_t>(left - at_most / 4, 0));
    left -= claims[i].rows;
  }
  for (; left > 0; --left) {
    std::optional<std::size_t> first;
    const auto next = [&](std::size_t i) { return due[i][static_cast<std::size_t>(claims[i].rows)]; };
    for (std::size_t i = 0; i < claims.size(); ++i) {
      if (claims[i].rows < std::ssize(due[i]) && (!first || next(i) < next(*first))) first = i;
    }
    if (!first) break;
    ++claims[*first].rows;
  }
  return claims;
}

Result<void> read_due(db::Connection& connection, ShardId shard, std::string_view destination, const Claim& claim,
                      SystemTime now, std::vector<OutgoingLetter>& letters) {
  if (claim.rows == 0) return {};
  std::map<std::pair<std::string, std::string>, std::size_t> known;  // by letter and reverse-path
  auto rows = connection.query(
      "SELECT r.delivery_id, r.number, r.recipient, r.notify, r.original_recipient, r.attempts, r.last_error, "
      "r.reverse_path, m.sender, m.arrived, m.size, m.envelope_id, m.ret, m.smtputf8, m.require_tls, m.account_id, "
      "m.form, m.priority, m.not_before, m.deliver_by, m.by_mode, r.notified "
      "FROM queue_recipient r JOIN queue_message m ON m.delivery_id = r.delivery_id "
      "WHERE r.kind = 2 AND r.state = 0 AND r.destination = $1 AND r.urgency = $2 AND r.next_attempt <= $3 "
      "ORDER BY r.next_attempt LIMIT $4",
      {destination, claim.urgency, to_database(now), claim.rows});
  if (!rows) return pass(rows);
  while (true) {
    const auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return {};
    auto letter = letter_of(*rows, shard, destination);
    const auto [place, fresh] = known.try_emplace({letter.id, letter.sender}, letters.size());
    if (fresh) letters.push_back(std::move(letter));
    letters[place->second].recipients.push_back({.number = rows->integer(1),
                                                 .address = std::string(rows->text(2)),
                                                 .notify = std::string(rows->text(3)),
                                                 .original_recipient = std::string(rows->text(4)),
                                                 .attempts = rows->integer(5),
                                                 .last_error = std::string(rows->text(6)),
                                                 .warned = rows->integer(21) != 0,
                                                 .told_late = rows->integer(21) >= kToldLate});
  }
}

}  // namespace

Result<std::vector<OutgoingLetter>> claim_rows(db::Connection& connection, ShardId shard, std::string_view destination,
                                               std::size_t at_most, SystemTime now, SystemTime until) {
  std::vector<OutgoingLetter> letters;
  const auto claims =
      claims_of(connection, destination, static_cast<std::int64_t>(std::min(at_most, kMostClaimed)), now);
  if (!claims) return pass(claims);
  for (const auto& claim : *claims) {
    if (auto done = read_due(connection, shard, destination, claim, now, letters); !done) return pass(done);
  }
  for (auto& letter : letters) {
    std::vector<OutgoingRecipient> ours;
    for (auto& recipient : letter.recipients) {
      // Looked at again: by the time the row is ours to write, another may have claimed it.
      const auto claimed = connection.run(
          "UPDATE queue_recipient SET next_attempt = $3, claimed_until = $3 WHERE delivery_id = $1 AND number = $2 AND "
          "next_attempt <= $4",
          {letter.id, recipient.number, to_database(until), to_database(now)});
      if (!claimed) return pass(claimed);
      if (*claimed == 1) ours.push_back(std::move(recipient));
    }
    letter.recipients = std::move(ours);
  }
  std::erase_if(letters, [](const auto& letter) { return letter.recipients.empty(); });
  return letters;
}

namespace {

// A moment after the first and up to the last, by the letter's id: a letter's recipients come together, and letters
// anywhere, so that a queue that waits isn't due all at once.
SystemTime place_between(SystemTime first, SystemTime last, std::string_view id) {
  const auto parts = std::max<std::int64_t>((last - first).count(), 1);
  const auto part = static_cast<std::int64_t>(std::hash<std::string_view>{}(id) % static_cast<std::uint64_t>(parts));
  return first + SystemTime::duration(part + 1);
}

}  // namespace

Result<std::optional<WaitingRow>> bring_rows_forward(db::Connection& connection, RecipientKind kind,
                                                     const WaitingRow& after, SystemTime now, SystemTime latest) {
  std::vector<WaitingRow> seen;
  std::vector<std::optional<SystemTime>> moves;  // to when
  {
    auto rows = connection.query(
        "SELECT r.next_attempt, r.delivery_id, r.number, r.claimed_until, m.not_before FROM queue_recipient r JOIN "
        "queue_message m ON m.delivery_id = r.delivery_id WHERE r.kind = $1 AND r.state = 0 AND (r.next_attempt, "
        "r.delivery_id, r.number) > ($2, $3, $4) ORDER BY r.next_attempt, r.delivery_id, r.number LIMIT $5",
        {static_cast<std::int64_t>(kind), after.next, std::string_view(after.id), after.number,
         static_cast<std::int64_t>(kMostClaimed)});
    if (!rows) return pass(rows);
    while (true) {
      const auto any = rows->next();
      if (!any) return pass(any);
      if (!*any) break;
      seen.push_back({rows->integer(0), std::string(rows->text(1)), rows->integer(2)});
      const bool claimed = rows->integer(3) >= rows->integer(0);
      const auto not_before = from_database(rows->integer(4));
      auto& moved = moves.emplace_back();
      if (!claimed && not_before <= latest) moved = std::max(not_before, place_between(now, latest, rows->text(1)));
    }
  }
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (!moves[i]) continue;
    const auto moved =
        connection.run("UPDATE queue_recipient SET next_attempt = $3 WHERE delivery_id = $1 AND number = $2",
                       {seen[i].id, seen[i].number, to_database(*moves[i])});
    if (!moved) return pass(moved);
  }
  if (seen.size() < kMostClaimed) return std::nullopt;
  return std::move(seen.back());
}

Result<std::vector<NoticeReached>> settle_rows(db::Connection& connection, ShardId shard,
                                               std::span<const AttemptOutcome> attempts,
                                               std::vector<std::vector<NoticeWrite>>& notices, SystemTime now) {
  std::vector<NoticeReached> reached;
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    const auto& attempt = attempts[i];
    std::vector<std::int64_t> ended;
    bool any = false;
    for (const auto& outcome : attempt.recipients) {
      const bool ends = outcome.end == AttemptEnd::delivered || outcome.end == AttemptEnd::failed;
      bool has_ended = false;
      const auto changed = ends ? end_row(connection, attempt.delivery_id, outcome, now, has_ended)
                                : postpone(connection, attempt.delivery_id, outcome);
      if (!changed) return pass(changed);
      any = any || *changed;
      if (has_ended) ended.push_back(outcome.number);
    }
    std::optional<bool> warns;  // the same for all whom a warning goes to
    for (auto& write : notices[i]) {
      const auto& notice = *write.notice;
      auto wanted = Result<bool>(std::ranges::any_of(
          notice.about, [&](std::int64_t number) { return std::ranges::find(ended, number) != ended.end(); }));
      if (notice.warns && warns) {
        wanted = *warns;
      } else if (notice.warns) {
        wanted = mark_warned(connection, attempt.delivery_id, notice);
        if (wanted) warns = *wanted;
      }
      if (!wanted) return pass(wanted);
      if (!*wanted) continue;
      auto went = insert_notice(connection, shard, write, now);
      if (!went) return pass(went);
      if (*went) reached.push_back(**went);
    }
    const auto told = is_told(connection, attempt, any);
    if (!told) return pass(told);
    if (!*told) continue;
    const auto made = attempt.made == SystemTime() ? now : attempt.made;
    const auto document = safe_text(attempt.trace);
    const auto number = attempt.recipients.empty() ? 0 : attempt.recipients.front().number;
    const auto traced = connection.run(
        "INSERT INTO attempt (delivery_id, made, number, document) VALUES ($1, $2, $3, $4) ON CONFLICT (delivery_id, "
        "made, number) DO NOTHING",
        {attempt.delivery_id, to_database(made), number, document});
    if (!traced) return pass(traced);
  }
  return reached;
}

}  // namespace pabal::store
