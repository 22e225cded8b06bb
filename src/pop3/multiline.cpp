#include "pop3/multiline.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace pabal::pop3 {

namespace {

// Whether "\n." is among the `count` + 1 octets at `p`. The loop has no exit, so that the compiler makes vector code of
// it.
bool has_dotted_line(const char* p, std::size_t count) noexcept {
  unsigned char found = 0;
  for (std::size_t i = 0; i < count; ++i) {
    found = static_cast<unsigned char>(found | static_cast<unsigned char>((p[i] == '\n') & (p[i + 1] == '.')));
  }
  return found != 0;
}

// Where the dots to be doubled are in `text`, but for one at its very beginning.
void find_dots(std::string_view text, std::size_t base, std::vector<std::size_t>& at) {
  constexpr std::size_t kBlock = 256;
  for (std::size_t i = 0; i + 1 < text.size(); i += kBlock) {
    const std::size_t count = std::min(kBlock, text.size() - 1 - i);
    if (!has_dotted_line(text.data() + i, count)) continue;
    for (std::size_t k = i; k < i + count; ++k) {
      if (text[k] == '\n' && text[k + 1] == '.') at.push_back(base + k + 1);
    }
  }
}

}  // namespace

void DotStuffer::stuff(std::string& out, std::size_t from) {
  const std::size_t size = out.size() - from;
  if (size == 0) return;
  const char last = out.back();
  const char before_last = size > 1 ? out[out.size() - 2] : last_;

  std::vector<std::size_t> dots;
  if (last_ == '\n' && out[from] == '.') dots.push_back(from);
  find_dots(std::string_view(out).substr(from), from, dots);
  if (!dots.empty()) {
    // From the back, so that each octet moves once.
    std::size_t end = out.size();
    out.resize(end + dots.size());
    for (std::size_t left = dots.size(); left > 0; --left) {
      const std::size_t dot = dots[left - 1];
      std::memmove(out.data() + dot + left, out.data() + dot, end - dot);
      out[dot + left - 1] = '.';
      end = dot;
    }
  }
  last_ = last;
  before_last_ = before_last;
}

void DotStuffer::finish(std::string& out) const {
  out.append(last_ == '\n' && before_last_ == '\r' ? ".\r\n" : "\r\n.\r\n");
}

std::string dot_stuffed(std::string_view message) {
  std::string out;
  bool begins_line = true;
  for (const char c : message) {
    if (begins_line && c == '.') out.push_back('.');
    out.push_back(c);
    begins_line = c == '\n';
  }
  if (!message.empty() && !message.ends_with("\r\n")) out.append("\r\n");
  out.append(".\r\n");
  return out;
}

std::size_t TopCutter::take(std::string_view window) noexcept {
  std::size_t used = 0;
  while (used < window.size() && !done()) {
    const auto rest = window.substr(used);
    const auto* end = static_cast<const char*>(std::memchr(rest.data(), '\n', rest.size()));
    const std::size_t size = end == nullptr ? rest.size() : static_cast<std::size_t>(end - rest.data()) + 1;
    const auto text = rest.substr(0, end == nullptr ? size : size - 1);
    line_is_empty_ = line_is_empty_ && (text.empty() || text == "\r");
    used += size;
    if (end == nullptr) break;
    if (in_body_) {
      --lines_left_;
    } else if (line_is_empty_) {
      in_body_ = true;
    }
    line_is_empty_ = true;
  }
  return used;
}

}  // namespace pabal::pop3
