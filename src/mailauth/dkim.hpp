// DKIM (RFC 6376, 8301, 8463, 8616): what came of a letter's signatures, as data that tells its reasons. They are
// verified by LetterVerifier (letter_verifier.hpp) and made by DkimSigner (dkim_signer.hpp).
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "mailauth/canonical.hpp"

namespace pabal::mailauth {

/// RFC 8601 §2.7.1.
enum class DkimResult : std::uint8_t {
  none,     ///< there is no signature: never in an outcome, but what a letter without any has
  pass,     ///< the domain signed this
  fail,     ///< the body or the fields aren't what was signed, the signature is over its time, or the algorithm is too
            ///< weak
  policy,   ///< more work than a letter may cost
  neutral,  ///< the signature is malformed
  temperror,  ///< the key can't be looked up now
  permerror,  ///< there is no key that it could be verified with
};
[[nodiscard]] std::string_view name_of(DkimResult result) noexcept;

using SecondsTime = std::chrono::sys_seconds;

/// What came of one signature. Texts are as the signature has them, without white space, empty where they are missing
/// or weren't reached; none is longer than the header section.
struct DkimOutcome {
  DkimResult result = DkimResult::neutral;
  std::string reason{};   ///< a sentence for people: why this is the result
  std::string domain;     ///< d=, as A-labels in lower case
  std::string selector;   ///< s=, likewise
  std::string algorithm;  ///< a=
  std::string identity;   ///< i=, or @ and the domain
  std::string signature;  ///< b=, base64; RFC 6008 (header.b) takes its first octets
  Canonicalization header_form = Canonicalization::simple;
  Canonicalization body_form = Canonicalization::simple;
  std::vector<std::string> signed_fields;      ///< h=
  std::optional<SecondsTime> signed_at;        ///< t=
  std::optional<SecondsTime> expires_at;       ///< x=
  std::optional<std::uint64_t> signed_octets;  ///< l=: so many of the canonical body count
  std::uint64_t open_octets = 0;               ///< and so many more it has, which anybody may have added
  std::string key_name;                        ///< where the key was looked up
  std::string key_answer;                      ///< what the DNS said, in words; the record, where there is one
  std::size_t bits = 0;                        ///< of the key
  bool key_secure = false;                     ///< DNSSEC proved it
  bool testing = false;                        ///< t=y: whatever the result, treat it as a letter without a signature
};

/// The best result of a letter: pass before all others; none where there is no signature.
[[nodiscard]] DkimResult summary_of(const std::vector<DkimOutcome>& outcomes) noexcept;

/// {"result", "domain", "selector", "reason", …}: the contract's form of `pabal check --json`.
[[nodiscard]] json::object to_json(const DkimOutcome& outcome);
/// For people: what was looked up, what it said, why the result follows. Lines.
[[nodiscard]] std::string teach(const std::vector<DkimOutcome>& outcomes);

}  // namespace pabal::mailauth
