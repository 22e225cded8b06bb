// Flags and keywords of messages (RFC 9051 §2.3.2; RFC 8621 §4.1.1): those that every account has are bits, the
// account's own are names with numbers. Names are the same in any case, and are shown as they were first given.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace pabal::store {

/// Bits of namespace flag.
using Flags = std::uint32_t;

namespace flag {
inline constexpr Flags seen = 1U << 0;
inline constexpr Flags answered = 1U << 1;
inline constexpr Flags flagged = 1U << 2;
inline constexpr Flags draft = 1U << 3;
inline constexpr Flags forwarded = 1U << 4;
inline constexpr Flags mdn_sent = 1U << 5;
inline constexpr Flags junk = 1U << 6;
inline constexpr Flags not_junk = 1U << 7;
inline constexpr Flags phishing = 1U << 8;
/// Not the email's but its place's in one mailbox; no keyword.
inline constexpr Flags deleted = 1U << 15;
}  // namespace flag

/// The bit of a keyword that every account has ("$seen", "$Forwarded"); 0 for any other name.
[[nodiscard]] Flags flag_of_keyword(std::string_view name) noexcept;
/// The keyword of a single bit, as RFC 8621 and the IANA registry write it in lower case; empty for \Deleted.
[[nodiscard]] std::string_view keyword_of_flag(Flags one) noexcept;

/// A keyword's length in octets, and how many of its own an account may have.
inline constexpr std::size_t kMostKeywordOctets = 255;
inline constexpr std::size_t kMostKeywords = 500;
/// Whether it can be a keyword both in IMAP (an atom) and in JMAP (RFC 8621 §4.1.1).
[[nodiscard]] bool is_keyword(std::string_view name) noexcept;

/// Flags with the account's own keywords. Those that have bits may stand among the names too.
struct FlagSet {
  Flags flags = 0;
  std::vector<std::string> keywords;
};

}  // namespace pabal::store
