// One kind of outcome as it is counted: letters or sessions that are alike in all that a report tells are one row with
// a number.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "queue/tls_outcomes.hpp"
#include "reports/aggregate.hpp"
#include "reports/outcomes.hpp"
#include "reports/tls_report.hpp"

namespace pabal::reports {

enum class Kind : std::int64_t { dmarc = 1, tls = 2 };
/// "dmarc", "tls".
[[nodiscard]] std::string_view name_of(Kind kind) noexcept;

/// Days since 1970, UTC.
[[nodiscard]] std::int64_t day_of(SystemTime time) noexcept;
[[nodiscard]] SystemTime begin_of(std::int64_t day) noexcept;

/// What is counted, apart from the day. Texts are JSON, with everything bounded, and the same for what is alike.
struct OutcomeKey {
  Kind kind = Kind::dmarc;
  std::string domain;  ///< the policy's
  std::string policy;  ///< as published; a report is of one policy
  std::string facts;   ///< the row
  friend auto operator<=>(const OutcomeKey&, const OutcomeKey&) = default;
};

[[nodiscard]] OutcomeKey key_of(const JudgedLetter& letter);
[[nodiscard]] OutcomeKey key_of(const queue::TlsOutcome& outcome);

/// Back from the texts. Errors, `damaged`: they are not what key_of() made.
[[nodiscard]] Result<PublishedPolicy> dmarc_policy_of(std::string_view policy);
[[nodiscard]] Result<AggregateRecord> dmarc_record_of(std::string_view facts);
[[nodiscard]] Result<TlsPolicyReport> tls_policy_of(std::string_view policy);
/// The failure; nothing in `result_type` for a success.
[[nodiscard]] Result<TlsFailureDetail> tls_detail_of(std::string_view facts);

}  // namespace pabal::reports
