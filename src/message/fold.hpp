// One header field on its way out: its lines folded at 78 octets where there is white space to fold at (RFC 5322
// §2.1.1, §2.2.3), never over 998; text that isn't plain ASCII in encoded words that fill the line (RFC 2047).
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pabal::message {

/// How text that is not ASCII is written.
enum class HeaderStyle : std::uint8_t {
  ascii,  ///< encoded words, A-labels, RFC 2231: any server can carry it
  utf8,   ///< as it is (RFC 6532): only for letters that go by SMTPUTF8
};

class FieldFolder {
 public:
  static constexpr std::size_t soft_limit = 78;
  static constexpr std::size_t hard_limit = 998;

  /// Writes `name` and the colon at the end of `out`, which must outlive this. The name must be a valid one.
  FieldFolder(std::string& out, std::string_view name);

  /// Octets that may not be broken, behind `space` (spaces or nothing). The line is folded before the space where the
  /// piece does not fit on it. Without a space the piece is glued to the last one. At most 900 octets, no controls.
  void piece(std::string_view text, std::string_view space = " ");
  /// What comes next begins a line.
  void break_line() noexcept { break_ = !fresh_; }
  /// Text as encoded words, all behind one space. UTF-8.
  void encoded(std::string_view utf8);
  /// Unstructured text (already clean): words as they are where they can be, the others encoded.
  void text(std::string_view clean, HeaderStyle style);
  /// A phrase (already clean): atoms, a quoted string or encoded words.
  void phrase(std::string_view clean, HeaderStyle style);
  /// The last CRLF.
  void end();

  [[nodiscard]] std::size_t column() const noexcept { return column_; }

 private:
  std::string* out_;
  std::size_t column_;
  bool fresh_ = true;   ///< nothing but the name or white space stands on the line
  bool break_ = false;  ///< the next piece begins a line
};

/// Text as it can stand in a header: UTF-8 in form NFC (what was none is U+FFFD), controls as spaces, none at the ends,
/// byte order marks taken out.
[[nodiscard]] std::string clean_text(std::string_view utf8);

/// Encoded words of at most `longest` characters (40 to 75), no character split.
[[nodiscard]] std::vector<std::string> encoded_words(std::string_view utf8, std::size_t longest);

/// The phrase on one line, or nothing where it needs encoded words.
[[nodiscard]] std::string plain_phrase(std::string_view clean, HeaderStyle style);

/// `"` and the text with '"' and '\' escaped.
[[nodiscard]] std::string quoted_string(std::string_view clean);

}  // namespace pabal::message
