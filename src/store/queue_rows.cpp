#include "store/queue_rows.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace pabal::store {

std::string safe_text(std::string_view text) {
  const bool safe = is_utf8(text) && text.find('\0') == std::string_view::npos;
  return safe ? std::string(text) : printable(text, text.size());
}

Result<void> insert_queue_message(db::Connection& connection, const QueueMessageRow& row) {
  const auto sender = safe_text(row.sender);
  const auto envelope_id = safe_text(row.envelope_id);
  const auto ret = safe_text(row.ret);
  const auto& terms = row.terms;
  const std::string by = !terms.deliver_by ? ""
                                           : fmt::format("{}{}", terms.deliver_by->returns ? "R" : "N",
                                                         terms.deliver_by->traced ? "T" : "");
  const auto inserted = connection.run(
      "INSERT INTO queue_message (delivery_id, sender, arrived, size, pieces, envelope_id, ret, smtputf8, require_tls, "
      "account_id, form, priority, not_before, deliver_by, by_mode) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
      {row.id, sender, to_database(row.arrived), static_cast<std::int64_t>(row.size),
       db::Octets{encode_pieces(row.pieces)}, envelope_id, ret, std::int64_t{row.smtputf8},
       static_cast<std::int64_t>(row.tls), terms.account.value, static_cast<std::int64_t>(terms.form),
       std::int64_t{terms.priority}, to_database(terms.not_before),
       terms.deliver_by ? to_database(terms.deliver_by->time) : std::int64_t{0}, by});
  if (!inserted) return pass(inserted);
  return {};
}

Result<void> insert_local_recipient(db::Connection& connection, std::string_view id, std::int64_t number,
                                    const DeliveryTarget& target, const LocalWait& wait) {
  std::string keywords;
  for (const auto& name : target.keywords) keywords.append(keywords.empty() ? "" : " ").append(safe_text(name));
  const auto recipient = safe_text(target.recipient);
  const auto notify = safe_text(target.notify);
  const auto original_recipient = safe_text(target.original_recipient);
  const auto mailbox = safe_text(target.mailbox);
  const auto last_error = safe_text(wait.error);
  const auto inserted = connection.run(
      "INSERT INTO queue_recipient (delivery_id, number, kind, state, recipient, notify, original_recipient, "
      "next_attempt, "
      "claimed_until, attempts, last_error, account_id, shard_id, mailbox, prefix, keywords) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
      {id, number, static_cast<std::int64_t>(RecipientKind::local), static_cast<std::int64_t>(RecipientState::waiting),
       recipient, notify, original_recipient, to_database(wait.next), to_database(wait.claimed), wait.attempts,
       last_error, target.place.account.value, target.place.shard.value, mailbox, db::Octets{target.prefix}, keywords});
  if (!inserted) return pass(inserted);
  return {};
}

Result<void> insert_remote_recipient(db::Connection& connection, std::string_view id, std::int64_t number,
                                     const RemoteRecipient& recipient, const OutgoingTerms& terms, SystemTime now,
                                     SystemTime claimed) {
  const auto next = std::max(now, terms.not_before);
  const auto address = safe_text(recipient.address);
  const auto destination = safe_text(recipient.destination);
  const auto notify = safe_text(recipient.notify);
  const auto original_recipient = safe_text(recipient.original_recipient);
  const auto reverse_path = safe_text(recipient.reverse_path.value_or(""));
  const auto inserted = connection.run(
      "INSERT INTO queue_recipient (delivery_id, number, kind, state, recipient, notify, original_recipient, "
      "next_attempt, claimed_until, attempts, last_error, account_id, shard_id, mailbox, prefix, keywords, "
      "destination, "
      "reverse_path, urgency) VALUES ($1, $2, 2, 0, $3, $4, $5, $6, $7, 0, '', 0, 0, '', $8, '', $9, $10, $11)",
      {id, number, address, notify, original_recipient, to_database(std::max(next, claimed)), to_database(claimed),
       db::Octets{{}}, destination,
       recipient.reverse_path ? db::Parameter(std::string_view(reverse_path)) : db::Parameter(),
       -std::int64_t{std::clamp(terms.priority, -9, 9)}});
  if (!inserted) return pass(inserted);
  return {};
}

Result<bool> remove_queue_row(db::Connection& connection, const QueueKey& key, SystemTime now) {
  const auto removed = connection.run("DELETE FROM queue_recipient WHERE delivery_id = $1 AND number = $2",
                                      {key.delivery_id, key.number});
  if (!removed) return pass(removed);
  if (*removed == 0) return false;
  const auto more =
      connection.number("SELECT number FROM queue_recipient WHERE delivery_id = $1 LIMIT 1", {key.delivery_id});
  if (!more) return pass(more);
  if (*more) return true;
  std::vector<Piece> pieces;
  {
    auto rows =
        connection.query("DELETE FROM queue_message WHERE delivery_id = $1 RETURNING pieces", {key.delivery_id});
    if (!rows) return pass(rows);
    const auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return fail(ErrorKind::io, "local error", fmt::format("queue message {} is missing", key.delivery_id));
    auto decoded = decode_pieces(rows->octets(0));
    if (!decoded) return pass(decoded);
    pieces = std::move(*decoded);
  }
  if (auto dropped = drop_references(connection, pieces, 1, now); !dropped) return pass(dropped);
  return true;
}

}  // namespace pabal::store
