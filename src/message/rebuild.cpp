#include "message/rebuild.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/transfer.hpp"
#include "message/downgrade.hpp"
#include "message/encoded_word.hpp"

namespace pabal::message {

namespace {

constexpr std::size_t kMostParameters = 50;

bool is_token(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 90 && std::ranges::all_of(text, [](char c) {
    return c > ' ' && c < 0x7F && std::string_view("()<>@,;:\\\"/[]?=*'%").find(c) == std::string_view::npos;
  });
}

std::string type_of(const Part& part) {
  if (!is_token(part.type) || !is_token(part.subtype)) return "application/octet-stream";
  return fmt::format("{}/{}", to_lower(part.type), to_lower(part.subtype));
}

// What parts alone say of themselves: a value that has no safe form is left out.
void describe(const Part& part, Entity& entity) {
  if (!part.content_type.empty()) {
    for (const auto& parameter : parse_parameters(part.content_type).parameters) {
      if (entity.parameters.size() >= kMostParameters) break;
      const bool own = parameter.name == "name" || parameter.name == "boundary";
      if (!own && is_token(parameter.name) && parameter.name.size() <= 40 && parameter.value.size() < 2'000)
        entity.parameters.push_back({parameter.name, parameter.value, {}});
    }
  }
  if (auto name = file_name(part.disposition, part.content_type); name && name->size() < 2'000)
    entity.file_name = *std::move(name);
  if (!part.disposition.empty()) {
    const auto disposition = parse_parameters(part.disposition).value;
    if (is_token(disposition)) entity.disposition = disposition;
  }
  std::string_view id = trim(part.content_id);
  if (id.starts_with('<') && id.ends_with('>')) id = id.substr(1, id.size() - 2);
  if (is_message_id(id)) entity.content_id = id;
  entity.description = decode_text(part.description).substr(0, 2'000);
  const std::string language = unfold(part.language);
  if (language.size() < 500 && is_ascii(language)) entity.language = clean_text(language);
}

class Rebuilder {
 public:
  Rebuilder(std::string_view message, const MimeTree& tree) : message_(message), tree_(&tree) {}

  [[nodiscard]] Entity entity(const Part& part) const {
    Entity out;
    const auto body = message_.substr(part.body_begin, part.body_end - part.body_begin);
    switch (part.kind) {
      case PartKind::leaf:
        out = leaf(part, body);
        break;
      case PartKind::message:
        out = embedded(type_of(part), body);
        break;
      case PartKind::multipart:
        out = multipart(part, body);
        break;
    }
    describe(part, out);
    return out;
  }

 private:
  [[nodiscard]] static Entity leaf(const Part& part, std::string_view body) {
    auto octets = codec::decode_body(codec::transfer_encoding(part.encoding), body).octets;
    std::string type = type_of(part);
    // Of the message types that are no messages, those that the writer may not encode.
    if (type.starts_with("message/") && !type.starts_with("message/global")) return embedded(std::move(type), octets);
    // A multipart or message that a limit kept whole.
    if (type.starts_with("multipart/")) type = "application/octet-stream";
    return Entity::octets(std::move(type), source_of(std::move(octets)));
  }

  // As it is, or with its line ends made right, where it may stand in a message so; octets otherwise.
  [[nodiscard]] static Entity embedded(std::string type, std::string_view body) {
    for (std::string octets : {std::string(body), with_crlf(body)}) {
      ContentFacts facts;
      facts.take(octets);
      facts.finish();
      if (facts.needs() != Carriage::binary) return Entity::message(source_of(std::move(octets)), std::move(type));
    }
    return Entity::octets("application/octet-stream", source_of(std::string(body)));
  }

  [[nodiscard]] Entity multipart(const Part& part, std::string_view body) const {
    std::vector<Entity> parts;
    for (auto child = part.first_child; child != Part::none; child = tree_->parts[child].next_sibling)
      parts.push_back(entity(tree_->parts[child]));
    if (parts.empty() || part.depth > 80 || !is_token(part.subtype))
      return Entity::octets("application/octet-stream", source_of(std::string(body)));
    return Entity::multipart(to_lower(part.subtype), std::move(parts));
  }

  std::string_view message_;
  const MimeTree* tree_;
};

// As it is, or in ASCII; a second Subject or the like keeps its words under another name.
void copy_field(const HeaderField& field, HeaderWriter& header) {
  if (header.copy(field)) return;
  const std::string ascii = downgrade_field(field);
  const auto clean = HeaderReader(ascii).next();
  if (clean && header.copy(*clean)) return;
  const std::string name = fmt::format("X-Also-{}", field.name);
  if (is_field_name(name)) header.text(name, decode_text(field.body));
}

}  // namespace

OutgoingMessage rebuild(std::string_view message, const MimeTree& tree) {
  OutgoingMessage out;
  const Part& root = tree.root();
  HeaderReader reader(message.substr(root.header_begin, root.body_begin - root.header_begin));
  while (const auto field = reader.next()) {
    if (equal_ignoring_case(field->name, "MIME-Version") || starts_with_ignoring_case(field->name, "Content-"))
      continue;
    copy_field(*field, out.header());
  }
  out.set_body(Rebuilder(message, tree).entity(root));
  return out;
}

}  // namespace pabal::message
