// What the store keeps of a message besides its octets: the derived form (message/derived.hpp) beside its blob, and the
// keys by which letters find their thread.
//
// The derived form of a message that one whole blob holds, as all do that were delivered, stands in the table
// blob_facts under the blob's number, once for all recipients, and goes with the blob. email.parsed_version says
// whether it is there: 0, the upkeep will derive it; kNoFacts, it is not kept, and who needs it opens the message;
// above that, it is of this version.
//
// A thread key is made of one Message-ID and the base subject, so that two letters share a key if and only if they
// share an identifier in Message-ID, In-Reply-To or References, and their subjects are the same without "Re:" and the
// like: what RFC 8621 §3 asks. The table thread_key says which thread a key belongs to. A thread has the id of the
// first email in it and keeps it for ever; a letter that belongs to several joins the oldest, and the others stay as
// they are.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "db/database.hpp"
#include "store/compact.hpp"

namespace pabal::store {

/// parsed_version of an email whose message is damaged, or not one blob; it is tried again when the version grows.
inline constexpr std::int64_t kNoFacts = -1;

/// The same for all recipients: nothing here depends on the private prefix.
struct MessageFacts {
  std::int64_t version = 0;  ///< 0: to be derived by the upkeep
  std::string parsed;        ///< message::encode_derived's form; empty with version 0
  std::vector<std::int64_t> thread_keys;
};

/// All facts of a whole message. No I/O; some 20 µs for a usual one.
[[nodiscard]] MessageFacts facts_of(std::string_view message);
/// The thread keys alone, where only a message's beginning is at hand; the rest is the upkeep's.
[[nodiscard]] MessageFacts facts_of_head(std::string_view head);
/// The thread keys of a message whose `parsed` this is; none where it has no envelope.
[[nodiscard]] std::vector<std::int64_t> thread_keys_of(std::string_view parsed);
/// The version that facts_of gives.
[[nodiscard]] std::int64_t facts_version() noexcept;

/// The blob that an email's facts stand beside: the one that is all of the message. Nothing for what is put together.
[[nodiscard]] std::optional<BlobId> blob_of_facts(std::span<const Piece> pieces) noexcept;
/// What parsed_version says of an email of these pieces whose facts were kept.
[[nodiscard]] std::int64_t kept_version(std::span<const Piece> pieces, const MessageFacts& facts) noexcept;
/// Keeps the facts, if there are any, beside the blob, in place of older ones.
[[nodiscard]] Result<void> keep_facts(db::Connection& connection, std::span<const Piece> pieces,
                                      const MessageFacts& facts);

/// The derived form that is kept for an email of these pieces; empty where there is none.
[[nodiscard]] Result<std::string> read_facts(db::Connection& connection, std::span<const Piece> pieces);

/// The thread that a new email belongs to, which may be one of its own; its keys lead there from now on.
[[nodiscard]] Result<std::int64_t> take_thread(db::Connection& connection, AccountId account, EmailId email,
                                               const std::vector<std::int64_t>& keys);

}  // namespace pabal::store
