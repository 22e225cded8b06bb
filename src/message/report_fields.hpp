// What the machine-readable parts of reports (RFC 3464, 8098, 5965) have in common: groups of fields with empty lines
// between them, values with a type before them, and the multipart/report around it all (RFC 6522).
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "message/builder.hpp"
#include "message/mime.hpp"

namespace pabal::message {

struct ReportField {
  std::string name;   ///< as written
  std::string value;  ///< on one line, without spaces at its ends; UTF-8
  friend bool operator==(const ReportField&, const ReportField&) = default;
};

using FieldGroup = std::vector<ReportField>;

/// Groups in order, none of them empty. Any octets give something: lines end with CRLF or LF, a line that is no field
/// is left out, spaces before the colon are let pass. At most 10,000 fields.
[[nodiscard]] std::vector<FieldGroup> read_field_groups(std::string_view body);

/// The first field of that name; nothing where there is none.
[[nodiscard]] const std::string* find_field(const FieldGroup& group, std::string_view name) noexcept;

/// `rfc822; alice@seoul.example`, `dns; mx.example`, `smtp; 550 no such user` (RFC 3464 §2.1.2).
struct TypedValue {
  std::string type;  ///< lower case; empty where none was given
  std::string text;  ///< UTF-8; RFC 6533's \x{…} forms resolved where the type is utf-8
  [[nodiscard]] bool empty() const noexcept { return text.empty(); }
  friend bool operator==(const TypedValue&, const TypedValue&) = default;
};
[[nodiscard]] TypedValue read_typed(std::string_view value);
/// In style ascii what is not ASCII is written `\x{AC00}` (RFC 6533 §3), for addresses of type utf-8 exactly by its
/// utf-8-addr-xtext.
[[nodiscard]] std::string format_typed(const TypedValue& value, HeaderStyle style);

/// `\x{AC00}` as the letter (RFC 6533 §3); what is no such escape stays.
[[nodiscard]] std::string decode_unicode_escapes(std::string_view text);

/// A structured field of a report's part, cut so that it always can be written: controls are spaces, endless words are
/// broken. Nothing is written for an empty value.
Result<void> write_field(HeaderWriter& out, std::string_view name, std::string_view value);

/// The octets of a leaf, its transfer encoding taken away.
[[nodiscard]] std::string decoded_body(std::string_view message, const Part& part);

/// What kind of returned message stands in a report.
struct Returned {
  enum class Kind : std::uint8_t { none, headers, message };
  Kind kind = Kind::none;
  std::shared_ptr<ContentSource> content;
};

/// The first part of that type, or nothing: "message", "delivery-status".
[[nodiscard]] const Part* find_part(const MimeTree& tree, std::string_view type, std::string_view subtype) noexcept;
/// What a multipart/report says was returned: the header section or whole message behind the report's part, as views.
struct ReturnedView {
  Returned::Kind kind = Returned::Kind::none;
  std::string octets;
};
[[nodiscard]] ReturnedView returned_in(std::string_view message, const MimeTree& tree, const Part& report);

/// multipart/report (RFC 6522 §3): words for people, the report, what is returned.
[[nodiscard]] Entity report_entity(std::string_view report_type, std::string human_text, std::string machine_type,
                                   std::string machine_part, Returned returned, HeaderStyle style);

/// The header of every report: RFC 3834 §5, RFC 3464 §2.
struct ReportEnvelope {
  Correspondent from;
  Correspondent to;
  std::string subject;
  SystemTime date;
  std::string message_id;   ///< without brackets
  std::string in_reply_to;  ///< the reported message's id; may be empty
};
[[nodiscard]] Result<OutgoingMessage> report_message(const ReportEnvelope& envelope, Entity body, HeaderStyle style);

}  // namespace pabal::message
