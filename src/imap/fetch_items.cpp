#include "imap/fetch_items.hpp"

#include <array>
#include <charconv>

#include "imap/characters.hpp"
#include "message/imap_forms.hpp"

namespace pabal::imap {

namespace {

void append_astring(std::string& out, std::string_view text) {
  bool plain = !text.empty();
  for (const char c : text) plain = plain && is_astring_char(c);
  if (plain) {
    out += text;
  } else {
    message::append_imap_string(out, text, {});
  }
}

}  // namespace

void append_section(std::string& out, const Section& section) {
  for (const auto& number : section.part) {
    if (&number != section.part.data()) out += '.';
    char digits[10];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
  }
  if (section.text == Section::Text::none) return;
  if (!section.part.empty()) out += '.';
  constexpr std::array<std::string_view, 6> words = {"",     "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT",
                                                     "TEXT", "MIME"};
  out += words[static_cast<std::size_t>(section.text)];
  if (section.text != Section::Text::header_fields && section.text != Section::Text::header_fields_not) return;
  out += " (";
  for (const auto& field : section.fields) {
    if (&field != section.fields.data()) out += ' ';
    append_astring(out, field);
  }
  out += ')';
}

bool FetchItem::sets_seen() const noexcept {
  switch (kind) {
    case Kind::rfc822:
    case Kind::rfc822_text:
      return true;
    case Kind::section:
    case Kind::binary:
      return !peek;
    default:
      return false;
  }
}

}  // namespace pabal::imap
