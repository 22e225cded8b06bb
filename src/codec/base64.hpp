// Base64 (RFC 4648 §4) as SASL in SMTP and POP3 wants it: one run without line ends, refused when it is anything else.
// The forgiving decoder that message bodies need is another thing (message/).
#pragma once
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace pabal::codec {

/// With padding, without line ends.
[[nodiscard]] std::string base64(std::string_view octets);

/// Strict: only the alphabet, whole groups of four, padding only at the end and exactly as long as needed, unused bits
/// zero (RFC 4648 §3.2, §3.3, §3.5; RFC 4954 §4 demands the same). An Error of kind `syntax` otherwise. "" gives "".
[[nodiscard]] Result<std::string> decode_base64(std::string_view text);

}  // namespace pabal::codec
