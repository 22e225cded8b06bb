// The line of text that a list of letters shows below the subject (RFC 8621 §4.1.4 preview, RFC 8970).
#pragma once
#include <string>
#include <string_view>

#include "message/body_structure.hpp"

namespace pabal::message {

inline constexpr std::size_t kPreviewCharacters = 256;

/// At most 256 characters (UTF-16 units, so that nobody counts more) of what the letter says, in one line: white space
/// collapsed, what it quotes, the line that introduces a quote, the signature and ruled lines left out. Where nothing
/// else is there the quote is shown. Looks at a bounded beginning of the body. Empty where there is no text.
[[nodiscard]] std::string preview_of(std::string_view message, const MimeTree& tree, const BodyStructure& body);

/// The same for text that is at hand.
[[nodiscard]] std::string preview_of_text(std::string_view utf8);

}  // namespace pabal::message
