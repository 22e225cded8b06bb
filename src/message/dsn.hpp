// Delivery status notifications (RFC 3464, with RFC 6533's international forms): what became of a message for each of
// its recipients, written by us and read from others.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/date.hpp"
#include "message/report_fields.hpp"

namespace pabal::message {

enum class DsnAction : std::uint8_t { unknown, failed, delayed, delivered, relayed, expanded };

[[nodiscard]] std::string_view name_of(DsnAction action) noexcept;

/// Per-recipient fields (RFC 3464 §2.3).
struct RecipientReport {
  TypedValue original_recipient;
  TypedValue final_recipient;
  DsnAction action = DsnAction::unknown;
  std::string status;  ///< "5.1.1"
  TypedValue remote_mta;
  TypedValue diagnostic;
  std::optional<codec::Date> last_attempt;
  std::string final_log_id;
  std::optional<codec::Date> will_retry_until;
  FieldGroup others;
};

/// Per-message fields (RFC 3464 §2.2).
struct DeliveryReport {
  std::string envelope_id;
  TypedValue reporting_mta;
  TypedValue gateway;
  TypedValue received_from;
  std::optional<codec::Date> arrival;
  FieldGroup others;
  std::vector<RecipientReport> recipients;
};

/// The body of a message/delivery-status part. Nothing where no recipient stands in it. Groups without a recipient
/// behind the first are stepped over; fields of the message that stand in the recipient's group (as some write them)
/// are taken.
[[nodiscard]] std::optional<DeliveryReport> read_delivery_status(std::string_view body);

struct Dsn {
  DeliveryReport report;
  ReturnedView returned;
};
/// The report in a message of any structure (multipart/report, or a part that stands elsewhere); nothing without one.
[[nodiscard]] std::optional<Dsn> read_dsn(std::string_view message, const MimeTree& tree);

/// A report (multipart/report) without what it returns of the letter: that part may be missing (RFC 6522 §3). All else
/// stays octet by octet. Nothing for a message that is no report, or returns nothing.
[[nodiscard]] std::optional<std::string> without_returned(std::string_view message, const MimeTree& tree);

/// The body of the status part. Recipients' addresses of type utf-8 are written by `style` (RFC 6533 §3). Error
/// (`syntax`) where a recipient, an action or a status is missing.
[[nodiscard]] Result<std::string> format_delivery_status(const DeliveryReport& report, HeaderStyle style);

struct DsnSpec {
  ReportEnvelope envelope;
  std::string human_text;  ///< UTF-8
  DeliveryReport report;
  Returned returned;  ///< RET=FULL, RET=HDRS, or nothing (RFC 3461 §4.3)
};
/// A whole notification. In style utf8 its parts are message/global-delivery-status and message/global (or
/// -headers), as a sender that speaks SMTPUTF8 wants them; otherwise what is returned must fit the way (8BITMIME).
[[nodiscard]] Result<OutgoingMessage> make_dsn(DsnSpec spec, HeaderStyle style);

}  // namespace pabal::message
