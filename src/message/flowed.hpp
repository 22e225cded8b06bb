// Text/plain with format=flowed (RFC 3676): paragraphs that may be wrapped anew at any width, and quotes whose depth is
// known.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "message/mime.hpp"

namespace pabal::message {

struct FlowedParagraph {
  std::uint32_t quote_depth = 0;
  std::string text;        ///< one line, without quote marks
  bool signature = false;  ///< the line "-- " that a signature begins with (RFC 3676 §4.3)
  friend bool operator==(const FlowedParagraph&, const FlowedParagraph&) = default;
};

/// How a part says that it is written.
struct FlowedFormat {
  bool flowed = false;  ///< format=flowed; otherwise lines are lines
  bool del_sp = false;  ///< DelSp=yes: the space before a soft line break isn't part of the text
};
[[nodiscard]] FlowedFormat flowed_format(const Part& part);

/// Reads flowed text (RFC 3676 §4.1 to §4.5): quote marks counted, space-stuffing taken off, lines that end with a
/// space joined to the next of the same depth. Lines end with LF or CRLF. Any text gives something; linear time.
[[nodiscard]] std::vector<FlowedParagraph> read_flowed(std::string_view text, bool del_sp);

/// The same as plain text, one paragraph a line, quotes marked "> ", lines ended by LF (the last one too).
[[nodiscard]] std::string unflow(std::string_view text, bool del_sp);

struct Flowed {
  std::string text;     ///< lines of at most 78 characters where a break is possible, ended by CRLF
  bool del_sp = false;  ///< the part must say DelSp=yes
};

/// Writes text whose lines are paragraphs, quotes marked by leading ">" or "> " (as unflow gives it). Breaks stand
/// behind spaces; a word that is longer than a line is left whole, but where text has no spaces to break at (Chinese,
/// Japanese, Thai) it is broken between characters, with DelSp. read_flowed gives back the paragraphs, without
/// spaces at their ends.
[[nodiscard]] Flowed write_flowed(std::string_view text);

}  // namespace pabal::message
