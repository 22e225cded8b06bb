// Traces: what was decided on a delivery and where it went, found by its id, by Message-ID or by a place in a mailbox.
//
// trace_message is filled in the background, always behind the clock by a lag, in which every delivery that took its
// time before has committed; a lookup reads what is younger from the end of trace_recent.
#include <algorithm>

#include "base/text.hpp"
#include "store/delivery_rows.hpp"
#include "store/queue_rows.hpp"
#include "store/shard.hpp"

namespace pabal::store {

namespace {

constexpr std::chrono::minutes kKeepEvery{10};
constexpr std::chrono::hours kDeliveryIdKept{7 * 24};  ///< however short traces are kept
constexpr std::int64_t kForgetAtOnce = 1000;
constexpr std::chrono::minutes kIndexLag{5};
constexpr std::int64_t kIndexAtOnce = 1 << 16;       ///< rows that are sorted together
constexpr std::size_t kInsertAtOnce = 2000;          ///< rows in one write
constexpr std::chrono::hours kForgetIndexEvery{24};  ///< it is gone through as a whole
constexpr std::int64_t kForgetIndexAtOnce = 20'000;  ///< rows looked at in one write

Result<std::int64_t> counter(db::Connection& connection, std::string_view name) {
  auto value = connection.number("SELECT value FROM counter WHERE name = $1", {name});
  if (!value) return pass(value);
  return value->value_or(0);
}

Result<void> set_counter(db::Connection& connection, std::string_view name, std::int64_t value) {
  auto set = connection.run(
      "INSERT INTO counter (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
      {name, value});
  if (!set) return pass(set);
  return {};
}

constexpr std::string_view kIndexedTo = "trace_indexed";  ///< traces made before this are in trace_message
constexpr std::string_view kIndexForgot = "trace_index_forgot";

using Row = std::pair<Shard::Trace, std::string>;  ///< with the octets of what was reached

Result<void> take_rows(Result<db::Rows> rows, std::vector<Row>& found) {
  if (!rows) return pass(rows);
  while (true) {
    auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return {};
    if (rows->text(2).empty()) continue;  // forgotten; only the id is still known
    Shard::Trace trace;
    trace.delivery_id = rows->text(0);
    trace.made = rows->integer(1);
    trace.document = rows->text(2);
    found.emplace_back(std::move(trace), std::string(rows->octets(3)));
  }
}

Result<std::vector<Row>> by_message_id(db::Connection& connection, std::string_view message_id) {
  std::vector<Row> found;
  if (message_id.empty()) return found;
  const auto key = key_of_message_id(message_id);
  auto indexed = counter(connection, kIndexedTo);
  if (!indexed) return pass(indexed);
  auto young = take_rows(
      connection.query(
          "SELECT delivery_id, made, document, reached FROM trace WHERE made >= $1 AND message_key = $2 ORDER BY made",
          {*indexed, key}),
      found);
  if (!young) return pass(young);
  auto old =
      take_rows(connection.query(
                    "SELECT trace.delivery_id, trace.made, trace.document, trace.reached FROM trace_message "
                    "JOIN trace ON trace.made = trace_message.made AND trace.message_key = trace_message.message_key "
                    "WHERE trace_message.message_key = $2 AND trace_message.made < $1",
                    {*indexed, key}),
                found);
  if (!old) return pass(old);
  std::ranges::sort(found, Shard::Trace::newer, &Row::first);
  return found;
}

Result<std::vector<Row>> by_place(db::Connection& connection, std::int64_t account, std::string_view mailbox,
                                  std::int64_t uid) {
  std::vector<Row> found;
  auto path = mailbox_path(mailbox);
  if (!path) return found;
  auto taken =
      take_rows(connection.query(
                    "SELECT trace.delivery_id, trace.made, trace.document, trace.reached FROM mailbox "
                    "JOIN membership ON membership.account_id = mailbox.account_id AND membership.mailbox_id = "
                    "mailbox.mailbox_id "
                    "JOIN email ON email.account_id = membership.account_id AND email.email_id = membership.email_id "
                    "JOIN trace ON trace.delivery_id = email.delivery_id "
                    "WHERE mailbox.account_id = $1 AND mailbox.path = $2 AND membership.uid = $3",
                    {account, *path, uid}),
                found);
  if (!taken) return pass(taken);
  return found;
}

Result<std::vector<Row>> by_id(db::Connection& connection, std::string_view id) {
  std::vector<Row> found;
  auto taken = take_rows(
      connection.query("SELECT delivery_id, made, document, reached FROM trace WHERE delivery_id = $1", {id}), found);
  if (!taken) return pass(taken);
  return found;
}

Result<void> add_mailboxes(db::Connection& connection, const std::string& octets, json::array& out) {
  auto reached = decode_reached(octets);
  if (!reached) return pass(reached);
  for (const auto& one : *reached) {
    json::object mailbox{{"account", one.account.value}};
    auto rows = connection.query(
        "SELECT mailbox.path, membership.uid FROM mailbox LEFT JOIN membership ON membership.account_id = "
        "mailbox.account_id AND membership.mailbox_id = mailbox.mailbox_id AND membership.uid = $3 "
        "WHERE mailbox.account_id = $1 AND mailbox.mailbox_id = $2 AND mailbox.path >= ' '",
        {one.account.value, one.mailbox.value, one.uid});
    if (!rows) return pass(rows);
    auto any = rows->next();
    if (!any) return pass(any);
    if (*any) mailbox["mailbox"] = rows->text(0);
    mailbox["uid"] = one.uid;
    mailbox["email"] = one.email.value;
    mailbox["state"] = *any && !rows->is_null(1) ? "there" : "gone";
    out.push_back(std::move(mailbox));
  }
  return {};
}

Result<void> add_queued(db::Connection& connection, const std::string& id, json::array& out) {
  auto rows = connection.query(
      "SELECT recipient, state, attempts, next_attempt, last_error FROM queue_recipient WHERE delivery_id = $1 "
      "ORDER BY number",
      {id});
  if (!rows) return pass(rows);
  while (true) {
    auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return {};
    const bool held = rows->integer(1) == static_cast<std::int64_t>(RecipientState::held);
    out.push_back(json::object{{"recipient", rows->text(0)},
                               {"state", held ? "held" : "waiting"},
                               {"attempts", rows->integer(2)},
                               {"next_attempt", rows->integer(3) / 1'000'000},
                               {"last_error", rows->text(4)}});
  }
}

// Attempts, and what an operator did between them.
Result<void> add_attempts(db::Connection& connection, const std::string& id, json::array& out, json::array& verbs) {
  auto rows = connection.query("SELECT document FROM attempt WHERE delivery_id = $1 ORDER BY made, number", {id});
  if (!rows) return pass(rows);
  while (true) {
    auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return {};
    auto document = parse_json(rows->text(0));
    if (!document) continue;
    const bool is_verb = document->is_object() && document->get_object().contains("verb");
    (is_verb ? verbs : out).push_back(std::move(*document));
  }
}

}  // namespace

Result<std::vector<Shard::Trace>> Shard::traces(std::string_view key) {
  if (key.find('\0') != std::string_view::npos) return std::vector<Trace>();
  // "account/mailbox/uid"
  const auto first = key.find('/');
  const auto last = key.rfind('/');
  const bool is_place = first != std::string_view::npos && first != last;
  const auto account = is_place ? parse_decimal(key.substr(0, first), INT64_MAX) : std::nullopt;
  const auto uid = is_place ? parse_decimal(key.substr(last + 1), INT64_MAX) : std::nullopt;
  return readers_.read([&](db::Connection& connection) -> Result<std::vector<Trace>> {
    auto found = account && uid ? by_place(connection, static_cast<std::int64_t>(*account),
                                           key.substr(first + 1, last - first - 1), static_cast<std::int64_t>(*uid))
                                : by_id(connection, key);
    if (found && found->empty() && !(account && uid)) found = by_message_id(connection, key);
    if (!found) return pass(found);
    std::vector<Trace> traces;
    for (auto& [trace, reached] : *found) {
      if (auto added = add_mailboxes(connection, reached, trace.mailboxes); !added) return pass(added);
      if (auto added = add_queued(connection, trace.delivery_id, trace.queued); !added) return pass(added);
      if (auto added = add_attempts(connection, trace.delivery_id, trace.attempts, trace.verbs); !added) {
        return pass(added);
      }
      traces.push_back(std::move(trace));
    }
    return traces;
  });
}

Async<Result<void>> Shard::keep_trace(std::string id, std::string message_id, std::string document) {
  auto work = [this, id = std::move(id), key = key_of_message_id(message_id),
               document = std::move(document)](db::Connection& connection) -> Result<bool> {
    auto written = connection.run(
        "INSERT INTO trace (delivery_id, made, message_key, reached, document) VALUES ($1, $2, $3, $4, $5) ON CONFLICT "
        "(delivery_id) DO NOTHING",
        {id, to_database(around_.clock->now()), key, db::Octets{encode_reached({})}, safe_text(document)});
    if (!written) return pass(written);
    return true;
  };
  auto written = co_await write<bool>(std::move(work));
  if (!written) co_return pass(written);
  co_return Result<void>();
}

// Now and then; at once where the clock has gone back, since traces are made before the watermark then.
Result<void> Shard::keep_traces() {
  const auto now = around_.clock->now();
  if (now - traces_kept_ < kKeepEvery && traces_kept_ <= now) return {};
  auto done = index_traces(now);
  if (auto forgotten = forget_traces(now); done) done = std::move(forgotten);
  if (done) traces_kept_ = now;
  return done;
}

Result<void> Shard::index_traces(SystemTime now) {
  const auto until = to_database(now - kIndexLag);
  std::int64_t from = 0;
  auto begun = readers_.read([&](db::Connection& connection) -> Result<void> {
    auto indexed = counter(connection, kIndexedTo);
    if (!indexed) return pass(indexed);
    from = *indexed;
    return {};
  });
  if (!begun) return begun;
  if (from > until) {
    return write_now([&](db::Connection& connection) { return set_counter(connection, kIndexedTo, until); });
  }
  while (from < until && !stopping()) {
    std::vector<std::pair<std::int64_t, std::int64_t>> rows;  // message_key, made
    auto listed = readers_.read([&](db::Connection& connection) -> Result<void> {
      auto found =
          connection.query("SELECT message_key, made FROM trace WHERE made >= $1 AND made < $2 ORDER BY made LIMIT $3",
                           {from, until, kIndexAtOnce});
      if (!found) return pass(found);
      while (true) {
        auto any = found->next();
        if (!any) return pass(any);
        if (!*any) return {};
        rows.emplace_back(found->integer(0), found->integer(1));
      }
    });
    if (!listed) return listed;
    // The last one's moment is looked at again, since others may share it.
    const bool all = rows.size() < static_cast<std::size_t>(kIndexAtOnce);
    const auto next = all ? until : std::max(rows.back().second, from + 1);
    std::erase_if(rows, [](const auto& row) { return row.first == 0; });  // without a Message-ID
    std::ranges::sort(rows);
    for (std::size_t at = 0; at == 0 || at < rows.size(); at += kInsertAtOnce) {
      const auto some = std::span(rows).subspan(at, std::min(kInsertAtOnce, rows.size() - at));
      const bool last = at + some.size() == rows.size();
      auto written = write_now([&](db::Connection& connection) -> Result<void> {
        for (const auto& [key, made] : some) {
          auto inserted = connection.run(
              "INSERT INTO trace_message (message_key, made) VALUES ($1, $2) ON CONFLICT (message_key, made) DO "
              "NOTHING",
              {key, made});
          if (!inserted) return pass(inserted);
        }
        return last ? set_counter(connection, kIndexedTo, next) : Result<void>();
      });
      if (!written) return written;
    }
    from = next;
  }
  return {};
}

Result<void> Shard::forget_traces(SystemTime now) {
  const auto trace_before = to_database(now - around_.options.trace_kept);
  const auto id_before = to_database(now - std::max<std::chrono::seconds>(around_.options.trace_kept, kDeliveryIdKept));
  while (true) {
    std::int64_t count = 0;
    auto forgotten = write_now([&](db::Connection& connection) -> Result<void> {
      auto attempts = connection.run(
          "DELETE FROM attempt WHERE delivery_id IN (SELECT delivery_id FROM trace WHERE made < $1 ORDER BY made LIMIT "
          "$2)",
          {id_before, kForgetAtOnce});
      if (!attempts) return pass(attempts);
      auto gone = connection.run(
          "DELETE FROM trace WHERE delivery_id IN (SELECT delivery_id FROM trace WHERE made < $1 ORDER BY made LIMIT "
          "$2)",
          {id_before, kForgetAtOnce});
      if (!gone) return pass(gone);
      count = *gone;
      return {};
    });
    if (!forgotten) return forgotten;
    if (count < kForgetAtOnce || stopping()) break;
  }
  if (trace_before > id_before) {
    // The id outlives its trace.
    auto emptied = write_now([&](db::Connection& connection) -> Result<void> {
      auto attempts = connection.run(
          "DELETE FROM attempt WHERE delivery_id IN (SELECT delivery_id FROM trace WHERE made < $1 AND document <> '')",
          {trace_before});
      if (!attempts) return pass(attempts);
      auto count = connection.run("UPDATE trace SET document = '' WHERE made < $1 AND document <> ''", {trace_before});
      if (!count) return pass(count);
      return {};
    });
    if (!emptied) return emptied;
  }
  return forget_indexed(now, id_before);
}

// trace_message is in no order of time, so it is gone through from its beginning to its end, once a day.
Result<void> Shard::forget_indexed(SystemTime now, std::int64_t before) {
  std::int64_t last_time = 0;
  std::int64_t from = INT64_MIN;
  bool more = true;
  while (more && !stopping()) {
    auto done = write_now([&](db::Connection& connection) -> Result<void> {
      auto forgot = counter(connection, kIndexForgot);
      if (!forgot) return pass(forgot);
      last_time = *forgot;
      if (to_database(now - kForgetIndexEvery) < last_time && last_time <= to_database(now)) {
        more = false;
        return {};
      }
      auto end = connection.number(
          "SELECT message_key FROM trace_message WHERE message_key >= $1 ORDER BY message_key LIMIT 1 OFFSET $2",
          {from, kForgetIndexAtOnce});
      if (!end) return pass(end);
      const auto to = end->value_or(INT64_MAX);
      auto gone = connection.run(
          "DELETE FROM trace_message WHERE message_key >= $1 AND message_key <= $2 AND made < $3", {from, to, before});
      if (!gone) return pass(gone);
      more = end->has_value() && to != INT64_MAX;
      from = more ? to + 1 : to;
      return more ? Result<void>() : set_counter(connection, kIndexForgot, to_database(now));
    });
    if (!done) return done;
  }
  return {};
}

}  // namespace pabal::store
