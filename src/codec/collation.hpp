// Collations (RFC 4790): when two texts count as the same, which comes first, and whether one holds another. IMAP's
// SEARCH, SORT and THREAD compare by them (RFC 5255 §4).
//
// All are made the same way: a text becomes octets, its key, and the octets are compared. A key is made character by
// character, so that the key of a part of a text stands within the key of the whole: "holds" is a search for octets.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pabal::codec {

enum class Collation : std::uint8_t {
  unicode_casemap,  ///< RFC 5051: case, width and composition don't matter
  ascii_casemap,    ///< RFC 4790 §9.2
  octet,            ///< RFC 4790 §9.3
};

/// "i;unicode-casemap" and the like.
[[nodiscard]] std::string_view name_of(Collation collation) noexcept;
/// The first that a client's collation-order names (RFC 4790 §3.2): a name in any case, or with "*" for any run of
/// characters; "default" is i;unicode-casemap. Nothing where none does.
[[nodiscard]] std::optional<Collation> find_collation(std::string_view wanted) noexcept;

/// The key of a text in UTF-8, appended to `out`. Linear; a code point becomes 72 octets at most. For unicode_casemap:
/// each code point's simple titlecase and then its full compatibility decomposition (RFC 5051 §2), whose letters are
/// titlecased as well, so that a ligature is its letters. What is no UTF-8 is U+FFFD there.
void append_key(std::string& out, Collation collation, std::string_view utf8);
[[nodiscard]] inline std::string key_of(Collation collation, std::string_view utf8) {
  std::string out;
  append_key(out, collation, utf8);
  return out;
}

}  // namespace pabal::codec
