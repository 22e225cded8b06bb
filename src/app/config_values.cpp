#include "app/config_values.hpp"

#include <array>

#include <fmt/format.h>

#include "base/text.hpp"

namespace pabal::app {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array<Unit, 5> size_units{
    {{"T", 1ULL << 40}, {"G", 1ULL << 30}, {"M", 1ULL << 20}, {"K", 1ULL << 10}, {"", 1}}};
constexpr std::array<Unit, 5> duration_units{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::uint64_t most = INT64_MAX;

std::size_t count_digits(std::string_view text) noexcept {
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  return digits;
}

std::optional<std::uint64_t> times(std::string_view digits, std::uint64_t factor) noexcept {
  const auto number = parse_decimal(digits, most / factor);
  if (!number) return std::nullopt;
  return *number * factor;
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
  const std::size_t digits = count_digits(text);
  std::string_view unit = text.substr(digits);
  if (unit.ends_with("iB") && unit.size() > 2) unit.remove_suffix(2);
  if (unit.ends_with("B")) unit.remove_suffix(1);
  for (const Unit& known : size_units) {
    if (equal_ignoring_case(unit, known.name)) return times(text.substr(0, digits), known.factor);
  }
  return std::nullopt;
}

std::string size_text(std::uint64_t octets) {
  for (const Unit& unit : size_units) {
    if (octets != 0 && octets % unit.factor == 0) return fmt::format("{}{}", octets / unit.factor, unit.name);
  }
  return fmt::to_string(octets);
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept {
  const std::size_t digits = count_digits(text);
  for (const Unit& known : duration_units) {
    if (text.substr(digits) != known.name) continue;
    const auto value = times(text.substr(0, digits), known.factor);
    if (!value) return std::nullopt;
    return std::chrono::milliseconds(*value);
  }
  return std::nullopt;
}

std::string duration_text(std::chrono::milliseconds duration) {
  const auto count = static_cast<std::uint64_t>(duration.count());
  for (const Unit& unit : duration_units) {
    if (count != 0 && count % unit.factor == 0) return fmt::format("{}{}", count / unit.factor, unit.name);
  }
  return "0s";
}

}  // namespace pabal::app
