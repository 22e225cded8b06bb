// Transfer encodings of bodies that are too big to be held (RFC 2045 §6.7, §6.8): octets in pieces of any size, encoded
// text out. What comes out is the same however the input is cut.
#pragma once
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace pabal::codec {

/// Lines of 76 with CRLF, also at the end.
class Base64Encoder {
 public:
  void encode(std::string_view octets, std::string& out);
  /// What is left over. Nothing was written for an empty body.
  void finish(std::string& out);

 private:
  static constexpr std::size_t kLine = 57;  ///< octets that fill a line
  std::array<char, kLine> pending_{};
  std::size_t pending_size_ = 0;
};

/// Lines of at most 76. CRLF is a line end in text mode; in binary mode CR and LF are encoded too. A CR or LF that
/// stands alone is encoded in both modes.
class QuotedPrintableEncoder {
 public:
  explicit QuotedPrintableEncoder(bool binary) noexcept : binary_(binary) {}
  void encode(std::string_view octets, std::string& out);
  /// The end: the last octets, and a soft line break where the body doesn't end with a line end, so that what follows
  /// begins a line.
  void finish(std::string& out);

 private:
  void put(char c, bool last_of_line, bool from, std::string& out);
  [[nodiscard]] std::size_t take(std::string_view text, bool at_end, std::string& out);

  bool binary_;
  std::size_t column_ = 0;
  std::string pending_;  ///< the line as far as it can't be judged yet: at most four octets
};

/// How many octets an encoding makes of how many; without the line ends.
[[nodiscard]] constexpr std::size_t base64_size(std::size_t octets) noexcept { return (octets + 2) / 3 * 4; }

}  // namespace pabal::codec
