// Canonicalisation (RFC 6376 §3.4): the two forms in which header fields and bodies are signed, so that what relays
// usually change does not break a signature.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace pabal::mailauth {

enum class Canonicalization : std::uint8_t {
  simple,   ///< octets as they are; empty lines at the body's end don't count
  relaxed,  ///< and white space is one space, none at the ends of lines; names of fields in lower case
};
[[nodiscard]] std::string_view name_of(Canonicalization form) noexcept;

/// Adds a field in its form to `out`, with its CRLF (RFC 6376 §3.4.1, §3.4.2). `field` is all of it: name, colon,
/// value, folded lines that end with CRLF; the last CRLF may be missing.
void canonical_field(Canonicalization form, std::string_view field, std::string& out);

/// A body's canonical octets (RFC 6376 §3.4.3, §3.4.4), as it arrives: any piecing gives the same octets, whatever the
/// length of lines, in constant memory. Lines end with LF, or CRLF, which is the same: a letter from a file is signed
/// as it would have been sent. Other CRs are octets like any.
class CanonicalBody {
 public:
  /// Gets the octets, in pieces; views are valid during the call.
  using Sink = std::function<void(std::string_view)>;
  CanonicalBody(Canonicalization form, Sink sink);

  void take(std::string_view octets);
  /// The body is whole: once, and last.
  void end();

 private:
  void content(std::string_view text);
  void spaced(std::string_view text);
  void plain(std::string_view text);
  void end_line();
  void put(std::string_view octets);
  void put_empty_lines();
  void flush();
  [[nodiscard]] std::size_t take_clean_lines(std::string_view octets);

  Canonicalization form_;
  Sink sink_;
  std::string buffer_;             ///< what waits to be given in a bigger piece
  std::uint64_t empty_lines_ = 0;  ///< that count once something follows
  bool space_ = false;             ///< white space that counts once something follows on its line
  bool cr_ = false;                ///< a CR that is a line end's if LF follows
  bool line_begun_ = false;
  bool wrote_ = false;
};

}  // namespace pabal::mailauth
