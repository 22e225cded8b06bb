// SPF (RFC 7208): whether a domain lets the client that speaks to us send mail in its name. No sockets: all questions
// go to a dns::Resolver. The outcome tells the whole way that led to it: each record, each of its terms, what was
// looked up for it and whether it matched.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "dns/resolver.hpp"
#include "mailauth/ip_address.hpp"
#include "mailauth/lookup.hpp"

namespace pabal::mailauth {

/// RFC 7208 §2.6.
enum class SpfResult : std::uint8_t {
  none,       ///< the domain says nothing, or there is no domain
  neutral,    ///< it says that it says nothing of this client
  pass,       ///< the client may
  fail,       ///< it may not
  softfail,   ///< probably it may not
  temperror,  ///< the DNS couldn't tell: later it may
  permerror,  ///< the domain's records are wrong
};
/// "none", "neutral"…, as the header fields have it.
[[nodiscard]] std::string_view name_of(SpfResult result) noexcept;

enum class SpfIdentity : std::uint8_t { helo, mailfrom };
/// "helo", "mailfrom" (RFC 7208 §9.1).
[[nodiscard]] std::string_view name_of(SpfIdentity identity) noexcept;

/// What is known of the client. Nothing in it need be well-formed.
struct SpfQuery {
  IpAddress address;
  std::string helo;       ///< the name from HELO or EHLO, as it came
  std::string mail_from;  ///< the reverse-path without brackets; empty for the null one
  std::string receiver;   ///< our own name, for %{r}
  SystemTime now;         ///< for %{t}
};

enum class SpfMatch : std::uint8_t {
  no,           ///< looked at, didn't match
  yes,          ///< matched: the result is this term's
  failed,       ///< ended the evaluation with temperror or permerror
  not_reached,  ///< stands behind the one that ended it
  modifier,     ///< redirect and exp are used at the end, or not at all; unknown ones never
};
[[nodiscard]] std::string_view name_of(SpfMatch match) noexcept;

struct SpfCheck;

/// A mechanism or modifier and what came of it.
struct SpfTerm {
  std::string text;    ///< as it stands in the record
  std::string target;  ///< the domain it led to, macros expanded; empty where it has none
  SpfMatch match = SpfMatch::not_reached;
  std::string why;              ///< in a short sentence; empty where it was not reached
  std::vector<Lookup> lookups;  ///< in their order
  std::vector<SpfCheck> check;  ///< of include and redirect: the other domain's, one or none
};

/// One check_host() (RFC 7208 §4): one domain's record.
struct SpfCheck {
  std::string domain;
  SpfResult result = SpfResult::none;
  std::string why;              ///< why the result follows
  std::string record;           ///< empty where there is none
  std::vector<Lookup> lookups;  ///< of the record
  std::vector<SpfTerm> terms;   ///< the first spf_most_told_terms of them
  std::size_t untold = 0;       ///< how many there are behind those
};

struct SpfOutcome {
  SpfResult result = SpfResult::none;
  SpfIdentity identity = SpfIdentity::mailfrom;
  std::string domain;       ///< whose record was asked for, in A-labels; as it came where it is no name
  std::string sender;       ///< local part and domain as checked: "postmaster@mail.example" for HELO
  std::string explanation;  ///< of a fail, in the domain's words (ASCII); empty where it has none
  std::string mechanism;    ///< the first record's term that matched, "default" where none did; empty without a record
  std::string problem;      ///< of temperror and permerror, in our words
  std::size_t lookups = 0;  ///< terms that ask the DNS (RFC 7208 §4.6.4), at most 10
  std::size_t void_lookups = 0;  ///< of those, the ones whose first question had no answer, at most 2
  SpfCheck check;                ///< the whole evaluation
};

// RFC 7208 §4.6.4.
inline constexpr std::size_t spf_most_lookups = 10;
inline constexpr std::size_t spf_most_void_lookups = 2;
inline constexpr std::size_t spf_most_mx_names = 10;
inline constexpr std::size_t spf_most_ptr_names = 10;
/// A record that is longer is a permerror: DNS answers over UDP are far shorter (§3.4 asks for 512 octets at most).
inline constexpr std::size_t spf_most_record_octets = 16384;

/// So many terms of a record are in the outcome; all of them are evaluated.
inline constexpr std::size_t spf_most_told_terms = 200;

/// The MAIL FROM identity (§2.4); with the null reverse-path it is postmaster@ the HELO name. At most some 130
/// questions, one after another but for those of one term. The resolver must live until the end.
[[nodiscard]] Async<SpfOutcome> check_spf(dns::Resolver& resolver, SpfQuery query);
/// The HELO identity alone (§2.3).
[[nodiscard]] Async<SpfOutcome> check_spf_helo(dns::Resolver& resolver, SpfQuery query);

/// {"result":…,"explanation":…,"mechanism":…,"lookups":N,…}, as `pabal spf --json` prints it, with all of the tree.
[[nodiscard]] json::object to_json(const SpfOutcome& outcome);
/// For people: what was looked up, what it said, and why the result follows; lines with their ends.
[[nodiscard]] std::string teach(const SpfOutcome& outcome);

}  // namespace pabal::mailauth
