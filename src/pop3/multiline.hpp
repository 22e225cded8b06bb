// Multi-line responses (RFC 1939 §3): dot-stuffing, and what of a message TOP sends (§7).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace pabal::pop3 {

/// Stuffs octets that come a window at a time, in place, at the end of the buffer that goes out.
class DotStuffer {
 public:
  /// Puts a dot before each dot that begins a line among the octets of `out` from `from` on. What is not to be stuffed
  /// is neither copied nor looked at twice. A line begins after LF, even a bare one: some clients take it for a line
  /// end, and must not be made to see the end of the message, and replies behind it, where there is none.
  void stuff(std::string& out, std::size_t from);
  /// The end: CRLF if the message does not end with one, and ".CRLF".
  void finish(std::string& out) const;

 private:
  char last_ = '\n';  ///< the two octets before the window; the message's beginning is a line's
  char before_last_ = '\r';
};

/// The reference that tests compare with: the whole message at once, octet by octet.
[[nodiscard]] std::string dot_stuffed(std::string_view message);

/// Cuts a message that comes a window at a time behind its header section, the empty line, and so many lines of its
/// body.
class TopCutter {
 public:
  explicit TopCutter(std::uint64_t body_lines) noexcept : lines_left_(body_lines) {}
  /// How many octets of the window belong to the answer.
  [[nodiscard]] std::size_t take(std::string_view window) noexcept;
  /// True once nothing more belongs to it.
  [[nodiscard]] bool done() const noexcept { return in_body_ && lines_left_ == 0; }

 private:
  std::uint64_t lines_left_;
  bool in_body_ = false;
  bool line_is_empty_ = true;  ///< nothing but a CR was seen since the last LF
};

}  // namespace pabal::pop3
