// mbox files (RFC 4155), of the kind that quotes every line of a message that begins like a separator: mboxrd, where
// any number of '>' before "From " gets one more, and mboxo, where only "From " itself does.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace pabal::message {

/// Splits an mbox that arrives in pieces. Lines end with LF or CRLF and stay as they are.
class MboxReader {
 public:
  void feed(std::string_view octets);
  /// No more comes.
  void end() noexcept { ended_ = true; }
  /// The next whole message, without its separator line and the empty line that ends it, its ">From " lines unquoted;
  /// nothing while more must be fed, or none is left. What stands before the first separator is one message too, unless
  /// it is empty.
  [[nodiscard]] std::optional<std::string> next();

 private:
  [[nodiscard]] std::optional<std::size_t> find_separator() noexcept;

  std::string buffer_;
  std::size_t begin_ = 0;    ///< of what hasn't been given out
  std::size_t scanned_ = 0;  ///< no separator begins before
  bool ended_ = false;
};

/// The message with one '>' taken off each line that begins with '>'s and "From ".
[[nodiscard]] std::string unquote_mbox(std::string_view message);

}  // namespace pabal::message
