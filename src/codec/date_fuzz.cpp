// Dates: what is read must be the same moment and zone when it is written and read again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "codec/date.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pabal::codec;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto date = parse_date(text);
  const auto any = parse_any_date(text);
  if (date && !any) std::abort();
  if (!date) return 0;
  const auto again = parse_date(format_date(date->time, date->offset_minutes));
  // Years before 1000 and after 9999 by the zone's hours have no four digits.
  if (!again) std::abort();
  const auto year_edge = std::chrono::hours(24 * 366);
  if (date->time > pabal::SystemTime{} - 900 * year_edge && date->time < pabal::SystemTime{} + 8000 * year_edge &&
      (again->time != date->time || again->offset_minutes != date->offset_minutes)) {
    std::abort();
  }
  return 0;
}
