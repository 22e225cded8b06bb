// TlsOutcomes: who wants to know how TLS went in each session with another host, as RFC 8460's reports tell it. The
// queue says what it saw; who counts stands above.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "queue/route.hpp"
#include "queue/tls_failure.hpp"

namespace pabal::queue {

/// What the domain asks for (RFC 8460 §4.2, policy-type).
enum class TlsPolicyType : std::uint8_t { no_policy_found, tlsa, sts };
/// "no-policy-found", "tlsa", "sts".
[[nodiscard]] std::string_view name_of(TlsPolicyType type) noexcept;

/// What a handshake that failed so (net::Stream::start_tls_client) is called in a report.
[[nodiscard]] TlsFailure tls_failure_of(const Error& error) noexcept;

/// One session, or, where the way itself is unsafe, one host that no session was made to.
struct TlsOutcome {
  SystemTime time;
  std::string domain;  ///< whose policy it is: the destination
  TlsPolicyType policy = TlsPolicyType::no_policy_found;
  std::vector<std::string> policy_lines = {};  ///< RFC 8460 §4.4 policy-string: TLSA records, or the lines of MTA-STS
  std::vector<std::string> policy_hosts = {};  ///< mx-host: the patterns of MTA-STS
  std::optional<TlsFailure> failure = std::nullopt;  ///< nothing: a success
  std::string receiving_host = {};                   ///< the MX record's name
  std::string receiving_ip = {};
  std::string sending_ip = {};
  std::string reason = {};  ///< our own words about the failure (failure-reason-code)
};

class TlsOutcomes {
 public:
  virtual ~TlsOutcomes() = default;
  /// Cheap; any thread.
  virtual void note(TlsOutcome outcome) noexcept = 0;
};

/// The part of an outcome that a route and one of its hops tell; nothing where no report speaks of it: the settings
/// lead there, not the domain's DNS, or ask for TLS in their own way.
[[nodiscard]] std::optional<TlsOutcome> tls_outcome_of(const Route& route, const NextHop& hop);

/// Says in an outcome that the policy is this one of MTA-STS; an empty text: one that nobody has.
void take_sts_policy(TlsOutcome& outcome, std::string_view text);

}  // namespace pabal::queue
