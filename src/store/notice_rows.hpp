// Notices as they are written: in the transaction of what they tell of.
#pragma once
#include <optional>

#include "db/database.hpp"
#include "store/blobs.hpp"
#include "store/delivery.hpp"
#include "store/facts.hpp"

namespace pabal::store {

/// A mailbox that got a notice.
struct NoticeReached {
  AccountId account;
  ChangeNumber change;
};

/// A notice with what its octets need.
struct NoticeWrite {
  const Notice* notice = nullptr;  ///< must live as long as this
  BlobRow blob;
  Incoming content;
  MessageFacts facts;
  std::optional<NoticeReached> reached = std::nullopt;  ///< of a delivery's receipt
};

/// Into the mailbox where that is in this shard and has room, else into the queue.
[[nodiscard]] Result<std::optional<NoticeReached>> insert_notice(db::Connection& connection, ShardId shard,
                                                                 NoticeWrite& write, SystemTime now);

}  // namespace pabal::store
