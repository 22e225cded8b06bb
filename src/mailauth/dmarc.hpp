// DMARC (RFC 7489, and its successor with the tree walk): whether one of the domains that SPF or DKIM have proven is
// the author's own, and what the author's domain asks to be done where none is. No sockets: all questions go to a
// dns::Resolver.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address/public_suffix.hpp"
#include "base/async.hpp"
#include "base/json.hpp"
#include "dns/resolver.hpp"
#include "mailauth/dmarc_record.hpp"
#include "mailauth/lookup.hpp"
#include "mailauth/spf.hpp"

namespace pabal::mailauth {

/// RFC 7489 §11.2.
enum class DmarcResult : std::uint8_t {
  none,       ///< no policy is published
  pass,       ///< an aligned identifier passed
  fail,       ///< none did
  temperror,  ///< the DNS couldn't tell
  permerror,  ///< the record, or the author field, can't be used
};
[[nodiscard]] std::string_view name_of(DmarcResult result) noexcept;

/// A signature as DMARC sees it.
struct DmarcSignature {
  std::string domain;    ///< d=
  std::string selector;  ///< s=
  bool passed = false;
  bool temporary = false;  ///< its key could not be asked for: a failure might be none
};

struct DmarcFacts {
  /// The addresses in the From fields of the letter, all of them ("local@domain", UTF-8 or A-labels); what can't be
  /// read as an address counts as one without a domain: give its text.
  std::vector<std::string> authors;
  std::size_t from_fields = 1;    ///< how many From fields there are
  bool too_many_authors = false;  ///< there are more than are given here
  SpfResult spf = SpfResult::none;
  std::string spf_domain;  ///< SpfOutcome::domain of check_spf()
  std::vector<DmarcSignature> signatures;
};

/// What was aligned with one of the author's domains.
struct DmarcAligned {
  std::string method;    ///< "spf", "dkim"
  std::string domain;    ///< the identifier
  std::string selector;  ///< of dkim
  bool aligned = false;
  bool passed = false;
};

/// An author whom nothing proves, or what he asks isn't known, for want of answers from the DNS.
struct DmarcDoubt {
  std::string domain;
  /// What he asks at the least for letters that fail: by his record, or (where that can't be looked up) by the next one
  /// above. None also where nobody knows.
  DmarcPolicy policy = DmarcPolicy::none;
  bool record_known = false;
  /// The question for his record had no answer in time, or a forged one, or nothing else has answers either: that isn't
  /// his name servers' fault, and somebody may have brought it about.
  bool hindered = false;
};

struct DmarcOutcome {
  DmarcResult result = DmarcResult::none;
  std::string domain;          ///< the author's, in A-labels: what `header.from` tells
  std::string organizational;  ///< its organizational domain; empty where it didn't matter
  std::string policy_domain;   ///< where the record stands; empty without one
  std::string record_text;
  std::optional<DmarcRecord> record;
  /// What the domain asks for letters of this author that fail: p=, sp= or np=, before pct= and t=.
  DmarcPolicy policy = DmarcPolicy::none;
  std::string policy_tag;    ///< "p", "sp", "np"
  bool nonexistent = false;  ///< the author's domain isn't in the DNS (looked up only where np= might count)
  std::vector<DmarcAligned> identifiers;
  /// The domains of all authors that are proven by nothing and ask for something to be done, each once.
  std::vector<std::string> failing;
  std::vector<DmarcDoubt> doubts;  ///< of all authors, each once
  bool too_many_authors = false;   ///< the result is permerror for that: more than anybody looks at
  std::vector<Lookup> lookups;
  std::vector<std::string> reasons;  ///< why the result follows, step by step
  std::string problem;               ///< of temperror and permerror

  /// Whether an identifier of this method passed and is aligned: what aggregate reports call policy_evaluated.
  [[nodiscard]] bool aligned_by(std::string_view method) const noexcept;
};

/// Several authors: each of their domains is looked at (at most dmarc_most_authors), and the outcome is the strictest
/// one's (RFC 7489 §6.6.1). At most 150 questions for all, and a handful for a usual letter. Resolver and list must
/// live until the end.
[[nodiscard]] Async<DmarcOutcome> check_dmarc(dns::Resolver& resolver, const PublicSuffix& suffixes, DmarcFacts facts,
                                              DmarcStandard standard);
inline constexpr std::size_t dmarc_most_authors = 5;

/// Whether there is a domain in the address that DMARC could ask: neither a literal nor rubbish.
[[nodiscard]] bool names_a_domain(std::string_view address);

/// What is left of the policy for a letter that failed: `roll` is a number from 0 to 99 by chance. pct= leaves a letter
/// that isn't among the hit ones the next milder policy (RFC 7489 §6.6.4), t=y all of them.
[[nodiscard]] DmarcPolicy sampled_policy(const DmarcOutcome& outcome, unsigned roll) noexcept;

/// What a record's policy is worth at the least, by pct= and t=.
[[nodiscard]] DmarcPolicy least_policy(const DmarcRecord& record, DmarcPolicy policy) noexcept;

/// {"result":…,"policy":…,"domain":…,…}; the disposition is not DMARC's to say.
[[nodiscard]] json::object to_json(const DmarcOutcome& outcome);
/// For people, as teach() of SPF.
[[nodiscard]] std::string teach(const DmarcOutcome& outcome);

}  // namespace pabal::mailauth
