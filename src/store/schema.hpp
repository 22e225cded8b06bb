// The schema "store" of a shard's database, the same for all engines, and what its numbers mean.
#pragma once
#include <cstdint>
#include <span>

#include "db/database.hpp"

namespace pabal::store {

[[nodiscard]] std::span<const db::Migration> schema_steps();

/// Where a blob's octets are (blob.location).
enum class Location : std::int64_t {
  row = 1,       ///< in blob_data until the background work moves them into a segment
  segment = 2,   ///< in a segment file
  file = 3,      ///< in a file of their own
  database = 4,  ///< in blob_data for good: the shard has no folder
};

/// What becomes of a segment (segment.state).
enum class SegmentState : std::int64_t {
  open = 1,  ///< the one that is written
  full = 2,
  free = 3,  ///< nothing in it lives; its file waits to be written anew
};

/// account.state
enum class AccountState : std::int64_t { normal = 0, being_removed = 1 };

/// queue_recipient.state and .kind
enum class RecipientState : std::int64_t { waiting = 0, held = 1 };
enum class RecipientKind : std::int64_t { local = 1, remote = 2 };

/// Keywords that every account has are numbered as their bits are (flags.hpp), from 1; its own ones begin at first_own.
namespace keyword {
inline constexpr std::int64_t seen = 1;
inline constexpr std::int64_t first_own = 16;
}  // namespace keyword

/// One part of blob_data; bigger blobs have several.
inline constexpr std::size_t kDataPart = 1 << 20;
/// blob_data.data_id of a blob's part.
inline constexpr std::int64_t kDataParts = 1 << 12;

}  // namespace pabal::store
