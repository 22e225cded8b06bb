#include "message/search_text.hpp"

#include "base/text.hpp"
#include "message/body_structure.hpp"
#include "message/content.hpp"
#include "message/encoded_word.hpp"
#include "message/envelope.hpp"
#include "message/flowed.hpp"
#include "message/header_forms.hpp"
#include "message/html_text.hpp"
#include "message/parameters.hpp"
#include "message/tnef.hpp"

namespace pabal::message {

namespace {

void add_line(std::string& out, std::string_view line) {
  if (line.empty()) return;
  if (!out.empty()) out += '\n';
  out += line;
}

void add_addresses(std::string& out, const Envelope::Addresses& groups) {
  if (!groups) return;
  for (const auto& group : *groups) {
    if (group.named) add_line(out, clean_utf8(decode_words(group.name)));
    for (const auto& mailbox : group.mailboxes) {
      add_line(out, clean_utf8(decode_words(mailbox.name)));
      add_line(out, email_of(mailbox));
    }
  }
}

std::string_view header_section(std::string_view message, const Part& part) noexcept {
  return message.substr(part.header_begin, part.body_begin - part.header_begin);
}

void add_text(SearchText& out, std::string_view message, const Part& part, std::string_view type, std::size_t room) {
  if (room == 0) return;
  auto text = text_of(message, part, room).utf8;
  if (type == "text/html") {
    text = html_to_text(text, {.max_octets = room, .image_texts = true});
  } else if (const auto format = flowed_format(part); format.flowed) {
    text = unflow(text, format.del_sp);
  }
  add_line(out.body, utf8_prefix(clean_utf8(text), room));
}

}  // namespace

SearchText search_text(std::string_view message, std::size_t max_body_octets) {
  constexpr std::size_t most_tnef_octets = std::size_t{32} << 20;
  const auto tree = parse_mime(message);
  SearchText out;
  const auto envelope = read_header_facts(header_section(message, tree.root())).envelope;
  if (envelope.subject) out.subject = clean_utf8(decode_words(*envelope.subject));
  add_addresses(out.from, envelope.from);
  add_addresses(out.to, envelope.to);
  add_addresses(out.cc, envelope.cc);
  add_addresses(out.bcc, envelope.bcc);
  for (const auto& part : tree.parts) {
    const auto type = type_of(part);
    if (const auto name = file_name(part.disposition, part.content_type)) add_line(out.attachments, clean_utf8(*name));
    const std::size_t room = max_body_octets - std::min(max_body_octets, out.body.size());
    if (part.kind == PartKind::message && part.first_child != Part::none && room > 0) {
      const auto inner = read_header_facts(header_section(message, tree.parts[part.first_child])).envelope;
      if (inner.subject) add_line(out.body, utf8_prefix(clean_utf8(decode_words(*inner.subject)), room));
    } else if (!is_multipart(part) && type.starts_with("text/")) {
      add_text(out, message, part, type, room);
    } else if (is_tnef_type(type)) {
      const auto octets =
          codec::decode_body(codec::transfer_encoding(part.encoding), encoded_body(message, part), most_tnef_octets);
      const auto tnef = read_tnef(octets.octets);
      add_line(out.body, utf8_prefix(clean_utf8(tnef.text.empty() ? html_to_text(tnef.html) : tnef.text), room));
      for (const auto& attachment : tnef.attachments) add_line(out.attachments, clean_utf8(attachment.name));
    }
  }
  return out;
}

}  // namespace pabal::message
