#include "codec/timestamp.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>

#include <fmt/chrono.h>

#include "base/text.hpp"

namespace pabal::codec {

std::string format_timestamp(SystemTime time) {
  const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(static_cast<std::time_t>(seconds.time_since_epoch().count())),
                     (milliseconds - seconds).count());
}

namespace {

// A number of just so many digits, which go from the text.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) noexcept {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (!is_digit(text[i])) return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}
bool take_char(std::string_view& text, char c) noexcept {
  if (text.empty() || ascii_upper(text.front()) != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<int> take_offset(std::string_view& text) noexcept {
  if (take_char(text, 'Z')) return 0;
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
  const int sign = text.front() == '-' ? -1 : 1;
  text.remove_prefix(1);
  const auto hours = take_digits(text, 2);
  if (!hours || *hours > 23 || !take_char(text, ':')) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  return sign * (*hours * 60 + *minutes);
}

}  // namespace

std::optional<SystemTime> parse_timestamp(std::string_view text) noexcept {
  const auto year = take_digits(text, 4);
  if (!year || !take_char(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take_char(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day || !take_char(text, 'T')) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take_char(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59 || !take_char(text, ':')) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second || *second > 60) return std::nullopt;
  if (take_char(text, '.')) {
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0) return std::nullopt;
    text.remove_prefix(digits);
  }
  const auto offset = take_offset(text);
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!offset || !text.empty() || !date.ok()) return std::nullopt;
  const auto time = SystemTime(std::chrono::sys_days(date)) + std::chrono::hours(*hour) +
                    std::chrono::minutes(*minute - *offset) + std::chrono::seconds(*second);
  // An offset or a leap second may lead out of the years that a timestamp can be written of.
  const auto utc = std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(time)).year();
  if (utc < std::chrono::year(0) || utc > std::chrono::year(9999)) return std::nullopt;
  return time;
}

}  // namespace pabal::codec
