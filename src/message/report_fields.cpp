#include "message/report_fields.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <unicode/utf8.h>

#include "base/text.hpp"
#include "codec/charset.hpp"
#include "codec/transfer.hpp"
#include "message/encoded_word.hpp"

namespace pabal::message {

namespace {

constexpr std::size_t kMostFields = 10'000;
constexpr std::size_t kLongestValue = 100'000;

// One code point in braces behind "\x"; its length in the text, or 0.
std::size_t read_escape(std::string_view text, std::string& out) {
  if (!text.starts_with("\\x{")) return 0;
  const auto end = text.substr(0, 10).find('}');
  if (end == std::string_view::npos || end < 5 || end > 9) return 0;
  std::uint32_t point = 0;
  const char* const last = text.data() + end;
  const auto parsed = std::from_chars(text.data() + 3, last, point, 16);
  if (parsed.ec != std::errc() || parsed.ptr != last) return 0;
  if (point < 0x20 || point == 0x7F || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return 0;
  char octets[4];
  std::int32_t size = 0;
  U8_APPEND_UNSAFE(octets, size, point);
  out.append(octets, static_cast<std::size_t>(size));
  return end + 1;
}

bool is_type_character(char c) noexcept {
  return c > ' ' && c < 0x7F && std::string_view("@<>\"").find(c) == std::string_view::npos;
}

std::string escaped(std::string_view utf8, bool address) {
  std::string out;
  const auto length = static_cast<std::int32_t>(utf8.size());
  for (std::int32_t i = 0; i < length;) {
    UChar32 c = 0;
    U8_NEXT(utf8.data(), i, length, c);
    // utf-8-addr-xtext (RFC 6533 §3): QCHAR as it is.
    const bool plain = c < 0x80 && (!address || (c != ' ' && c != '+' && c != '=' && c != '\\'));
    if (c < 0) c = 0xFFFD;
    if (plain && c != 0xFFFD) {
      out += static_cast<char>(c);
    } else {
      out += fmt::format("\\x{{{:02X}}}", static_cast<std::uint32_t>(c));
    }
  }
  return out;
}

// Backslashes that begin an escape, themselves escaped.
std::string without_escapes(std::string_view utf8) {
  std::string out;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    if (utf8.substr(i).starts_with("\\x{")) {
      out += "\\x{5C}";
    } else {
      out += utf8[i];
    }
  }
  return out;
}

}  // namespace

std::vector<FieldGroup> read_field_groups(std::string_view body) {
  std::vector<FieldGroup> groups;
  FieldGroup group;
  std::size_t fields = 0;
  bool folding = false;
  const auto end_group = [&] {
    if (!group.empty()) groups.push_back(std::move(group));
    group.clear();
    folding = false;
  };
  while (!body.empty() && fields < kMostFields) {
    const std::size_t end = std::min(body.find('\n'), body.size());
    std::string_view line = body.substr(0, end);
    body.remove_prefix(std::min(body.size(), end + 1));
    while (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) {
      end_group();
      continue;
    }
    if (line[0] == ' ' || line[0] == '\t') {
      const auto more = trim(line);
      if (folding && !more.empty() && group.back().value.size() < kLongestValue)
        group.back().value.append(group.back().value.empty() ? "" : " ").append(more);
      continue;
    }
    const auto colon = line.find(':');
    const auto name = trim(line.substr(0, colon));
    folding = colon != std::string_view::npos && is_field_name(name);
    if (!folding) continue;
    group.push_back({std::string(name), std::string(trim(line.substr(colon + 1)))});
    ++fields;
  }
  end_group();
  for (auto& each : groups) {
    for (auto& field : each) {
      if (!is_utf8(field.value)) field.value = codec::guess_to_utf8(field.value).utf8;
    }
  }
  return groups;
}

const std::string* find_field(const FieldGroup& group, std::string_view name) noexcept {
  for (const auto& field : group) {
    if (equal_ignoring_case(field.name, name)) return &field.value;
  }
  return nullptr;
}

std::string decode_unicode_escapes(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto at = std::min(text.find('\\'), text.size());
    out.append(text.substr(0, at));
    text.remove_prefix(at);
    if (text.empty()) break;
    std::size_t taken = read_escape(text, out);
    if (taken == 0) {
      out += '\\';
      taken = 1;
    }
    text.remove_prefix(taken);
  }
  return out;
}

TypedValue read_typed(std::string_view value) {
  const auto semicolon = value.find(';');
  const auto type = trim(value.substr(0, semicolon));
  // A value without a type that has a ';' somewhere is not one with a type.
  if (semicolon == std::string_view::npos || type.empty() || !std::ranges::all_of(type, is_type_character))
    return {{}, std::string(trim(value))};
  TypedValue out{to_lower(type), std::string(trim(value.substr(semicolon + 1)))};
  if (out.type == "utf-8") out.text = decode_unicode_escapes(out.text);
  return out;
}

std::string format_typed(const TypedValue& value, HeaderStyle style) {
  const std::string clean = clean_text(value.text);
  const bool address = value.type == "utf-8";
  if (value.type.empty()) return style == HeaderStyle::utf8 ? clean : escaped(clean, false);
  // What only looks like an escape must not become one when it is read again (utf-8-addr-unitext, RFC 6533 §3).
  if (style == HeaderStyle::utf8 && address) return fmt::format("utf-8; {}", without_escapes(clean));
  const bool raw = style == HeaderStyle::utf8 || (is_ascii(clean) && !address);
  return fmt::format("{}; {}", value.type, raw ? clean : escaped(clean, address));
}

Result<void> write_field(HeaderWriter& out, std::string_view name, std::string_view value) {
  constexpr std::size_t longest_word = 800;
  std::string text = clean_text(value);
  if (text.empty()) return {};
  if (out.style() == HeaderStyle::ascii && !is_ascii(text)) text = escaped(text, false);
  std::string words;
  std::size_t run = 0;
  for (const char c : text) {
    run = c == ' ' ? 0 : run + 1;
    if (run > longest_word && (static_cast<unsigned char>(c) & 0xC0U) != 0x80U) {
      words += ' ';
      run = 1;
    }
    words += c;
  }
  return out.structured(name, words);
}

std::string decoded_body(std::string_view message, const Part& part) {
  const auto body = message.substr(part.body_begin, part.body_end - part.body_begin);
  return codec::decode_body(codec::transfer_encoding(part.encoding), body).octets;
}

const Part* find_part(const MimeTree& tree, std::string_view type, std::string_view subtype) noexcept {
  for (const auto& part : tree.parts) {
    if (equal_ignoring_case(part.type, type) && equal_ignoring_case(part.subtype, subtype)) return &part;
  }
  return nullptr;
}

ReturnedView returned_in(std::string_view message, const MimeTree& tree, const Part& report) {
  for (auto next = report.next_sibling; next != Part::none; next = tree.parts[next].next_sibling) {
    const Part& part = tree.parts[next];
    const auto is = [&](std::string_view type, std::string_view subtype) {
      return equal_ignoring_case(part.type, type) && equal_ignoring_case(part.subtype, subtype);
    };
    if (is("message", "rfc822") || is("message", "global"))
      return {Returned::Kind::message, decoded_body(message, part)};
    if (is("text", "rfc822-headers") || is("message", "global-headers") || is("text", "rfc822-header"))
      return {Returned::Kind::headers, decoded_body(message, part)};
  }
  return {};
}

Entity report_entity(std::string_view report_type, std::string human_text, std::string machine_type,
                     std::string machine_part, Returned returned, HeaderStyle style) {
  std::vector<Entity> parts;
  parts.push_back(Entity::text(std::move(human_text)));
  parts.push_back(Entity::message(source_of(std::move(machine_part)), std::move(machine_type)));
  const bool utf8 = style == HeaderStyle::utf8;
  if (returned.kind == Returned::Kind::message) {
    parts.push_back(Entity::message(std::move(returned.content), utf8 ? "message/global" : "message/rfc822"));
  } else if (returned.kind == Returned::Kind::headers) {
    parts.push_back(utf8 ? Entity::message(std::move(returned.content), "message/global-headers")
                         : Entity::octets("text/rfc822-headers", std::move(returned.content)));
  }
  Entity entity = Entity::multipart("report", std::move(parts));
  entity.parameters.push_back({"report-type", std::string(report_type), {}});
  return entity;
}

Result<OutgoingMessage> report_message(const ReportEnvelope& envelope, Entity body, HeaderStyle style) {
  OutgoingMessage message(style);
  HeaderWriter& header = message.header();
  Result<void> done = header.address("From", envelope.from);
  if (done) done = header.address("To", envelope.to);
  if (done) done = header.text("Subject", envelope.subject);
  if (done) done = header.date("Date", envelope.date);
  if (done) done = header.message_id("Message-ID", envelope.message_id);
  // The id is another's: one that can't be written is left out.
  if (done && is_message_id(envelope.in_reply_to, style)) {
    done = header.message_id("In-Reply-To", envelope.in_reply_to);
    if (done) done = header.message_id("References", envelope.in_reply_to);
  }
  if (done) done = header.structured("Auto-Submitted", "auto-replied");
  if (!done) return pass(done);
  message.set_body(std::move(body));
  return message;
}

}  // namespace pabal::message
