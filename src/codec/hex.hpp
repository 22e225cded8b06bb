// Octets as hexadecimal digits.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace pabal::codec {

/// Lower case, two digits an octet.
[[nodiscard]] std::string hex(std::string_view octets);
/// Either case; nothing unless the text is whole pairs of digits.
[[nodiscard]] std::optional<std::string> decode_hex(std::string_view text);

}  // namespace pabal::codec
