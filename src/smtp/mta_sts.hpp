// MTA-STS (RFC 8461): the TXT record that says that a domain has a policy, the policy, and whether it allows a host.
// Octets in, values out: who looks up and fetches stands elsewhere (queue/mta_sts.hpp).
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace pabal::smtp {

/// RFC 8461 §3.3: a fetched policy is no longer than this by our rule (64 KB is the RFC's advice).
inline constexpr std::size_t most_sts_policy_octets = 64UL << 10;
/// RFC 8461 names no limit; who has so many hosts says so with a wildcard.
inline constexpr std::size_t most_sts_hosts = 100;
/// Of a policy's own text, which reports show (RFC 8460).
inline constexpr std::size_t most_sts_text = 4UL << 10;
/// RFC 8461 §3.2: a year and a bit.
inline constexpr std::chrono::seconds most_sts_age{31557600};

/// The id of the policy, out of all TXT records at _mta-sts.DOMAIN (each with its strings joined). Errors, `not_found`:
/// none of them begins with "v=STSv1", or several do; `syntax`: the one that does is malformed. Either way the domain
/// has no policy that can be found now (RFC 8461 §3.1).
[[nodiscard]] Result<std::string> parse_sts_record(const std::vector<std::string>& texts);

enum class StsMode : std::uint8_t { none, testing, enforce };
[[nodiscard]] std::string_view name_of(StsMode mode) noexcept;

struct StsPolicy {
  StsMode mode = StsMode::none;
  std::chrono::seconds max_age{0};
  /// Host names, lower case; "*.example" stands for one label before "example".
  std::vector<std::string> mx;
  std::string text;  ///< as it was fetched

  /// Whether a host is one of those (RFC 8461 §4.1). `host`: lower case, without a final dot.
  [[nodiscard]] bool allows(std::string_view host) const;
};

/// Reads a policy (RFC 8461 §3.2): lines that end with LF or CRLF, fields in any order, the first of those that come
/// twice, unknown ones ignored; a max_age above the most is the most. Errors: syntax, with what is wrong.
[[nodiscard]] Result<StsPolicy> parse_sts_policy(std::string_view text);

}  // namespace pabal::smtp
