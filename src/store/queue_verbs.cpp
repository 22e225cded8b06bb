// What an operator does with the queue's rows: try again, hold, let go, drop; and the word of it in the letter's trace.
#include <algorithm>

#include "base/json.hpp"
#include "codec/timestamp.hpp"
#include "store/queue_rows.hpp"
#include "store/shard.hpp"

namespace pabal::store {

namespace {

using Action = Store::QueueAction;

constexpr std::size_t kMostNamed = 20;
/// Attempts' rows have the number of their first recipient; these are behind all of those that have the same time.
constexpr std::int64_t kFirstVerb = 1'000'000'000;

struct Row {
  std::int64_t number = 0;
  std::string recipient;
  bool held = false;
};

Result<std::vector<Row>> rows_of(db::Connection& connection, const std::string& id) {
  std::vector<Row> all;
  auto rows = connection.query(
      "SELECT number, recipient, state FROM queue_recipient WHERE delivery_id = $1 ORDER BY number", {id});
  if (!rows) return pass(rows);
  while (true) {
    const auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return all;
    all.push_back({.number = rows->integer(0),
                   .recipient = std::string(rows->text(1)),
                   .held = rows->integer(2) == static_cast<std::int64_t>(RecipientState::held)});
  }
}

/// Held rows wait for `release` alone: who tries all that waits again doesn't mean them.
bool is_meant(const Row& row, Action action) {
  if (action == Action::release) return row.held;
  return action != Action::retry || !row.held;
}

std::string_view name_of(Action action) {
  switch (action) {
    case Action::retry:
      return "retry";
    case Action::hold:
      return "hold";
    case Action::release:
      return "release";
    case Action::drop:
      return "drop";
  }
  return "";
}

Result<void> change(db::Connection& connection, const std::string& id, const Row& row, Action action, SystemTime now) {
  if (action == Action::drop) {
    const auto removed = remove_queue_row(connection, {id, row.number}, now);
    if (!removed) return pass(removed);
    return {};
  }
  // One for elsewhere that is just being tried is tried again after its claim: it would go out twice. (Local ones have
  // the delivery's id against that.)
  const auto state = action == Action::hold ? RecipientState::held : RecipientState::waiting;
  const auto changed = connection.run(
      "UPDATE queue_recipient SET state = $3, "
      "next_attempt = CASE WHEN kind = 2 AND claimed_until > $4 THEN next_attempt ELSE $4 END, "
      "claimed_until = CASE WHEN kind = 2 THEN claimed_until ELSE 0 END WHERE delivery_id = $1 AND number = $2",
      {id, row.number, static_cast<std::int64_t>(state), to_database(now)});
  if (!changed) return pass(changed);
  return {};
}

// With the letter's trace, as long as there is one.
Result<void> tell(db::Connection& connection, const std::string& id, const std::vector<const Row*>& rows, Action action,
                  SystemTime now) {
  const auto traced = connection.number("SELECT 1 FROM trace WHERE delivery_id = $1", {id});
  if (!traced) return pass(traced);
  if (!*traced) return {};
  json::array recipients;
  for (const auto* row : rows) {
    if (recipients.size() == kMostNamed) break;
    recipients.push_back(json::string(row->recipient));
  }
  json::object event{{"verb", name_of(action)}, {"time", codec::format_timestamp(now)}};
  if (rows.size() > kMostNamed) event["left_out"] = rows.size() - kMostNamed;
  event["recipients"] = std::move(recipients);
  const auto last =
      connection.number("SELECT MAX(number) FROM attempt WHERE delivery_id = $1 AND made = $2 AND number >= $3",
                        {id, to_database(now), kFirstVerb});
  if (!last) return pass(last);
  const auto written =
      connection.run("INSERT INTO attempt (delivery_id, made, number, document) VALUES ($1, $2, $3, $4)",
                     {id, to_database(now), std::max(last->value_or(0), kFirstVerb - 1) + 1, json::serialize(event)});
  if (!written) return pass(written);
  return {};
}

/// Of one letter: those with these numbers; null: all.
Result<std::int64_t> change_letter(db::Connection& connection, const std::string& id,
                                   const std::vector<std::int64_t>* numbers, Action action, SystemTime now) {
  const auto rows = rows_of(connection, id);
  if (!rows) return pass(rows);
  std::int64_t count = 0;
  std::vector<const Row*> news;
  for (const auto& row : *rows) {
    if (numbers != nullptr && std::ranges::find(*numbers, row.number) == numbers->end()) continue;
    if (!is_meant(row, action)) continue;
    if (auto done = change(connection, id, row, action, now); !done) return pass(done);
    ++count;
    if (action != Action::hold || !row.held) news.push_back(&row);
  }
  if (!news.empty()) {
    if (auto told = tell(connection, id, news, action, now); !told) return pass(told);
  }
  return count;
}

}  // namespace

Result<std::int64_t> Shard::change_queue(const std::string& delivery_id, Store::QueueAction action) {
  const auto now = around_.clock->now();
  std::int64_t count = 0;
  auto written = write_now([&](db::Connection& connection) -> Result<void> {
    const auto changed = change_letter(connection, delivery_id, nullptr, action, now);
    if (!changed) return pass(changed);
    count = *changed;
    return {};
  });
  if (!written) return pass(written);
  return count;
}

Result<std::int64_t> Shard::change_queue(const std::vector<QueueKey>& rows, Store::QueueAction action) {
  const auto now = around_.clock->now();
  std::int64_t count = 0;
  auto written = write_now([&](db::Connection& connection) -> Result<void> {
    count = 0;
    for (auto at = rows.begin(); at != rows.end();) {
      std::vector<std::int64_t> numbers;
      const auto& id = at->delivery_id;
      for (; at != rows.end() && at->delivery_id == id; ++at) numbers.push_back(at->number);
      const auto changed = change_letter(connection, id, &numbers, action, now);
      if (!changed) return pass(changed);
      count += *changed;
    }
    return {};
  });
  if (!written) return pass(written);
  return count;
}

}  // namespace pabal::store
