// The text of a message by the fields that searches name (RFC 8621 §4.4.1, RFC 9051 §6.4.4). Made when a letter is
// indexed; not kept.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "message/envelope.hpp"

namespace pabal::message {

/// All well-formed UTF-8; lines are separated by LF.
struct SearchText {
  std::string subject;
  std::string from;  ///< address_words() of it, as the next three
  std::string to;
  std::string cc;
  std::string bcc;
  std::string body;         ///< all texts, HTML as text with the alt texts of images, attached messages' too
  std::string attachments;  ///< file names, those within winmail.dat too
  std::string header;       ///< all fields of all entities, "Name: text form"
};

/// What a field of addresses says: a line each, "Group" or "Name <local@domain>", names decoded.
[[nodiscard]] std::string address_words(const Envelope::Addresses& addresses);

/// At most `max_body_octets` of body, and as many of header. Linear in the message.
[[nodiscard]] SearchText search_text(std::string_view message, std::size_t max_body_octets = std::size_t{4} << 20);

}  // namespace pabal::message
