#include "message/mdn.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"

namespace pabal::message {

namespace {

std::string word(std::string_view text) { return to_lower(trim(text)); }

Disposition read_disposition(std::string_view value) {
  Disposition out;
  const auto semicolon = value.find(';');
  const auto mode = value.substr(0, semicolon);
  // Without the modes, as some write it, the type alone stands there.
  const std::string_view rest = semicolon == std::string_view::npos ? value : value.substr(semicolon + 1);
  if (semicolon != std::string_view::npos) {
    const auto slash = mode.find('/');
    out.action_mode = word(mode.substr(0, slash));
    if (slash != std::string_view::npos) out.sending_mode = word(mode.substr(slash + 1));
  }
  const auto slash = rest.find('/');
  out.type = word(rest.substr(0, slash));
  if (slash != std::string_view::npos) {
    for (const auto modifier : split(rest.substr(slash + 1), ',')) {
      if (auto text = word(modifier); !text.empty()) out.modifiers.push_back(std::move(text));
    }
  }
  return out;
}

std::string without_brackets(std::string_view id) {
  id = trim(id);
  if (id.starts_with('<')) id.remove_prefix(1);
  if (id.ends_with('>')) id.remove_suffix(1);
  return std::string(id);
}

// Of an address that came without one (RFC 6533 §3 for what isn't ASCII).
std::string_view address_type(const TypedValue& address) { return is_ascii(address.text) ? "rfc822" : "utf-8"; }

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return is_alpha(c) || is_digit(c) || c == '-'; });
}

}  // namespace

std::optional<DispositionReport> read_disposition_notification(std::string_view body) {
  DispositionReport report;
  for (const auto& group : read_field_groups(body)) {
    for (const auto& field : group) {
      const auto is = [&](std::string_view name) { return equal_ignoring_case(field.name, name); };
      if (is("Reporting-UA")) {
        report.reporting_ua = field.value;
      } else if (is("MDN-Gateway")) {
        report.gateway = read_typed(field.value);
      } else if (is("Original-Recipient")) {
        report.original_recipient = read_typed(field.value);
      } else if (is("Final-Recipient")) {
        report.final_recipient = read_typed(field.value);
      } else if (is("Original-Message-ID")) {
        report.original_message_id = without_brackets(field.value);
      } else if (is("Disposition")) {
        report.disposition = read_disposition(field.value);
      } else if (is("Error")) {
        report.errors.push_back(field.value);
      } else {
        report.others.push_back(field);
      }
    }
  }
  if (report.disposition.type.empty()) return std::nullopt;
  return report;
}

std::optional<Mdn> read_mdn(std::string_view message, const MimeTree& tree) {
  const Part* part = find_part(tree, "message", "disposition-notification");
  if (part == nullptr) part = find_part(tree, "message", "global-disposition-notification");
  if (part == nullptr) return std::nullopt;
  auto report = read_disposition_notification(decoded_body(message, *part));
  if (!report) return std::nullopt;
  return Mdn{*std::move(report), returned_in(message, tree, *part)};
}

Result<std::string> format_disposition_notification(const DispositionReport& report, HeaderStyle style) {
  const Disposition& what = report.disposition;
  if (report.final_recipient.empty() || !is_token(what.action_mode) || !is_token(what.sending_mode) ||
      !is_token(what.type) || !std::ranges::all_of(what.modifiers, is_token))
    return fail(ErrorKind::syntax, "a disposition notification needs its recipient and disposition");
  HeaderWriter header(style);
  // RFC 8098 §3.2.2 to §3.2.4: none of them may stand without its type.
  const auto typed = [&](TypedValue value, std::string_view type) {
    if (value.empty()) return std::string();
    if (value.type.empty()) value.type = type;
    return format_typed(value, style);
  };
  Result<void> done = write_field(header, "Reporting-UA", report.reporting_ua);
  if (done) done = write_field(header, "MDN-Gateway", typed(report.gateway, "dns"));
  if (done)
    done = write_field(header, "Original-Recipient",
                       typed(report.original_recipient, address_type(report.original_recipient)));
  if (done)
    done = write_field(header, "Final-Recipient", typed(report.final_recipient, address_type(report.final_recipient)));
  if (done && is_message_id(report.original_message_id, style))
    done = header.message_id("Original-Message-ID", report.original_message_id);
  std::string disposition = fmt::format("{}/{}; {}", what.action_mode, what.sending_mode, what.type);
  if (!what.modifiers.empty()) disposition += fmt::format("/{}", fmt::join(what.modifiers, ","));
  if (done) done = write_field(header, "Disposition", disposition);
  for (const auto& error : report.errors) {
    if (done) done = write_field(header, "Error", error);
  }
  for (const auto& field : report.others) {
    if (done) done = write_field(header, field.name, field.value);
  }
  if (!done) return pass(done);
  return header.fields() + "\r\n";
}

Result<OutgoingMessage> make_mdn(MdnSpec spec, HeaderStyle style) {
  auto part = format_disposition_notification(spec.report, style);
  if (!part) return pass(part);
  Entity body = report_entity(
      "disposition-notification", std::move(spec.human_text),
      style == HeaderStyle::utf8 ? "message/global-disposition-notification" : "message/disposition-notification",
      *std::move(part), std::move(spec.returned), style);
  return report_message(spec.envelope, std::move(body), style);
}

}  // namespace pabal::message
