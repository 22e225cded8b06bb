#include "smtp/reply.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace pabal::smtp {

namespace {
constexpr std::size_t kLongestLine = 512 - 2;  // without CRLF

void append_printable(std::string& wire, std::string_view text) {
  for (const char c : text) wire += c >= ' ' && c <= '~' ? c : '?';
}
}  // namespace

void Reply::append_to(std::string& wire) const {
  std::string_view rest = text;
  const std::size_t prefix = 4 + (status.empty() ? 0 : status.size() + 1);
  while (true) {
    const auto newline = rest.find('\n');
    const auto line = rest.substr(0, std::min(newline, kLongestLine - prefix));
    rest.remove_prefix(line.size());
    if (rest.starts_with('\n')) rest.remove_prefix(1);
    fmt::format_to(std::back_inserter(wire), "{:03}{}", code, rest.empty() ? ' ' : '-');
    if (!status.empty()) wire.append(status) += ' ';
    append_printable(wire, line);
    wire += "\r\n";
    if (rest.empty()) return;
  }
}

std::string Reply::wire() const {
  std::string out;
  append_to(out);
  return out;
}

}  // namespace pabal::smtp
