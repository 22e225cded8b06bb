// TLS reports (RFC 8460 §4): as a value, written as JSON, read from others'.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

namespace pabal::reports {

/// Sessions that failed in one way (§4.3, §4.4).
struct TlsFailureDetail {
  std::string result_type;  ///< "certificate-expired"…
  std::string sending_ip;
  std::string receiving_host;
  std::string receiving_helo;
  std::string receiving_ip;
  std::uint64_t sessions = 0;
  std::string information;
  std::string reason;  ///< failure-reason-code
};

struct TlsPolicyReport {
  std::string type;                ///< "tlsa", "sts", "no-policy-found"
  std::vector<std::string> lines;  ///< policy-string
  std::string domain;
  std::vector<std::string> mx_hosts;
  std::uint64_t successes = 0;
  std::uint64_t failures = 0;
  std::vector<TlsFailureDetail> details;
};

struct TlsReport {
  std::string organization;
  SystemTime begin;
  SystemTime end;
  std::string contact;
  std::string report_id;
  std::vector<TlsPolicyReport> policies;
};

[[nodiscard]] json::object to_json(const TlsReport& report);
/// As it is sent.
[[nodiscard]] std::string write_tls_report(const TlsReport& report);

struct TlsReportLimits {
  std::size_t octets = std::size_t{4} << 20;
  std::size_t policies = 1'000;
  std::size_t details = 20'000;  ///< of all policies
};

/// Errors: syntax (no JSON, or no such report: no organization, time or policies), limit. Members of another type than
/// they should have are taken for missing; numbers may be texts, as some write them.
[[nodiscard]] Result<TlsReport> read_tls_report(std::string_view text, const TlsReportLimits& limits = {});

}  // namespace pabal::reports
