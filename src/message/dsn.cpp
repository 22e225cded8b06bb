#include "message/dsn.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace pabal::message {

namespace {

constexpr std::pair<DsnAction, std::string_view> kActions[] = {{DsnAction::failed, "failed"},
                                                               {DsnAction::delayed, "delayed"},
                                                               {DsnAction::delivered, "delivered"},
                                                               {DsnAction::relayed, "relayed"},
                                                               {DsnAction::expanded, "expanded"}};

// "failed", "Failed (bad destination)", "delay": the first word counts.
DsnAction read_action(std::string_view value) {
  const auto word = to_lower(value.substr(0, value.find_first_of(" \t;(")));
  for (const auto& [action, name] : kActions) {
    if (word == name) return action;
  }
  if (word == "failure" || word == "fail") return DsnAction::failed;
  if (word == "delay" || word == "deferred") return DsnAction::delayed;
  return DsnAction::unknown;
}

// "5.1.1 (no such user)" gives "5.1.1"; what has no such beginning is given as it is.
std::string read_status(std::string_view value) {
  std::size_t end = 0;
  while (end < value.size() && (is_digit(value[end]) || value[end] == '.')) ++end;
  const auto code = value.substr(0, end);
  return std::string(std::ranges::count(code, '.') == 2 ? code : value.substr(0, value.find_first_of(" \t(;")));
}

// Takes one per-message field; false where it is none.
bool take(DeliveryReport& report, const ReportField& field) {
  const auto is = [&](std::string_view name) { return equal_ignoring_case(field.name, name); };
  if (is("Original-Envelope-Id")) {
    report.envelope_id = field.value;
  } else if (is("Reporting-MTA")) {
    report.reporting_mta = read_typed(field.value);
  } else if (is("DSN-Gateway")) {
    report.gateway = read_typed(field.value);
  } else if (is("Received-From-MTA")) {
    report.received_from = read_typed(field.value);
  } else if (is("Arrival-Date")) {
    report.arrival = codec::parse_any_date(field.value);
  } else {
    return false;
  }
  return true;
}

bool take(RecipientReport& recipient, const ReportField& field) {
  const auto is = [&](std::string_view name) { return equal_ignoring_case(field.name, name); };
  if (is("Original-Recipient")) {
    recipient.original_recipient = read_typed(field.value);
  } else if (is("Final-Recipient")) {
    recipient.final_recipient = read_typed(field.value);
  } else if (is("Action")) {
    recipient.action = read_action(field.value);
  } else if (is("Status")) {
    recipient.status = read_status(field.value);
  } else if (is("Remote-MTA")) {
    recipient.remote_mta = read_typed(field.value);
  } else if (is("Diagnostic-Code")) {
    recipient.diagnostic = read_typed(field.value);
  } else if (is("Last-Attempt-Date")) {
    recipient.last_attempt = codec::parse_any_date(field.value);
  } else if (is("Final-Log-ID")) {
    recipient.final_log_id = field.value;
  } else if (is("Will-Retry-Until")) {
    recipient.will_retry_until = codec::parse_any_date(field.value);
  } else {
    return false;
  }
  return true;
}

bool names_recipient(const FieldGroup& group) {
  return find_field(group, "Final-Recipient") != nullptr || find_field(group, "Original-Recipient") != nullptr;
}

bool is_status(std::string_view status) {
  const auto parts = split(status, '.');
  return parts.size() == 3 && (parts[0] == "2" || parts[0] == "4" || parts[0] == "5") &&
         parse_decimal(parts[1], 999).has_value() && parse_decimal(parts[2], 999).has_value();
}

// Writes fields until one fails.
class Fields {
 public:
  explicit Fields(HeaderStyle style) : header_(style) {}
  void text(std::string_view name, std::string_view value) {
    if (done_) done_ = write_field(header_, name, value);
  }
  // `type` stands in where the value came without one.
  void typed(std::string_view name, const TypedValue& value, std::string_view type) {
    const TypedValue whole{value.type.empty() ? std::string(type) : value.type, value.text};
    if (!clean_text(value.text).empty()) text(name, format_typed(whole, header_.style()));
  }
  void date(std::string_view name, const std::optional<codec::Date>& date) {
    if (date && done_) done_ = header_.date(name, date->time, date->offset_minutes);
  }
  void all(const FieldGroup& others) {
    for (const auto& field : others) text(field.name, field.value);
  }
  [[nodiscard]] Result<std::string> finish() const {
    if (!done_) return pass(done_);
    return header_.fields() + "\r\n";
  }

 private:
  HeaderWriter header_;
  Result<void> done_;
};

}  // namespace

std::string_view name_of(DsnAction action) noexcept {
  for (const auto& [each, name] : kActions) {
    if (each == action) return name;
  }
  return "unknown";
}

std::optional<DeliveryReport> read_delivery_status(std::string_view body) {
  DeliveryReport report;
  for (const auto& group : read_field_groups(body)) {
    if (!names_recipient(group)) {
      for (const auto& field : group) {
        if (!take(report, field) && report.recipients.empty()) report.others.push_back(field);
      }
      continue;
    }
    RecipientReport recipient;
    for (const auto& field : group) {
      if (!take(recipient, field) && !take(report, field)) recipient.others.push_back(field);
    }
    if (recipient.final_recipient.empty()) recipient.final_recipient = recipient.original_recipient;
    report.recipients.push_back(std::move(recipient));
  }
  if (report.recipients.empty()) return std::nullopt;
  return report;
}

std::optional<Dsn> read_dsn(std::string_view message, const MimeTree& tree) {
  for (const auto& part : tree.parts) {
    if (!equal_ignoring_case(part.type, "message") || (!equal_ignoring_case(part.subtype, "delivery-status") &&
                                                       !equal_ignoring_case(part.subtype, "global-delivery-status")))
      continue;
    auto report = read_delivery_status(decoded_body(message, part));
    if (report) return Dsn{*std::move(report), returned_in(message, tree, part)};
  }
  return std::nullopt;
}

std::optional<std::string> without_returned(std::string_view message, const MimeTree& tree) {
  const auto& root = tree.root();
  if (root.kind != PartKind::multipart || !equal_ignoring_case(root.subtype, "report")) return std::nullopt;
  // For people, for machines, and what is returned.
  auto place = root.first_child;
  for (int i = 0; i < 2 && place != Part::none; ++i) place = tree.parts[place].next_sibling;
  if (place == Part::none) return std::nullopt;
  std::string rest(message.substr(0, tree.parts[place].boundary_begin));
  if (root.close_end != 0) rest += message.substr(root.close_begin);
  return rest;
}

Result<std::string> format_delivery_status(const DeliveryReport& report, HeaderStyle style) {
  if (report.recipients.empty() || clean_text(report.reporting_mta.text).empty())
    return fail(ErrorKind::syntax, "a delivery report needs its server and a recipient");
  Fields message(style);
  message.text("Original-Envelope-Id", report.envelope_id);
  message.typed("Reporting-MTA", report.reporting_mta, "dns");
  message.typed("DSN-Gateway", report.gateway, "dns");
  message.typed("Received-From-MTA", report.received_from, "dns");
  message.date("Arrival-Date", report.arrival);
  message.all(report.others);
  auto out = message.finish();
  for (const auto& recipient : report.recipients) {
    if (!out) return out;
    if (clean_text(recipient.final_recipient.text).empty() || recipient.action == DsnAction::unknown ||
        !is_status(recipient.status))
      return fail(ErrorKind::syntax, "a recipient's report needs address, action and status");
    Fields fields(style);
    fields.typed("Original-Recipient", recipient.original_recipient, "rfc822");
    fields.typed("Final-Recipient", recipient.final_recipient, "rfc822");
    fields.text("Action", name_of(recipient.action));
    fields.text("Status", recipient.status);
    fields.typed("Remote-MTA", recipient.remote_mta, "dns");
    fields.typed("Diagnostic-Code", recipient.diagnostic, "x-unknown");
    fields.date("Last-Attempt-Date", recipient.last_attempt);
    fields.text("Final-Log-ID", recipient.final_log_id);
    fields.date("Will-Retry-Until", recipient.will_retry_until);
    fields.all(recipient.others);
    auto group = fields.finish();
    if (!group) return group;
    *out += *group;
  }
  return out;
}

Result<OutgoingMessage> make_dsn(DsnSpec spec, HeaderStyle style) {
  auto status = format_delivery_status(spec.report, style);
  if (!status) return pass(status);
  Entity body = report_entity("delivery-status", std::move(spec.human_text),
                              style == HeaderStyle::utf8 ? "message/global-delivery-status" : "message/delivery-status",
                              *std::move(status), std::move(spec.returned), style);
  return report_message(spec.envelope, std::move(body), style);
}

}  // namespace pabal::message
