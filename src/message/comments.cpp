#include "message/comments.hpp"

#include "base/text.hpp"
#include "message/encoded_word.hpp"

namespace pabal::message {

std::size_t CommentSizes::size_at(std::string_view text, std::size_t at) noexcept {
  if (open_) return 0;
  std::size_t depth = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')' && --depth == 0) {
      return i + 1 - at;
    }
  }
  open_ = true;
  return 0;
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
