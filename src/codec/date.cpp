#include "codec/date.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>

#include "base/text.hpp"

namespace pabal::codec {

namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 7> day_names = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> month_names = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr int max_comment_depth = 16;
constexpr int max_offset_minutes = 99 * 60 + 59;

void append_digits(std::string& out, unsigned value, int count) {
  std::array<char, 4> digits{};
  for (int i = count; i-- > 0; value /= 10) digits[static_cast<std::size_t>(i)] = static_cast<char>('0' + value % 10);
  out.append(digits.data(), static_cast<std::size_t>(count));
}

// Reads tokens from the front of the text.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  [[nodiscard]] char front() const noexcept { return rest_.empty() ? '\0' : rest_.front(); }

  // CFWS (RFC 5322 §3.2.2): white space, folded lines, comments with nesting. False for a comment that does not end.
  bool skip_cfws() noexcept {
    int depth = 0;
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (c == '(') {
        if (++depth > max_comment_depth) return false;
      } else if (depth > 0 && c == ')') {
        --depth;
      } else if (depth > 0 && c == '\\') {
        if (rest_.size() < 2) return false;
        rest_.remove_prefix(1);
      } else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n') {
        return true;
      }
      rest_.remove_prefix(1);
    }
    return depth == 0;
  }

  bool take(char c) noexcept {
    if (front() != c || rest_.empty()) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string_view letters() noexcept { return run(is_alpha); }
  std::string_view digits() noexcept { return run(is_digit); }

 private:
  std::string_view run(bool (*belongs)(char)) noexcept {
    const auto end = std::ranges::find_if_not(rest_, belongs);
    const auto found = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(found.size());
    return found;
  }

  std::string_view rest_;
};

// A number of at least `least` and at most `most` digits.
std::optional<int> number(std::string_view digits, std::size_t least, std::size_t most) noexcept {
  if (digits.size() < least || digits.size() > most) return std::nullopt;
  const auto value = parse_decimal(digits, 99'999);
  if (!value) return std::nullopt;
  return static_cast<int>(*value);
}

template <std::size_t N>
std::optional<unsigned> name_number(const std::array<std::string_view, N>& names, std::string_view name) noexcept {
  for (unsigned i = 0; i < N; ++i) {
    if (equal_ignoring_case(names[i], name)) return i;
  }
  return std::nullopt;
}

struct Zone {
  int minutes = 0;
  bool unknown = false;
};

// RFC 5322 §4.3, obs-zone. Military letters were specified with the wrong sign once, so they say nothing, as do other
// names.
Zone named_zone(std::string_view name) noexcept {
  struct Known {
    std::string_view name;
    int hours;
  };
  static constexpr std::array<Known, 11> known = {{{"UT", 0},
                                                   {"GMT", 0},
                                                   {"UTC", 0},
                                                   {"EST", -5},
                                                   {"EDT", -4},
                                                   {"CST", -6},
                                                   {"CDT", -5},
                                                   {"MST", -7},
                                                   {"MDT", -6},
                                                   {"PST", -8},
                                                   {"PDT", -7}}};
  for (const auto& zone : known) {
    if (equal_ignoring_case(zone.name, name)) return {zone.hours * 60, false};
  }
  return {0, !equal_ignoring_case(name, "Z")};
}

std::optional<Zone> read_zone(Reader& in) noexcept {
  const bool east = in.take('+');
  if (east || in.take('-')) {
    const auto value = number(in.digits(), 4, 4);
    if (!value || *value % 100 > 59) return std::nullopt;
    const int minutes = *value / 100 * 60 + *value % 100;
    return Zone{east ? minutes : -minutes, !east && minutes == 0};
  }
  const auto name = in.letters();
  if (name.empty() || name.size() > 5) return std::nullopt;
  return named_zone(name);
}

// RFC 5322 §4.3: 00 to 49 are 2000 to 2049, 50 to 99 and three digits count from 1900.
std::optional<int> read_year(Reader& in) noexcept {
  const auto digits = in.digits();
  const auto value = number(digits, 2, 4);
  if (!value || digits.size() == 4) return value;
  return *value + (digits.size() == 2 && *value < 50 ? 2000 : 1900);
}

}  // namespace

std::string format_date(SystemTime time, int offset_minutes) {
  constexpr sys_seconds first = sys_days(year(0) / January / 1);
  constexpr sys_seconds last = sys_days(year(9999) / December / 31) + hours(24) - seconds(1);
  offset_minutes = std::clamp(offset_minutes, -max_offset_minutes, max_offset_minutes);
  const sys_seconds local = std::clamp(floor<seconds>(time) + minutes(offset_minutes), first, last);
  const sys_days day = floor<days>(local);
  const year_month_day date(day);
  const hh_mm_ss clock(local - day);

  std::string out;
  out.reserve(31);
  out += day_names[weekday(day).c_encoding()];
  out += ", ";
  append_digits(out, static_cast<unsigned>(date.day()), 2);
  out += ' ';
  out += month_names[static_cast<unsigned>(date.month()) - 1];
  out += ' ';
  append_digits(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  out += ' ';
  append_digits(out, static_cast<unsigned>(clock.hours().count()), 2);
  out += ':';
  append_digits(out, static_cast<unsigned>(clock.minutes().count()), 2);
  out += ':';
  append_digits(out, static_cast<unsigned>(clock.seconds().count()), 2);
  out += offset_minutes < 0 ? " -" : " +";
  const auto offset = static_cast<unsigned>(std::abs(offset_minutes));
  append_digits(out, offset / 60 * 100 + offset % 60, 4);
  return out;
}

std::optional<Date> parse_date(std::string_view text) {
  Reader in(text);
  if (!in.skip_cfws()) return std::nullopt;
  if (is_alpha(in.front())) {
    if (!name_number(day_names, in.letters())) return std::nullopt;
    if (!in.skip_cfws() || !in.take(',') || !in.skip_cfws()) return std::nullopt;
  }
  const auto day_number = number(in.digits(), 1, 2);
  if (!day_number || !in.skip_cfws()) return std::nullopt;
  const auto month_number = name_number(month_names, in.letters());
  if (!month_number || !in.skip_cfws()) return std::nullopt;
  const auto year_number = read_year(in);
  if (!year_number || !in.skip_cfws()) return std::nullopt;
  const year_month_day date(year(*year_number), month(*month_number + 1), day(static_cast<unsigned>(*day_number)));
  if (!date.ok()) return std::nullopt;

  const auto hour_number = number(in.digits(), 1, 2);
  if (!hour_number || *hour_number > 23 || !in.skip_cfws() || !in.take(':') || !in.skip_cfws()) return std::nullopt;
  const auto minute_number = number(in.digits(), 1, 2);
  if (!minute_number || *minute_number > 59 || !in.skip_cfws()) return std::nullopt;
  int second_number = 0;
  if (in.take(':')) {
    if (!in.skip_cfws()) return std::nullopt;
    const auto read = number(in.digits(), 1, 2);
    if (!read || *read > 60 || !in.skip_cfws()) return std::nullopt;
    second_number = *read;
  }
  const auto zone = read_zone(in);
  if (!zone || !in.skip_cfws() || !in.at_end()) return std::nullopt;
  const sys_seconds local = sys_days(date) + hours(*hour_number) + minutes(*minute_number) + seconds(second_number);
  return Date{local - minutes(zone->minutes), zone->minutes, zone->unknown};
}

}  // namespace pabal::codec
