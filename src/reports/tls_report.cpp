#include "reports/tls_report.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "codec/timestamp.hpp"
#include "message/content.hpp"

namespace pabal::reports {
namespace {

constexpr std::size_t kLongestMember = 1000;
constexpr std::uint64_t kMostSessions = 1'000'000'000;
constexpr std::size_t kMostLines = 200;

/// RFC 8460's dates have no parts of seconds.
std::string time_text(SystemTime time) {
  const auto text = codec::format_timestamp(time);
  return text.substr(0, 19) + "Z";
}

json::array texts_of(const std::vector<std::string>& texts) {
  json::array all;
  for (const auto& text : texts) all.push_back(json::string(text));
  return all;
}

void put_text(json::object& object, std::string_view name, const std::string& text) {
  if (!text.empty()) object[name] = text;
}

/// Controls become spaces before the ends are cut, and these are cut last: what is written is then read as it was.
std::string clean(std::string_view raw) {
  std::string out(message::utf8_prefix(raw, 2 * kLongestMember));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return std::string(trim(message::utf8_prefix(trim(out), kLongestMember)));
}

std::string text_member(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return clean({value->get_string().data(), value->get_string().size()});
}

std::uint64_t number_member(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr) return 0;
  if (value->is_string()) {
    return parse_decimal({value->get_string().data(), value->get_string().size()}, kMostSessions).value_or(0);
  }
  if (value->is_int64()) {
    const auto number = value->get_int64();
    return number < 0 ? 0 : std::min(static_cast<std::uint64_t>(number), kMostSessions);
  }
  if (value->is_uint64()) return std::min(value->get_uint64(), kMostSessions);
  return 0;
}

/// A list of texts; one text alone counts as a list.
std::vector<std::string> texts_member(const json::object& object, std::string_view name) {
  std::vector<std::string> found;
  const auto* value = object.if_contains(name);
  if (value == nullptr) return found;
  if (value->is_string()) {
    if (auto text = text_member(object, name); !text.empty()) found.push_back(std::move(text));
  } else if (value->is_array()) {
    for (const auto& one : value->get_array()) {
      if (!one.is_string() || found.size() == kMostLines) continue;
      found.push_back(clean({one.get_string().data(), one.get_string().size()}));
    }
  }
  return found;
}

const json::object& object_member(const json::object& object, std::string_view name) {
  static const json::object kNone;
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : kNone;
}

const json::array& array_member(const json::object& object, std::string_view name) {
  static const json::array kNone;
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_array() ? value->get_array() : kNone;
}

TlsFailureDetail read_detail(const json::object& from) {
  TlsFailureDetail detail;
  detail.result_type = to_lower(text_member(from, "result-type"));
  detail.sending_ip = text_member(from, "sending-mta-ip");
  detail.receiving_host = text_member(from, "receiving-mx-hostname");
  detail.receiving_helo = text_member(from, "receiving-mx-helo");
  detail.receiving_ip = text_member(from, "receiving-ip");
  detail.sessions = number_member(from, "failed-session-count");
  detail.information = text_member(from, "additional-information");
  detail.reason = text_member(from, "failure-reason-code");
  return detail;
}

}  // namespace

json::object to_json(const TlsReport& report) {
  json::array policies;
  for (const auto& one : report.policies) {
    json::object policy{{"policy-type", one.type}};
    if (!one.lines.empty()) policy["policy-string"] = texts_of(one.lines);
    policy["policy-domain"] = one.domain;
    if (!one.mx_hosts.empty()) policy["mx-host"] = texts_of(one.mx_hosts);
    json::object entry{{"policy", std::move(policy)},
                       {"summary", json::object{{"total-successful-session-count", one.successes},
                                                {"total-failure-session-count", one.failures}}}};
    json::array details;
    for (const auto& detail : one.details) {
      json::object failure{{"result-type", detail.result_type}};
      put_text(failure, "sending-mta-ip", detail.sending_ip);
      put_text(failure, "receiving-mx-hostname", detail.receiving_host);
      put_text(failure, "receiving-mx-helo", detail.receiving_helo);
      put_text(failure, "receiving-ip", detail.receiving_ip);
      failure["failed-session-count"] = detail.sessions;
      put_text(failure, "additional-information", detail.information);
      put_text(failure, "failure-reason-code", detail.reason);
      details.push_back(std::move(failure));
    }
    if (!details.empty()) entry["failure-details"] = std::move(details);
    policies.push_back(std::move(entry));
  }
  return json::object{{"organization-name", report.organization},
                      {"date-range", json::object{{"start-datetime", time_text(report.begin)},
                                                  {"end-datetime", time_text(report.end)}}},
                      {"contact-info", report.contact},
                      {"report-id", report.report_id},
                      {"policies", std::move(policies)}};
}

std::string write_tls_report(const TlsReport& report) { return json::serialize(to_json(report)); }

Result<TlsReport> read_tls_report(std::string_view text, const TlsReportLimits& limits) {
  if (text.size() > limits.octets) {
    return fail(ErrorKind::limit, fmt::format("a TLS report of more than {} octets", limits.octets));
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const auto value = parse_json(text);
  if (!value) return fail(ErrorKind::syntax, "no JSON: " + value.error().peer);
  if (!value->is_object()) return fail(ErrorKind::syntax, "no TLS report: it is no JSON object");
  const auto& object = value->get_object();
  TlsReport report;
  report.organization = text_member(object, "organization-name");
  report.contact = text_member(object, "contact-info");
  report.report_id = text_member(object, "report-id");
  if (report.organization.empty()) return fail(ErrorKind::syntax, "no TLS report: it doesn't say who reports");
  const auto& range = object_member(object, "date-range");
  const auto begin = codec::parse_timestamp(text_member(range, "start-datetime"));
  const auto end = codec::parse_timestamp(text_member(range, "end-datetime"));
  if (!begin || !end) return fail(ErrorKind::syntax, "no TLS report: it doesn't say of what time it is");
  report.begin = *begin;
  report.end = *end;
  if (!object.contains("policies")) return fail(ErrorKind::syntax, "no TLS report: it has no policies");
  std::size_t details = 0;
  for (const auto& one : array_member(object, "policies")) {
    if (!one.is_object()) continue;
    if (report.policies.size() == limits.policies) {
      return fail(ErrorKind::limit, fmt::format("a TLS report of more than {} policies", limits.policies));
    }
    const auto& entry = one.get_object();
    const auto& policy = object_member(entry, "policy");
    const auto& summary = object_member(entry, "summary");
    TlsPolicyReport read;
    read.type = to_lower(text_member(policy, "policy-type"));
    read.lines = texts_member(policy, "policy-string");
    read.domain = to_lower(text_member(policy, "policy-domain"));
    read.mx_hosts = texts_member(policy, "mx-host");
    read.successes = number_member(summary, "total-successful-session-count");
    read.failures = number_member(summary, "total-failure-session-count");
    if (read.domain.empty()) return fail(ErrorKind::syntax, "no TLS report: a policy is of no domain");
    for (const auto& failure : array_member(entry, "failure-details")) {
      if (!failure.is_object()) continue;
      if (++details > limits.details) {
        return fail(ErrorKind::limit, fmt::format("a TLS report of more than {} details", limits.details));
      }
      read.details.push_back(read_detail(failure.get_object()));
    }
    report.policies.push_back(std::move(read));
  }
  return report;
}

}  // namespace pabal::reports
