#include "message/body_structure.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "message/content.hpp"
#include "message/encoded_word.hpp"
#include "message/header_forms.hpp"
#include "message/media_type.hpp"
#include "message/parameters.hpp"

namespace pabal::message {

namespace {

bool is_media(std::string_view type) noexcept {
  return type.starts_with("image/") || type.starts_with("audio/") || type.starts_with("video/");
}

bool mentions_name(std::string_view field_body) noexcept {
  for (std::size_t at = 0; at + 4 <= field_body.size(); ++at) {
    if (ascii_lower(field_body[at]) == 'n' && equal_ignoring_case(field_body.substr(at, 4), "name")) return true;
  }
  return false;
}

// The tree as a list, with IMAP's section numbers for ids.
class Lister {
 public:
  explicit Lister(const MimeTree& tree) : tree_(tree) {}

  std::vector<BodyPart> run() && {
    add(0, "");
    return std::move(parts_);
  }

 private:
  // `section` is the part's own; empty for the root.
  std::uint32_t add(std::uint32_t place, const std::string& section) {
    const Part& part = tree_.parts[place];
    const auto index = static_cast<std::uint32_t>(parts_.size());
    BodyPart& body = parts_.emplace_back();
    body.place = place;
    body.multipart = is_multipart(part);
    body.type = type_of(part);
    body.disposition = to_lower(first_token(part.disposition));
    if (mentions_name(part.disposition) || mentions_name(part.content_type)) {
      body.name = file_name(part.disposition, part.content_type);
    }
    if (!body.multipart) {
      body.part_id = section.empty() ? "1" : section;
      return index;
    }
    std::uint32_t number = 1;
    for (auto child = part.first_child; child != Part::none; child = tree_.parts[child].next_sibling, ++number) {
      std::string child_section = section.empty() ? std::string() : section + ".";
      child_section += std::to_string(number);
      const auto added = add(child, child_section);
      parts_[index].parts.push_back(added);
    }
    return index;
  }

  const MimeTree& tree_;
  std::vector<BodyPart> parts_;
};

// The algorithm of RFC 8621 §4.1.4, word for word.
class Sorter {
 public:
  explicit Sorter(BodyStructure& body) : body_(body) {}

  void run() {
    const std::uint32_t root = 0;
    sort({&root, 1}, "mixed", false, &body_.html_body, &body_.text_body);
  }

 private:
  using Places = std::vector<std::uint32_t>;

  void sort(std::span<const std::uint32_t> parts, std::string_view multipart_type, bool in_alternative, Places* html,
            Places* text) {
    const std::size_t text_length = text != nullptr ? text->size() : 0;
    const std::size_t html_length = html != nullptr ? html->size() : 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const BodyPart& part = body_.parts[parts[i]];
      const bool media = is_media(part.type);
      const bool is_inline = part.disposition != "attachment" &&
                             (part.type == "text/plain" || part.type == "text/html" || media) &&
                             // In multipart/related only the first can be; a text with a name that isn't the first is
                             // an attachment.
                             (i == 0 || (multipart_type != "related" && (media || !part.name)));
      if (part.multipart) {
        const auto subtype = std::string_view(part.type).substr(part.type.find('/') + 1);
        sort(part.parts, subtype, in_alternative || subtype == "alternative", html, text);
      } else if (!is_inline) {
        body_.attachments.push_back(parts[i]);
      } else if (multipart_type == "alternative") {
        Places* const list = part.type == "text/plain" ? text : part.type == "text/html" ? html : nullptr;
        (list != nullptr ? *list : body_.attachments).push_back(parts[i]);
      } else {
        if (in_alternative && part.type == "text/plain") html = nullptr;
        if (in_alternative && part.type == "text/html") text = nullptr;
        if (text != nullptr) text->push_back(parts[i]);
        if (html != nullptr) html->push_back(parts[i]);
        // The last case is one that the RFC's words leave without a place: neither list, and no picture.
        if (((text == nullptr || html == nullptr) && media) || (text == nullptr && html == nullptr)) {
          body_.attachments.push_back(parts[i]);
        }
      }
    }
    if (multipart_type == "alternative" && text != nullptr && html != nullptr) {
      const bool more_text = text->size() != text_length;
      const bool more_html = html->size() != html_length;
      if (!more_text && more_html) append_from(*html, html_length, *text);
      if (more_text && !more_html) append_from(*text, text_length, *html);
    }
  }

  static void append_from(const Places& from, std::size_t begin, Places& to) {
    for (std::size_t i = begin; i < from.size(); ++i) to.push_back(from[i]);
  }

  BodyStructure& body_;
};

bool counts_as_attachment(const MimeTree& tree, const BodyPart& part) {
  if (part.disposition == "inline") return false;
  constexpr std::string_view handled[] = {"application/pgp-signature", "application/pkcs7-signature",
                                          "application/x-pkcs7-signature"};
  if (std::ranges::find(handled, part.type) != std::end(handled)) return false;
  const Part& in_tree = tree.parts[part.place];
  const bool shown_by_html = part.disposition.empty() && part.type.starts_with("image/") &&
                             !in_tree.content_id.empty() && in_tree.parent != Part::none &&
                             equal_ignoring_case(tree.parts[in_tree.parent].subtype, "related");
  return !shown_by_html;
}

}  // namespace

bool is_multipart(const Part& part) noexcept {
  return part.kind == PartKind::multipart && part.first_child != Part::none;
}

std::string type_of(const Part& part) {
  if (!is_multipart(part) && equal_ignoring_case(part.type, "multipart")) return "text/plain";
  std::string out;
  out.reserve(part.type.size() + 1 + part.subtype.size());
  std::ranges::transform(part.type, std::back_inserter(out), ascii_lower);
  out += '/';
  std::ranges::transform(part.subtype, std::back_inserter(out), ascii_lower);
  return out;
}

BodyStructure body_structure(const MimeTree& tree) {
  BodyStructure body;
  body.parts = Lister(tree).run();
  Sorter(body).run();
  body.has_attachment = std::ranges::any_of(
      body.attachments, [&](std::uint32_t place) { return counts_as_attachment(tree, body.parts[place]); });
  return body;
}

std::optional<std::string> content_id_of(const Part& part) {
  if (part.content_id.empty()) return std::nullopt;
  auto ids = parse_message_ids(part.content_id, 1);
  if (ids.empty()) return std::nullopt;
  return clean_utf8(ids.front());
}

std::optional<std::vector<std::string>> languages_of(const Part& part) {
  if (part.language.empty()) return std::nullopt;
  std::vector<std::string> tags;
  const std::string unfolded = unfold(part.language);
  for (const auto piece : split(unfolded, ',')) {
    const auto tag = first_token(piece);
    if (!tag.empty()) tags.push_back(clean_utf8(tag));
  }
  if (tags.empty()) return std::nullopt;
  return tags;
}

std::optional<std::string> location_of(const Part& part) {
  auto location = clean_utf8(unfold(part.location));
  if (location.empty()) return std::nullopt;
  return location;
}

std::optional<std::string> charset_of(const Part& part) {
  const bool text = equal_ignoring_case(part.type, "text") || type_of(part) == "text/plain";
  if (!text) return std::nullopt;
  auto label = clean_utf8(charset_label(part));
  return label.empty() ? "us-ascii" : std::move(label);
}

std::string part_blob_id(std::string_view message_blob_id, std::string_view part_id) {
  std::string out(message_blob_id);
  out += '-';
  std::ranges::transform(part_id, std::back_inserter(out), [](char c) { return c == '.' ? '_' : c; });
  return out;
}

}  // namespace pabal::message
