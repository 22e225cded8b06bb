// What a leaf part holds: its octets with the transfer encoding taken off (RFC 2045 §6), and for text its characters as
// UTF-8, whatever the label says and whether or not it is right.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "codec/transfer.hpp"
#include "message/mime.hpp"

namespace pabal::message {

/// The part's body as it lies in the message, transfer encoding and all.
[[nodiscard]] std::string_view encoded_body(std::string_view message, const Part& part) noexcept;

/// A body decoded piece by piece, so that a big attachment never lies in memory twice. The pieces joined are what
/// codec::decode_body gives for the whole.
class ContentPieces {
 public:
  /// `encoded` must outlive it. `piece_octets` is how much encoded text a piece is made of, more or less.
  ContentPieces(codec::TransferEncoding encoding, std::string_view encoded,
                std::size_t piece_octets = std::size_t{64} << 10) noexcept
      : encoding_(encoding), rest_(encoded), piece_octets_(piece_octets < 16 ? 16 : piece_octets) {}
  /// The next octets; nothing behind the last. A piece may be empty.
  [[nodiscard]] std::optional<std::string> next();
  /// Something was stepped over in what has been read so far (codec::Decoded::damaged).
  [[nodiscard]] bool damaged() const noexcept { return damaged_; }

 private:
  [[nodiscard]] std::size_t cut_base64() const noexcept;
  [[nodiscard]] std::size_t cut_lines(std::size_t size) const noexcept;

  codec::TransferEncoding encoding_;
  std::string_view rest_;
  std::size_t piece_octets_;
  bool damaged_ = false;
};

/// How many octets the part has when decoded (JMAP's size, RFC 8621 §4.1.4). Linear in the body, little memory.
[[nodiscard]] std::uint64_t decoded_size(std::string_view message, const Part& part);

/// The charset parameter as it stands in Content-Type, without quotes; empty where there is none.
[[nodiscard]] std::string charset_label(const Part& part);

struct PartText {
  std::string utf8;               ///< well-formed; line ends are LF
  bool encoding_problem = false;  ///< RFC 8621 §4.1.4 isEncodingProblem
  bool truncated = false;         ///< `max_octets` cut it, at the border of a character
};

/// The characters of a text part. For a preview, or JMAP's maxBodyValueBytes, `max_octets` bounds the result and the
/// work; encoding_problem then speaks of what was looked at.
[[nodiscard]] PartText text_of(std::string_view message, const Part& part, std::size_t max_octets = SIZE_MAX);

/// The longest beginning of `utf8` that has at most `max_octets` and ends with a whole character.
[[nodiscard]] std::string_view utf8_prefix(std::string_view utf8, std::size_t max_octets) noexcept;

/// CRLF and lone CR become LF, in place.
void normalize_line_ends(std::string& text);

}  // namespace pabal::message
