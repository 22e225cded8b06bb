// A second decoder of message text, one octet at a time and too simple to be wrong, that tests and the fuzzer hold the
// real one against. The server does not use it.
#pragma once
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "smtp/data.hpp"

namespace pabal::smtp {

struct DecodedText {
  std::string text;  ///< empty where the text was refused
  bool ended = false;
  bool faulty = false;
  std::size_t used = 0;

  friend bool operator==(const DecodedText&, const DecodedText&) = default;
  friend std::ostream& operator<<(std::ostream& out, const DecodedText& d) {
    return out << "ended=" << d.ended << " faulty=" << d.faulty << " used=" << d.used << " text=[" << d.text << "]";
  }
};

[[nodiscard]] inline DecodedText reference_decode(std::string_view input, const TextRules& rules) {
  const bool dots = rules.framing == Framing::dots;
  const bool normalise = rules.bare_newlines == BareNewlines::normalise;
  DecodedText out;
  std::size_t at = 0;
  std::size_t line = 0;
  bool line_start = true;
  const auto begins = [&](std::string_view text) { return input.substr(at).starts_with(text); };
  const auto take = [&](std::size_t count) {
    at += count;
    line += count;
  };
  while (at < input.size()) {
    if (line_start && dots && begins(".\r\n")) {
      out.ended = true;
      at += 3;
      break;
    }
    // The real one can't know yet whether this is the end.
    if (line_start && dots && (input.substr(at) == "." || input.substr(at) == ".\r")) break;
    if (line_start && dots && begins(".")) take(1);
    line_start = false;
    if (at == input.size()) break;
    if (begins("\r\n")) {
      take(2);
      out.text += "\r\n";
      line_start = true;
    } else if (input[at] == '\r' || input[at] == '\n') {
      if (input[at] == '\r' && at + 1 == input.size()) break;  // maybe half a CRLF
      out.faulty |= !normalise;
      take(1);
      out.text += "\r\n";
    } else {
      out.faulty |= input[at] == '\0';
      out.text += input[at];
      take(1);
    }
    out.faulty |= rules.max_line != 0 && line > rules.max_line;
    if (line_start) line = 0;
  }
  if (!dots) {
    if (at < input.size()) {
      out.faulty = true;  // a last CR
    } else if (!line_start) {
      out.text += "\r\n";
    }
  }
  out.used = out.ended ? at : input.size();
  if (out.faulty) out.text.clear();
  return out;
}

/// The real decoder's outcome in the same terms, with the input cut into pieces of `step` octets.
[[nodiscard]] inline DecodedText decode_in_steps(std::string_view input, const TextRules& rules, std::size_t step) {
  TextDecoder decoder(rules);
  DecodedText out;
  std::string_view piece;
  while (!decoder.ended() && out.used < input.size()) {
    piece = input.substr(out.used, step);
    out.used += piece.size();
    while (!piece.empty() && !decoder.ended()) out.text += decoder.decode(piece);
  }
  out.used -= piece.size();
  out.ended = decoder.ended();
  if (rules.framing == Framing::counted) out.text += decoder.finish();
  out.faulty = decoder.fault().has_value();
  if (out.faulty) out.text.clear();
  return out;
}

}  // namespace pabal::smtp
