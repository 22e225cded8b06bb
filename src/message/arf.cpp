#include "message/arf.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "message/media_type.hpp"

namespace pabal::message {

namespace {

struct TextField {
  std::string_view name;
  std::string FeedbackReport::* member;
};
constexpr TextField kTexts[] = {
    {"User-Agent", &FeedbackReport::user_agent},
    {"Version", &FeedbackReport::version},
    {"Original-Envelope-Id", &FeedbackReport::envelope_id},
    {"Original-Mail-From", &FeedbackReport::mail_from},
    {"Source-IP", &FeedbackReport::source_ip},
    {"Source-Port", &FeedbackReport::source_port},
};

struct ListField {
  std::string_view name;
  std::vector<std::string> FeedbackReport::* member;
};
constexpr ListField kLists[] = {
    {"Authentication-Results", &FeedbackReport::authentication_results},
    {"Original-Rcpt-To", &FeedbackReport::recipients},
    {"Reported-Domain", &FeedbackReport::domains},
    {"Reported-URI", &FeedbackReport::uris},
};

struct FailureField {
  std::string_view name;
  std::string AuthFailure::* member;
};
constexpr FailureField kFailures[] = {
    {"Delivery-Result", &AuthFailure::delivery_result},
    {"DKIM-Domain", &AuthFailure::dkim_domain},
    {"DKIM-Identity", &AuthFailure::dkim_identity},
    {"DKIM-Selector", &AuthFailure::dkim_selector},
    {"DKIM-Canonicalized-Header", &AuthFailure::dkim_canonicalized_header},
    {"DKIM-Canonicalized-Body", &AuthFailure::dkim_canonicalized_body},
    {"DKIM-Selector-DNS", &AuthFailure::dkim_selector_dns},
    {"DKIM-ADSP-DNS", &AuthFailure::dkim_adsp_dns},
    {"Identity-Alignment", &AuthFailure::identity_alignment},
};

void take(FeedbackReport& report, const ReportField& field) {
  const auto is = [&](std::string_view name) { return equal_ignoring_case(field.name, name); };
  for (const auto& [name, member] : kTexts) {
    if (is(name)) {
      report.*member = field.value;
      return;
    }
  }
  for (const auto& [name, member] : kLists) {
    if (is(name)) {
      (report.*member).push_back(field.value);
      return;
    }
  }
  const auto failure = [&]() -> AuthFailure& {
    return report.auth_failure ? *report.auth_failure : report.auth_failure.emplace();
  };
  for (const auto& [name, member] : kFailures) {
    if (is(name)) {
      failure().*member = field.value;
      return;
    }
  }
  if (is("Auth-Failure")) {
    failure().failure = to_lower(first_token(field.value));  // a comment may follow (RFC 6591 §3.3)
  } else if (is("SPF-DNS")) {
    failure().spf_dns.push_back(field.value);
  } else if (is("Feedback-Type")) {
    report.type = to_lower(field.value);
  } else if (is("Arrival-Date") || is("Received-Date")) {  // the draft's name, still met
    report.arrival = codec::parse_any_date(field.value);
  } else if (is("Reporting-MTA")) {
    report.reporting_mta = read_typed(field.value);
  } else if (is("Incidents")) {
    report.incidents = static_cast<std::uint32_t>(parse_decimal(field.value, UINT32_MAX).value_or(1));
  } else if (is("Removal-Recipient")) {  // another of the draft's
    report.recipients.push_back(field.value);
  } else {
    report.others.push_back(field);
  }
}

bool given(std::string_view value) { return !trim(value).empty(); }

// RFC 6591 §3.1, §3.2.3 to §3.2.6: the name of a field that a report of a failed proof must have and hasn't; empty
// where nothing is missing.
std::string_view missing_failure_field(const FeedbackReport& report) {
  if (std::ranges::count_if(report.authentication_results, given) != 1) return "one Authentication-Results";
  if (!report.auth_failure || !given(report.auth_failure->failure)) return "Auth-Failure";
  const AuthFailure& what = *report.auth_failure;
  const auto is = [&](std::string_view failure) { return equal_ignoring_case(trim(what.failure), failure); };
  if (is("bodyhash") || is("revoked") || is("signature")) {
    if (!given(what.dkim_domain)) return "DKIM-Domain";
    if (!given(what.dkim_identity)) return "DKIM-Identity";
    if (!given(what.dkim_selector)) return "DKIM-Selector";
  }
  if (is("adsp") && !given(what.dkim_adsp_dns)) return "DKIM-ADSP-DNS";
  if (is("spf") && std::ranges::none_of(what.spf_dns, given)) return "SPF-DNS";
  if (is("dmarc") && !given(what.identity_alignment)) return "Identity-Alignment";
  return {};
}

Result<void> write_auth_failure(HeaderWriter& header, const AuthFailure& what) {
  Result<void> done = write_field(header, "Auth-Failure", what.failure);
  for (const auto& [name, member] : kFailures) {
    if (done) done = write_field(header, name, what.*member);
  }
  for (const auto& record : what.spf_dns) {
    if (done) done = write_field(header, "SPF-DNS", record);
  }
  return done;
}

}  // namespace

std::optional<FeedbackReport> read_feedback_report(std::string_view body) {
  FeedbackReport report;
  for (const auto& group : read_field_groups(body)) {
    for (const auto& field : group) take(report, field);
  }
  if (report.type.empty()) return std::nullopt;
  return report;
}

std::optional<Arf> read_arf(std::string_view message, const MimeTree& tree) {
  const Part* part = find_part(tree, "message", "feedback-report");
  if (part == nullptr) return std::nullopt;
  auto report = read_feedback_report(decoded_body(message, *part));
  if (!report) return std::nullopt;
  return Arf{*std::move(report), returned_in(message, tree, *part)};
}

Result<std::string> format_feedback_report(const FeedbackReport& report, HeaderStyle style) {
  if (!given(report.type) || !given(report.user_agent) || !given(report.version))
    return fail(ErrorKind::syntax, "a feedback report needs its type, user agent and version");
  if (equal_ignoring_case(report.type, "auth-failure")) {
    if (const auto missing = missing_failure_field(report); !missing.empty())
      return fail(ErrorKind::syntax, fmt::format("a report of a failed authentication needs {}", missing));
  }
  HeaderWriter header(style);
  Result<void> done = write_field(header, "Feedback-Type", report.type);
  for (const auto& [name, member] : kTexts) {
    if (done) done = write_field(header, name, report.*member);
  }
  if (done && report.arrival) done = header.date("Arrival-Date", report.arrival->time, report.arrival->offset_minutes);
  if (done && !report.reporting_mta.empty())
    done = write_field(header, "Reporting-MTA", format_typed(report.reporting_mta, style));
  if (done && report.incidents != 1) done = write_field(header, "Incidents", fmt::format("{}", report.incidents));
  for (const auto& [name, member] : kLists) {
    for (const auto& value : report.*member) {
      if (done) done = write_field(header, name, value);
    }
  }
  if (done && report.auth_failure) done = write_auth_failure(header, *report.auth_failure);
  for (const auto& field : report.others) {
    if (done) done = write_field(header, field.name, field.value);
  }
  if (!done) return pass(done);
  return header.fields() + "\r\n";
}

Result<OutgoingMessage> make_arf(ArfSpec spec, HeaderStyle style) {
  if (spec.returned.kind == Returned::Kind::none)
    return fail(ErrorKind::syntax, "a feedback report needs the message that it is about");
  auto part = format_feedback_report(spec.report, style);
  if (!part) return pass(part);
  Entity body = report_entity("feedback-report", std::move(spec.human_text), "message/feedback-report",
                              *std::move(part), std::move(spec.returned), style);
  return report_message(spec.envelope, std::move(body), style);
}

}  // namespace pabal::message
