// The date-time of RFC 5322 §3.3, as it stands in Date and Received fields: written the one right way, read in all the
// ways of §3.3 and §4.3 (two-digit years, zone names, comments anywhere) that real letters come with.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace pabal::codec {

/// A moment and the zone it was written in.
struct Date {
  SystemTime time;
  int offset_minutes = 0;  ///< east of Greenwich
  bool zone_unknown =
      false;  ///< "-0000", military letters and unknown names (RFC 5322 §3.3, §4.3): the time is UTC, the place unsaid
  friend bool operator==(const Date&, const Date&) = default;
};

/// `Sun, 22 Nov 2026 03:34:21 +0000`; 31 octets for four-digit years. Parts of seconds are cut off. Years before 0 or
/// after 9999 do not occur in a SystemTime that a machine's clock gives; such a time is written as the nearest that can
/// be.
[[nodiscard]] std::string format_date(SystemTime time, int offset_minutes = 0);

/// Nothing unless the whole text is a date-time. The name of the day may be missing, and where it does not fit the date
/// the date counts. Second 60 (a leap second) is read as the next minute's first.
[[nodiscard]] std::optional<Date> parse_date(std::string_view text);

/// The same for a Date field as any mailer of the world wrote it: besides what parse_date() takes full names of days
/// and months, any order (asctime, ISO 8601, 7/1/2003, 1.7.2003, 1-Jul-03), AM and PM (오전, 오후 too), names of zones
/// beyond the standard's, "GMT+0900", years of three digits, words around it. A missing zone or a nonsensical one is
/// UTC and unknown, a missing time midnight. Nothing where no day, month and year can be made out.
[[nodiscard]] std::optional<Date> parse_any_date(std::string_view text);

}  // namespace pabal::codec
