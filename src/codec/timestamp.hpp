// A moment as traces and JSON have it (RFC 3339): UTC, with milliseconds.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace pabal::codec {

/// "2026-11-22T03:34:21.250Z"; of a clock's times, 1970 to 9999.
[[nodiscard]] std::string format_timestamp(SystemTime time);
/// A date-time of RFC 3339 §5.6 with any offset, parts of seconds cut off; nothing for any other text, nor where
/// UTC's year is not 0 to 9999. Second 60 is the next minute's first.
[[nodiscard]] std::optional<SystemTime> parse_timestamp(std::string_view text) noexcept;

}  // namespace pabal::codec
