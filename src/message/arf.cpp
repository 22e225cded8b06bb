#include "message/arf.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"

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
    {"Auth-Failure", &AuthFailure::failure},
    {"Delivery-Result", &AuthFailure::delivery_result},
    {"DKIM-Domain", &AuthFailure::dkim_domain},
    {"DKIM-Identity", &AuthFailure::dkim_identity},
    {"DKIM-Selector", &AuthFailure::dkim_selector},
    {"DKIM-Canonicalized-Header", &AuthFailure::dkim_canonicalized_header},
    {"DKIM-Canonicalized-Body", &AuthFailure::dkim_canonicalized_body},
    {"DKIM-Selector-DNS", &AuthFailure::dkim_selector_dns},
    {"SPF-DNS", &AuthFailure::spf_dns},
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
  for (const auto& [name, member] : kFailures) {
    if (is(name)) {
      if (!report.auth_failure) report.auth_failure.emplace();
      (*report.auth_failure).*member = field.value;
      return;
    }
  }
  if (is("Feedback-Type")) {
    report.type = to_lower(field.value);
  } else if (is("Arrival-Date") || is("Received-Date")) {  // the draft's name, still met
    report.arrival = codec::parse_any_date(field.value);
  } else if (is("Reporting-MTA")) {
    report.reporting_mta = read_typed(field.value);
  } else if (is("Incidents")) {
    report.incidents = parse_decimal(field.value).value_or(1);
  } else if (is("Removal-Recipient")) {  // another of the draft's
    report.recipients.push_back(field.value);
  } else {
    report.others.push_back(field);
  }
}

// RFC 6591 §3.1: what a report of a failed proof must have beyond the others.
bool has_failure_fields(const FeedbackReport& report) {
  const auto given = [](const std::string& value) { return !trim(value).empty(); };
  return report.auth_failure && given(report.auth_failure->failure) &&
         std::ranges::any_of(report.authentication_results, given) && std::ranges::any_of(report.domains, given);
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
  if (report.type.empty() || report.user_agent.empty())
    return fail(ErrorKind::syntax, "a feedback report needs its type and user agent");
  if (equal_ignoring_case(report.type, "auth-failure") && !has_failure_fields(report))
    return fail(ErrorKind::syntax, "a report of a failed authentication needs its failure, its results and a domain");
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
  if (report.auth_failure) {
    for (const auto& [name, member] : kFailures) {
      if (done) done = write_field(header, name, (*report.auth_failure).*member);
    }
  }
  for (const auto& field : report.others) {
    if (done) done = write_field(header, field.name, field.value);
  }
  if (!done) return pass(done);
  return header.fields() + "\r\n";
}

Result<OutgoingMessage> make_arf(ArfSpec spec, HeaderStyle style) {
  auto part = format_feedback_report(spec.report, style);
  if (!part) return pass(part);
  Entity body = report_entity("feedback-report", std::move(spec.human_text), "message/feedback-report",
                              *std::move(part), std::move(spec.returned), style);
  return report_message(spec.envelope, std::move(body), style);
}

}  // namespace pabal::message
