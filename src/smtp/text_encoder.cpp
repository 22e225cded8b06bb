#include "smtp/text_encoder.hpp"

#include <algorithm>

namespace pabal::smtp {

void TextEncoder::encode(std::string_view octets, std::string& out) {
  std::size_t at = 0;
  std::size_t newline = octets.find('\n');  // the next one, looked for once
  while (at < octets.size()) {
    if (after_cr_) {
      after_cr_ = false;
      out += "\r\n";
      line_start_ = true;
      if (octets[at] != '\n') continue;
      ++at;
      newline = octets.find('\n', at);
      continue;
    }
    if (line_start_ && dots_ && octets[at] == '.') out += '.';
    const auto end = std::min(newline, octets.size());
    const auto run = octets.substr(at, end - at);
    const auto cr = run.find('\r');
    if (cr != std::string_view::npos) {
      if (cr + 1 == run.size() && newline != std::string_view::npos) {
        out.append(run).append("\n");
        line_start_ = true;
        at = newline + 1;
        newline = octets.find('\n', at);
        continue;
      }
      out.append(run.substr(0, cr));
      line_start_ = false;
      after_cr_ = true;
      at += cr + 1;
      continue;
    }
    out.append(run);
    line_start_ = false;
    at = end;
    if (newline == std::string_view::npos) continue;
    out += "\r\n";
    line_start_ = true;
    ++at;
    newline = octets.find('\n', at);
  }
}

void TextEncoder::finish(std::string& out) {
  if (after_cr_ || !line_start_) out += "\r\n";
  if (dots_) out += ".\r\n";
  after_cr_ = false;
  line_start_ = true;
}

}  // namespace pabal::smtp
