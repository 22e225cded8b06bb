#include "queue/tls_outcomes.hpp"

#include "base/text.hpp"
#include "smtp/mta_sts.hpp"

namespace pabal::queue {

std::string_view name_of(TlsPolicyType type) noexcept {
  switch (type) {
    case TlsPolicyType::no_policy_found:
      return "no-policy-found";
    case TlsPolicyType::tlsa:
      return "tlsa";
    case TlsPolicyType::sts:
      return "sts";
  }
  return "no-policy-found";
}

std::string_view name_of(TlsFailure failure) noexcept {
  switch (failure) {
    case TlsFailure::starttls_not_supported:
      return "starttls-not-supported";
    case TlsFailure::certificate_host_mismatch:
      return "certificate-host-mismatch";
    case TlsFailure::certificate_expired:
      return "certificate-expired";
    case TlsFailure::certificate_not_trusted:
      return "certificate-not-trusted";
    case TlsFailure::validation_failure:
      return "validation-failure";
    case TlsFailure::tlsa_invalid:
      return "tlsa-invalid";
    case TlsFailure::dnssec_invalid:
      return "dnssec-invalid";
    case TlsFailure::dane_required:
      return "dane-required";
    case TlsFailure::sts_policy_fetch_error:
      return "sts-policy-fetch-error";
    case TlsFailure::sts_policy_invalid:
      return "sts-policy-invalid";
    case TlsFailure::sts_webpki_invalid:
      return "sts-webpki-invalid";
  }
  return "validation-failure";
}

TlsFailure tls_failure_of(const Error& error) noexcept {
  // The words are OpenSSL's (X509_verify_cert_error_string), which the log's part of the error ends with.
  const std::string_view why = error.log;
  const auto says = [why](std::string_view words) { return why.find(words) != std::string_view::npos; };
  if (says("has expired") || says("not yet valid")) return TlsFailure::certificate_expired;
  if (says("ostname mismatch") || says("IP address mismatch")) return TlsFailure::certificate_host_mismatch;
  if (says("self-signed") || says("self signed") || says("local issuer") || says("issuer certificate") ||
      says("verify the first certificate") || says("not trusted")) {
    return TlsFailure::certificate_not_trusted;
  }
  return TlsFailure::validation_failure;
}

std::optional<TlsOutcome> tls_outcome_of(const Route& route, const NextHop& hop) {
  if (!route.by_dns || route.lmtp) return std::nullopt;
  TlsOutcome outcome;
  outcome.domain = route.destination;
  outcome.receiving_host = hop.host;
  switch (hop.domain_asks.value_or(hop.tls)) {
    case TlsPolicy::none:
    case TlsPolicy::verified:
      return std::nullopt;
    case TlsPolicy::opportunistic:
      break;
    case TlsPolicy::encrypted:
    case TlsPolicy::dane:
      outcome.policy = TlsPolicyType::tlsa;
      for (const auto& tlsa : hop.tlsa) outcome.policy_lines.push_back(dns::text_of(dns::Record(tlsa)));
      break;
    case TlsPolicy::mta_sts_testing:
    case TlsPolicy::mta_sts_enforce:
      take_sts_policy(outcome, route.mta_sts_policy);
      break;
  }
  return outcome;
}

void take_sts_policy(TlsOutcome& outcome, std::string_view text) {
  outcome.policy = TlsPolicyType::sts;
  for (const auto line : split(text, '\n')) {
    const auto words = trim(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
    if (!words.empty()) outcome.policy_lines.emplace_back(words);
  }
  if (const auto policy = smtp::parse_sts_policy(text)) outcome.policy_hosts = policy->mx;
}

}  // namespace pabal::queue
