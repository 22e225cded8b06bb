// Rights on mailboxes (RFC 4314): the letters, and whose they are. Identifiers are account names, "anyone" (everybody
// who is logged in; "authenticated" is the same here), and either with "-" before it for rights that are taken away.
// There are no groups.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/mailbox_api.hpp"

namespace pabal::server::imap {

using Rights = std::uint16_t;
/// RFC 4314 §2.1.
namespace right {
inline constexpr Rights lookup = 1U << 0;           ///< l
inline constexpr Rights read = 1U << 1;             ///< r
inline constexpr Rights seen = 1U << 2;             ///< s
inline constexpr Rights write = 1U << 3;            ///< w
inline constexpr Rights insert = 1U << 4;           ///< i
inline constexpr Rights post = 1U << 5;             ///< p
inline constexpr Rights create = 1U << 6;           ///< k
inline constexpr Rights delete_mailbox = 1U << 7;   ///< x
inline constexpr Rights delete_messages = 1U << 8;  ///< t
inline constexpr Rights expunge = 1U << 9;          ///< e
inline constexpr Rights admin = 1U << 10;           ///< a
inline constexpr Rights all = (1U << 11) - 1;
/// An owner can't lose these: he could never get them back.
inline constexpr Rights owners = lookup | admin;
/// Without any of these a mailbox is read-only; SELECT's answer doesn't count \Seen, which others don't see (§5.2).
inline constexpr Rights shared_change = write | insert | delete_messages | expunge;
inline constexpr Rights any_change = shared_change | seen;
}  // namespace right

/// From the letters of a client: c and d are what RFC 4314 §2.1.1 lets them be (c: k and x; d: t and e). Nothing where
/// one is no right.
[[nodiscard]] std::optional<Rights> rights_of(std::string_view letters);
/// As ACL and MYRIGHTS say them, with c and d where any of theirs is set.
[[nodiscard]] std::string text_of(Rights rights);
/// As the store keeps them.
[[nodiscard]] std::string stored_text(Rights rights);

/// All identifiers whose entries count for a user.
[[nodiscard]] std::vector<std::string> identifiers_of(std::string_view user);
/// What the user may do with a mailbox that has these entries. The owner may do everything, unless there is an entry
/// for him; l and a are his in any case.
[[nodiscard]] Rights rights_by(std::span<const store::AccessEntry> entries, std::string_view user, bool owner);

/// The flags that may be changed with these rights (§4).
[[nodiscard]] store::FlagScope scope_of(Rights rights);
/// A set of flags without those that may not be.
[[nodiscard]] store::FlagSet permitted(store::FlagSet flags, const store::FlagScope& scope);

}  // namespace pabal::server::imap
