// Character references of HTML (§13.2.5.72 of the standard), as letters use them.
#pragma once
#include <cstddef>
#include <string_view>

namespace pabal::message {

struct CharacterReference {
  char32_t code = 0;
  std::size_t length = 0;  ///< octets of text that it takes; 0: it isn't one
};

/// Reads the reference that `text` begins with ('&'): named, decimal or hexadecimal, with the ';' or, where browsers
/// forgive that, without it. Looks at a bounded number of octets, except for the digits of an endless number.
[[nodiscard]] CharacterReference read_character_reference(std::string_view text) noexcept;

}  // namespace pabal::message
