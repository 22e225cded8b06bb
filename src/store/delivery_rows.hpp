// The rows of a delivery: what is written in the shard's transaction. A delivery to one mailbox is six small
// statements.
#pragma once
#include <array>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "store/appender.hpp"
#include "store/blobs.hpp"
#include "store/facts.hpp"
#include "store/notice_rows.hpp"
#include "store/store.hpp"

namespace pabal::store {

/// What became of a delivery.
struct DeliverySettled {
  Result<std::vector<TargetOutcome>> outcomes;
  std::unique_ptr<AppendJob> again;  ///< the DeliveryWrite, where the outcome is in doubt: to be written carefully
};

/// One delivery on its way through a shard. Its record, if its blob goes into a segment, is in AppendJob::records; it
/// pins the segment until this object goes.
struct DeliveryWrite final : AppendJob {
  Delivery delivery;
  std::vector<DeliveryTarget> elsewhere;  ///< get queue rows only
  SystemTime claimed_until;               ///< of those
  SystemTime now;
  BlobRow blob;
  MessageFacts facts;
  std::vector<NoticeWrite> receipts;    ///< of delivery.receipts
  ShardId shard;                        ///< where it is written
  std::vector<TargetOutcome> outcomes;  ///< of delivery.targets
  bool wrote_blob = false;              ///< the rows refer to the blob
  bool rows_done = false;               ///< all rows are written; what is left is the commit
  bool in_doubt = false;                ///< a commit that failed may have happened all the same
  Completion<DeliverySettled> done;
};

/// A commit in doubt is looked at again after these times: until a database that was started anew, or another one that
/// took over, answers.
inline constexpr std::array kLookAgain = {std::chrono::milliseconds(50), std::chrono::milliseconds(500),
                                          std::chrono::milliseconds(2000), std::chrono::milliseconds(4000),
                                          std::chrono::milliseconds(8000)};

/// A new email's row. Views must live until insert_email() returns.
struct NewEmail {
  AccountId account;
  EmailId email;
  std::int64_t thread = 0;
  SystemTime received;
  std::int32_t zone_minutes = 0;
  std::uint64_t size = 0;
  std::string_view prefix;
  std::span<const Piece> pieces;
  Standing standing;
  std::string_view delivery_id;
};
/// The facts themselves are kept beside the blob (keep_facts).
[[nodiscard]] Result<void> insert_email(db::Connection& connection, const NewEmail& email, const MessageFacts& facts);

/// Fast: any error undoes all that shares the savepoint, and so does a delivery id that is known already. Careful: each
/// target stands alone, and what was delivered under this id before isn't again.
enum class RowsMode : std::uint8_t { fast, careful };
[[nodiscard]] Result<void> write_delivery_rows(db::Connection& connection, DeliveryWrite& write, RowsMode mode);

/// Puts an email of these pieces into one mailbox. The outer Result is the database's; the inner one tells why the
/// target may not have it (quota, no such account), with nothing written.
[[nodiscard]] Result<Result<Reached>> write_target(db::Connection& connection, const DeliveryTarget& target,
                                                   std::span<const Piece> pieces, const MessageFacts& facts,
                                                   std::string_view delivery_id, SystemTime now);
/// What the trace's row says was reached under this delivery id; `known` tells whether there is such a row.
struct Before {
  bool known = false;
  std::vector<Reached> reached;
  [[nodiscard]] const Reached* find(const DeliveryTarget& target) const;
};
[[nodiscard]] Result<Before> reached_before(db::Connection& connection, std::string_view delivery_id);
[[nodiscard]] inline Delivered delivered(const Reached& reached) {
  return {reached.email, reached.uid, ChangeNumber{reached.email.value}};
}

/// The mailbox's name as it is looked up: INBOX in any case is INBOX (RFC 9051 §5.1). `policy` for what can't be a
/// name.
[[nodiscard]] Result<std::string> mailbox_path(std::string_view name);
[[nodiscard]] std::uint32_t hash_of_name(std::string_view name) noexcept;
[[nodiscard]] std::int64_t key_of_message_id(std::string_view message_id) noexcept;

}  // namespace pabal::store
