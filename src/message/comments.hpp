// Comments of structured fields (RFC 5322 §3.2.2): "(text (nested) \))".
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace pabal::message {

/// Where the comment that begins with the bracket at `at` ends: behind its last bracket; npos where nothing ends it.
[[nodiscard]] std::size_t comment_end(std::string_view text, std::size_t at) noexcept;

/// The first place from `at` on that is neither white space (line ends are) nor within a comment, the text's end where
/// there is none. A comment without an end takes all.
[[nodiscard]] std::size_t behind_comments(std::string_view text, std::size_t at) noexcept;

/// Finds where comments end. One for each text: it remembers that a comment had no end, so that megabytes of opening
/// brackets are gone through once.
class CommentSizes {
 public:
  /// The octets of the comment that begins with the bracket at `at`; 0 where nothing ends it, and for every one behind
  /// that.
  [[nodiscard]] std::size_t size_at(std::string_view text, std::size_t at) noexcept;

 private:
  bool open_ = false;
};

/// What a comment (with its brackets) says: quoted pairs undone, encoded words decoded, UTF-8.
[[nodiscard]] std::string comment_text(std::string_view comment);

}  // namespace pabal::message
