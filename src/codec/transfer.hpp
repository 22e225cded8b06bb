// Content transfer encodings of message bodies (RFC 2045 §6), read as they come: line ends anywhere, broken padding,
// foreign characters, cut ends. Encoders write only what is right.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace pabal::codec {

enum class TransferEncoding { identity, base64, quoted_printable, unknown };

/// "base64", "quoted-printable", "7bit", "8bit", "binary" in any case; the wild forms "7-bit", "8-bit", "none" and an
/// empty one are identity. uuencode and yEnc are left as they are (unknown).
[[nodiscard]] TransferEncoding transfer_encoding(std::string_view token) noexcept;

struct Decoded {
  std::string octets;
  bool damaged =
      false;  ///< foreign characters, wrong padding or a bad escape were stepped over (JMAP isEncodingProblem)
};

/// Tolerant, at memory speed on clean input (at least 3 GB/s of input on lines of 76). At most `limit` octets come out.
[[nodiscard]] Decoded decode_base64_body(std::string_view text, std::size_t limit = SIZE_MAX);
/// The same with no more of the processor than this, where it has it: for tests.
enum class Base64Machine { table, sse41, avx2 };
[[nodiscard]] Decoded decode_base64_body_as(Base64Machine machine, std::string_view text, std::size_t limit = SIZE_MAX);
[[nodiscard]] Decoded decode_quoted_printable(std::string_view text, std::size_t limit = SIZE_MAX);
[[nodiscard]] Decoded decode_body(TransferEncoding encoding, std::string_view text, std::size_t limit = SIZE_MAX);

/// Lines of 76 with CRLF, also at the end.
[[nodiscard]] std::string encode_base64_body(std::string_view octets);
/// For text: lines of at most 76, CRLF kept as line ends, trailing white space and "From " guarded; with `binary` CR
/// and LF are encoded too.
[[nodiscard]] std::string encode_quoted_printable(std::string_view octets, bool binary = false);

}  // namespace pabal::codec
