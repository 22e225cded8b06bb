#include "dns/zone_lexer.hpp"

#include <fmt/format.h>

namespace pabal::dns {
namespace {

bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\r'; }
bool ends_plain(char c) noexcept { return is_blank(c) || c == '\n' || c == ';' || c == '(' || c == ')' || c == '"'; }
bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }

}  // namespace

std::optional<ZoneEntry> ZoneLexer::next() {
  while (fault_.empty() && !rest_.empty()) {
    ZoneEntry entry;
    entry.owner_left_out = is_blank(rest_.front());
    bool whole = false;
    while (!whole && !rest_.empty()) {
      const char c = rest_.front();
      if (c == '\n') {
        whole = open_line_ == 0;
        ++line_;
        rest_.remove_prefix(1);
      } else if (is_blank(c)) {
        rest_.remove_prefix(1);
      } else if (c == ';') {
        rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      } else if (!take_token(entry)) {
        return std::nullopt;
      }
    }
    if (rest_.empty() && open_line_ != 0) {
      line_ = open_line_;
      fault_ = "a closing parenthesis for the one that is opened here";
      return std::nullopt;
    }
    if (!entry.tokens.empty()) return entry;
  }
  return std::nullopt;
}

bool ZoneLexer::take_token(ZoneEntry& entry) {
  switch (rest_.front()) {
    case '(':
      if (open_line_ != 0) {
        fault_ = fmt::format("no second opening parenthesis (line {} has one)", open_line_);
        return false;
      }
      open_line_ = line_;
      rest_.remove_prefix(1);
      return true;
    case ')':
      if (open_line_ == 0) {
        fault_ = "an opening parenthesis before the closing one";
        return false;
      }
      open_line_ = 0;
      rest_.remove_prefix(1);
      return true;
    case '"':
      return take_quoted(entry);
    default:
      return take_plain(entry);
  }
}

bool ZoneLexer::take_quoted(ZoneEntry& entry) {
  std::size_t end = 1;
  while (end < rest_.size() && rest_[end] != '"' && rest_[end] != '\n') {
    end += rest_[end] == '\\' && end + 1 < rest_.size() && rest_[end + 1] != '\n' ? 2 : 1;
  }
  if (end >= rest_.size() || rest_[end] != '"') {
    fault_ = "a closing quotation mark in the same line";
    return false;
  }
  entry.tokens.push_back({rest_.substr(1, end - 1), true, line_});
  rest_.remove_prefix(end + 1);
  return true;
}

bool ZoneLexer::take_plain(ZoneEntry& entry) {
  std::size_t end = 0;
  while (end < rest_.size() && !ends_plain(rest_[end])) {
    if (is_control(rest_[end])) {
      fault_ = fmt::format("no control character (\\{:03})", static_cast<unsigned char>(rest_[end]));
      return false;
    }
    end += rest_[end] == '\\' && end + 1 < rest_.size() && rest_[end + 1] != '\n' ? 2 : 1;
  }
  entry.tokens.push_back({rest_.substr(0, end), false, line_});
  rest_.remove_prefix(end);
  return true;
}

}  // namespace pabal::dns
