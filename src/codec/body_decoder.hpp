// Transfer encodings undone for bodies that are too big to be held: text in pieces of any size, octets out. What comes
// out is what decode_body() makes of the whole, however the text is cut.
#pragma once
#include <string>
#include <string_view>

#include "codec/transfer.hpp"

namespace pabal::codec {

class BodyDecoder {
 public:
  explicit BodyDecoder(TransferEncoding encoding) noexcept : encoding_(encoding) {}

  void decode(std::string_view text, std::string& out);
  /// What is left over.
  void finish(std::string& out);

 private:
  void decode_base64(std::string_view text, std::string& out);
  void decode_quoted(std::string_view text, std::string& out);

  TransferEncoding encoding_;
  /// As it came, what can't be decoded yet: fewer than four characters of base64; of quoted-printable the last line. Of
  /// a line without an end so much is held only while nowhere two characters that aren't white space follow each other.
  std::string pending_;
};

}  // namespace pabal::codec
