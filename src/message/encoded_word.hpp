// Encoded words (RFC 2047, with RFC 2231's language) in unstructured and structured fields, read with all the ways in
// which they come broken, and written the one right way.
#pragma once
#include <string>
#include <string_view>

namespace pabal::message {

/// Unfolded text of a field body: CRLF before white space taken away (RFC 5322 §2.2.3), other controls too.
[[nodiscard]] std::string unfold(std::string_view field_body);

/// UTF-8 text of an unstructured field body: unfolded, encoded words decoded (white space between two of them dropped;
/// characters split over neighbouring words of one charset joined; broken ones left as they are), raw 8-bit taken as
/// UTF-8 or, where it isn't that, guessed. In form NFC.
[[nodiscard]] std::string decode_text(std::string_view field_body);

/// The same for one phrase that is unfolded already (display names, comments).
[[nodiscard]] std::string decode_words(std::string_view unfolded);

/// Text as it may stand in an unstructured field, in encoded words of at most 75 characters where it isn't plain ASCII
/// (Q or B, whichever is shorter). Lines are not folded (fold.hpp does that). CR, LF and NUL become spaces.
[[nodiscard]] std::string encode_text(std::string_view utf8);

}  // namespace pabal::message
