#include "message/search_text.hpp"

#include "base/text.hpp"
#include "message/body_structure.hpp"
#include "message/content.hpp"
#include "message/encoded_word.hpp"
#include "message/envelope.hpp"
#include "message/flowed.hpp"
#include "message/header.hpp"
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

std::string_view header_section(std::string_view message, const Part& part) noexcept {
  return message.substr(part.header_begin, part.body_begin - part.header_begin);
}

void add_header(std::string& out, std::string_view message, const Part& part, std::size_t most) {
  HeaderReader fields(header_section(message, part));
  while (const auto field = fields.next()) {
    if (out.size() >= most) return;
    add_line(out, utf8_prefix(clean_utf8(fmt::format("{}: {}", field->name, text_form(field->body))), most));
  }
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

std::string address_words(const Envelope::Addresses& addresses) {
  std::string out;
  if (!addresses) return out;
  for (const auto& group : *addresses) {
    if (group.named) add_line(out, clean_utf8(decode_words(group.name)));
    for (const auto& mailbox : group.mailboxes) {
      const auto name = clean_utf8(decode_words(mailbox.name));
      add_line(out, fmt::format("{}{}<{}>", name, name.empty() ? "" : " ", email_of(mailbox)));
    }
  }
  return out;
}

SearchText search_text(std::string_view message, std::size_t max_body_octets) {
  constexpr std::size_t most_tnef_octets = std::size_t{32} << 20;
  const auto tree = parse_mime(message);
  SearchText out;
  const auto envelope = read_header_facts(header_section(message, tree.root())).envelope;
  if (envelope.subject) out.subject = text_form(*envelope.subject);
  out.from = address_words(envelope.from);
  out.to = address_words(envelope.to);
  out.cc = address_words(envelope.cc);
  out.bcc = address_words(envelope.bcc);
  for (const auto& part : tree.parts) {
    add_header(out.header, message, part, max_body_octets);
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
