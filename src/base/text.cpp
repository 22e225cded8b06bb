#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include <fmt/format.h>

namespace pabal {

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = ascii_lower(c);
  return out;
}

std::string to_upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = ascii_upper(c);
  return out;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
  }
  return true;
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() && equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::optional<std::uint64_t> parse_decimal(std::string_view text, std::uint64_t max) noexcept {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (max - digit) / 10 || digit > max) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

namespace {
// The length of the well-formed UTF-8 sequence at the start of `s`, or 0 (RFC 3629 §4).
std::size_t utf8_sequence(std::string_view s) noexcept {
  const auto at = [&](std::size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
  const unsigned a = at(0);
  if (a < 0x80) return 1;
  if (a >= 0xC2 && a <= 0xDF) return tail(1) ? 2 : 0;
  if (a >= 0xE0 && a <= 0xEF) {
    const unsigned low = a == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = a == 0xED ? 0x9F : 0xBF;
    return at(1) >= low && at(1) <= high && tail(2) ? 3 : 0;
  }
  if (a >= 0xF0 && a <= 0xF4) {
    const unsigned low = a == 0xF0 ? 0x90 : 0x80;
    const unsigned high = a == 0xF4 ? 0x8F : 0xBF;
    return at(1) >= low && at(1) <= high && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

// How many octets at the front are ASCII, at least to the block that ends it: most texts are nothing else, so many are
// looked at in one step.
std::size_t ascii_blocks(std::string_view octets) noexcept {
  constexpr std::uint64_t high_bits = 0x8080808080808080;
  constexpr std::size_t words = 4;
  constexpr std::size_t block = words * sizeof(std::uint64_t);
  std::size_t at = 0;
  for (; octets.size() - at >= block; at += block) {
    std::array<std::uint64_t, words> word;
    std::memcpy(word.data(), octets.data() + at, block);
    if (((word[0] | word[1] | word[2] | word[3]) & high_bits) != 0) break;
  }
  return at;
}
}  // namespace

bool is_ascii(std::string_view octets) noexcept {
  octets.remove_prefix(ascii_blocks(octets));
  return std::ranges::none_of(octets, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

bool is_utf8(std::string_view octets) noexcept {
  while (!octets.empty()) {
    octets.remove_prefix(ascii_blocks(octets));
    // To the end of what is not ASCII, and of what is too short for a block.
    for (std::size_t looked_at = 0; looked_at < 32 && !octets.empty(); ++looked_at) {
      const std::size_t n = utf8_sequence(octets);
      if (n == 0) return false;
      octets.remove_prefix(n);
    }
  }
  return true;
}

std::string printable(std::string_view octets, std::size_t limit) {
  std::string out;
  std::size_t used = 0;
  while (used < octets.size()) {
    if (used >= limit) {
      out += "…";
      break;
    }
    const auto rest = octets.substr(used);
    const std::size_t n = utf8_sequence(rest);
    const auto c = static_cast<unsigned char>(rest[0]);
    // U+0080 to U+009F are controls too (terminal escapes in two octets).
    const bool c1 = n == 2 && c == 0xC2 && static_cast<unsigned char>(rest[1]) < 0xA0;
    if (n == 0 || c < 0x20 || c == 0x7F || c1) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", c);
      used += 1;
    } else {
      out.append(rest.substr(0, n));
      used += n;
    }
  }
  return out;
}

}  // namespace pabal
