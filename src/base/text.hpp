// Small work on octets and ASCII text. Octets are std::string and std::string_view throughout; text that is known to be
// UTF-8 says so by name. All comparisons here are of ASCII letters only, never by locale.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pabal {

[[nodiscard]] constexpr char ascii_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
[[nodiscard]] constexpr char ascii_upper(char c) noexcept {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
}
[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr bool is_alpha(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] std::string to_upper(std::string_view text);
[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;
[[nodiscard]] bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) noexcept;

/// Without spaces and tabs at both ends.
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

/// The parts between separators; "a,,b" has three, "" has one empty part. Views into `text`.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

/// A whole decimal number, digits only, at most `max`; nothing otherwise.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text,
                                                         std::uint64_t max = UINT64_MAX) noexcept;

/// True if the octets are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, up to U+10FFFF).
[[nodiscard]] bool is_utf8(std::string_view octets) noexcept;
/// True if no octet has its high bit set.
[[nodiscard]] bool is_ascii(std::string_view octets) noexcept;

/// Text for a log or a reply line: control characters and octets that are not UTF-8 become \xNN, at most `limit` octets
/// of input are shown, then "…". What comes from a peer is never logged or sent back otherwise.
[[nodiscard]] std::string printable(std::string_view octets, std::size_t limit = 200);

}  // namespace pabal
