#include "mailauth/letter_policy.hpp"

#include <algorithm>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "base/text.hpp"
#include "mailauth/signature_field.hpp"

namespace pabal::mailauth {
namespace {

bool is_within(std::string_view domain, std::string_view above) {
  if (domain.size() == above.size()) return equal_ignoring_case(domain, above);
  return domain.size() > above.size() && domain[domain.size() - above.size() - 1] == '.' &&
         equal_ignoring_case(domain.substr(domain.size() - above.size()), above);
}

bool is_within(std::string_view domain, const std::vector<std::string>& any) {
  return std::ranges::any_of(any, [domain](const std::string& above) { return is_within(domain, above); });
}

// Whether a seal, and the message signature beside it, are of somebody who is trusted: either may be made with any
// domain.
bool is_trusted(const LetterPolicy& policy, const ArcSet& set) {
  return is_within(set.seal.domain, policy.trusted_sealers) &&
         is_within(set.message_signature.domain, policy.trusted_sealers);
}

// The latest message signature tells what the last sealer saw. Without From, or with a part of the body left open, the
// same seals would fit on a letter of anybody's.
bool covers_the_letter(const DkimOutcome& signature) {
  return signature.open_octets == 0 && std::ranges::any_of(signature.signed_fields, [](std::string_view name) {
           return equal_ignoring_case(name, "from");
         });
}

// Written in A-labels or in U-labels.
bool is_same_domain(std::string_view a, std::string_view b) {
  if (equal_ignoring_case(a, b)) return true;
  const auto one = canonical_domain(a);
  return one && one == canonical_domain(b);
}

// What the sealer saw must have been about the author who stands there now.
bool saw_pass_of(const ArcSet& set, std::string_view author) {
  return std::ranges::any_of(set.methods, [author](const ArcMethod& one) {
    if (one.method != "dmarc" || one.result != "pass") return false;
    return std::ranges::any_of(one.properties, [author](const auto& property) {
      const auto& [name, value] = property;
      return equal_ignoring_case(name, "header.from") &&
             is_same_domain(std::string_view(value).substr(value.rfind('@') + 1), author);
    });
  });
}

// RFC 8617 §7.2.1: the chain holds, and what counts is the report of the first sealer from whom on all are trusted: he
// saw the letter before it was changed.
std::optional<std::string> trusted_pass(const LetterPolicy& policy, const LetterFacts& facts,
                                        const std::vector<std::string>& authors) {
  const auto& arc = *facts.arc;
  if (arc.cv != ArcStatus::pass || facts.author_fault != AuthorFault::none || authors.size() != 1) return std::nullopt;
  const ArcSet* earliest = nullptr;
  for (std::size_t i = arc.sets.size(); i-- > 0 && is_trusted(policy, arc.sets[i]);) earliest = &arc.sets[i];
  if (earliest == nullptr || !covers_the_letter(arc.sets.back().message_signature)) return std::nullopt;
  if (!saw_pass_of(*earliest, authors.front())) return std::nullopt;
  return fmt::format("arc=pass as[{}].d={}: it saw dmarc=pass", earliest->instance,
                     printable(earliest->seal.domain, 253));
}

std::optional<std::string> known_list(const LetterPolicy& policy, const LetterFacts& facts) {
  if (!facts.has_list_id || policy.mailing_lists.empty()) return std::nullopt;
  if (facts.spf != nullptr && facts.spf->result == SpfResult::pass &&
      is_within(facts.spf->domain, policy.mailing_lists)) {
    return fmt::format("a mailing list, {} by SPF", facts.spf->domain);
  }
  for (const auto& one : *facts.dkim) {
    if (one.result == DkimResult::pass && is_within(one.domain, policy.mailing_lists)) {
      return fmt::format("a mailing list, {} by DKIM", one.domain);
    }
  }
  return std::nullopt;
}

// The operator's exceptions from what domains of `authors` ask.
std::optional<PolicyOverride> exception(const LetterPolicy& policy, const LetterFacts& facts,
                                        const std::vector<std::string>& authors) {
  if (facts.allowed_network) return PolicyOverride{"local_policy", "the client's network is on our allow list"};
  if (facts.open_recipients) return PolicyOverride{"local_policy", "its recipients hear whatever is said to them"};
  // Of several authors each one must be excepted.
  if (std::ranges::all_of(authors, [&](std::string_view one) { return is_within(one, policy.allow_domains); })) {
    return PolicyOverride{"local_policy", "the author's domain is on our allow list"};
  }
  if (auto trusted = trusted_pass(policy, facts, authors))
    return PolicyOverride{"trusted_forwarder", *std::move(trusted)};
  if (auto list = known_list(policy, facts)) return PolicyOverride{"mailing_list", *std::move(list)};
  if (policy.dmarc == DmarcObedience::observe) {
    return PolicyOverride{"local_policy", "this server only observes what DMARC asks"};
  }
  return std::nullopt;
}

// `status` must be a literal.
void refuse(LetterDecision& decision, int code, std::string_view status, std::string words) {
  decision.action = code < 500 ? LetterAction::defer : LetterAction::reject;
  decision.code = code;
  decision.status = status;
  decision.words = std::move(words);
}

bool is_excepted(const LetterFacts& facts) { return facts.allowed_network || facts.open_recipients; }

// Whom to ask the sender to come again for: an author who may want this letter refused. The first of them.
const DmarcDoubt* open_doubt(const LetterPolicy& policy, const DmarcOutcome& dmarc) {
  if (policy.temperror == TemperrorRule::accept) return nullptr;
  const auto found = std::ranges::find_if(dmarc.doubts, [&](const DmarcDoubt& one) {
    if (one.policy != DmarcPolicy::none || one.record_known) return one.policy != DmarcPolicy::none;
    return one.hindered || policy.temperror == TemperrorRule::defer_all;
  });
  return found == dmarc.doubts.end() ? nullptr : &*found;
}

// What time-outs leave open isn't let in: who forges letters may have name servers that say nothing. True: it is
// decided.
bool wait_for_answers(const LetterPolicy& policy, const LetterFacts& facts, LetterDecision& decision) {
  const auto& dmarc = *facts.dmarc;
  const auto* doubt = open_doubt(policy, dmarc);
  if (doubt == nullptr || decision.action == LetterAction::reject) return false;
  auto authors = dmarc.failing;
  for (const auto& one : dmarc.doubts) authors.push_back(one.domain);
  if (auto made = exception(policy, facts, authors)) {
    if (decision.overrides.empty()) decision.overrides.push_back(*std::move(made));
    return false;
  }
  const auto domain = printable(doubt->domain, 253);
  decision.done = DmarcPolicy::none;
  decision.why = fmt::format("the DNS couldn't tell whether the letter comes from {}", domain);
  if (doubt->domain == dmarc.domain && !dmarc.problem.empty()) decision.why += ": " + dmarc.problem;
  refuse(decision, 451, "4.7.0",
         fmt::format("Whether this letter comes from {} can't be told now: the DNS gives no answer. Try again later",
                     domain));
  return true;
}

// True: it is decided.
bool obey_dmarc(const LetterPolicy& policy, const LetterFacts& facts, LetterDecision& decision) {
  const auto& dmarc = *facts.dmarc;
  const auto domain = printable(dmarc.domain, 253);
  if (dmarc.result == DmarcResult::pass) {
    decision.why = fmt::format("DMARC passes: the letter is proven to come from {}", domain);
    return true;
  }
  if (dmarc.too_many_authors && policy.dmarc != DmarcObedience::observe && !is_excepted(facts)) {
    // RFC 7489 §6.6.1: more authors than anybody looks at would be a way around each one's policy.
    decision.why = dmarc.problem;
    decision.action = LetterAction::junk;
    if (policy.dmarc == DmarcObedience::obey) {
      refuse(decision, 550, "5.7.1", "The From field names authors of too many domains");
    }
    return true;
  }
  if (dmarc.result != DmarcResult::fail) return false;
  decision.asked = dmarc.policy;
  if (dmarc.policy == DmarcPolicy::none) return false;
  const auto asks = fmt::format("{} asks by DMARC to {} letters that aren't proven to be its own", domain,
                                dmarc.policy == DmarcPolicy::reject ? "refuse" : "set aside");
  auto wanted = sampled_policy(dmarc, facts.roll);
  if (wanted != dmarc.policy) {
    const bool test = dmarc.record && dmarc.record->testing;
    decision.overrides.push_back({test ? "policy_test_mode" : "sampled_out",
                                  test ? "the policy is being tested (t=y)"
                                       : fmt::format("pct={} left this letter out", dmarc.record->percent)});
  }
  if (wanted != DmarcPolicy::none) {
    auto authors = dmarc.failing;
    if (std::ranges::find(authors, dmarc.domain) == authors.end()) authors.push_back(dmarc.domain);
    if (auto made = exception(policy, facts, authors)) {
      decision.overrides.push_back(*std::move(made));
      wanted = DmarcPolicy::none;
    } else if (wanted == DmarcPolicy::reject && policy.dmarc == DmarcObedience::quarantine) {
      decision.overrides.push_back({"local_policy", "this server refuses nothing for DMARC, it sets it aside"});
      wanted = DmarcPolicy::quarantine;
    }
  }
  decision.done = wanted;
  decision.why = decision.overrides.empty()
                     ? asks
                     : fmt::format("{}; not done as asked: {}", asks, decision.overrides.back().comment);
  if (wanted == DmarcPolicy::quarantine) decision.action = LetterAction::junk;
  if (wanted == DmarcPolicy::reject) {
    refuse(decision, 550, "5.7.1",
           fmt::format("{} asks (DMARC) to refuse letters in its name that neither its servers (SPF) nor its "
                       "signature (DKIM) vouch for. Send through its servers, or ask its postmaster",
                       domain));
  }
  return wanted != DmarcPolicy::none || !decision.overrides.empty();
}

void act(LetterDecision& decision, LetterAction action, std::string why, std::string_view status, std::string words) {
  decision.why = std::move(why);
  if (action == LetterAction::reject) {
    refuse(decision, 550, status, std::move(words));
  } else {
    decision.action = action;
  }
}

// RFC 7372 §3 has the codes.
bool judge_alone(const LetterPolicy& policy, const LetterFacts& facts, LetterDecision& decision) {
  const auto* spf = facts.spf;
  if (policy.spf_fail != LetterAction::accept && spf != nullptr) {
    if (spf->result == SpfResult::fail) {
      act(decision, policy.spf_fail, "SPF says fail, and the settings judge by that alone", "5.7.23",
          fmt::format("{} does not let your address send mail in its name (SPF){}{}", printable(spf->domain, 253),
                      spf->explanation.empty() ? "" : ": ", printable(spf->explanation, 150)));
      return true;
    }
    if (spf->result == SpfResult::temperror && policy.temperror != TemperrorRule::accept) {
      decision.why = "SPF couldn't be evaluated: the DNS gives no answer";
      refuse(decision, 451, "4.7.24", "The DNS gives no answer about the sender's SPF record. Try again later");
      return true;
    }
  }
  const auto has = [&](DkimResult result) {
    return std::ranges::any_of(*facts.dkim, [result](const auto& one) { return one.result == result; });
  };
  if (policy.dkim_fail != LetterAction::accept && !facts.dkim->empty() && !has(DkimResult::pass)) {
    if (has(DkimResult::temperror)) {
      if (policy.temperror == TemperrorRule::accept) return false;
      decision.why = "a signature's key can't be looked up now";
      refuse(decision, 451, "4.7.5", "The DNS gives no answer about the signature's key. Try again later");
      return true;
    }
    if (std::ranges::any_of(*facts.dkim,
                            // RFC 6376 §3.6.1: one that is only tested counts as none.
                            [](const auto& one) { return one.result == DkimResult::fail && !one.testing; })) {
      act(decision, policy.dkim_fail, "no DKIM signature holds, and the settings judge by that alone", "5.7.20",
          "No DKIM signature of this letter holds: " + printable(facts.dkim->front().reason, 200));
      return true;
    }
  }
  return false;
}

// What is wrong, and what the sender can do about it.
struct UnclearWords {
  std::string_view why;
  std::string_view status;
  std::string_view words;
};
UnclearWords words_of(AuthorFault fault) {
  switch (fault) {
    case AuthorFault::broken_header:
      return {"the header breaks off, and fields stand behind the break, which some programs read", "5.6.0",
              "The header breaks off at a line that is no header field, and has fields behind it. Put an empty line "
              "before the text, and none but fields before that"};
    case AuthorFault::no_field:
      return {"the letter has no From field", "5.7.1",
              "The letter doesn't say who wrote it: add a From field with the author's address (RFC 5322 section 3.6)"};
    case AuthorFault::several_fields:
      return {"the letter has several From fields, and programs differ in which one they show", "5.7.1",
              "The letter has several From fields: leave the author's alone (RFC 5322 section 3.6)"};
    case AuthorFault::nobody:
      return {"the From field names no address with a domain", "5.7.1",
              "The From field names nobody who could be answered: write the author's whole address, name@domain"};
    case AuthorFault::unreadable:
      return {"the From field can't be read as mailboxes, and programs differ in whom they see in it", "5.7.1",
              "The From field can't be read: write it as name@domain, or \"Some Name\" <name@domain> (RFC 5322 section "
              "3.4)"};
    case AuthorFault::none:
      break;
  }
  return {};
}

// True: it is decided. What was decided before, for DMARC, stays where it is as strict.
bool judge_author(const LetterPolicy& policy, const LetterFacts& facts, LetterDecision& decision) {
  const auto fault = facts.author_fault;
  if (fault == AuthorFault::none || policy.unclear_author == LetterAction::accept || is_excepted(facts)) return false;
  // Bounces name nobody, some of them: that is in nobody's name.
  const bool unnamed = fault == AuthorFault::no_field || fault == AuthorFault::nobody;
  if (unnamed && facts.null_sender) return false;
  // Who only observes, or refuses nothing for DMARC, refuses nothing for want of an author that it could ask about.
  if (policy.dmarc == DmarcObedience::observe) return false;
  const auto action = policy.dmarc == DmarcObedience::quarantine ? LetterAction::junk : policy.unclear_author;
  if (decision.action == LetterAction::reject) return true;
  if (action == LetterAction::junk && decision.action != LetterAction::accept) return true;
  const auto said = words_of(fault);
  act(decision, action, std::string(said.why), said.status, std::string(said.words));
  // The reports tell what was done, though nobody asked for it.
  decision.done = action == LetterAction::reject ? DmarcPolicy::reject : DmarcPolicy::quarantine;
  decision.overrides = {{"local_policy", std::string(said.why)}};
  return true;
}

}  // namespace

std::string_view name_of(LetterAction action) noexcept {
  switch (action) {
    case LetterAction::accept:
      return "accept";
    case LetterAction::junk:
      return "junk";
    case LetterAction::defer:
      return "defer";
    case LetterAction::reject:
      return "reject";
  }
  return "accept";
}

bool are_open(const LetterPolicy& policy, const std::vector<std::string>& recipients) {
  return !recipients.empty() && std::ranges::all_of(recipients, [&](std::string_view recipient) {
    const auto local = recipient.substr(0, recipient.rfind('@'));
    return std::ranges::any_of(policy.open_recipients,
                               [local](std::string_view open) { return equal_ignoring_case(open, local); });
  });
}

LetterDecision decide(const LetterPolicy& policy, const LetterFacts& facts) {
  LetterDecision decision;
  const bool obeyed = obey_dmarc(policy, facts, decision);
  const bool waits = wait_for_answers(policy, facts, decision);
  if (judge_author(policy, facts, decision) || obeyed || waits) return decision;
  if (!is_excepted(facts) && judge_alone(policy, facts, decision)) return decision;
  if (decision.why.empty()) {
    switch (facts.dmarc->result) {
      case DmarcResult::fail:
        decision.why = fmt::format("nothing proves that it comes from {}, which asks for nothing to be done (p=none)",
                                   printable(facts.dmarc->domain, 253));
        break;
      case DmarcResult::none:
        decision.why = "the author's domain asks for nothing";
        break;
      case DmarcResult::temperror:
        decision.why = fmt::format("whether it comes from {} can't be told: {}", printable(facts.dmarc->domain, 253),
                                   printable(facts.dmarc->problem));
        break;
      default:
        decision.why = fmt::format("what the author's domain asks can't be told: {}", printable(facts.dmarc->problem));
        break;
    }
  }
  return decision;
}

json::object to_json(const LetterDecision& decision) {
  json::array overrides;
  for (const auto& one : decision.overrides) {
    overrides.push_back(json::object{{"type", one.type}, {"comment", printable(one.comment)}});
  }
  json::object out{{"action", name_of(decision.action)},
                   {"asked", name_of(decision.asked)},
                   {"done", name_of(decision.done)},
                   {"why", printable(decision.why)}};
  if (!decision.overrides.empty()) out["overrides"] = std::move(overrides);
  if (decision.code >= 400) {
    out["reply"] = fmt::format("{} {} {}", decision.code, decision.status, decision.words);
  }
  return out;
}

}  // namespace pabal::mailauth
