#include "message/comments.hpp"

#include <algorithm>

#include "message/encoded_word.hpp"

namespace pabal::message {

std::size_t comment_end(std::string_view text, std::size_t at) noexcept {
  std::size_t depth = 0;
  for (; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '(') {
      ++depth;
    } else if (text[at] == ')' && --depth == 0) {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

std::size_t behind_comments(std::string_view text, std::size_t at) noexcept {
  while (at < text.size()) {
    const char c = text[at];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      ++at;
    } else if (c == '(') {
      at = std::min(comment_end(text, at), text.size());
    } else {
      break;
    }
  }
  return at;
}

std::size_t CommentSizes::size_at(std::string_view text, std::size_t at) noexcept {
  if (open_) return 0;
  const std::size_t end = comment_end(text, at);
  open_ = end == std::string_view::npos;
  return open_ ? 0 : end - at;
}

std::string comment_text(std::string_view comment) {
  if (comment.size() < 2) return {};
  comment = comment.substr(1, comment.size() - 2);
  std::string out;
  for (std::size_t i = 0; i < comment.size(); ++i) {
    if (comment[i] == '\\' && i + 1 < comment.size()) ++i;
    out += comment[i];
  }
  return decode_text(out);
}

}  // namespace pabal::message
