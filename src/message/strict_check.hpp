// Whether a message is one that we may send: the rules of RFC 5322 and RFC 2045 that a writer, unlike a reader, must
// keep to the letter.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace pabal::message {

struct StrictRules {
  bool utf8_header = false;  ///< SMTPUTF8: header sections may be UTF-8
  bool eight_bit = false;    ///< 8BITMIME: bodies may have high octets
};

/// What is wrong, in words with the line's number; empty for a message that is right: only CRLF, lines of at most 998
/// octets, no NUL, ASCII where it must be, every header line a field or the folded part of one, From and Date at most
/// once… and MIME-Version once, at the top. At most 20 findings. Embedded header sections are checked too.
[[nodiscard]] std::vector<std::string> strict_check(std::string_view message, StrictRules rules = {});

}  // namespace pabal::message
