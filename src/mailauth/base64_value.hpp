// Base64 as DKIM's b=, bh= and p= have it.
#pragma once
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace pabal::mailauth {

/// The octets of base64 without white space in it. Padding may be missing, as it often is in key records. Errors:
/// syntax.
[[nodiscard]] Result<std::string> decode_base64_value(std::string_view bare);

}  // namespace pabal::mailauth
