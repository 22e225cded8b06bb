// Unicode for names and passwords: normalisation (UAX #15), SASLprep (RFC 4013) and the OpaqueString profile of PRECIS
// (RFC 8265), over ICU.
#pragma once
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace pabal::codec {

/// Normalisation form C. `text` is UTF-8; what is not becomes U+FFFD.
[[nodiscard]] std::string nfc(std::string_view text);

/// The form in which texts are compared when one is looked for in another: case, width and composition don't matter
/// (NFKC_Casefold of UAX #44; RFC 5255 §4.6 asks at least for i;unicode-casemap). What is no UTF-8 becomes U+FFFD.
[[nodiscard]] std::string fold_for_search(std::string_view text);

/// SASLprep (RFC 4013), for strings that are compared with stored ones: code points that Unicode 3.2 did not know yet
/// are allowed
/// ("query" of RFC 3454 §7). A `syntax` error for what is prohibited, mixed directions, or no UTF-8.
[[nodiscard]] Result<std::string> saslprep(std::string_view text);

/// PRECIS OpaqueString (RFC 8265 §4.2), for passwords that people set: spaces become U+0020, form C, and only what
/// FreeformClass (RFC 8264 §4.3) allows. A `syntax` error otherwise, also for the empty string.
[[nodiscard]] Result<std::string> opaque_string(std::string_view text);

/// What a password's hash is made of: its SASLprep form, so that a client that prepares (SCRAM) and one that sends what
/// was typed (PLAIN) mean the same; where SASLprep refuses, form C; octets that are no UTF-8 as they are. Never fails,
/// and gives the same for the same input for ever.
[[nodiscard]] std::string prepare_password(std::string_view password);

}  // namespace pabal::codec
