// HTML into plain text, for previews, for search, and for people who read a letter where no browser is. No tree is
// built: tags are stepped over as browsers find them, and what the reader would see is kept.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace pabal::message {

struct HtmlTextOptions {
  std::size_t max_octets = SIZE_MAX;  ///< of the text; the reading ends there
  bool image_texts = false;           ///< the alt texts of images too
  bool quotes = true;                 ///< what stands in <blockquote>, and Gmail's and Outlook's quotes
};

/// UTF-8 text of `html`, which is well-formed UTF-8 itself: block elements and <br> are line breaks, paragraphs have an
/// empty line between them, cells a space; white space is collapsed (but not in <pre>), no-break spaces are spaces,
/// invisible filling characters are dropped. Scripts, styles, titles, comments and hidden elements are left out; only a
/// hidden text that stands before all others is kept, as it is what the sender wants to be seen in a list
/// ("preheader"). Linear in the input, whatever it is.
[[nodiscard]] std::string html_to_text(std::string_view html, const HtmlTextOptions& options = {});

}  // namespace pabal::message
