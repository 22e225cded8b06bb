#include "imap/date.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace pabal::imap {

namespace {

using std::chrono::sys_days;

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::optional<int> digits(std::string_view text, int most) noexcept {
  const auto number = parse_decimal(text, static_cast<std::uint64_t>(most));
  if (!number) return std::nullopt;
  return static_cast<int>(*number);
}

std::optional<sys_days> day_month_year(std::string_view day, std::string_view month, std::string_view year) noexcept {
  if (day.empty() || day.size() > 2 || year.size() != 4) return std::nullopt;
  const auto d = digits(day, 31);
  const auto y = digits(year, 9999);
  const auto m = std::ranges::find_if(kMonths, [&](std::string_view name) { return equal_ignoring_case(name, month); });
  if (!d || !y || m == kMonths.end()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*y),
                                         std::chrono::month(static_cast<unsigned>(m - kMonths.begin()) + 1),
                                         std::chrono::day(static_cast<unsigned>(*d))};
  if (!date.ok()) return std::nullopt;
  return sys_days(date);
}

}  // namespace

std::optional<sys_days> parse_date(std::string_view text) noexcept {
  const auto first = text.find('-');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = text.find('-', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return day_month_year(text.substr(0, first), text.substr(first + 1, second - first - 1), text.substr(second + 1));
}

std::optional<codec::Date> parse_date_time(std::string_view text) noexcept {
  if (text.starts_with(' ')) {
    text.remove_prefix(1);
    // The space stands for a digit.
    if (text.size() < 2 || text[1] != '-') return std::nullopt;
  }
  constexpr std::size_t behind_date = sizeof " 21:52:25 -0800" - 1;
  if (text.size() <= behind_date) return std::nullopt;
  const auto day = parse_date(text.substr(0, text.size() - behind_date));
  const auto rest = text.substr(text.size() - behind_date);
  const bool shaped =
      rest[0] == ' ' && rest[3] == ':' && rest[6] == ':' && rest[9] == ' ' && (rest[10] == '+' || rest[10] == '-');
  if (!day || !shaped) return std::nullopt;
  const auto hour = digits(rest.substr(1, 2), 23);
  const auto minute = digits(rest.substr(4, 2), 59);
  const auto second = digits(rest.substr(7, 2), 60);
  const auto zone_hour = digits(rest.substr(11, 2), 23);
  const auto zone_minute = digits(rest.substr(13, 2), 59);
  if (!hour || !minute || !second || !zone_hour || !zone_minute) return std::nullopt;
  const int sign = rest[10] == '-' ? -1 : 1;
  const int offset = sign * (*zone_hour * 60 + *zone_minute);
  codec::Date out;
  out.time = SystemTime(*day) + std::chrono::hours(*hour) + std::chrono::minutes(*minute - offset) +
             std::chrono::seconds(*second);
  out.offset_minutes = offset;
  return out;
}

std::string format_date_time(SystemTime time, int offset_minutes) {
  using std::chrono::floor;
  const auto local = floor<std::chrono::seconds>(time) + std::chrono::minutes(offset_minutes);
  const auto day = floor<std::chrono::days>(local);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(local - day);
  const int zone = std::abs(offset_minutes);
  return fmt::format("{:2}-{}-{:04} {:02}:{:02}:{:02} {}{:02}{:02}", static_cast<unsigned>(date.day()),
                     kMonths[static_cast<unsigned>(date.month()) - 1],
                     std::clamp(static_cast<int>(date.year()), 0, 9999), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count(), offset_minutes < 0 ? '-' : '+', zone / 60, zone % 60);
}

sys_days day_of(SystemTime time, int offset_minutes) noexcept {
  return std::chrono::floor<std::chrono::days>(time + std::chrono::minutes(offset_minutes));
}

}  // namespace pabal::imap
