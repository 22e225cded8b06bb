// The queue's rows of local letters whose target could not take them, and what an operator sees and does.
#include <algorithm>

#include "base/json.hpp"
#include "base/text.hpp"
#include "store/delivery_rows.hpp"
#include "store/queue_rows.hpp"
#include "store/shard.hpp"

namespace pabal::store {

namespace {

constexpr std::size_t kMostDue = 1000;

QueuedLocal queued_local(const db::Rows& rows, ShardId shard) {
  QueuedLocal letter;
  letter.delivery_id = rows.text(0);
  letter.number = rows.integer(1);
  letter.shard = shard;
  letter.sender = rows.text(2);
  letter.recipient = rows.text(3);
  letter.attempts = rows.integer(4);
  letter.arrived = from_database(rows.integer(5));
  letter.last_error = rows.text(6);
  auto& target = letter.target;
  target.place = {AccountId{rows.integer(7)}, ShardId{rows.integer(8)}};
  target.recipient = letter.recipient;
  target.mailbox = rows.text(9);
  target.prefix = rows.octets(10);
  for (const auto name : split(rows.text(11), ' ')) {
    if (!name.empty()) target.keywords.emplace_back(name);
  }
  target.notify = rows.text(12);
  target.original_recipient = rows.text(13);
  letter.envelope_id = rows.text(14);
  letter.ret = rows.text(15);
  letter.smtputf8 = rows.integer(16) != 0;
  letter.warned = rows.integer(17) != 0;
  letter.tls = tls_wish_of(rows.integer(18));
  return letter;
}

Result<std::vector<QueuedLocal>> claim_due(db::Connection& connection, ShardId shard, std::size_t at_most,
                                           SystemTime now, SystemTime until) {
  std::vector<QueuedLocal> due;
  {
    auto rows = connection.query(
        "SELECT r.delivery_id, r.number, m.sender, r.recipient, r.attempts, "
        "CASE WHEN m.not_before > m.arrived THEN m.not_before ELSE m.arrived END, r.last_error, r.account_id, "
        "r.shard_id, "
        "r.mailbox, r.prefix, r.keywords, r.notify, r.original_recipient, m.envelope_id, m.ret, m.smtputf8, "
        "r.notified, m.require_tls "
        "FROM queue_recipient r JOIN queue_message m ON m.delivery_id = r.delivery_id "
        "WHERE r.kind = $1 AND r.state = $2 AND r.next_attempt <= $3 AND r.claimed_until <= $3 ORDER BY r.next_attempt "
        "LIMIT $4",
        {static_cast<std::int64_t>(RecipientKind::local), static_cast<std::int64_t>(RecipientState::waiting),
         to_database(now), static_cast<std::int64_t>(std::min(at_most, kMostDue))});
    if (!rows) return pass(rows);
    while (true) {
      auto any = rows->next();
      if (!any) return pass(any);
      if (!*any) break;
      due.push_back(queued_local(*rows, shard));
    }
  }
  std::vector<QueuedLocal> ours;
  for (auto& letter : due) {
    // Looked at again: by the time the row is ours to write, another may have claimed it.
    auto claimed = connection.run(
        "UPDATE queue_recipient SET claimed_until = $3 WHERE delivery_id = $1 AND number = $2 AND claimed_until <= $4",
        {letter.delivery_id, letter.number, to_database(until), to_database(now)});
    if (!claimed) return pass(claimed);
    if (*claimed == 1) ours.push_back(std::move(letter));
  }
  return ours;
}

Result<Delivered> retry_rows(db::Connection& connection, const QueuedLocal& letter, const MessageFacts& facts,
                             std::vector<NoticeWrite>& receipts, SystemTime now) {
  const QueueKey key{letter.delivery_id, letter.number};
  std::vector<Piece> pieces;
  {
    auto rows = connection.query("SELECT pieces FROM queue_message WHERE delivery_id = $1", {key.delivery_id});
    if (!rows) return pass(rows);
    auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return fail(ErrorKind::not_found, "no such queue entry");
    auto decoded = decode_pieces(rows->octets(0));
    if (!decoded) return pass(decoded);
    pieces = std::move(*decoded);
  }
  auto before = reached_before(connection, letter.delivery_id);
  if (!before) return pass(before);
  if (const auto* done = before->find(letter.target)) {
    const auto reached = *done;
    auto removed = remove_queue_row(connection, key, now);
    if (!removed) return pass(removed);
    return delivered(reached);
  }
  auto written = write_target(connection, letter.target, pieces, facts, letter.delivery_id, now);
  if (!written) return pass(written);
  if (!*written) return pass(*written);
  if (auto kept = keep_facts(connection, pieces, facts); !kept) return pass(kept);
  if (auto added = add_references(connection, pieces, 1); !added) return pass(added);
  before->reached.push_back(**written);
  auto noted = connection.run(
      "INSERT INTO trace (delivery_id, made, message_key, reached, document) VALUES ($1, $2, 0, $3, '') "
      "ON CONFLICT (delivery_id) DO UPDATE SET reached = excluded.reached",
      {letter.delivery_id, to_database(now), db::Octets{encode_reached(before->reached)}});
  if (!noted) return pass(noted);
  auto removed = remove_queue_row(connection, key, now);
  if (!removed) return pass(removed);
  if (!*removed) return fail(ErrorKind::not_found, "no such queue entry");  // undoes the delivery
  for (auto& receipt : receipts) {
    auto inserted = insert_notice(connection, letter.shard, receipt, now);
    if (!inserted) return pass(inserted);
    receipt.reached = *inserted;
  }
  return delivered(**written);
}

}  // namespace

Async<Result<std::vector<QueuedLocal>>> Shard::due_local(std::size_t at_most, std::chrono::seconds claim_for) {
  const auto now = around_.clock->now();
  // The common case, nothing due, is found without a write.
  auto next = co_await next_due();
  if (!next) co_return pass(next);
  if (!*next || **next > now) co_return std::vector<QueuedLocal>{};
  std::move_only_function<Result<std::vector<QueuedLocal>>(db::Connection&)> work =
      [shard = place_.id, at_most, now, claim_for](db::Connection& connection) {
        return claim_due(connection, shard, at_most, now, now + claim_for);
      };
  co_return co_await write<std::vector<QueuedLocal>>(std::move(work));
}

Async<Result<Delivered>> Shard::retry_here(QueuedLocal letter, std::vector<Notice> receipts) {
  const auto now = around_.clock->now();
  auto queued = co_await queued_content(letter.delivery_id);
  if (!queued) co_return pass(queued);
  const auto& content = queued->content;
  auto facts = content.has_file() ? facts_of_head(content.head()) : facts_of(content.memory());
  auto writes = std::make_shared<std::vector<NoticeWrite>>();
  for (const auto& receipt : receipts) {
    auto prepared = notice_write(receipt);
    if (!prepared) co_return pass(prepared);
    writes->push_back(*std::move(prepared));
  }
  std::move_only_function<Result<Delivered>(db::Connection&)> work =
      [letter = std::move(letter), facts = std::move(facts), writes, now](db::Connection& connection) {
        return retry_rows(connection, letter, facts, *writes, now);
      };
  auto delivered = co_await write<Delivered>(std::move(work));
  for (const auto& receipt : *writes) {
    if (!delivered || !receipt.reached) continue;
    noticed(*receipt.reached);
    if (receipt.blob.location == Location::row) came_in_row();
  }
  co_return delivered;
}

Async<Result<Shard::QueuedContent>> Shard::queued_content(std::string delivery_id) {
  co_return co_await around_.pool->run([this, delivery_id = std::move(delivery_id)]() -> Result<QueuedContent> {
    const ReadGate::Pass inside(gate_);
    QueuedContent queued;
    auto pieces = readers_.read([&](db::Connection& connection) -> Result<std::vector<Piece>> {
      auto rows = connection.query(
          "SELECT m.pieces, t.document FROM queue_message m LEFT JOIN trace t ON t.delivery_id = m.delivery_id "
          "WHERE m.delivery_id = $1",
          {delivery_id});
      if (!rows) return pass(rows);
      auto any = rows->next();
      if (!any) return pass(any);
      if (!*any) return fail(ErrorKind::not_found, "no such queue entry");
      queued.trace = rows->text(1);
      return decode_pieces(rows->octets(0));
    });
    if (!pieces) return pass(pieces);
    auto content = read_pieces(*pieces);
    if (!content) return pass(content);
    queued.content = std::move(*content);
    return queued;
  });
}

Async<Result<void>> Shard::remove_queued(std::string delivery_id, std::vector<std::int64_t> numbers) {
  const auto now = around_.clock->now();
  std::move_only_function<Result<bool>(db::Connection&)> work = [delivery_id = std::move(delivery_id),
                                                                 numbers = std::move(numbers),
                                                                 now](db::Connection& connection) -> Result<bool> {
    for (const auto number : numbers) {
      auto removed = remove_queue_row(connection, {delivery_id, number}, now);
      if (!removed) return removed;
    }
    return true;
  };
  auto removed = co_await write<bool>(std::move(work));
  if (!removed) co_return pass(removed);
  co_return Result<void>{};
}

namespace {

// An attempt has failed: the row's claim ends, and `column` says what comes of it.
std::move_only_function<Result<bool>(db::Connection&)> noting_attempt(QueueKey key, std::string_view column,
                                                                      std::int64_t value, std::string_view why) {
  return [key = std::move(key),
          sql = fmt::format("UPDATE queue_recipient SET {} = $3, claimed_until = 0, attempts = attempts + 1, "
                            "last_error = $4 WHERE delivery_id = $1 AND number = $2",
                            column),
          value, why = printable(why, 1000)](db::Connection& connection) -> Result<bool> {
    auto changed = connection.run(sql, {key.delivery_id, key.number, value, why});
    if (!changed) return pass(changed);
    if (*changed == 0) return fail(ErrorKind::not_found, "no such queue entry");
    return true;
  };
}

}  // namespace

Async<Result<void>> Shard::postpone(QueueKey key, SystemTime next, std::string why) {
  auto work = noting_attempt(std::move(key), "next_attempt", to_database(next), why);
  auto changed = co_await write<bool>(std::move(work));
  if (!changed) co_return pass(changed);
  co_return Result<void>{};
}

Async<Result<void>> Shard::hold(QueueKey key, std::string why) {
  auto work = noting_attempt(std::move(key), "state", static_cast<std::int64_t>(RecipientState::held), why);
  auto changed = co_await write<bool>(std::move(work));
  if (!changed) co_return pass(changed);
  co_return Result<void>{};
}

namespace {

// When the first of the waiting rows is due. They come by their next attempt, which is a place in the index; a row that
// is claimed is due when its claim ends, so the look goes on until no later row can be due before what was found: past
// those that are claimed, and no further.
Result<std::optional<std::int64_t>> first_due(db::Connection& connection) {
  for (std::int64_t most = 16;; most *= 8) {
    std::optional<std::int64_t> first;
    std::int64_t seen = 0;
    auto rows = connection.query(
        "SELECT next_attempt, claimed_until FROM queue_recipient WHERE kind = $1 AND state = $2 ORDER BY next_attempt "
        "LIMIT $3",
        {static_cast<std::int64_t>(RecipientKind::local), static_cast<std::int64_t>(RecipientState::waiting), most});
    if (!rows) return pass(rows);
    while (true) {
      auto any = rows->next();
      if (!any) return pass(any);
      if (!*any) break;
      ++seen;
      if (first && rows->integer(0) >= *first) return first;
      const auto due = std::max(rows->integer(0), rows->integer(1));
      first = std::min(first.value_or(due), due);
    }
    if (seen < most) return first;
  }
}

}  // namespace

Async<Result<std::optional<SystemTime>>> Shard::next_due() {
  co_return co_await around_.pool->run([this]() -> Result<std::optional<SystemTime>> {
    auto next = readers_.read([](db::Connection& connection) { return first_due(connection); });
    if (!next) return pass(next);
    if (!*next) return std::nullopt;
    return from_database(**next);
  });
}

}  // namespace pabal::store
