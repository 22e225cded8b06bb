// Where reports are to go: the URIs of a DMARC record's rua= and ruf= (RFC 7489 §6.2) and of a TLS-RPT record (RFC 8460
// §3), and what §7.1 of RFC 7489 asks of places that belong to somebody else.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address/email_address.hpp"
#include "address/public_suffix.hpp"
#include "base/error.hpp"
#include "dns/resolver.hpp"

namespace pabal::reports {

struct ReportUri {
  enum class Kind : std::uint8_t { mailto, https };
  Kind kind = Kind::mailto;
  std::string text;                      ///< as written, without the size
  std::optional<EmailAddress> address;   ///< of mailto
  std::string host;                      ///< of https, lower case; of mailto the address's domain
  std::uint16_t port = 443;              ///< of https
  std::string path;                      ///< of https: "/v1/tlsrpt", with its query
  std::optional<std::uint64_t> at_most;  ///< octets that a report may have ("!10m")
};

/// At most so many places of one record count; more would have us send one report to a crowd.
inline constexpr std::size_t kMostReportUris = 10;

/// The value of rua= or ruf=: URIs with commas between. Those that are of another scheme, or malformed, are left out,
/// with a word about each in `refused`, where that is not null. A place that comes twice counts once.
[[nodiscard]] std::vector<ReportUri> parse_report_uris(std::string_view value,
                                                       std::vector<std::string>* refused = nullptr);

/// The TXT records at _smtp._tls.DOMAIN, each with its strings joined. Errors, `not_found`: none begins with
/// "v=TLSRPTv1", or several do (RFC 8460 §3: then there is none); `syntax`: it has no rua.
[[nodiscard]] Result<std::string> parse_tlsrpt_record(const std::vector<std::string>& texts);

/// The registrable domain that a name belongs to, lower case; the name itself where it belongs to none, or nobody knows
/// (`suffixes` is null).
[[nodiscard]] std::string owner_of(const PublicSuffix* suffixes, std::string_view name);

/// RFC 7489 §7.1: whether somebody else's host agrees to get reports about `domain`.
struct Consent {
  enum class Answer : std::uint8_t { own, agreed, refused, unknown };
  Answer answer = Answer::refused;
  std::string why;  ///< the question and its answer, for the log; empty where none was asked
  /// What the consenting record says in place of the place (§7.1 step 6); empty where it says nothing.
  std::vector<ReportUri> instead = {};
};
/// `own` where both have one organizational domain. `unknown`: the DNS gives no definite answer now.
[[nodiscard]] Async<Consent> consent_of(dns::Resolver& resolver, const PublicSuffix& suffixes, Domain domain,
                                        ReportUri place);

}  // namespace pabal::reports
