#include "support/prepared_letters.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "support/socket.hpp"

namespace pabal::bench {

namespace {

constexpr std::string_view mark = "X-Load: 0000000000000000\r\n";
constexpr std::size_t digits = 16;
constexpr std::size_t number_at = mark.size() - digits - 2;

}  // namespace

void write_prepared(std::FILE* file, std::string_view sender, std::string_view letter) {
  std::string wire(mark);
  bool at_start = true;
  for (const char c : letter) {
    if (at_start && c == '.') wire += '.';
    wire += c;
    at_start = c == '\n';
  }
  wire += ".\r\n";
  fmt::print(file, "{} {}\n{}", sender, wire.size(), wire);
}

std::vector<PreparedLetter> read_prepared(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) die(path);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::vector<PreparedLetter> letters;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    const auto space = line.find(' ');
    std::size_t octets = 0;
    if (end == std::string_view::npos || space == std::string_view::npos ||
        std::from_chars(line.data() + space + 1, line.data() + line.size(), octets).ptr != line.data() + line.size() ||
        octets < mark.size() || octets > rest.size() - end - 1) {
      die("no letters: " + path);
    }
    letters.push_back({std::string(line.substr(0, space)), std::string(rest.substr(end + 1, octets))});
    rest.remove_prefix(end + 1 + octets);
  }
  if (letters.empty()) die("no letters: " + path);
  return letters;
}

void append_prepared(const PreparedLetter& letter, std::uint64_t number, std::string& out) {
  const auto begin = out.size();
  out += letter.wire;
  std::array<char, digits + 1> text{};
  fmt::format_to_n(text.data(), digits, "{:016}", number);
  std::memcpy(out.data() + begin + number_at, text.data(), digits);
}

}  // namespace pabal::bench
