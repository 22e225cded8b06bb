// The words of structured fields that are no address lists (Received, Authentication-Results, List-Id…): white space,
// comments and quoted strings told apart, as leniently as such fields come.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "message/comments.hpp"

namespace pabal::message {

struct FieldToken {
  enum class Kind { end, word, quoted, comment, mark };
  Kind kind = Kind::end;
  std::string text;  ///< a word as it stands, a quoted string's or comment's content, or one mark
};

/// Goes through a field body. Linear, whatever comes. The body must outlive it.
class FieldLexer {
 public:
  /// `marks` are the characters that stand for themselves and end words; '(' and '"' always begin what they begin.
  FieldLexer(std::string_view body, std::string_view marks) noexcept : rest_(body), marks_(marks) {}

  FieldToken next();
  /// Which characters are marks from here on: a parameter's value may hold what its name may not.
  void set_marks(std::string_view marks) noexcept { marks_ = marks; }
  /// Steps over octets of rest(), read otherwise.
  void skip(std::size_t octets) noexcept { rest_.remove_prefix(octets); }
  /// What hasn't been read.
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

 private:
  // A comment or quoted string at the front; nothing where its end is missing.
  std::optional<FieldToken> enclosed();

  std::string_view rest_;
  std::string_view marks_;
  CommentSizes comments_;
  bool quotes_open_ = false;
};

}  // namespace pabal::message
