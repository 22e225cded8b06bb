// Dates as they come: the words of the field are sorted by what they look like, whatever their order.
#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <string_view>

#include "base/text.hpp"
#include "codec/date.hpp"

namespace pabal::codec {

namespace {

using namespace std::chrono;

constexpr std::size_t kLongestText = 500;  // beyond are comments or rubbish
constexpr int kFarthestZone = 15 * 60;

constexpr std::array<std::string_view, 12> kMonths = {"january",   "february", "march",    "april",
                                                      "may",       "june",     "july",     "august",
                                                      "september", "october",  "november", "december"};
constexpr std::array<std::string_view, 7> kDays = {"sunday",   "monday", "tuesday", "wednesday",
                                                   "thursday", "friday", "saturday"};

struct NamedZone {
  std::string_view name;
  int minutes;
};
// Abbreviations are ambiguous; what stands here is what mail means by them, the standard's own first.
constexpr NamedZone kZones[] = {
    {"z", 0},      {"ut", 0},     {"gmt", 0},     {"utc", 0},     {"est", -300}, {"edt", -240}, {"cst", -360},
    {"cdt", -300}, {"mst", -420}, {"mdt", -360},  {"pst", -480},  {"pdt", -420}, {"ast", -240}, {"adt", -180},
    {"nst", -210}, {"ndt", -150}, {"akst", -540}, {"akdt", -480}, {"hst", -600}, {"brt", -180}, {"brst", -120},
    {"art", -180}, {"wet", 0},    {"west", 60},   {"bst", 60},    {"cet", 60},   {"cest", 120}, {"met", 60},
    {"mest", 120}, {"mez", 60},   {"mesz", 120},  {"eet", 120},   {"eest", 180}, {"sast", 120}, {"msk", 180},
    {"msd", 240},  {"ist", 330},  {"wib", 420},   {"ict", 420},   {"hkt", 480},  {"sgt", 480},  {"pht", 480},
    {"awst", 480}, {"kst", 540},  {"jst", 540},   {"acst", 570},  {"acdt", 630}, {"aest", 600}, {"aedt", 660},
    {"nzst", 720}, {"nzt", 720},  {"nzdt", 780},
};

// What the words gave so far.
struct Found {
  std::optional<int> year;
  std::optional<int> month;
  std::optional<int> day;
  std::optional<int> hour;
  int minute = 0;
  int second = 0;
  std::optional<bool> afternoon;
  std::optional<int> zone;
  bool zone_is_number = false;
};

bool is_name(std::string_view word, std::string_view name) noexcept {
  return word.size() >= 3 && word.size() <= name.size() && starts_with_ignoring_case(name, word);
}

std::optional<int> month_of(std::string_view word) noexcept {
  for (std::size_t i = 0; i < kMonths.size(); ++i) {
    if (is_name(word, kMonths[i])) return static_cast<int>(i) + 1;
  }
  return std::nullopt;
}

bool is_day_name(std::string_view word) noexcept {
  return std::ranges::any_of(kDays, [word](std::string_view name) { return is_name(word, name); });
}

// RFC 5322 §4.3, and the years of programs that counted from 1900.
int full_year(int year, std::size_t digits) noexcept {
  if (digits <= 2) return year + (year < 50 ? 2000 : 1900);
  return year < 200 ? year + 1900 : year;  // 102, and 0102, as some wrote 2002
}

class AnyReader {
 public:
  explicit AnyReader(std::string_view text) noexcept : rest_(text) {}

  std::optional<Date> run() {
    while (!rest_.empty()) step();
    return result();
  }

 private:
  char front() const noexcept { return rest_.empty() ? '\0' : rest_.front(); }

  bool take(std::string_view text) noexcept {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  std::string_view run_of(bool (*belongs)(char)) noexcept {
    const auto end = std::ranges::find_if_not(rest_, belongs);
    const auto found = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(found.size());
    return found;
  }

  void skip_comment() noexcept {
    int depth = 0;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '(') ++depth;
      if (c == ')' && --depth == 0) return;
      if (c == '\\' && !rest_.empty()) rest_.remove_prefix(1);
    }
  }

  void step() {
    const char c = front();
    if (c == '(') {
      skip_comment();
    } else if (is_digit(c)) {
      take_number();
    } else if (is_alpha(c)) {
      take_word();
    } else if ((c == '+' || c == '-') && found_.hour && !found_.zone_is_number && rest_.size() > 1 &&
               is_digit(rest_[1])) {
      take_offset();
    } else if (take("오전")) {
      found_.afternoon = false;
    } else if (take("오후")) {
      found_.afternoon = true;
    } else {
      rest_.remove_prefix(1);
    }
  }

  // +0900, +09:00, +9
  void take_offset() {
    const bool west = rest_.front() == '-';
    rest_.remove_prefix(1);
    const std::string_view digits = run_of(is_digit);
    const auto value = static_cast<int>(parse_decimal(digits, 9'999).value_or(9'999));
    int minutes = digits.size() <= 2 ? value * 60 : value / 100 * 60 + value % 100;
    if (digits.size() <= 2 && front() == ':' && rest_.size() > 2 && is_digit(rest_[1])) {
      rest_.remove_prefix(1);
      minutes += static_cast<int>(parse_decimal(run_of(is_digit), 59).value_or(0));
    }
    if (digits.size() > 4 || minutes > kFarthestZone) {
      found_.zone.reset();
      return;
    }
    found_.zone_is_number = true;
    if (west && minutes == 0) {
      found_.zone.reset();  // RFC 5322 §3.3: the place is unsaid
    } else {
      found_.zone = west ? -minutes : minutes;
    }
  }

  void take_word() {
    const std::string_view word = run_of(is_alpha);
    if (word.size() == 1 && ascii_lower(word[0]) == 't' && is_digit(front())) return;  // ISO 8601
    if (equal_ignoring_case(word, "am") || equal_ignoring_case(word, "pm") || equal_ignoring_case(word, "a") ||
        equal_ignoring_case(word, "p")) {
      if (found_.hour && !found_.afternoon) found_.afternoon = ascii_lower(word[0]) == 'p';
      return;
    }
    if (const auto month = month_of(word); month && !found_.month) {
      found_.month = month;
      return;
    }
    if (is_day_name(word)) return;
    for (const auto& zone : kZones) {
      if (!equal_ignoring_case(zone.name, word)) continue;
      if (!found_.zone && !found_.zone_is_number) found_.zone = zone.minutes;
      return;
    }
  }

  // A number and what hangs on it: 10:52:37, 2003-07-01, 7/1/2003, 1.7.2003, 1-Jul, 2003년.
  void take_number() {
    std::array<int, 3> numbers{};
    std::array<std::size_t, 3> digits{};
    std::size_t count = 0;
    char mark = '\0';
    while (count < numbers.size() && is_digit(front())) {
      const std::string_view text = run_of(is_digit);
      numbers[count] = static_cast<int>(parse_decimal(text, 99'999).value_or(99'999));
      digits[count] = text.size();
      ++count;
      const bool goes_on = rest_.size() > 1 && is_digit(rest_[1]) && (mark == '\0' || mark == front()) &&
                           (front() == ':' || front() == '-' || front() == '/' || front() == '.');
      if (!goes_on || count == numbers.size()) break;
      mark = front();
      rest_.remove_prefix(1);
    }
    if (mark == ':' || (mark == '.' && found_.year && !found_.hour)) {
      take_time(std::span(numbers).first(count));
      return;
    }
    if (count == 3) {
      take_date(numbers, digits, mark);
      return;
    }
    if (count == 1) take_lone(numbers[0], digits[0]);
  }

  void take_time(std::span<const int> numbers) {
    if (found_.hour) return;
    found_.hour = numbers[0];
    found_.minute = numbers.size() > 1 ? numbers[1] : 0;
    found_.second = numbers.size() > 2 ? numbers[2] : 0;
    if (front() == '.' || front() == ',') {
      const auto before = rest_;
      rest_.remove_prefix(1);
      if (run_of(is_digit).empty()) rest_ = before;  // parts of a second otherwise
    }
  }

  void take_date(const std::array<int, 3>& numbers, const std::array<std::size_t, 3>& digits, char mark) {
    if (found_.year || found_.month || found_.day) return;
    if (digits[0] == 4) {
      found_.year = numbers[0];
      found_.month = numbers[1];
      found_.day = numbers[2];
      return;
    }
    found_.year = full_year(numbers[2], digits[2]);
    // Dots are Europe's order, strokes America's, unless the numbers say otherwise.
    const bool day_first = mark == '.' ? numbers[1] <= 12 : numbers[0] > 12;
    found_.day = numbers[day_first ? 0 : 1];
    found_.month = numbers[day_first ? 1 : 0];
  }

  void take_lone(int number, std::size_t digits) {
    if (take("년")) {
      found_.year = full_year(number, digits);
    } else if (take("월")) {
      found_.month = number;
    } else if (take("일")) {
      found_.day = number;
    } else if (take("시")) {
      found_.hour = number;
    } else if (take("분")) {
      found_.minute = number;
    } else if (take("초")) {
      found_.second = number;
    } else if (digits <= 3 && !found_.day && number >= 1 && number <= 31) {
      found_.day = number;
    } else if (digits == 4 && found_.year && found_.hour && !found_.zone && number % 100 < 60 &&
               number / 100 * 60 <= kFarthestZone) {
      found_.zone = number / 100 * 60 + number % 100;  // its sign is missing
    } else if (digits >= 2 && digits <= 4 && !found_.year) {
      found_.year = full_year(number, digits);
    }
    // English ordinals.
    for (const std::string_view ending : {"st", "nd", "rd", "th"}) {
      if (take(ending)) break;
    }
  }

  std::optional<Date> result() const {
    if (!found_.year || !found_.month || !found_.day) return std::nullopt;
    if (*found_.month < 1 || *found_.month > 12 || *found_.day < 1 || *found_.day > 31 || *found_.year > 9999) {
      return std::nullopt;
    }
    const year_month_day date(year(*found_.year), month(static_cast<unsigned>(*found_.month)),
                              day(static_cast<unsigned>(*found_.day)));
    if (!date.ok()) return std::nullopt;
    int hour = found_.hour.value_or(0);
    if (found_.afternoon && hour >= 1 && hour <= 12) hour = hour % 12 + (*found_.afternoon ? 12 : 0);
    const bool midnight = hour == 24 && found_.minute == 0 && found_.second == 0;
    if ((hour > 23 && !midnight) || found_.minute > 59 || found_.second > 60) return std::nullopt;
    const sys_seconds local = sys_days(date) + hours(hour) + minutes(found_.minute) + seconds(found_.second);
    const int zone = found_.zone.value_or(0);
    return Date{local - minutes(zone), zone, !found_.zone};
  }

  std::string_view rest_;
  Found found_;
};

}  // namespace

std::optional<Date> parse_any_date(std::string_view text) {
  const auto strict = parse_date(text);
  // A zone that the standard doesn't know may be one that we do, or "pm"; and the year 0102 is none.
  const bool believable = strict && strict->time >= sys_days(year(1900) / January / 1);
  if (believable && !strict->zone_unknown) return strict;
  const auto any = AnyReader(text.substr(0, kLongestText)).run();
  return any ? any : strict;
}

}  // namespace pabal::codec
