// Ids of things that outlive a process. Each is its own type, so that one can't stand where another is meant.
#pragma once
#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace pabal {

class Random;

/// A number with a meaning of its own; 0 is no id.
template <class Tag>
struct Id {
  std::int64_t value = 0;
  friend constexpr auto operator<=>(Id, Id) noexcept = default;
  [[nodiscard]] constexpr explicit operator bool() const noexcept { return value != 0; }
};

using AccountId = Id<struct AccountTag>;    ///< unique over all shards, given by the directory
using MailboxId = Id<struct MailboxTag>;    ///< unique in its account
using EmailId = Id<struct EmailTag>;        ///< unique in its account
using ThreadId = Id<struct ThreadTag>;      ///< unique in its account
using BlobId = Id<struct BlobTag>;          ///< unique in its shard
using ChangeNumber = Id<struct ChangeTag>;  ///< the account's change counter (IMAP MODSEQ, JMAP state)
using ShardId = Id<struct ShardTag>;

/// A short random name that sorts by time: 16 letters and digits of Crockford's base 32 (milliseconds and 35 random
/// bits). For sessions, messages on their way (queue ids) and deliveries.
[[nodiscard]] std::string make_token(std::int64_t microseconds_since_1970, Random& random);

}  // namespace pabal

template <class Tag>
struct std::hash<pabal::Id<Tag>> {
  std::size_t operator()(pabal::Id<Tag> id) const noexcept { return std::hash<std::int64_t>{}(id.value); }
};
