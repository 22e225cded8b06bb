// The queue's rows as they are written: in the shard's transaction.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "db/database.hpp"
#include "store/blobs.hpp"
#include "store/delivery.hpp"
#include "store/facts.hpp"
#include "store/notice_rows.hpp"
#include "store/outgoing.hpp"
#include "store/shard.hpp"

namespace pabal::store {

/// The numbers by which rows begin that are for other shards, and those for other systems.
inline constexpr std::int64_t kElsewhereNumber = 1'000'000;
inline constexpr std::int64_t kRemoteNumber = 2'000'000;

/// Text that both engines take. What a peer sent (RFC 3461's ENVID and ORCPT hold any octets once they are decoded)
/// must not keep a letter from the queue.
[[nodiscard]] std::string safe_text(std::string_view text);

/// What stands once for a letter. Views must live until insert_queue_message() returns.
struct QueueMessageRow {
  std::string_view id;
  std::string_view sender;
  SystemTime arrived;
  std::uint64_t size = 0;
  std::span<const Piece> pieces;
  std::string_view envelope_id = {};
  std::string_view ret = {};
  bool smtputf8 = false;
  TlsWish tls = TlsWish::none;
  OutgoingTerms terms = {};
};
[[nodiscard]] Result<void> insert_queue_message(db::Connection& connection, const QueueMessageRow& row);

struct LocalWait {
  SystemTime next;
  SystemTime claimed{};
  std::int64_t attempts = 0;
  std::string_view error = {};
};
[[nodiscard]] Result<void> insert_local_recipient(db::Connection& connection, std::string_view id, std::int64_t number,
                                                  const DeliveryTarget& target, const LocalWait& wait);
/// Of a letter that came `now`, and is due then or when its terms say. With a claim it is due at the claim's end.
[[nodiscard]] Result<void> insert_remote_recipient(db::Connection& connection, std::string_view id, std::int64_t number,
                                                   const RemoteRecipient& recipient, const OutgoingTerms& terms,
                                                   SystemTime now, SystemTime claimed);

/// Conditions that the indexes of recipients don't answer: so that they come by their key.
inline constexpr std::string_view kWalkedRemotely = " AND r.kind + 0 = 2";
inline constexpr std::string_view kWalkedLocally = " AND r.kind + 0 = 1";

/// Removes the row, and the message with the last one. False if the row is gone already.
[[nodiscard]] Result<bool> remove_queue_row(db::Connection& connection, const QueueKey& key, SystemTime now);

[[nodiscard]] Result<std::vector<OutgoingLetter>> claim_rows(db::Connection& connection, ShardId shard,
                                                             std::string_view destination, std::size_t at_most,
                                                             SystemTime now, SystemTime until);
/// The first destination and urgency after $1 and $2 that have something waiting, and when the first of it is due. One
/// row is looked at.
inline constexpr std::string_view kNextDestination =
    "SELECT destination, urgency, next_attempt FROM queue_recipient WHERE kind = 2 AND state = 0 AND "
    "(destination, urgency) > ($1, $2) ORDER BY destination, urgency, next_attempt LIMIT 1";
/// The same within the destination $1.
inline constexpr std::string_view kNextUrgency =
    "SELECT urgency, next_attempt FROM queue_recipient WHERE kind = 2 AND state = 0 AND destination = $1 AND "
    "urgency > $2 ORDER BY urgency, next_attempt LIMIT 1";
/// At most `at_most` destinations after `after` that have something waiting.
[[nodiscard]] Result<DueDestinations> due_rows(db::Connection& connection, ShardId shard, std::string_view after,
                                               std::size_t at_most, SystemTime now);

/// A place among the rows that wait, by their next attempt.
struct WaitingRow {
  std::int64_t next = 0;
  std::string id = {};
  std::int64_t number = -1;
};
/// Some of the rows behind this one get moments between `now` and `latest` as their next attempts, but for those that
/// are claimed or that their sender wants held; nothing: no more are there.
[[nodiscard]] Result<std::optional<WaitingRow>> bring_rows_forward(db::Connection& connection, RecipientKind kind,
                                                                   const WaitingRow& after, SystemTime now,
                                                                   SystemTime latest);

[[nodiscard]] Result<std::vector<NoticeReached>> settle_rows(db::Connection& connection, ShardId shard,
                                                             std::span<const AttemptOutcome> attempts,
                                                             std::vector<std::vector<NoticeWrite>>& notices,
                                                             SystemTime now);

}  // namespace pabal::store
