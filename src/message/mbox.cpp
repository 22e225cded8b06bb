#include "message/mbox.hpp"

#include <algorithm>

namespace pabal::message {

namespace {

constexpr std::string_view kSeparator = "From ";

// The separator stands at the begin of the file or behind an empty line.
bool behind_empty_line(std::string_view text, std::size_t at) noexcept {
  if (at == 0) return true;
  const auto before = text.substr(0, at);
  return before == "\n" || before == "\r\n" || before.ends_with("\n\n") || before.ends_with("\n\r\n");
}

std::string_view without_last_line_end(std::string_view text) noexcept {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string unquote_mbox(std::string_view message) {
  std::string out;
  out.reserve(message.size());
  while (!message.empty()) {
    const auto end = message.find('\n');
    const auto line = message.substr(0, end == std::string_view::npos ? end : end + 1);
    const auto marks = line.find_first_not_of('>');
    const bool quoted = marks != std::string_view::npos && marks > 0 && line.substr(marks).starts_with(kSeparator);
    out += line.substr(quoted ? 1 : 0);
    message.remove_prefix(line.size());
  }
  return out;
}

void MboxReader::feed(std::string_view octets) {
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  buffer_ += octets;
}

// The next separator behind begin_, or the end.
std::optional<std::size_t> MboxReader::find_separator() noexcept {
  const std::string_view text = buffer_;
  while (true) {
    const auto at = text.find(kSeparator, scanned_);
    if (at == std::string_view::npos) {
      scanned_ = std::max(scanned_, text.size() - std::min(text.size(), kSeparator.size() - 1));
      if (ended_) return text.size();
      return std::nullopt;
    }
    scanned_ = at + 1;
    if (at > begin_ && behind_empty_line(text, at)) return at;
  }
}

std::optional<std::string> MboxReader::next() {
  while (begin_ < buffer_.size()) {
    const auto end = find_separator();
    if (!end) return std::nullopt;
    std::string_view whole = std::string_view(buffer_).substr(begin_, *end - begin_);
    const bool last = *end == buffer_.size();
    begin_ = scanned_ = *end;
    const bool separated = whole.starts_with(kSeparator);
    if (separated) {
      const auto line_end = whole.find('\n');
      whole.remove_prefix(line_end == std::string_view::npos ? whole.size() : line_end + 1);
    }
    // The empty line belongs to the separator behind it; at the end of the file it may be missing.
    const bool empty_line = whole == "\n" || whole == "\r\n" || whole.ends_with("\n\n") || whole.ends_with("\n\r\n");
    if (!last || empty_line) whole = without_last_line_end(whole);
    if (!separated && whole.find_first_not_of("\r\n") == std::string_view::npos) continue;
    return unquote_mbox(whole);
  }
  return std::nullopt;
}

}  // namespace pabal::message
