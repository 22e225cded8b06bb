#include "mailauth/dmarc.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "mailauth/dmarc_discovery.hpp"

namespace pabal::mailauth {
namespace {

using DmarcState = DmarcFound::State;

/// Identifiers that are looked at; a letter with more signatures wants to be expensive.
constexpr std::size_t most_identifiers = 10;

/// An author's domain, as far as it is one.
struct DmarcAuthor {
  std::string domain;
  /// Labels at its front were no host name's, and were left out: a policy above it counts, as for any name below.
  bool cut = false;
};

/// x@foo_bar.example must not get around the policy of example: what can't be read is left out from the front.
std::optional<DmarcAuthor> author_of(std::string_view address) {
  const auto at = address.rfind('@');
  auto text = at == std::string_view::npos ? std::string_view() : trim(address.substr(at + 1));
  if (text.ends_with('.')) text.remove_suffix(1);
  DmarcAuthor author;
  // No name is longer; what of one counts stands at its end.
  if (constexpr std::size_t longest = 1020; text.size() > longest) {
    text.remove_prefix(text.size() - longest);
    author.cut = true;
  }
  constexpr int most_cuts = 20;
  for (int cuts = 0; !text.empty() && cuts < most_cuts; ++cuts) {
    if (const auto domain = Domain::parse(text)) {
      author.domain = domain->ascii();
      if (author.cut && !author.domain.contains('.')) return std::nullopt;
      return author;
    }
    const auto dot = text.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    text.remove_prefix(dot + 1);
    author.cut = true;
  }
  return std::nullopt;
}

/// Two domains of which neither has a label in common with the other from the right have no organization in common.
bool share_top(std::string_view a, std::string_view b) {
  return a.substr(a.rfind('.') + 1) == b.substr(b.rfind('.') + 1);
}

class DmarcEvaluation {
 public:
  /// Both must outlive it.
  DmarcEvaluation(DmarcDiscovery& discovery, const DmarcFacts& facts, DmarcAuthor author)
      : discovery_(discovery), facts_(facts), author_(std::move(author)) {
    outcome_.domain = author_.domain;
  }

  /// Once.
  Async<DmarcOutcome> run() {
    const auto found = co_await discovery_.policy_of(author_.domain);
    if (!take(found)) {
      if (outcome_.result == DmarcResult::temperror) co_await doubt(found);
      co_return std::move(outcome_);
    }
    co_await choose_policy();
    co_await align();
    if (outcome_.result == DmarcResult::temperror) {
      outcome_.doubts.push_back({.domain = author_.domain,
                                 .policy = least_policy(*outcome_.record, outcome_.policy),
                                 .record_known = true,
                                 .hindered = false});
    }
    co_return std::move(outcome_);
  }

 private:
  template <class... Words>
  void reason(fmt::format_string<Words...> format, Words&&... words) {
    outcome_.reasons.push_back(fmt::format(format, std::forward<Words>(words)...));
  }
  void problem(DmarcResult result, std::string why) {
    outcome_.result = result;
    outcome_.reasons.push_back(why);
    outcome_.problem = std::move(why);
  }

  /// False where that is the end of it.
  bool take(const DmarcFound& found) {
    switch (found.state) {
      case DmarcState::absent:
        reason("neither {} nor a domain above it has a DMARC record{}", author_.domain,
               found.why.empty() ? "" : fmt::format(" that counts: {}", found.why));
        return false;
      case DmarcState::unknown:
        problem(DmarcResult::temperror, found.why);
        return false;
      case DmarcState::several:
      case DmarcState::wrong:
        outcome_.policy_domain = found.domain;
        outcome_.record_text = found.text;
        problem(DmarcResult::permerror, found.why);
        return false;
      case DmarcState::found:
        break;
    }
    outcome_.policy_domain = found.domain;
    outcome_.record_text = found.text;
    outcome_.record = found.record;
    reason("the policy is that of {}: {}", found.domain, printable(found.text, 300));
    return true;
  }

  // The record isn't known. Whatever it says, what proves the very domain is aligned.
  Async<> doubt(const DmarcFound& found) {
    const auto prove = [this](const char* method, const std::string& domain, const std::string& selector) {
      if (author_.cut || !equal_ignoring_case(domain, author_.domain)) return;
      outcome_.identifiers.push_back(
          {.method = method, .domain = to_lower(domain), .selector = selector, .aligned = true, .passed = true});
    };
    if (facts_.spf == SpfResult::pass) prove("spf", facts_.spf_domain, {});
    for (const auto& signature : facts_.signatures) {
      if (outcome_.identifiers.size() > most_identifiers) break;
      if (signature.passed) prove("dkim", signature.domain, signature.selector);
    }
    if (!outcome_.identifiers.empty()) {
      reason("{} itself is proven, which is enough for any policy", author_.domain);
      co_return;
    }
    const auto above = co_await discovery_.asked_above(found.domain);
    if (above.policy != DmarcPolicy::none) reason("a domain above it asks to {} such letters", name_of(above.policy));
    outcome_.doubts.push_back({.domain = author_.domain,
                               .policy = above.policy,
                               .record_known = false,
                               .hindered = found.hindered || !above.answered});
  }

  Async<> choose_policy() {
    const auto& record = *outcome_.record;
    outcome_.policy = record.policy;
    outcome_.policy_tag = "p";
    if (outcome_.policy_domain == author_.domain && !author_.cut) co_return;
    const auto subdomain = record.subdomain_policy.value_or(record.policy);
    outcome_.policy = subdomain;
    if (record.subdomain_policy) outcome_.policy_tag = "sp";
    if (!record.nonexistent_policy || *record.nonexistent_policy == subdomain) co_return;
    const auto missing = author_.cut ? std::optional(true) : co_await discovery_.is_nonexistent(author_.domain);
    outcome_.nonexistent = missing.value_or(false);
    if (!outcome_.nonexistent) co_return;
    outcome_.policy = *record.nonexistent_policy;
    outcome_.policy_tag = "np";
    reason("{} isn't in the DNS, so np= counts", author_.domain);
  }

  /// Whether the identifier is the author's; nothing where the DNS can't tell.
  Async<std::optional<bool>> aligned(std::string domain, DmarcAlignment alignment) {
    const bool same = domain == author_.domain && !author_.cut;
    if (same) co_return true;
    if (alignment == DmarcAlignment::strict || !share_top(domain, author_.domain)) co_return false;
    const auto own = co_await organization();
    if (!own) co_return std::nullopt;
    // Its organization is itself or stands above it. No question for any other: who sends may own their DNS, and let it
    // fail.
    if (domain != *own && !domain.ends_with("." + *own)) co_return false;
    const auto other = co_await discovery_.organizational(domain);
    if (!other) co_return std::nullopt;
    co_return *own == *other;
  }

  Async<std::optional<std::string>> organization() {
    if (outcome_.organizational.empty()) {
      auto found = co_await discovery_.organizational(author_.domain);
      if (!found) co_return std::nullopt;
      outcome_.organizational = *std::move(found);
    }
    co_return outcome_.organizational;
  }

  Async<> consider(DmarcAligned identifier, DmarcAlignment alignment, bool temporary) {
    if (identifier.domain.empty() || (!identifier.passed && !temporary)) {
      outcome_.identifiers.push_back(std::move(identifier));
      co_return;
    }
    const auto is_aligned = co_await aligned(identifier.domain, alignment);
    identifier.aligned = is_aligned.value_or(false);
    const auto* mode = alignment == DmarcAlignment::strict ? "strict" : "relaxed";
    if (identifier.passed && !is_aligned) {
      unknown_ = true;
      reason("{}: whether {} belongs to {} can't be looked up now", identifier.method, printable(identifier.domain),
             author_.domain);
    } else if (identifier.passed) {
      reason("{} proved {}, which is {}aligned with {} ({})", identifier.method == "spf" ? "SPF" : "a DKIM signature",
             printable(identifier.domain), identifier.aligned ? "" : "not ", author_.domain, mode);
      passed_ = passed_ || identifier.aligned;
    } else if (is_aligned.value_or(true)) {
      unknown_ = true;
      reason("{} for {} can't be evaluated now", identifier.method == "spf" ? "SPF" : "a DKIM signature",
             printable(identifier.domain));
    }
    outcome_.identifiers.push_back(std::move(identifier));
  }

  Async<> align() {
    const auto spf_alignment = outcome_.record->spf_alignment;
    const auto dkim_alignment = outcome_.record->dkim_alignment;
    co_await consider({.method = "spf",
                       .domain = to_lower(facts_.spf_domain),
                       .selector = {},
                       .aligned = false,
                       .passed = facts_.spf == SpfResult::pass},
                      spf_alignment, facts_.spf == SpfResult::temperror);
    for (const auto& signature : facts_.signatures) {
      if (outcome_.identifiers.size() > most_identifiers) break;
      co_await consider({.method = "dkim",
                         .domain = to_lower(signature.domain),
                         .selector = signature.selector,
                         .aligned = false,
                         .passed = signature.passed},
                        dkim_alignment, signature.temporary);
    }
    if (passed_) {
      outcome_.result = DmarcResult::pass;
    } else if (unknown_) {
      problem(DmarcResult::temperror, "nothing aligned passed, and not all could be looked up");
    } else {
      outcome_.result = DmarcResult::fail;
      const bool any = std::ranges::any_of(outcome_.identifiers, &DmarcAligned::passed);
      reason("{}, so the letter fails; the domain asks ({}=): {}",
             any ? "nothing that passed is aligned with the author's domain" : "neither SPF nor DKIM proved any domain",
             outcome_.policy_tag, name_of(outcome_.policy));
    }
  }

  DmarcDiscovery& discovery_;
  const DmarcFacts& facts_;
  DmarcAuthor author_;
  DmarcOutcome outcome_;
  bool passed_ = false;
  bool unknown_ = false;
};

/// Which of several authors' outcomes counts: the worst one (RFC 7489 §6.6.1).
int severity(const DmarcOutcome& outcome) {
  switch (outcome.result) {
    case DmarcResult::pass:
      return 0;
    case DmarcResult::none:
      return 1;
    case DmarcResult::permerror:
      return 2;
    case DmarcResult::temperror:
      return 6;  // above a failure of whom nothing is asked
    case DmarcResult::fail: {
      // Of two that ask for the same the one counts that wants it done to every letter.
      const auto& record = outcome.record;
      const bool softened = record && (record->testing || record->percent < 100);
      return 4 + (3 * static_cast<int>(outcome.policy)) + (softened ? 0 : 1);
    }
  }
  return 0;
}

}  // namespace

std::string_view name_of(DmarcResult result) noexcept {
  switch (result) {
    case DmarcResult::none:
      return "none";
    case DmarcResult::pass:
      return "pass";
    case DmarcResult::fail:
      return "fail";
    case DmarcResult::temperror:
      return "temperror";
    case DmarcResult::permerror:
      return "permerror";
  }
  return "none";
}

bool DmarcOutcome::aligned_by(std::string_view method) const noexcept {
  return std::ranges::any_of(
      identifiers, [&](const DmarcAligned& one) { return one.method == method && one.aligned && one.passed; });
}

Async<DmarcOutcome> check_dmarc(dns::Resolver& resolver, const PublicSuffix& suffixes, DmarcFacts facts,
                                DmarcStandard standard) {
  std::vector<DmarcAuthor> authors;
  std::size_t unreadable = 0;
  for (const auto& address : facts.authors) {
    auto author = author_of(address);
    if (!author) {
      ++unreadable;
    } else if (std::ranges::find(authors, author->domain, &DmarcAuthor::domain) == authors.end()) {
      authors.push_back(*std::move(author));
      if (authors.size() > dmarc_most_authors) break;
    }
  }
  DmarcOutcome worst;
  const bool too_many = facts.too_many_authors || authors.size() > dmarc_most_authors;
  if (authors.empty() || too_many) {
    worst.result = DmarcResult::permerror;
    worst.too_many_authors = too_many;
    worst.problem = too_many ? fmt::format("the letter names authors of more than {} domains", dmarc_most_authors)
                             : "the letter names no author with a domain";
    worst.reasons.push_back(worst.problem);
    if (!authors.empty()) worst.domain = authors.front().domain;
    co_return worst;
  }
  DmarcDiscovery discovery(resolver, suffixes, standard);
  std::vector<std::string> failing;
  std::vector<DmarcDoubt> doubts;
  for (std::size_t i = 0; i < authors.size(); ++i) {
    DmarcEvaluation evaluation(discovery, facts, authors[i]);
    auto outcome = co_await evaluation.run();
    if (outcome.result == DmarcResult::fail && outcome.policy != DmarcPolicy::none) failing.push_back(outcome.domain);
    doubts.insert(doubts.end(), outcome.doubts.begin(), outcome.doubts.end());
    if (i == 0 || severity(outcome) > severity(worst)) worst = std::move(outcome);
  }
  worst.failing = std::move(failing);
  worst.doubts = std::move(doubts);
  worst.lookups = std::move(discovery).take_lookups();
  if (authors.size() > 1) {
    worst.reasons.insert(worst.reasons.begin(),
                         fmt::format("the letter has authors of {} domains; what counts is {}, which comes off worst",
                                     authors.size(), worst.domain));
  }
  if (facts.from_fields > 1) {
    worst.reasons.insert(worst.reasons.begin(), fmt::format("the letter has {} From fields", facts.from_fields));
  }
  if (unreadable > 0) {
    worst.reasons.insert(worst.reasons.begin(), fmt::format("{} of its authors have no readable domain", unreadable));
  }
  // Programs differ in whom of them they show: a proof of one says nothing of the letter.
  if (worst.result == DmarcResult::pass && (facts.from_fields > 1 || unreadable > 0)) {
    worst.result = DmarcResult::permerror;
    worst.problem = "it is not clear whom the letter names as its author";
    worst.reasons.insert(worst.reasons.begin(), worst.problem);
  }
  co_return worst;
}

bool names_a_domain(std::string_view address) { return author_of(address).has_value(); }

DmarcPolicy sampled_policy(const DmarcOutcome& outcome, unsigned roll) noexcept {
  if (outcome.result != DmarcResult::fail || !outcome.record) return DmarcPolicy::none;
  const bool milder = outcome.record->testing || roll >= outcome.record->percent;
  if (!milder) return outcome.policy;
  return outcome.policy == DmarcPolicy::reject ? DmarcPolicy::quarantine : DmarcPolicy::none;
}

DmarcPolicy least_policy(const DmarcRecord& record, DmarcPolicy policy) noexcept {
  if (!record.testing && record.percent >= 100) return policy;
  return policy == DmarcPolicy::reject ? DmarcPolicy::quarantine : DmarcPolicy::none;
}

json::object to_json(const DmarcOutcome& outcome) {
  json::object object{{"result", name_of(outcome.result)},
                      {"policy", name_of(outcome.policy)},
                      {"domain", outcome.domain},
                      {"organizational_domain", outcome.organizational},
                      {"policy_domain", outcome.policy_domain},
                      {"policy_tag", outcome.policy_tag},
                      {"record", printable(outcome.record_text, 2000)},
                      {"problem", outcome.problem}};
  if (outcome.record) object["published"] = to_json(*outcome.record);
  json::array identifiers;
  for (const auto& one : outcome.identifiers) {
    json::object identifier{
        {"method", one.method}, {"domain", printable(one.domain)}, {"passed", one.passed}, {"aligned", one.aligned}};
    if (!one.selector.empty()) identifier["selector"] = printable(one.selector);
    identifiers.push_back(std::move(identifier));
  }
  object["identifiers"] = std::move(identifiers);
  json::array reasons;
  for (const auto& reason : outcome.reasons) reasons.emplace_back(reason);
  object["reasons"] = std::move(reasons);
  json::array lookups;
  for (const auto& lookup : outcome.lookups) lookups.push_back(to_json(lookup));
  object["lookups"] = std::move(lookups);
  return object;
}

std::string teach(const DmarcOutcome& outcome) {
  auto text = outcome.domain.empty() ? std::string("DMARC\n\n") : fmt::format("DMARC of {}\n\n", outcome.domain);
  for (const auto& lookup : outcome.lookups) text += fmt::format("DNS  {}\n", text_of(lookup));
  for (const auto& reason : outcome.reasons) text += fmt::format("{}\n", reason);
  if (outcome.record) {
    for (const auto& fault : outcome.record->faults) text += fmt::format("In the record, {}\n", fault);
  }
  return text + fmt::format("\nResult: {}.\n", name_of(outcome.result));
}

}  // namespace pabal::mailauth
