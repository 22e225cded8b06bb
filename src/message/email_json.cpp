#include "message/email_json.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "base/text.hpp"
#include "message/body_structure.hpp"
#include "message/content.hpp"
#include "message/header.hpp"
#include "message/header_forms.hpp"
#include "message/preview.hpp"
#include "message/tnef.hpp"

namespace pabal::message {

namespace {

json::string text(std::string_view utf8) { return json::string(utf8.data(), utf8.size()); }

json::value text_or_null(const std::optional<std::string>& utf8) {
  return utf8 ? json::value(text(*utf8)) : json::value(nullptr);
}

json::value texts_or_null(const std::optional<std::vector<std::string>>& list) {
  if (!list) return nullptr;
  json::array out;
  for (const auto& item : *list) out.push_back(text(item));
  return out;
}

json::value name_or_null(std::string_view name) {
  if (name.empty()) return nullptr;
  return text(clean_utf8(name));
}

json::array mailboxes(const std::vector<MailboxSpec>& list) {
  json::array out;
  out.reserve(list.size());
  for (const auto& mailbox : list) {
    out.push_back(json::object{{"name", name_or_null(mailbox.name)}, {"email", text(email_of(mailbox))}});
  }
  return out;
}

json::array groups(std::string_view field_body) {
  json::array out;
  for (const auto& group : parse_address_list(field_body)) {
    out.push_back(json::object{{"name", group.named ? json::value(text(clean_utf8(group.name))) : json::value(nullptr)},
                               {"addresses", mailboxes(group.mailboxes)}});
  }
  return out;
}

json::value in_form(std::string_view field_body, HeaderForm form) {
  switch (form) {
    case HeaderForm::raw:
      return text(raw_form(field_body));
    case HeaderForm::text:
      return text(text_form(field_body));
    case HeaderForm::addresses:
      return mailboxes(addresses_form(field_body));
    case HeaderForm::grouped_addresses:
      return groups(field_body);
    case HeaderForm::message_ids:
      return texts_or_null(message_ids_form(field_body));
    case HeaderForm::date:
      return text_or_null(date_form(field_body));
    case HeaderForm::urls:
      return texts_or_null(urls_form(field_body));
  }
  return nullptr;
}

std::vector<HeaderField> fields_of(std::string_view message, const Part& part) {
  std::vector<HeaderField> out;
  HeaderReader reader(message.substr(part.header_begin, part.body_begin - part.header_begin));
  while (const auto field = reader.next()) out.push_back(*field);
  return out;
}

json::array raw_fields(const std::vector<HeaderField>& fields) {
  json::array out;
  out.reserve(fields.size());
  for (const auto& field : fields) {
    out.push_back(json::object{{"name", text(clean_utf8(field.name))}, {"value", text(raw_form(field.body))}});
  }
  return out;
}

// All instances of each field name, in the order in which the names first appear.
class Fields {
 public:
  explicit Fields(const std::vector<HeaderField>& fields) {
    for (const auto& field : fields) {
      const auto [at, fresh] = places_.try_emplace(to_lower(field.name), names_.size());
      if (fresh) names_.emplace_back();
      names_[at->second].push_back(field);
    }
  }
  /// The last instance, which counts (RFC 8621 §4.1.3); null where there is none.
  [[nodiscard]] const HeaderField* last(const std::string& lower_name) const {
    const auto at = places_.find(lower_name);
    return at == places_.end() ? nullptr : &names_[at->second].back();
  }
  [[nodiscard]] const std::vector<std::vector<HeaderField>>& names() const noexcept { return names_; }

 private:
  std::map<std::string, std::size_t> places_;
  std::vector<std::vector<HeaderField>> names_;
};

void put_conveniences(json::object& email, const Fields& fields) {
  struct Convenience {
    const char* property;
    const char* field;
    HeaderForm form;
  };
  // RFC 8621 §4.1.3.
  static constexpr Convenience list[] = {
      {"messageId", "message-id", HeaderForm::message_ids},
      {"inReplyTo", "in-reply-to", HeaderForm::message_ids},
      {"references", "references", HeaderForm::message_ids},
      {"sender", "sender", HeaderForm::addresses},
      {"from", "from", HeaderForm::addresses},
      {"to", "to", HeaderForm::addresses},
      {"cc", "cc", HeaderForm::addresses},
      {"bcc", "bcc", HeaderForm::addresses},
      {"replyTo", "reply-to", HeaderForm::addresses},
      {"subject", "subject", HeaderForm::text},
      {"sentAt", "date", HeaderForm::date},
  };
  for (const auto& one : list) {
    const auto* field = fields.last(one.field);
    email[one.property] = field == nullptr ? json::value(nullptr) : in_form(field->body, one.form);
  }
}

void put_header_forms(json::object& email, const Fields& fields) {
  for (const auto& instances : fields.names()) {
    const auto& last = instances.back();
    const std::string property = "header:" + clean_utf8(last.name);
    for (const auto form : kHeaderForms) {
      if (!is_allowed(last.name, form)) continue;
      std::string name = property;
      if (form != HeaderForm::raw) name.append(":as").append(name_of(form));
      json::array all;
      all.reserve(instances.size());
      for (const auto& field : instances) all.push_back(in_form(field.body, form));
      email[name] = all.back();
      email[name + ":all"] = std::move(all);
    }
  }
}

class BodyWriter {
 public:
  BodyWriter(std::string_view message, const MimeTree& tree, const BodyStructure& body, const EmailJsonOptions& options)
      : message_(message), tree_(tree), body_(body), options_(options) {}

  [[nodiscard]] json::object structure() const { return part(0, true); }

  [[nodiscard]] json::array list(const std::vector<std::uint32_t>& places) const {
    json::array out;
    out.reserve(places.size());
    for (const auto place : places) out.push_back(part(place, false));
    return out;
  }

  [[nodiscard]] json::object values() const {
    json::object out;
    if (!options_.body_values) return out;
    for (const auto& one : body_.parts) {
      if (one.multipart || !one.type.starts_with("text/")) continue;
      const auto value = text_of(message_, tree_.parts[one.place], options_.max_body_value_octets);
      std::string utf8 = value.utf8;
      std::erase(utf8, '\0');
      out[one.part_id] = json::object{
          {"value", text(utf8)}, {"isEncodingProblem", value.encoding_problem}, {"isTruncated", value.truncated}};
    }
    return out;
  }

 private:
  [[nodiscard]] json::object part(std::uint32_t place, bool with_parts) const {
    const BodyPart& one = body_.parts[place];
    const Part& in_tree = tree_.parts[one.place];
    json::object out;
    out.reserve(13);
    out["partId"] = one.multipart ? json::value(nullptr) : json::value(text(one.part_id));
    out["blobId"] =
        one.multipart ? json::value(nullptr) : json::value(text(part_blob_id(options_.blob_id, one.part_id)));
    out["size"] = one.multipart ? 0 : decoded_size(message_, in_tree);
    out["headers"] = raw_fields(fields_of(message_, in_tree));
    out["name"] = one.name ? json::value(text(clean_utf8(*one.name))) : json::value(nullptr);
    out["type"] = text(clean_utf8(one.type));
    out["charset"] = text_or_null(charset_of(in_tree));
    out["disposition"] =
        one.disposition.empty() ? json::value(nullptr) : json::value(text(clean_utf8(one.disposition)));
    out["cid"] = text_or_null(content_id_of(in_tree));
    out["language"] = texts_or_null(languages_of(in_tree));
    out["location"] = text_or_null(location_of(in_tree));
    if (is_tnef_type(one.type)) out["tnef"] = packed(in_tree);
    if (!with_parts) return out;
    if (!one.multipart) {
      out["subParts"] = nullptr;
      return out;
    }
    json::array parts;
    parts.reserve(one.parts.size());
    for (const auto child : one.parts) parts.push_back(part(child, true));
    out["subParts"] = std::move(parts);
    return out;
  }

  [[nodiscard]] json::array packed(const Part& part) const {
    const auto octets = codec::decode_body(codec::transfer_encoding(part.encoding), encoded_body(message_, part));
    json::array out;
    for (const auto& attachment : read_tnef(octets.octets).attachments) {
      const auto& cid = attachment.content_id;
      out.push_back(json::object{{"name", name_or_null(attachment.name)},
                                 {"type", text(clean_utf8(attachment.type))},
                                 {"size", attachment.size},
                                 {"cid", name_or_null(cid)}});
    }
    return out;
  }

  std::string_view message_;
  const MimeTree& tree_;
  const BodyStructure& body_;
  const EmailJsonOptions& options_;
};

}  // namespace

json::object email_json(std::string_view message, const EmailJsonOptions& options) {
  const auto tree = parse_mime(message, options.limits);
  const auto body = body_structure(tree);
  const auto raw = fields_of(message, tree.root());
  const Fields fields(raw);
  const BodyWriter writer(message, tree, body, options);

  json::object email;
  email["id"] = nullptr;
  email["blobId"] = text(options.blob_id);
  email["threadId"] = nullptr;
  email["mailboxIds"] = nullptr;
  email["keywords"] = nullptr;
  email["size"] = message.size();
  email["receivedAt"] = nullptr;
  email["headers"] = raw_fields(raw);
  put_conveniences(email, fields);
  email["bodyStructure"] = writer.structure();
  email["bodyValues"] = writer.values();
  email["textBody"] = writer.list(body.text_body);
  email["htmlBody"] = writer.list(body.html_body);
  email["attachments"] = writer.list(body.attachments);
  email["hasAttachment"] = body.has_attachment;
  email["preview"] = text(preview_of(message, tree, body));
  if (options.header_forms) put_header_forms(email, fields);
  return email;
}

}  // namespace pabal::message
