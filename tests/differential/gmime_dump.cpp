// GMime's view of the messages named on standard input, for compare.py.
#include <memory>

#include <gmime/gmime.h>

#include "base/text.hpp"
#include "dump.hpp"

namespace {

using pabal::differential::body;
using pabal::differential::line;

struct Unref {
  void operator()(gpointer object) const noexcept { g_object_unref(object); }
};
template <typename T>
using Owned = std::unique_ptr<T, Unref>;

struct Free {
  void operator()(char* text) const noexcept { g_free(text); }
};
using Text = std::unique_ptr<char, Free>;
struct FreeReferences {
  void operator()(GMimeReferences* list) const noexcept { g_mime_references_free(list); }
};

std::string type_of(GMimeObject* part) {
  GMimeContentType* type = g_mime_object_get_content_type(part);
  return pabal::to_lower(
      fmt::format("{}/{}", g_mime_content_type_get_media_type(type), g_mime_content_type_get_media_subtype(type)));
}

std::string structure(GMimeObject* part) {
  std::string out = type_of(part);
  if (GMIME_IS_MULTIPART(part)) {
    auto* multipart = GMIME_MULTIPART(part);
    out += '[';
    for (int i = 0; i < g_mime_multipart_get_count(multipart); ++i) {
      if (i > 0) out += ' ';
      out += structure(g_mime_multipart_get_part(multipart, i));
    }
    out += ']';
  } else if (GMIME_IS_MESSAGE_PART(part)) {
    GMimeMessage* message = g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));
    GMimeObject* inner = message == nullptr ? nullptr : g_mime_message_get_mime_part(message);
    out += '[' + (inner == nullptr ? std::string() : structure(inner)) + ']';
  }
  return out;
}

void bodies(GMimeObject* part) {
  if (GMIME_IS_MULTIPART(part)) {
    auto* multipart = GMIME_MULTIPART(part);
    for (int i = 0; i < g_mime_multipart_get_count(multipart); ++i) bodies(g_mime_multipart_get_part(multipart, i));
  } else if (GMIME_IS_MESSAGE_PART(part)) {
    GMimeMessage* message = g_mime_message_part_get_message(GMIME_MESSAGE_PART(part));
    GMimeObject* inner = message == nullptr ? nullptr : g_mime_message_get_mime_part(message);
    if (inner != nullptr) bodies(inner);
  } else if (GMIME_IS_PART(part)) {
    const Owned<GMimeStream> stream(g_mime_stream_mem_new());
    if (GMimeDataWrapper* content = g_mime_part_get_content(GMIME_PART(part)); content != nullptr) {
      g_mime_data_wrapper_write_to_stream(content, stream.get());
    }
    const GByteArray* octets = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream.get()));
    body(type_of(part), {reinterpret_cast<const char*>(octets->data), octets->len});
    if (const char* name = g_mime_part_get_filename(GMIME_PART(part)); name != nullptr) line("name", name);
    if (GMIME_IS_TEXT_PART(part)) {
      const Text text(g_mime_text_part_get_text(GMIME_TEXT_PART(part)));
      line("text", text == nullptr ? "" : text.get());
    }
  }
}

void addresses(const char* key, InternetAddressList* list) {
  if (list == nullptr) return;
  for (int i = 0; i < internet_address_list_length(list); ++i) {
    InternetAddress* address = internet_address_list_get_address(list, i);
    if (INTERNET_ADDRESS_IS_GROUP(address)) {
      addresses(key, internet_address_group_get_members(INTERNET_ADDRESS_GROUP(address)));
      continue;
    }
    const char* name = internet_address_get_name(address);
    const char* where = internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(address));
    line(key, fmt::format("{} <{}>", name == nullptr ? "" : name, where == nullptr ? "" : where));
  }
}

// GMime has no word on fields that are repeated: the last, as in Pabal.
void identifiers(const char* key, GMimeMessage* message, const char* name) {
  GMimeHeaderList* headers = g_mime_object_get_header_list(GMIME_OBJECT(message));
  const char* value = nullptr;
  for (int i = 0; i < g_mime_header_list_get_count(headers); ++i) {
    GMimeHeader* header = g_mime_header_list_get_header_at(headers, i);
    if (g_ascii_strcasecmp(g_mime_header_get_name(header), name) == 0) value = g_mime_header_get_value(header);
  }
  if (value == nullptr) return;
  const std::unique_ptr<GMimeReferences, FreeReferences> list(g_mime_references_parse(nullptr, value));
  for (int i = 0; i < g_mime_references_length(list.get()); ++i)
    line(key, g_mime_references_get_message_id(list.get(), i));
}

void dump(std::string_view octets) {
  const Owned<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(octets.data(), octets.size()));
  const Owned<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
  const Owned<GMimeMessage> message(g_mime_parser_construct_message(parser.get(), nullptr));
  if (message == nullptr) {
    line("types", "none");
    return;
  }
  GMimeObject* root = g_mime_message_get_mime_part(message.get());
  line("types", root == nullptr ? "none" : structure(root));
  const char* subject = g_mime_message_get_subject(message.get());
  if (subject != nullptr) line("subject", subject);
  addresses("from", g_mime_message_get_from(message.get()));
  addresses("to", g_mime_message_get_to(message.get()));
  addresses("cc", g_mime_message_get_cc(message.get()));
  identifiers("message-id", message.get(), "Message-ID");
  identifiers("in-reply-to", message.get(), "In-Reply-To");
  identifiers("references", message.get(), "References");
  if (g_mime_object_get_header(GMIME_OBJECT(message.get()), "Date") != nullptr) {
    GDateTime* date = g_mime_message_get_date(message.get());
    line("date", date == nullptr ? "none"
                                 : fmt::format("{} {}", g_date_time_to_unix(date),
                                               g_date_time_get_utc_offset(date) / G_TIME_SPAN_MINUTE));
  }
  if (root != nullptr) bodies(root);
}

}  // namespace

int main() {
  g_mime_init();
  return pabal::differential::for_each_file(dump);
}
