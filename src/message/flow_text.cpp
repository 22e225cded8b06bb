// Text on its way out: line ends, and format=flowed (RFC 3676).
#include "base/text.hpp"
#include "message/builder.hpp"

namespace pabal::message {

namespace {

constexpr std::size_t kFlowedLine = 76;  // with the space that makes a line soft

// One line of the text: as many flowed lines as it needs.
void flow_line(std::string_view line, std::string& out) {
  std::string marks;
  while (line.starts_with('>')) {
    marks += '>';
    line.remove_prefix(1);
    // "> > text" is how many mailers quote a quote.
    if (line.starts_with(" >")) line.remove_prefix(1);
  }
  if (!marks.empty() && line.starts_with(' ')) line.remove_prefix(1);
  // Trailing spaces would make the line soft; a signature's mark has one by right (RFC 3676 §4.3).
  if (line != "-- ") line = line.substr(0, line.find_last_not_of(' ') + 1);
  do {
    // RFC 3676 §4.4: stuffed where the line would be misread; a quoted one for the eye.
    const bool stuffed =
        marks.empty() ? line.starts_with(' ') || line.starts_with('>') || line.starts_with("From ") : !line.empty();
    const std::size_t head = marks.size() + (stuffed ? 1 : 0);
    std::size_t taken = line.size();
    if (head + line.size() > kFlowedLine + 2 && line != "-- ") {
      // Behind the last space that fits, or the first one there is.
      const std::size_t room = kFlowedLine > head + 20 ? kFlowedLine - head : 20;
      std::size_t space = line.find_last_of(' ', room - 1);
      // A line of nothing but spaces would be lost.
      if (space == std::string_view::npos || line.find_first_not_of(' ') > space) space = line.find(' ', room);
      if (space != std::string_view::npos && space + 1 < line.size()) taken = space + 1;
    }
    out.append(marks);
    if (stuffed) out += ' ';
    out.append(line.substr(0, taken)).append("\r\n");
    line.remove_prefix(taken);
  } while (!line.empty());
}

template <class Take>
void for_each_line(std::string_view text, const Take& take) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    take(text.substr(0, end));
    text.remove_prefix(end);
    text.remove_prefix(text.starts_with("\r\n") ? 2 : std::min<std::size_t>(text.size(), 1));
  }
}

}  // namespace

std::string with_crlf(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 32 + 2);
  for_each_line(text, [&](std::string_view line) { out.append(line).append("\r\n"); });
  return out;
}

std::string flow_text(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size() + utf8.size() / 16 + 2);
  for_each_line(utf8, [&](std::string_view line) { flow_line(line, out); });
  return out;
}

}  // namespace pabal::message
