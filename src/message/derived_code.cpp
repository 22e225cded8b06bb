// The compact form of what is derived:
//
//   version  marks  size  flags  [sent: seconds, minutes]  preview  [envelope]  [number of parts, parts]
//
// Envelopes and parts are as the functions below write them, in the words of compact_form.hpp.
#include "message/compact_form.hpp"
#include "message/derived.hpp"

namespace pabal::message {

namespace {

constexpr std::uint64_t kHasSent = 1;
constexpr std::uint64_t kHasEnvelope = 2;
constexpr std::uint64_t kHasParts = 4;
constexpr std::size_t kMostMailboxes = 200;  ///< of one envelope

std::size_t mailboxes_in(const Envelope& envelope) noexcept {
  std::size_t count = 0;
  for (const auto* list :
       {&envelope.from, &envelope.sender, &envelope.reply_to, &envelope.to, &envelope.cc, &envelope.bcc}) {
    if (!*list) continue;
    for (const auto& group : **list) count += group.mailboxes.size() + 1;
  }
  return count;
}

// 0: the field is missing; else the number of groups and one.
void write(CompactWriter& out, const Envelope::Addresses& addresses) {
  out.number(addresses ? addresses->size() + 1 : 0);
  if (!addresses) return;
  for (const auto& group : *addresses) {
    out.number(group.mailboxes.size() << 1 | (group.named ? 1 : 0));
    if (group.named) out.text(group.name);
    for (const auto& mailbox : group.mailboxes) {
      out.text(mailbox.name);
      out.text(mailbox.local_part);
      out.text(mailbox.domain);
      out.text(mailbox.route);
    }
  }
}

Envelope::Addresses read_addresses(CompactReader& in) {
  const auto groups = in.count();
  if (groups == 0) return std::nullopt;
  std::vector<AddressGroup> out;
  for (std::size_t i = 1; i < groups && in.ok(); ++i) {
    AddressGroup group;
    const auto head = in.number();
    group.named = (head & 1U) != 0;
    if (group.named) group.name = in.text();
    if (head >> 1 > in.left()) in.fail();
    for (std::uint64_t n = head >> 1; n > 0 && in.ok(); --n) {
      MailboxSpec mailbox;
      mailbox.name = in.text();
      mailbox.local_part = in.text();
      mailbox.domain = in.text();
      mailbox.route = in.text();
      group.mailboxes.push_back(std::move(mailbox));
    }
    out.push_back(std::move(group));
  }
  return out;
}

void write(CompactWriter& out, const Envelope& envelope) {
  out.maybe(envelope.date);
  out.maybe(envelope.subject);
  for (const auto* list :
       {&envelope.from, &envelope.sender, &envelope.reply_to, &envelope.to, &envelope.cc, &envelope.bcc}) {
    write(out, *list);
  }
  out.maybe(envelope.in_reply_to);
  out.maybe(envelope.message_id);
  out.number(envelope.references ? envelope.references->size() + 1 : 0);
  if (envelope.references) {
    for (const auto& id : *envelope.references) out.text(id);
  }
}

Envelope read_envelope(CompactReader& in) {
  Envelope envelope;
  envelope.date = in.maybe();
  envelope.subject = in.maybe();
  for (auto* list : {&envelope.from, &envelope.sender, &envelope.reply_to, &envelope.to, &envelope.cc, &envelope.bcc}) {
    *list = read_addresses(in);
  }
  envelope.in_reply_to = in.maybe();
  envelope.message_id = in.maybe();
  if (const auto ids = in.count(); ids > 0) {
    envelope.references.emplace();
    for (std::size_t i = 1; i < ids && in.ok(); ++i) envelope.references->emplace_back(in.text());
  }
  return envelope;
}

void write(CompactWriter& out, const std::vector<RawParameter>& parameters) {
  out.number(parameters.size());
  for (const auto& parameter : parameters) {
    out.text(parameter.name);
    out.text(parameter.value);
  }
}

std::vector<RawParameter> read_parameters(CompactReader& in) {
  std::vector<RawParameter> out;
  for (auto left = in.count(); left > 0 && in.ok(); --left) {
    RawParameter parameter;
    parameter.name = in.text();
    parameter.value = in.text();
    out.push_back(std::move(parameter));
  }
  return out;
}

enum Extra : std::uint64_t {
  has_id = 1,
  has_description = 2,
  has_md5 = 4,
  has_language = 8,
  has_location = 16,
  has_disposition = 32,
};

// `last` is where the part before it began its body; no part's header begins before that.
void write(CompactWriter& out, const DerivedPart& part, std::uint64_t last) {
  out.number(static_cast<std::uint64_t>(part.children) << 2 | static_cast<std::uint64_t>(part.kind));
  out.number(part.header_begin - last);
  out.number(part.body_begin - part.header_begin);
  out.number(part.body_end - part.body_begin);
  if (part.kind == PartKind::leaf) {
    out.signed_number(static_cast<std::int64_t>((part.body_end - part.body_begin) - part.decoded_size));
  }
  out.number(part.lines);
  out.text(part.type);
  out.text(part.subtype);
  write(out, part.parameters);
  out.text(part.encoding);
  out.number((part.content_id ? has_id : 0U) | (part.description ? has_description : 0U) | (part.md5 ? has_md5 : 0U) |
             (part.language ? has_language : 0U) | (part.location ? has_location : 0U) |
             (part.disposition ? has_disposition : 0U));
  for (const auto* text : {&part.content_id, &part.description, &part.md5, &part.language, &part.location}) {
    if (*text) out.text(**text);
  }
  if (part.disposition) {
    out.text(*part.disposition);
    write(out, part.disposition_parameters);
  }
  if (part.kind == PartKind::message) write(out, part.envelope.value_or(Envelope{}));
}

DerivedPart read_part(CompactReader& in, std::uint64_t last) {
  constexpr std::uint64_t most = std::uint64_t{1} << 48;
  DerivedPart part;
  const auto head = in.number();
  if ((head & 3U) > 2 || head >> 2 > UINT32_MAX) in.fail();
  part.kind = static_cast<PartKind>(head & 3U);
  part.children = static_cast<std::uint32_t>(head >> 2);
  const auto distance = in.number();
  const auto header = in.number();
  const auto body = in.number();
  if (distance > most || header > most || body > most) in.fail();
  part.header_begin = last + distance;
  part.body_begin = part.header_begin + header;
  part.body_end = part.body_begin + body;
  if (part.kind == PartKind::leaf) {
    const auto less = in.signed_number();
    if (less > static_cast<std::int64_t>(most) || less < -static_cast<std::int64_t>(most)) in.fail();
    part.decoded_size = body - static_cast<std::uint64_t>(less);
  }
  part.lines = in.number();
  part.type = in.text();
  part.subtype = in.text();
  part.parameters = read_parameters(in);
  part.encoding = in.text();
  const auto extras = in.number();
  if (extras > 63) in.fail();
  const auto extra = [&](std::uint64_t bit) -> std::optional<std::string> {
    if ((extras & bit) == 0) return std::nullopt;
    return std::string(in.text());
  };
  part.content_id = extra(has_id);
  part.description = extra(has_description);
  part.md5 = extra(has_md5);
  part.language = extra(has_language);
  part.location = extra(has_location);
  part.disposition = extra(has_disposition);
  if (part.disposition) part.disposition_parameters = read_parameters(in);
  if (part.kind == PartKind::message) part.envelope = read_envelope(in);
  return part;
}

// Children stand behind their parents, none is left over or missing.
bool is_tree(const std::vector<DerivedPart>& parts) noexcept {
  std::uint64_t wanted = 1;
  for (const auto& part : parts) {
    if (wanted == 0) return false;
    const bool right = part.kind == PartKind::leaf        ? part.children == 0
                       : part.kind == PartKind::multipart ? part.children > 0
                                                          : part.children == 1;
    if (!right) return false;
    wanted = wanted - 1 + part.children;
  }
  return wanted == 0;
}

}  // namespace

std::string encode_derived(const Derived& derived) {
  constexpr std::size_t most_parts = 500;
  CompactWriter envelope;
  bool has_envelope = derived.envelope && mailboxes_in(*derived.envelope) <= kMostMailboxes;
  if (has_envelope) {
    write(envelope, *derived.envelope);
    has_envelope = envelope.size() <= kMostDerivedOctets / 2;
  }
  const std::size_t used = (has_envelope ? envelope.size() : 0) + derived.preview.size() + 64;
  CompactWriter parts;
  bool has_parts = !derived.parts.empty() && derived.parts.size() <= most_parts;
  if (has_parts) {
    parts.number(derived.parts.size());
    std::uint64_t last = 0;
    for (const auto& part : derived.parts) {
      if (part.envelope && mailboxes_in(*part.envelope) > kMostMailboxes) has_parts = false;
      write(parts, part, last);
      last = part.body_begin;
      if (parts.size() + used > kMostDerivedOctets) has_parts = false;
      if (!has_parts) break;
    }
  }

  CompactWriter out;
  out.number(kDerivedVersion);
  out.number(derived.marks);
  out.number(derived.size);
  out.number((derived.sent ? kHasSent : 0U) | (has_envelope ? kHasEnvelope : 0U) | (has_parts ? kHasParts : 0U));
  if (derived.sent) {
    out.signed_number(derived.sent->seconds);
    out.signed_number(derived.sent->offset_minutes);
  }
  out.text(derived.preview);
  if (has_envelope) out.append(envelope.octets());
  if (has_parts) out.append(parts.octets());
  return std::move(out).take();
}

std::optional<CompactReader> envelope_in(std::string_view derived) noexcept {
  CompactReader in(derived);
  if (in.number() != kDerivedVersion) return std::nullopt;
  static_cast<void>(in.number());  // marks
  static_cast<void>(in.number());  // size
  const auto flags = in.number();
  if ((flags & kHasSent) != 0) {
    static_cast<void>(in.number());
    static_cast<void>(in.number());
  }
  in.known_text();  // preview
  if (!in.ok() || (flags & kHasEnvelope) == 0) return std::nullopt;
  return in;
}

namespace {

void pass_addresses(CompactReader& in) noexcept {
  const auto groups = in.count();
  for (std::size_t i = 1; i < groups && in.ok(); ++i) {
    const auto head = in.number();
    if ((head & 1U) != 0) in.known_text();
    if (head >> 1 > in.left()) in.fail();
    for (auto texts = (head >> 1) * 4; texts > 0 && in.ok(); --texts) in.known_text();
  }
}

// What is missing reads as an empty text.
void pass_envelope(CompactReader& in) noexcept {
  for (int i = 0; i < 2; ++i) in.known_text();
  for (int i = 0; i < 6; ++i) pass_addresses(in);
  for (int i = 0; i < 2; ++i) in.known_text();
  const auto references = in.count();
  for (std::size_t i = 1; i < references && in.ok(); ++i) in.known_text();
}

}  // namespace

std::optional<HeaderPlace> header_in(std::string_view derived) noexcept {
  auto in = envelope_in(derived);
  if (!in) return std::nullopt;
  pass_envelope(*in);
  if (in->count() == 0) return std::nullopt;
  static_cast<void>(in->number());  // kind and children
  const auto begin = in->number();
  const auto size = in->number();
  constexpr std::uint64_t most = std::uint64_t{1} << 48;
  if (!in->ok() || begin > most || size > most) return std::nullopt;
  return HeaderPlace{begin, begin + size};
}

Result<Derived> decode_derived(std::string_view octets) {
  CompactReader in(octets);
  if (in.number() != kDerivedVersion || !in.ok()) {
    return fail(ErrorKind::state, "local error", "derived form of another version");
  }
  Derived out;
  const auto marks = in.number();
  if (marks > UINT32_MAX) in.fail();
  out.marks = static_cast<Marks>(marks);
  out.size = in.number();
  const auto flags = in.number();
  if (flags > (kHasSent | kHasEnvelope | kHasParts)) in.fail();
  if ((flags & kHasSent) != 0) {
    const auto seconds = in.signed_number();
    const auto minutes = in.signed_number();
    constexpr std::int64_t ten_thousand_years = 315'569'520'000;
    constexpr std::int64_t hundred_hours = 6'000;  // in minutes
    if (minutes < -hundred_hours || minutes > hundred_hours) in.fail();
    if (seconds < -ten_thousand_years || seconds > ten_thousand_years) in.fail();
    out.sent = {.seconds = seconds, .offset_minutes = static_cast<std::int32_t>(minutes)};
  }
  out.preview = in.text();
  if ((flags & kHasEnvelope) != 0) out.envelope = read_envelope(in);
  if ((flags & kHasParts) != 0) {
    std::uint64_t last = 0;
    for (auto left = in.count(); left > 0 && in.ok(); --left) {
      out.parts.push_back(read_part(in, last));
      last = out.parts.back().body_begin;
    }
    if (!is_tree(out.parts)) in.fail();
  }
  if (!in.ok() || !in.at_end()) return fail(ErrorKind::syntax, "local error", "derived form is damaged");
  return out;
}

}  // namespace pabal::message
