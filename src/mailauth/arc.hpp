// ARC (RFC 8617): the seals of those who passed a letter on, and what they found when they got it. Chains are validated
// by LetterVerifier (letter_verifier.hpp) and continued by ArcSealer (arc_sealer.hpp).
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mailauth/dkim.hpp"

namespace pabal::mailauth {

/// A chain's status (RFC 8617 §4.4), as in cv= and in Authentication-Results' arc=.
enum class ArcStatus : std::uint8_t { none, pass, fail };
[[nodiscard]] std::string_view name_of(ArcStatus status) noexcept;

/// One method's result in an ARC-Authentication-Results (RFC 8601 §2.2).
struct ArcMethod {
  std::string method;  ///< in lower case, without a version
  std::string result;  ///< in lower case
  std::string reason;
  std::vector<std::pair<std::string, std::string>> properties;  ///< "smtp.mailfrom", its value
};

/// One ARC set. The outcomes are those of its signatures alone, in DKIM's words; `none` where they weren't looked at,
/// because a fault before them ended the validation.
struct ArcSet {
  std::size_t instance = 0;        ///< i=
  std::string claimed;             ///< its seal's cv=, as it says
  DkimOutcome seal;                ///< ARC-Seal
  DkimOutcome message_signature;   ///< ARC-Message-Signature
  std::string authserv_id;         ///< who says what follows
  std::string results;             ///< ARC-Authentication-Results behind `i=N;`, unfolded
  std::vector<ArcMethod> methods;  ///< as far as they can be read
};

struct ArcOutcome {
  ArcStatus cv = ArcStatus::none;
  std::string reason;         ///< a sentence for people
  std::size_t failed_at = 0;  ///< the instance that the fault is in; 0: none, or all of the chain
  /// The lowest instance whose message signature still holds, as all above it; 0: they all do.
  std::size_t oldest_pass = 0;
  bool temporary = false;    ///< it failed because a key can't be looked up now
  bool ended = false;        ///< the latest seal says cv=fail: nobody may seal again
  std::vector<ArcSet> sets;  ///< in the order of their instances; empty where the fields are no sets
};

/// {"cv", "reason", …, "sets": […]}: the contract's form of `pabal check --json`.
[[nodiscard]] json::object to_json(const ArcOutcome& outcome);
/// For people, as teach() of DKIM.
[[nodiscard]] std::string teach(const ArcOutcome& outcome);

}  // namespace pabal::mailauth
