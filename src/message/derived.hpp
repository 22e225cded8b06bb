// What delivery reads out of a message once, so that nobody who lists mailboxes has to open it again: the envelope, the
// structure of the body with exact offsets, the preview, and marks. IMAP's ENVELOPE and BODYSTRUCTURE (imap_forms.hpp)
// and JMAP's properties (derived_json.hpp) are printed from it.
//
// It stands beside the email's row in a compact form whose first octet is a version; when what is derived changes, the
// version grows, and rows of an older one are derived anew from the message.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "message/envelope.hpp"
#include "message/field_parameters.hpp"
#include "message/mime.hpp"

namespace pabal::message {

inline constexpr std::uint8_t kDerivedVersion = 2;

/// A moment with the zone that it was written in.
struct SentDate {
  std::int64_t seconds = 0;  ///< since 1970, UTC
  std::int32_t offset_minutes = 0;
  friend bool operator==(const SentDate&, const SentDate&) = default;
};

/// One entity of the message, embedded messages' too, in the order of MimeTree::parts.
struct DerivedPart {
  PartKind kind = PartKind::leaf;  ///< a multipart without parts is a leaf here (BodyPart says why)
  std::uint32_t children = 0;      ///< that follow it: a multipart's parts, a message's one entity
  // Offsets in the message, as in Part.
  std::uint64_t header_begin = 0;
  std::uint64_t body_begin = 0;
  std::uint64_t body_end = 0;
  std::uint64_t decoded_size = 0;  ///< of a leaf
  std::uint64_t lines = 0;         ///< line ends in the body
  std::string type;                ///< as written; "text" "plain" where nothing valid is
  std::string subtype;
  std::vector<RawParameter> parameters;
  std::string encoding;                   ///< as written; empty where there is none
  std::optional<std::string> content_id;  ///< field bodies, unfolded, well-formed UTF-8
  std::optional<std::string> description;
  std::optional<std::string> md5;
  std::optional<std::string> language;
  std::optional<std::string> location;
  std::optional<std::string> disposition;  ///< the word alone, as written
  std::vector<RawParameter> disposition_parameters;
  std::optional<Envelope> envelope;  ///< of the entity in a message part
};

struct Derived {
  Marks marks = 0;
  std::uint64_t size = 0;
  std::optional<SentDate> sent;
  std::string preview;
  /// Nothing where it is too big to be kept beside the row: the message must be opened. derive() always has it.
  std::optional<Envelope> envelope;
  /// Empty where it is too big; parts[0] is the message.
  std::vector<DerivedPart> parts;
};

/// Everything, from the message's octets. Linear; at most 40 µs for a usual letter of 10 KiB.
[[nodiscard]] Derived derive(std::string_view message);

/// The compact form: a few hundred octets for most letters, never more than kMostDerivedOctets; what makes it bigger is
/// left out (envelope, parts), first the parts.
[[nodiscard]] std::string encode_derived(const Derived& derived);
inline constexpr std::size_t kMostDerivedOctets = 24U << 10;

/// Takes any octets and refuses what encode_derived doesn't write; a `state` error for another version. Memory is in
/// proportion to the octets.
[[nodiscard]] Result<Derived> decode_derived(std::string_view octets);

/// The octets of the message's own header section, with the empty line behind it.
struct HeaderPlace {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};
/// As parts[0] of decode_derived() has it, without a look at more than that takes; nothing where it has no envelope or
/// no parts, or another version.
[[nodiscard]] std::optional<HeaderPlace> header_in(std::string_view derived) noexcept;

}  // namespace pabal::message
