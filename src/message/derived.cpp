#include "message/derived.hpp"

#include <algorithm>
#include <chrono>

#include "base/text.hpp"
#include "codec/charset.hpp"
#include "codec/date.hpp"
#include "message/body_structure.hpp"
#include "message/content.hpp"
#include "message/encoded_word.hpp"
#include "message/media_type.hpp"
#include "message/preview.hpp"

namespace pabal::message {

namespace {

std::string utf8(std::string text) { return is_utf8(text) ? text : codec::guess_to_utf8(text).utf8; }

std::optional<std::string> unfolded(std::string_view body) {
  if (body.empty()) return std::nullopt;
  return utf8(unfold(body));
}

std::vector<RawParameter> parameters_of(std::string_view body) {
  auto out = raw_parameters(body);
  for (auto& parameter : out) {
    parameter.name = utf8(std::move(parameter.name));
    parameter.value = utf8(std::move(parameter.value));
  }
  return out;
}

std::string_view header_section(std::string_view message, const Part& part) noexcept {
  return message.substr(part.header_begin, part.body_begin - part.header_begin);
}

DerivedPart part_of(std::string_view message, const MimeTree& tree, const Part& part) {
  DerivedPart out;
  const bool multipart = is_multipart(part);
  const bool embedded = part.kind == PartKind::message && part.first_child != Part::none;
  out.kind = multipart ? PartKind::multipart : embedded ? PartKind::message : PartKind::leaf;
  if (out.kind != PartKind::leaf) {
    for (auto child = part.first_child; child != Part::none; child = tree.parts[child].next_sibling) ++out.children;
  }
  out.header_begin = part.header_begin;
  out.body_begin = part.body_begin;
  out.body_end = part.body_end;
  out.lines = part.body_lines;
  const bool shown_as_text = !multipart && equal_ignoring_case(part.type, "multipart");
  out.type = shown_as_text ? "text" : utf8(std::string(part.type));
  out.subtype = shown_as_text ? "plain" : utf8(std::string(part.subtype));
  if (!part.content_type.empty() && !shown_as_text) out.parameters = parameters_of(part.content_type);
  // RFC 2045 §5.2: what is said where nothing is.
  if (part.content_type.empty() && equal_ignoring_case(out.type, "text")) {
    out.parameters.push_back({"charset", "us-ascii"});
  }
  out.encoding = utf8(std::string(part.encoding));
  out.content_id = unfolded(part.content_id);
  out.description = unfolded(part.description);
  out.md5 = unfolded(part.md5);
  out.language = unfolded(part.language);
  out.location = unfolded(part.location);
  if (!part.disposition.empty()) {
    out.disposition = utf8(std::string(first_token(part.disposition)));
    out.disposition_parameters = parameters_of(part.disposition);
  }
  if (out.kind == PartKind::leaf) out.decoded_size = decoded_size(message, part);
  if (embedded) out.envelope = read_header_facts(header_section(message, tree.parts[part.first_child])).envelope;
  return out;
}

constexpr Marks bit(Mark mark) noexcept { return static_cast<Marks>(mark); }

Marks report_mark(const Part& part) {
  const auto type = raw_parameter(part.content_type, "report-type");
  if (!type) return 0;
  if (equal_ignoring_case(*type, "delivery-status")) return bit(Mark::delivery_report);
  if (equal_ignoring_case(*type, "disposition-notification")) return bit(Mark::disposition_report);
  if (equal_ignoring_case(*type, "feedback-report")) return bit(Mark::feedback_report);
  return 0;
}

// S/MIME says in a parameter what it holds (RFC 8551 §3.2.2).
Marks smime_mark(const Part& part) {
  const auto type = raw_parameter(part.content_type, "smime-type");
  return type && starts_with_ignoring_case(*type, "signed") ? bit(Mark::is_signed) : bit(Mark::encrypted);
}

Marks marks_of(const MimeTree& tree, const BodyStructure& body) {
  Marks marks = tree.limited ? bit(Mark::limited) : 0;
  if (body.has_attachment) marks |= bit(Mark::attachment);
  for (const auto& part : body.parts) {
    const Part& in_tree = tree.parts[part.place];
    if (part.type == "text/calendar") marks |= bit(Mark::calendar);
    if (part.type == "multipart/signed") marks |= bit(Mark::is_signed);
    if (part.type == "multipart/encrypted") marks |= bit(Mark::encrypted);
    if (part.type == "application/pkcs7-mime" || part.type == "application/x-pkcs7-mime") marks |= smime_mark(in_tree);
  }
  if (body.parts.front().type == "multipart/report") marks |= report_mark(tree.root());
  return marks;
}

}  // namespace

Derived derive(std::string_view message) {
  const auto tree = parse_mime(message);
  const auto body = body_structure(tree);
  Derived out;
  auto facts = read_header_facts(header_section(message, tree.root()));
  out.marks = facts.marks | marks_of(tree, body);
  out.envelope = std::move(facts.envelope);
  out.size = message.size();
  if (out.envelope->date) {
    if (const auto date = codec::parse_any_date(*out.envelope->date)) {
      out.sent = {.seconds = std::chrono::floor<std::chrono::seconds>(date->time).time_since_epoch().count(),
                  .offset_minutes = date->offset_minutes};
    }
  }
  out.preview = preview_of(message, tree, body);
  out.parts.reserve(tree.parts.size());
  for (const auto& part : tree.parts) out.parts.push_back(part_of(message, tree, part));
  return out;
}

}  // namespace pabal::message
