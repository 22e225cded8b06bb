#include "mailauth/letter_verdict.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "mailauth/authentication_results.hpp"

namespace pabal::mailauth {
namespace {

std::string cleaned(std::string_view octets) { return printable(octets, 300); }

SpfResult spf_result(const LetterVerdict& verdict) { return verdict.spf ? verdict.spf->result : SpfResult::none; }

json::object brief(const SpfOutcome& spf) {
  json::object out{{"result", name_of(spf.result)}, {"domain", cleaned(spf.domain)}};
  if (!spf.mechanism.empty()) out["mechanism"] = cleaned(spf.mechanism);
  if (!spf.problem.empty()) out["problem"] = cleaned(spf.problem);
  return out;
}

json::object brief(const DkimOutcome& dkim) {
  json::object out{
      {"result", name_of(dkim.result)}, {"domain", cleaned(dkim.domain)}, {"selector", cleaned(dkim.selector)}};
  if (dkim.result != DkimResult::pass) out["reason"] = cleaned(dkim.reason);
  return out;
}

json::object brief(const DmarcOutcome& dmarc) {
  json::object out{{"result", name_of(dmarc.result)}, {"domain", cleaned(dmarc.domain)}};
  if (dmarc.record) {
    out["policy"] = name_of(dmarc.policy);
    out["policy_domain"] = cleaned(dmarc.policy_domain);
  }
  if (!dmarc.problem.empty()) out["problem"] = cleaned(dmarc.problem);
  return out;
}

}  // namespace

std::vector<message::AuthenticationResult> LetterVerdict::results() const {
  std::vector<message::AuthenticationResult> all;
  if (iprev) all.push_back(result_of(*iprev));
  if (helo && helo->result != SpfResult::none) all.push_back(result_of(*helo));
  if (spf) all.push_back(result_of(*spf));
  for (const auto& one : dkim) all.push_back(result_of(one));
  if (dkim.empty())
    all.push_back(
        {.method = "dkim", .method_version = "", .result = "none", .reason = "", .comment = "", .properties = {}});
  if (arc.cv != ArcStatus::none) all.push_back(result_of(arc, client.address));
  all.push_back(result_of(dmarc));
  return all;
}

json::object to_json(const LetterVerdict& verdict) {
  json::object out;
  out["spf"] = verdict.spf ? to_json(*verdict.spf)
                           : json::object{{"result", "none"}, {"domain", ""}, {"problem", "the client isn't known"}};
  if (verdict.helo) out["helo"] = to_json(*verdict.helo);
  if (verdict.iprev) out["iprev"] = to_json(*verdict.iprev);
  json::array signatures;
  for (const auto& one : verdict.dkim) signatures.push_back(to_json(one));
  out["dkim"] = std::move(signatures);
  if (verdict.passed_over > 0) out["dkim_passed_over"] = verdict.passed_over;
  out["arc"] = to_json(verdict.arc);
  auto dmarc = to_json(verdict.dmarc);
  dmarc["disposition"] = name_of(verdict.decision.done);
  if (verdict.author_fault != AuthorFault::none) dmarc["author_fault"] = name_of(verdict.author_fault);
  out["dmarc"] = std::move(dmarc);
  out["decision"] = to_json(verdict.decision);
  out["questions"] = verdict.questions;
  if (verdict.late) out["late"] = true;
  return out;
}

json::object brief_json(const LetterVerdict& verdict) {
  json::object out;
  if (verdict.spf) out["spf"] = brief(*verdict.spf);
  if (verdict.helo && verdict.helo->result != SpfResult::none) out["helo"] = brief(*verdict.helo);
  if (verdict.iprev) {
    out["iprev"] = json::object{{"result", name_of(verdict.iprev->result)}, {"name", cleaned(verdict.iprev->name)}};
  }
  json::array signatures;
  for (const auto& one : verdict.dkim) signatures.push_back(brief(one));
  out["dkim"] = std::move(signatures);
  json::object arc{{"cv", name_of(verdict.arc.cv)}};
  if (verdict.arc.cv == ArcStatus::fail) arc["reason"] = cleaned(verdict.arc.reason);
  out["arc"] = std::move(arc);
  auto dmarc = brief(verdict.dmarc);
  dmarc["disposition"] = name_of(verdict.decision.done);
  if (verdict.author_fault != AuthorFault::none) dmarc["author_fault"] = name_of(verdict.author_fault);
  out["dmarc"] = std::move(dmarc);
  out["decision"] = to_json(verdict.decision);
  if (verdict.late) out["late"] = true;
  return out;
}

std::string teach(const LetterVerdict& verdict) {
  std::string out;
  if (verdict.iprev) {
    out += fmt::format("The client is {}. ", verdict.iprev->address.text());
    out += fmt::format("iprev: {} ({})\n", name_of(verdict.iprev->result), cleaned(verdict.iprev->reason));
    for (const auto& lookup : verdict.iprev->lookups) out += fmt::format("  DNS  {}\n", text_of(lookup));
    out += '\n';
  }
  if (verdict.helo) out += teach(*verdict.helo) + '\n';
  out += verdict.spf ? teach(*verdict.spf) : "SPF: none, since nobody said which client the letter came from (--ip)\n";
  out += '\n';
  out += teach(verdict.dkim);
  if (verdict.passed_over > 0) out += fmt::format("{} further signatures were not looked at.\n", verdict.passed_over);
  out += '\n';
  out += teach(verdict.arc) + '\n';
  out += teach(verdict.dmarc) + '\n';
  out += fmt::format("What a server with these settings does: {}\n  so        {}\n", name_of(verdict.decision.action),
                     cleaned(verdict.decision.why));
  for (const auto& one : verdict.decision.overrides)
    out += fmt::format("  though    {}: {}\n", one.type, cleaned(one.comment));
  if (verdict.decision.code >= 400) {
    out +=
        fmt::format("  it says   {} {} {}\n", verdict.decision.code, verdict.decision.status, verdict.decision.words);
  }
  if (verdict.late) out += "The DNS didn't answer all of it in time.\n";
  return out;
}

std::string summary(const LetterVerdict& verdict) {
  return fmt::format("spf={} dkim={} arc={} dmarc={}", name_of(spf_result(verdict)), name_of(summary_of(verdict.dkim)),
                     name_of(verdict.arc.cv), name_of(verdict.dmarc.result));
}

}  // namespace pabal::mailauth
