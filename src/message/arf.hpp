// Feedback reports (ARF, RFC 5965): a recipient's server tells the sender's of a complaint, or (RFC 6591) of a message
// whose proofs of origin failed. Written and read.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/date.hpp"
#include "message/report_fields.hpp"

namespace pabal::message {

/// RFC 6591 §3.2. Which of it a report must have, the failure says (format_feedback_report).
struct AuthFailure {
  std::string failure;  ///< lower case: "adsp", "bodyhash", "revoked", "signature", "spf" (RFC 6591 §3.3), "dmarc"
  std::string delivery_result;  ///< "delivered", "spam", "policy", "reject", "other"
  std::string dkim_domain;
  std::string dkim_identity;
  std::string dkim_selector;
  std::string dkim_canonicalized_header;  ///< base64, as written
  std::string dkim_canonicalized_body;
  std::string dkim_selector_dns;
  std::string dkim_adsp_dns;
  std::vector<std::string> spf_dns;  ///< one a record: `txt : seoul.example : "v=spf1 -all"`
  std::string identity_alignment;    ///< RFC 7489 §7.3.1: "dkim", "spf", "dkim, spf", "none"
};

struct FeedbackReport {
  std::string type;  ///< "abuse", "fraud", "virus", "not-spam", "auth-failure", "other"; lower case
  std::string user_agent;
  std::string version = "1";
  std::string envelope_id;
  std::string mail_from;  ///< with the angle brackets, if it has them
  std::optional<codec::Date> arrival;
  TypedValue reporting_mta;
  std::string source_ip;
  std::string source_port;  ///< RFC 6692
  std::uint32_t incidents = 1;
  std::vector<std::string> authentication_results;
  std::vector<std::string> recipients;
  std::vector<std::string> domains;
  std::vector<std::string> uris;
  std::optional<AuthFailure> auth_failure;
  FieldGroup others;
};

/// The body of a message/feedback-report part. Nothing where the type is missing.
[[nodiscard]] std::optional<FeedbackReport> read_feedback_report(std::string_view body);

struct Arf {
  FeedbackReport report;
  ReturnedView returned;
};
[[nodiscard]] std::optional<Arf> read_arf(std::string_view message, const MimeTree& tree);

/// Error (`syntax`) where type, user agent or version is missing (RFC 5965 §3.1), or of type auth-failure what RFC 6591
/// §3.1 and §3.2 demand: one Authentication-Results, the failure, of a failed signature its domain, identity and
/// selector, of SPF and ADSP the records, of DMARC the alignment (RFC 7489 §7.3.1).
[[nodiscard]] Result<std::string> format_feedback_report(const FeedbackReport& report, HeaderStyle style);

struct ArfSpec {
  ReportEnvelope envelope;
  std::string human_text;
  FeedbackReport report;
  Returned returned;
};
/// Error (`syntax`) as above, and where nothing is returned: here the reported message, or its header, must stand in it
/// (RFC 5965 §2 d).
[[nodiscard]] Result<OutgoingMessage> make_arf(ArfSpec spec, HeaderStyle style);

}  // namespace pabal::message
