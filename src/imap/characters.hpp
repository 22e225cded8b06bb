// The sets of characters that IMAP's grammar is made of (RFC 9051 §9, Formal Syntax).
#pragma once
#include <string_view>

namespace pabal::imap {

/// ATOM-CHAR: printable ASCII but the atom-specials.
[[nodiscard]] constexpr bool is_atom_char(char c) noexcept {
  return c > ' ' && c < 0x7F && std::string_view("(){%*\"\\]").find(c) == std::string_view::npos;
}
/// ASTRING-CHAR: "]" too.
[[nodiscard]] constexpr bool is_astring_char(char c) noexcept { return is_atom_char(c) || c == ']'; }
/// list-char: wildcards too.
[[nodiscard]] constexpr bool is_list_char(char c) noexcept { return is_astring_char(c) || c == '%' || c == '*'; }
/// Of a tag: an ASTRING-CHAR but "+".
[[nodiscard]] constexpr bool is_tag_char(char c) noexcept { return is_astring_char(c) && c != '+'; }

}  // namespace pabal::imap
