// Reply: what an SMTP or LMTP server says to a command (RFC 5321 §4.2), with its enhanced status code (RFC 3463, 2034).
#pragma once
#include <string>
#include <string_view>

namespace pabal::smtp {

/// A reply not yet on the wire. `status` is an enhanced status code such as "5.1.1" with static lifetime, or empty
/// where there is none (greeting, HELO and EHLO, 334, 354). Lines of `text` are separated by '\n'.
struct Reply {
  int code = 250;
  std::string_view status;
  std::string text;

  Reply(int reply_code, std::string_view enhanced, std::string words)
      : code(reply_code), status(enhanced), text(std::move(words)) {}

  [[nodiscard]] bool is_positive() const noexcept { return code < 400; }
  [[nodiscard]] bool is_permanent_failure() const noexcept { return code >= 500; }

  /// Appends the reply as it goes onto the wire. No line is longer than 512 octets with its CRLF (RFC 5321 §4.5.3.1.5):
  /// longer ones are broken into several. Everything but printable ASCII becomes '?', so that what a peer sent can
  /// neither end a line nor reach a terminal.
  void append_to(std::string& wire) const;
  [[nodiscard]] std::string wire() const;
};

}  // namespace pabal::smtp
