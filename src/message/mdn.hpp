// Message disposition notifications (RFC 8098): what a recipient did with a message, written and read.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "message/report_fields.hpp"

namespace pabal::message {

/// `manual-action/MDN-sent-manually; displayed/error` (RFC 8098 §3.2.6). All in lower case.
struct Disposition {
  std::string action_mode;             ///< "manual-action", "automatic-action"
  std::string sending_mode;            ///< "mdn-sent-manually", "mdn-sent-automatically"
  std::string type;                    ///< "displayed", "deleted", "dispatched", "processed"
  std::vector<std::string> modifiers;  ///< "error" and others
  friend bool operator==(const Disposition&, const Disposition&) = default;
};

struct DispositionReport {
  std::string reporting_ua;
  TypedValue gateway;
  TypedValue original_recipient;
  TypedValue final_recipient;
  std::string original_message_id;  ///< without brackets
  Disposition disposition;
  std::vector<std::string> errors;
  FieldGroup others;
};

/// The body of a message/disposition-notification part. Nothing where the disposition is missing.
[[nodiscard]] std::optional<DispositionReport> read_disposition_notification(std::string_view body);

struct Mdn {
  DispositionReport report;
  ReturnedView returned;
};
[[nodiscard]] std::optional<Mdn> read_mdn(std::string_view message, const MimeTree& tree);

/// A recipient without a type is written as "rfc822" ("utf-8" where it isn't ASCII), a gateway as "dns". Error
/// (`syntax`) where the final recipient or a part of the disposition is missing or no token.
[[nodiscard]] Result<std::string> format_disposition_notification(const DispositionReport& report, HeaderStyle style);

struct MdnSpec {
  ReportEnvelope envelope;
  std::string human_text;
  DispositionReport report;
  Returned returned;
};
[[nodiscard]] Result<OutgoingMessage> make_mdn(MdnSpec spec, HeaderStyle style);

}  // namespace pabal::message
