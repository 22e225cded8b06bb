// Character sets of bodies and headers into UTF-8, through ICU: every registered one, the labels found in the wild, and
// a guess where a label is missing or plainly wrong.
#pragma once
#include <string>
#include <string_view>

namespace pabal::codec {

struct Converted {
  std::string utf8;      ///< well-formed; what can't be converted became U+FFFD
  bool damaged = false;  ///< something became U+FFFD, or the label was not known or can't be (JMAP isEncodingProblem)
};

/// `label` in any case, with quotes, spaces or a language suffix as found (`ks_c_5601-1987`, `euc-kr`, `cp949`,
/// `iso-2022-kr`, `x-unknown`, `utf8`, `ansi_x3.4-1968`, `unicode-1-1-utf-7`…). Text with an
/// unknown label or that of a set of single octets that is well-formed UTF-8 with high octets is UTF-8, and so is what
/// can't be the multi-octet set that its label names. High octets under a label of seven bits (us-ascii, iso-2022-*,
/// utf-7, hz), and Korean's CP949 under utf-8, are guessed at and reported as
/// damaged (UTF-8 under us-ascii isn't). ISO-8859-1 is windows-1252,
/// EUC-KR is CP949, GB2312 is GB18030, Shift_JIS is windows-31J, as the WHATWG does.
[[nodiscard]] Converted to_utf8(std::string_view octets, std::string_view label);

/// UTF-8 where it is that, else what ICU's detector or, for short text, Korean's CP949 structure makes likely; never
/// fails.
[[nodiscard]] Converted guess_to_utf8(std::string_view octets);

/// Well-formed UTF-8 from what claims to be that; each maximal wrong run becomes one U+FFFD. No guesses.
[[nodiscard]] Converted repair_utf8(std::string_view octets);

/// True if ICU or our table knows the label.
[[nodiscard]] bool is_known_charset(std::string_view label);

}  // namespace pabal::codec
