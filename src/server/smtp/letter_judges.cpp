#include "server/smtp/letter_judges.hpp"

#include <algorithm>
#include <utility>

#include <fmt/ranges.h>

#include "base/text.hpp"
#include "delivery/plan.hpp"
#include "mailauth/authentication_results.hpp"
#include "reports/rua.hpp"

namespace pabal::server::smtp {

namespace {

using mailauth::DmarcResult;
using mailauth::LetterAction;

bool is_in(const std::vector<net::Network>& networks, const net::Endpoint& peer) {
  return peer.address && std::ranges::any_of(networks, [&](const auto& one) { return one.contains(*peer.address); });
}

Counter acted(Metrics& metrics, LetterAction action) {
  return metrics.counter("pabal_letters_judged_total", "Letters of strangers by what their check led to.",
                         {{"action", std::string(mailauth::name_of(action))}});
}
Counter resulted(Metrics& metrics, DmarcResult result) {
  return metrics.counter("pabal_dmarc_results_total", "Letters of strangers by the result of DMARC.",
                         {{"result", std::string(mailauth::name_of(result))}});
}

std::string uris(const std::vector<mailauth::DmarcUri>& all) {
  std::string out;
  for (const auto& one : all) {
    if (!out.empty()) out += ',';
    out += one.most_octets ? fmt::format("{}!{}", one.uri, *one.most_octets) : one.uri;
  }
  return out;
}

reports::PublishedPolicy published(const mailauth::DmarcOutcome& dmarc, mailauth::DmarcStandard standard) {
  const auto& record = *dmarc.record;
  const bool walk = standard == mailauth::DmarcStandard::tree_walk;
  reports::PublishedPolicy out;
  out.domain = dmarc.policy_domain;
  out.p = name_of(record.policy);
  if (record.subdomain_policy) out.sp = name_of(*record.subdomain_policy);
  if (record.nonexistent_policy) out.np = name_of(*record.nonexistent_policy);
  out.adkim = name_of(record.dkim_alignment);
  out.aspf = name_of(record.spf_alignment);
  if (!walk) out.pct = fmt::to_string(record.percent);
  if (walk) out.t = record.testing ? "y" : "n";
  out.fo = record.failure_options;
  out.discovery = walk ? "treewalk" : "psl";
  out.rua = uris(record.aggregate);
  out.ruf = uris(record.failure);
  return out;
}

/// The author's domain where DMARC passed; where there is no policy, where a whole signature is of its organization.
std::string proven_author(const mailauth::LetterVerdict& verdict, const PublicSuffix& suffixes) {
  const auto& dmarc = verdict.dmarc;
  if (dmarc.result == DmarcResult::pass) return dmarc.domain;
  if (dmarc.result != DmarcResult::none) return {};
  const auto owner = reports::owner_of(&suffixes, dmarc.domain);
  const bool is_signed = !owner.empty() && std::ranges::any_of(verdict.dkim, [&](const mailauth::DkimOutcome& one) {
    return one.result == mailauth::DkimResult::pass && one.open_octets == 0 && !one.testing &&
           reports::owner_of(&suffixes, one.domain) == owner;
  });
  return is_signed ? dmarc.domain : std::string();
}

reports::Disposition disposition(mailauth::DmarcPolicy done) {
  switch (done) {
    case mailauth::DmarcPolicy::quarantine:
      return reports::Disposition::quarantine;
    case mailauth::DmarcPolicy::reject:
      return reports::Disposition::reject;
    case mailauth::DmarcPolicy::none:
      break;
  }
  return reports::Disposition::none;
}

}  // namespace

class LetterJudges::One final : public Judge {
 public:
  One(const LetterJudges& judges, mailauth::CheckedClient client)
      : judges_(&judges), check_(judges.tools_, judges.settings_.check, std::move(client), judges.clock_->now()) {}

  void begin(const Executor& home) override { check_.begin(home); }
  void take(std::string_view octets) override {
    if (!began_) began_ = judges_->clock_->steady();
    check_.take(octets);
  }

  [[nodiscard]] Async<Judgement> finish(std::vector<std::string> recipients) override {
    const auto verdict = co_await check_.finish(recipients);
    auto judgement = judges_->judgement(verdict);
    if (judgement.refusal) judgement.message_id = delivery::message_id(check_.header());
    judges_->note(verdict, std::move(recipients), check_.header(), judgement.findings.results);
    const auto now = judges_->clock_->steady();
    judges_->seconds_.observe(std::chrono::duration<double>(now - began_.value_or(now)).count());
    co_return judgement;
  }

 private:
  const LetterJudges* judges_;
  std::optional<SteadyTime> began_;  ///< the letter came
  mailauth::LetterCheck check_;
};

LetterJudges::LetterJudges(const Settings& settings, mailauth::CheckTools tools, const Clock& clock, Random& random,
                           Metrics& metrics, reports::Outcomes* outcomes)
    : hostname_(settings.hostname),
      own_id_(settings.own_id()),
      settings_(settings.auth),
      tools_(tools),
      clock_(&clock),
      random_(&random),
      outcomes_(outcomes),
      actions_{acted(metrics, LetterAction::accept), acted(metrics, LetterAction::junk),
               acted(metrics, LetterAction::defer), acted(metrics, LetterAction::reject)},
      dmarc_{resulted(metrics, DmarcResult::none), resulted(metrics, DmarcResult::pass),
             resulted(metrics, DmarcResult::fail), resulted(metrics, DmarcResult::temperror),
             resulted(metrics, DmarcResult::permerror)},
      late_(metrics.counter("pabal_letter_checks_late_total",
                            "Letters whose check ended before the DNS had answered everything.")),
      seconds_(metrics.seconds("pabal_letter_check_seconds",
                               "From the beginning of a letter's data to the end of its check.")) {
  // What is taken in is looked at: an author behind the verifier's end would be none.
  auto& most = settings_.check.verifier.header_octets;
  most = std::max(most, settings.max_header_size);
}

bool LetterJudges::trusts(const net::Endpoint& peer) const {
  return !peer.address || is_in(settings_.trusted_networks, peer);
}

std::unique_ptr<Judge> LetterJudges::judge(JudgedClient client) {
  if (!settings_.enabled || trusts(client.peer)) return nullptr;
  // A link's own address comes with the name of the link.
  const auto host = client.peer.host();
  mailauth::CheckedClient checked{.address = mailauth::IpAddress::parse(host.substr(0, host.find('%'))),
                                  .helo = std::move(client.helo),
                                  .mail_from = std::move(client.mail_from),
                                  .receiver = hostname_,
                                  .allowed_network = is_in(settings_.allow_networks, client.peer),
                                  .roll = static_cast<unsigned>(random_->below(100))};
  return std::make_unique<One>(*this, std::move(checked));
}

Judgement LetterJudges::judgement(const mailauth::LetterVerdict& verdict) const {
  const auto& decision = verdict.decision;
  Judgement out;
  out.summary = mailauth::summary(verdict);
  out.why = decision.why;
  actions_[static_cast<std::size_t>(decision.action)].add();
  dmarc_[static_cast<std::size_t>(verdict.dmarc.result)].add();
  if (verdict.late) late_.add();
  const auto results = verdict.results();
  out.findings = {.results = mailauth::authentication_results_text(own_id_, results),
                  .chain = verdict.arc.cv,
                  .author = proven_author(verdict, *tools_.suffixes)};
  out.trace = mailauth::brief_json(verdict);
  if (decision.code >= 400) {
    out.refusal.emplace(decision.code, decision.status, decision.words);
    return out;
  }
  out.junk = decision.action == LetterAction::junk;
  out.sender_is_known = verdict.spf && verdict.spf->identity == mailauth::SpfIdentity::mailfrom &&
                        verdict.spf->result == mailauth::SpfResult::pass;
  out.fields = mailauth::authentication_results_field(own_id_, results);
  if (settings_.received_spf && verdict.spf) out.fields += mailauth::received_spf_field(*verdict.spf, verdict.client);
  return out;
}

void LetterJudges::note(const mailauth::LetterVerdict& verdict, std::vector<std::string> recipients,
                        std::string_view header, const std::string& results) const {
  const auto& dmarc = verdict.dmarc;
  // What is put off comes again, and is judged then.
  if (outcomes_ == nullptr || !dmarc.record || verdict.decision.action == LetterAction::defer) return;
  reports::JudgedLetter letter;
  letter.time = clock_->now();
  letter.source_ip = verdict.client.address.text();
  letter.header_from = dmarc.domain;
  const auto at = verdict.client.mail_from.rfind('@');
  if (at != std::string::npos) letter.envelope_from = verdict.client.mail_from.substr(at + 1);
  letter.policy = published(dmarc, settings_.check.dmarc_standard);
  letter.disposition = disposition(verdict.decision.done);
  letter.dkim_aligned = dmarc.aligned_by("dkim");
  letter.spf_aligned = dmarc.aligned_by("spf");
  for (const auto& one : verdict.decision.overrides) letter.reasons.push_back({one.type, one.comment});
  for (const auto& one : verdict.dkim) {
    letter.dkim.push_back(
        {.domain = one.domain, .selector = one.selector, .result = std::string(name_of(one.result)), .human = {}});
  }
  if (verdict.spf) {
    const auto& spf = *verdict.spf;
    letter.spf.push_back({.domain = spf.domain,
                          .helo = spf.identity == mailauth::SpfIdentity::helo,
                          .result = std::string(name_of(spf.result))});
  }
  letter.recipients = std::move(recipients);
  if (outcomes_->wants_header(letter)) {
    letter.header = header;
    letter.authentication_results = results;
    if (verdict.spf) letter.spf.front().record = verdict.spf->check.record;
  }
  outcomes_->note(std::move(letter));
}

}  // namespace pabal::server::smtp
