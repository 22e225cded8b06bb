// The settings of [sender_checks]: how letters of strangers are judged by who really sent them.
#include "address/domain.hpp"
#include "address/email_address.hpp"
#include "app/config_kinds.hpp"
#include "app/config_table.hpp"

namespace pabal::app {
namespace {

using namespace kinds;
using namespace std::chrono_literals;
using mailauth::DmarcObedience;
using mailauth::DmarcStandard;
using mailauth::LetterAction;
using mailauth::TemperrorRule;

std::optional<net::Network> sender_network(const std::string& written, const ReadContext& /*context*/) {
  auto parsed = net::Network::parse(written);
  if (!parsed) return std::nullopt;
  return std::move(*parsed);
}
std::string network_text(const net::Network& one) { return one.text(); }

std::optional<std::string> sender_domain(const std::string& written, const ReadContext& /*context*/) {
  const auto parsed = Domain::parse(written);
  if (!parsed) return std::nullopt;
  return parsed->ascii();
}

std::optional<std::string> local_part(const std::string& written, const ReadContext& /*context*/) {
  if (written.contains('@') || !EmailAddress::parse(written + "@example.org")) return std::nullopt;
  return to_lower(written);
}

constexpr std::string_view kNetworks = "networks, like \"10.0.0.0/8\"";
constexpr std::string_view kDomains = "domains, like \"lists.example.org\"";

}  // namespace

std::vector<Setting<Config>> sender_settings() {
  using C = Config;
  std::vector<Setting<Config>> all;
  const auto add = [&](Setting<Config> setting) { all.push_back(std::move(setting)); };
  const auto alone = [] {
    return std::vector<Choice<LetterAction>>{
        {"accept", LetterAction::accept}, {"junk", LetterAction::junk}, {"reject", LetterAction::reject}};
  };
  add(boolean<C>(
      {"sender_checks", "check",
       "SPF, DKIM, ARC, DMARC and iprev of letters that smtp listeners take from strangers. Who logs in, and "
       "who speaks LMTP, is not checked.",
       true},
      [](C& c) -> auto& { return c.smtp.auth.enabled; }));
  add(text<C>(
      {"sender_checks", "authserv_id",
       "Our name in Authentication-Results (RFC 8601); fields that bear it already are taken out of every "
       "letter. Without it the hostname.",
       true},
      "a full domain name, like \"mail.seoul.example\"", [](C& c) -> auto& { return c.smtp.authserv_id; },
      [](const std::string& written) { return Domain::parse(written).has_value(); }));
  add(boolean<C>({"sender_checks", "received_spf", "Write a Received-SPF field beside Authentication-Results.", true},
                 [](C& c) -> auto& { return c.smtp.auth.received_spf; }));
  add(list<C>(
      {"sender_checks", "trusted_networks",
       "Clients here are our own: their letters are neither checked nor refused. Letters over Unix sockets "
       "never are.",
       true},
      std::string(kNetworks), [](C& c) -> auto& { return c.smtp.auth.trusted_networks; }, sender_network,
      network_text));
  add(choice<C>(
      {"sender_checks", "dmarc_standard",
       "How a DMARC policy is found: \"tree-walk\" as RFC 9989 has it, by a walk up the DNS, with t= and psd=; "
       "\"rfc7489\" as it was before, by the public suffix list, with pct=.",
       true},
      [](C& c) -> auto& { return c.smtp.auth.check.dmarc_standard; },
      {{"tree-walk", DmarcStandard::tree_walk}, {"rfc7489", DmarcStandard::rfc7489}}));
  add(choice<C>({"sender_checks", "dmarc",
                 "\"obey\": refuse for p=reject (550 5.7.1), and set aside for p=quarantine, into the mailbox for junk "
                 "with the keyword $Junk. \"quarantine\": set aside for either. \"observe\": do nothing, only say it.",
                 true},
                [](C& c) -> auto& { return c.smtp.auth.check.policy.dmarc; },
                {{"obey", DmarcObedience::obey},
                 {"quarantine", DmarcObedience::quarantine},
                 {"observe", DmarcObedience::observe}}));
  add(choice<C>(
      {"sender_checks", "unclear_author",
       "What is done with a letter that has no From field, several, one that can't be read as RFC 5322 has it, or "
       "fields behind a break in its header: programs differ in whom they show as its author. A bounce (null "
       "reverse-path) may name nobody. With dmarc = \"observe\" nothing is done, with \"quarantine\" nothing is "
       "refused.",
       true},
      [](C& c) -> auto& { return c.smtp.auth.check.policy.unclear_author; }, alone()));
  add(choice<C>(
      {"sender_checks", "spf_fail", "What SPF's fail (-all) does where DMARC neither passes nor says what to do.",
       true},
      [](C& c) -> auto& { return c.smtp.auth.check.policy.spf_fail; }, alone()));
  add(choice<C>(
      {"sender_checks", "dkim_fail",
       "Likewise, where a letter has DKIM signatures and none of them holds. RFC 6376 wants such letters "
       "treated as ones without any.",
       true},
      [](C& c) -> auto& { return c.smtp.auth.check.policy.dkim_fail; }, alone()));
  add(boolean<C>(
      {"sender_checks", "count_partial_bodies",
       "Whether a DKIM signature that covers only a beginning of the body (l=) counts for DMARC, as its standards have "
       "it. Anybody may have written what stands behind.",
       true},
      [](C& c) -> auto& { return c.smtp.auth.check.policy.count_partial_bodies; }));
  add(choice<C>(
      {"sender_checks", "temperror",
       "What is done where the DNS gives no answer that would matter. \"defer\": 451, the sender comes again, where "
       "the author's domain (or, if that can't be asked, one above it) is known to ask for something by DMARC, where "
       "the question what it asks runs out of time, gets a forged answer or is one of many that fail, and where "
       "spf_fail or dkim_fail would judge. \"defer-all\": also where name servers fail to tell whether the author's "
       "domain asks for anything. \"accept\": never.",
       true},
      [](C& c) -> auto& { return c.smtp.auth.check.policy.temperror; },
      {{"accept", TemperrorRule::accept}, {"defer", TemperrorRule::defer}, {"defer-all", TemperrorRule::defer_all}}));
  add(list<C>(
      {"sender_checks", "trusted_arc_sealers",
       "Domains whose ARC seals are believed: where the first of them that passed the letter on saw DMARC pass, "
       "a failure here does nothing. The latest of them must have signed the From field and the whole body.",
       true},
      std::string(kDomains), [](C& c) -> auto& { return c.smtp.auth.check.policy.trusted_sealers; }, sender_domain,
      itself));
  add(list<C>(
      {"sender_checks", "mailing_lists",
       "Domains of mailing lists: a letter with a List-Id that SPF or DKIM proves to be passed on by one may "
       "fail the author's DMARC.",
       true},
      std::string(kDomains), [](C& c) -> auto& { return c.smtp.auth.check.policy.mailing_lists; }, sender_domain,
      itself));
  add(list<C>(
      {"sender_checks", "allow_domains", "Authors' domains, with those below, whose DMARC policy is not obeyed.", true},
      std::string(kDomains), [](C& c) -> auto& { return c.smtp.auth.check.policy.allow_domains; }, sender_domain,
      itself));
  add(list<C>(
      {"sender_checks", "open_recipients",
       "Local parts of our addresses that hear whatever is said to them: a letter that goes to such alone is checked, "
       "but never refused or set aside for it. Those who have trouble with us write there (RFC 5321, RFC 2142).",
       true},
      "local parts of addresses, like \"postmaster\"",
      [](C& c) -> auto& { return c.smtp.auth.check.policy.open_recipients; }, local_part, itself));
  add(list<C>(
      {"sender_checks", "allow_networks", "Clients whose letters are checked, but never refused or set aside for it.",
       true},
      std::string(kNetworks), [](C& c) -> auto& { return c.smtp.auth.allow_networks; }, sender_network, network_text));
  add(duration<C>(
      {"sender_checks", "deadline",
       "For all of a letter's look-ups together, from the end of its data on; what is not known then is a temperror. "
       "SPF, iprev and keys have two thirds of it.",
       true},
      [](C& c) -> auto& { return c.smtp.auth.check.deadline; }, 100ms, 5min));
  add(number<C>(
      {"sender_checks", "max_questions", "Questions to the DNS that one letter's check may ask.", true},
      [](C& c) -> auto& { return c.smtp.auth.check.most_questions; }, 20, 10'000));
  add(number<C>(
      {"sender_checks", "max_signatures",
       "DKIM signatures of a letter that are looked at: the author's domain's first, then those near it, then from the "
       "top. For each that proves nothing one more is, if its body hash fits, up to four times as many.",
       true},
      [](C& c) -> auto& { return c.smtp.auth.check.verifier.signatures; }, 1, 100));
  add(number<C>(
      {"sender_checks", "max_arc_sets", "ARC sets of a letter; a chain of more counts as failed (RFC 8617).", true},
      [](C& c) -> auto& { return c.smtp.auth.check.verifier.arc_sets; }, 1, 50));
  add(number<C>(
      {"sender_checks", "refusal_traces",
       "Letters a day that are refused for their sender and leave a trace (pabal trace), a twelfth of them in an hour; "
       "each takes up to 8 KiB for as long as traces are kept. 0: the log alone tells of them."},
      [](C& c) -> auto& { return c.smtp.auth.refusal_traces; }, 0, 1'000'000));
  return all;
}

}  // namespace pabal::app
