// Text on its way out: line ends.
#include <algorithm>

#include "message/builder.hpp"

namespace pabal::message {

std::string with_crlf(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 32 + 2);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    out.append(text.substr(0, end)).append("\r\n");
    text.remove_prefix(end);
    text.remove_prefix(text.starts_with("\r\n") ? 2 : std::min<std::size_t>(text.size(), 1));
  }
  return out;
}

}  // namespace pabal::message
