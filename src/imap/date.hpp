// Dates as IMAP writes them (RFC 9051 §9, date and date-time): INTERNALDATE, APPEND's date, the dates of SEARCH.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "codec/date.hpp"

namespace pabal::imap {

/// A day of SEARCH, without time and zone: "1-Feb-1994", "01-Feb-1994". Nothing for a day that doesn't exist.
[[nodiscard]] std::optional<std::chrono::sys_days> parse_date(std::string_view text) noexcept;

/// What stands between the quotes of a date-time: " 1-Feb-1994 21:52:25 -0800"; the day with two digits or a space and
/// one (one digit alone is taken too). Second 60 is the next minute's first.
[[nodiscard]] std::optional<codec::Date> parse_date_time(std::string_view text) noexcept;

/// `17-Jul-1996 02:44:25 -0700`, without quotes, the day always two octets.
[[nodiscard]] std::string format_date_time(SystemTime time, int offset_minutes = 0);

/// The day on which a moment falls in its own zone: what SEARCH compares (RFC 9051 §6.4.4, "disregarding time and
/// timezone").
[[nodiscard]] std::chrono::sys_days day_of(SystemTime time, int offset_minutes) noexcept;

}  // namespace pabal::imap
