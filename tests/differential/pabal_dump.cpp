// Pabal's view of the messages named on standard input, for compare.py.
#include "base/text.hpp"
#include "codec/date.hpp"
#include "codec/transfer.hpp"
#include "dump.hpp"
#include "message/address_list.hpp"
#include "message/content.hpp"
#include "message/encoded_word.hpp"
#include "message/header.hpp"
#include "message/mime.hpp"
#include "message/parameters.hpp"

namespace {

using namespace pabal;
using namespace pabal::message;
using differential::body;
using differential::line;

std::string structure(const MimeTree& tree, std::uint32_t place) {
  const Part& part = tree.parts[place];
  std::string out = to_lower(fmt::format("{}/{}", part.type, part.subtype));
  if (part.kind == PartKind::leaf) return out;
  out += '[';
  for (auto child = part.first_child; child != Part::none; child = tree.parts[child].next_sibling) {
    if (!out.ends_with('[')) out += ' ';
    out += structure(tree, child);
  }
  return out + ']';
}

// Of a field that is repeated the last counts, as everywhere in the product (RFC 8621 §4.1.3).

void addresses(const HeaderFields& fields, std::string_view name) {
  const HeaderField* field = fields.last(name);
  if (field == nullptr) return;
  for (const auto& group : parse_address_list(field->body)) {
    for (const auto& mailbox : group.mailboxes)
      line(to_lower(name), fmt::format("{} <{}{}{}>", mailbox.name, mailbox.local_part,
                                       mailbox.domain.empty() ? "" : "@", mailbox.domain));
  }
}

void identifiers(const HeaderFields& fields, std::string_view name) {
  const HeaderField* field = fields.last(name);
  if (field == nullptr) return;
  for (const auto& id : parse_message_ids(field->body)) line(to_lower(name), id);
}

void leaf(std::string_view message, const Part& part) {
  const auto type = to_lower(fmt::format("{}/{}", part.type, part.subtype));
  body(type, codec::decode_body(codec::transfer_encoding(part.encoding), encoded_body(message, part)).octets);
  if (const auto name = file_name(part.disposition, part.content_type)) line("name", *name);
  if (type.starts_with("text/")) line("text", text_of(message, part).utf8);
}

void dump(std::string_view message) {
  const MimeTree tree = parse_mime(message);
  const HeaderFields fields(message.substr(0, tree.root().body_begin));
  line("types", structure(tree, 0));
  if (const auto* subject = fields.last("Subject")) line("subject", decode_text(subject->body));
  for (const std::string_view name : {"From", "To", "Cc"}) addresses(fields, name);
  for (const std::string_view name : {"Message-ID", "In-Reply-To", "References"}) identifiers(fields, name);
  if (const auto* field = fields.last("Date")) {
    if (const auto date = codec::parse_any_date(field->body)) {
      const auto time = std::chrono::duration_cast<std::chrono::seconds>(date->time.time_since_epoch()).count();
      line("date", fmt::format("{} {}", time, date->zone_unknown ? 0 : date->offset_minutes));
    } else {
      line("date", "none");
    }
  }
  for (const Part& part : tree.parts) {
    if (part.kind == PartKind::leaf) leaf(message, part);
  }
}

}  // namespace

int main() { return pabal::differential::for_each_file(dump); }
