// Octets as hexadecimal digits.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace pabal::codec {

/// What a digit of either case is worth; -1 for what is none.
[[nodiscard]] constexpr int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

/// Lower case, two digits an octet.
[[nodiscard]] std::string hex(std::string_view octets);
/// Either case; nothing unless the text is whole pairs of digits.
[[nodiscard]] std::optional<std::string> decode_hex(std::string_view text);

}  // namespace pabal::codec
