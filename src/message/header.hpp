// The header section of a message (RFC 5322 §2.2), read field by field where it lies, without copying.
#pragma once
#include <cstddef>
#include <optional>
#include <string_view>

namespace pabal::message {

/// One header field. Views into the octets that were given to the reader.
struct HeaderField {
  std::string_view name;  ///< as written, without white space before the colon (obsolete, but seen)
  std::string_view body;  ///< behind the colon, folded lines as they are, without the last CRLF
};

/// How many octets the header section takes, with the empty line that ends it; nothing while that hasn't come. A
/// message that begins with an empty line has an empty header. `from` is where to go on looking: octets before it were
/// looked at in an earlier call and had no end in them (at least three octets less than were there then).
[[nodiscard]] std::optional<std::size_t> header_size(std::string_view octets, std::size_t from = 0) noexcept;

/// Goes through the fields in order. Lines end with CRLF (what the SMTP server lets pass has no others).
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view octets) noexcept : rest_(octets) {}
  /// The next field; nothing at the empty line or the end of the octets. A line that is neither a field nor the folded
  /// part of one is stepped over, and malformed() says so.
  [[nodiscard]] std::optional<HeaderField> next() noexcept;
  [[nodiscard]] bool malformed() const noexcept { return malformed_; }

 private:
  std::string_view rest_;
  bool malformed_ = false;
};

}  // namespace pabal::message
