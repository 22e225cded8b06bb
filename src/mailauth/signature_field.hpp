// The fields that carry signatures, read: DKIM-Signature (RFC 6376 §3.5), ARC-Message-Signature and ARC-Seal (RFC 8617
// §4.1).
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/name.hpp"
#include "mailauth/dkim.hpp"
#include "mailauth/public_key.hpp"

namespace pabal::mailauth {

enum class SignatureKind : std::uint8_t { dkim, arc_message, arc_seal };
[[nodiscard]] std::string_view field_name(SignatureKind kind) noexcept;

/// What is wrong with a signature before any key was looked up.
struct SignatureFault {
  DkimResult result = DkimResult::neutral;
  std::string why;
};

struct SignatureField {
  SignatureKind kind = SignatureKind::dkim;
  std::size_t field = 0;  ///< which of the letter's fields it is; set by who reads the letter
  std::optional<SignatureFault> fault;
  /// What is known of it before it is verified, as far as it was read: all but result, reason and what the DNS says.
  DkimOutcome facts;

  KeyType key_type = KeyType::rsa;
  std::string signature;           ///< b=, octets
  std::string body_hash;           ///< bh=, octets
  std::string identity_domain;     ///< of i=, as A-labels
  bool form_given = false;         ///< there is a c=
  std::vector<std::string> names;  ///< h=, in lower case
  std::optional<dns::Name> key_name;
  std::size_t instance = 0;  ///< ARC's i=; 0 where there is none that counts
  std::string cv;            ///< ARC-Seal's cv=
};

/// Reads a field's body. What can't be read is told by `fault`; the rest is there nevertheless.
[[nodiscard]] SignatureField read_signature(SignatureKind kind, std::string_view body);

/// A domain as DKIM's tags have it, in the form that is compared and looked up: A-labels, lower case (RFC 8616 §4).
/// Names that mail knows not, but the DNS does, are let through: an underscore. Nothing where it is none.
[[nodiscard]] std::optional<std::string> canonical_domain(std::string_view text);

/// The field with the value of its b= taken out, white space around it included (RFC 6376 §3.7).
[[nodiscard]] std::string without_signature(std::string_view field);

/// ARC-Authentication-Results' instance and what stands behind it (RFC 8617 §4.1.1); nothing where it is malformed.
struct ArcResultsField {
  std::size_t instance = 0;
  std::string_view results;
};
[[nodiscard]] std::optional<ArcResultsField> read_arc_results(std::string_view body);

}  // namespace pabal::mailauth
