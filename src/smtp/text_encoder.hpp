// TextEncoder: a letter's octets as they go behind DATA (RFC 5321 §4.5.2) or BDAT (RFC 3030); the counterpart of
// TextDecoder.
#pragma once
#include <string>
#include <string_view>

#include "smtp/data.hpp"

namespace pabal::smtp {

/// Every line that goes out ends with CRLF, whatever is stored: a CR or LF alone becomes CRLF, since some peer might
/// take it for a line end and find an end of data, and commands, in the letter (SMTP smuggling). Binary letters go
/// without an encoder.
class TextEncoder {
 public:
  explicit TextEncoder(Framing framing) noexcept : dots_(framing == Framing::dots) {}

  /// Appends what the next octets are on the wire. What comes out does not depend on how the letter was cut.
  void encode(std::string_view octets, std::string& out);
  /// Appends the line end that the last line lacks; with dots the line that ends the data.
  void finish(std::string& out);

 private:
  bool dots_;
  bool line_start_ = true;
  bool after_cr_ = false;  ///< the octet before was a CR, for which nothing was written yet
};

}  // namespace pabal::smtp
