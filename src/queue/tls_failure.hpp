// What is wrong about TLS to a domain, by the names of RFC 8460.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace pabal::queue {

/// RFC 8460 §4.3.
enum class TlsFailure : std::uint8_t {
  starttls_not_supported,
  certificate_host_mismatch,
  certificate_expired,
  certificate_not_trusted,
  validation_failure,
  tlsa_invalid,
  dnssec_invalid,
  dane_required,
  sts_policy_fetch_error,
  sts_policy_invalid,
  sts_webpki_invalid,
};
/// "starttls-not-supported"…
[[nodiscard]] std::string_view name_of(TlsFailure failure) noexcept;

/// One that was found before there was a session.
struct TlsFault {
  TlsFailure failure = TlsFailure::validation_failure;
  std::string reason{};  ///< our own words
};

}  // namespace pabal::queue
