#include "message/derived_json.hpp"

#include "message/encoded_word.hpp"
#include "message/header_forms.hpp"

namespace pabal::message {

namespace {

json::string text(std::string_view utf8) { return json::string(utf8.data(), utf8.size()); }

json::value ids(const std::vector<std::string>& list) {
  if (list.empty()) return nullptr;
  json::array out;
  out.reserve(list.size());
  for (const auto& id : list) out.push_back(text(clean_utf8(id)));
  return out;
}

json::value ids_in(const std::optional<std::string>& field) {
  if (!field) return nullptr;
  return ids(parse_message_ids(*field));
}

json::value addresses(const Envelope::Addresses& groups) {
  if (!groups) return nullptr;
  json::array out;
  for (const auto& group : *groups) {
    for (const auto& mailbox : group.mailboxes) {
      const auto name = clean_utf8(decode_words(mailbox.name));
      out.push_back(json::object{{"name", name.empty() ? json::value(nullptr) : json::value(text(name))},
                                 {"email", text(email_of(mailbox))}});
    }
  }
  return out;
}

void put_envelope(json::object& out, const Envelope& envelope) {
  out["messageId"] = ids_in(envelope.message_id);
  out["inReplyTo"] = ids_in(envelope.in_reply_to);
  out["references"] = envelope.references ? ids(*envelope.references) : json::value(nullptr);
  out["sender"] = addresses(envelope.sender);
  out["from"] = addresses(envelope.from);
  out["to"] = addresses(envelope.to);
  out["cc"] = addresses(envelope.cc);
  out["bcc"] = addresses(envelope.bcc);
  out["replyTo"] = addresses(envelope.reply_to);
  out["subject"] = envelope.subject ? json::value(text(clean_utf8(decode_words(*envelope.subject)))) : nullptr;
}

}  // namespace

json::object listed_json(const Derived& derived) {
  json::object out;
  out["size"] = derived.size;
  if (derived.envelope) put_envelope(out, *derived.envelope);
  out["sentAt"] =
      derived.sent ? json::value(text(json_date(derived.sent->seconds, derived.sent->offset_minutes))) : nullptr;
  out["hasAttachment"] = has(derived.marks, Mark::attachment);
  out["preview"] = text(derived.preview);
  return out;
}

}  // namespace pabal::message
