// Flags of messages (RFC 9051 §2.3.2): system flags, keywords, and the JMAP keywords that they are (RFC 8621 §4.1.1;
// the registry of RFC 5788).
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pabal::imap {

/// System flags as bits.
using SystemFlags = std::uint8_t;
inline constexpr SystemFlags kAnswered = 1;
inline constexpr SystemFlags kFlagged = 2;
inline constexpr SystemFlags kDeleted = 4;
inline constexpr SystemFlags kSeen = 8;
inline constexpr SystemFlags kDraft = 16;
inline constexpr SystemFlags kAllSystemFlags = 31;

/// What a client wants set or has searched for: never \Recent, which is ours alone.
struct FlagList {
  SystemFlags system = 0;
  std::vector<std::string> keywords;  ///< as written; no two that differ by case only
  [[nodiscard]] bool empty() const noexcept { return system == 0 && keywords.empty(); }
  friend bool operator==(const FlagList&, const FlagList&) = default;
};

inline constexpr std::size_t kLongestKeyword = 255;  ///< RFC 8621 §4.1.1

/// "\Seen" in any case; nothing for another word.
[[nodiscard]] std::optional<SystemFlags> system_flag(std::string_view flag) noexcept;
/// A keyword that may be set: an atom of at most kLongestKeyword octets.
[[nodiscard]] bool is_keyword(std::string_view text) noexcept;
/// Adds "\Seen" or a keyword. False for what is neither (\Recent, an unknown flag with a backslash). "$seen",
/// "$answered",
/// "$flagged" and "$draft" are the system flags, whose JMAP names they are: no two flags may be one JMAP keyword.
[[nodiscard]] bool add_flag(FlagList& flags, std::string_view flag);

/// `\Answered \Seen $Forwarded`: without parentheses, system flags first. `recent` puts \Recent at the end.
void append_flags(std::string& out, SystemFlags system, std::span<const std::string> keywords, bool recent = false);

/// The keyword that a flag is in JMAP: "$seen" for "\Seen", keywords in lower case. Nothing for \Deleted and \Recent,
/// which JMAP doesn't know.
[[nodiscard]] std::optional<std::string> jmap_keyword(std::string_view flag);
/// The flag that a JMAP keyword is; the keyword itself where it is no system flag.
[[nodiscard]] std::string imap_flag(std::string_view keyword);

}  // namespace pabal::imap
