#include "queue/route_search.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pabal::queue {
namespace {

using dns::Status;
using dns::Type;
using std::chrono::seconds;

constexpr std::uint16_t smtps_port = 465;  // RFC 8314 §7.3
constexpr std::uint16_t lmtp_port = 24;
constexpr seconds most_life = std::chrono::days(1);

std::string with_reason(Status status, const std::string& why) {
  return why.empty() ? std::string(dns::words_of(status)) : fmt::format("{} ({})", dns::words_of(status), why);
}

/// RFC 7672 §3.1: only these usages mean something for SMTP; the rest as in RFC 6698 §2.1.
bool is_usable(const dns::Tlsa& tlsa) {
  if ((tlsa.usage != 2 && tlsa.usage != 3) || tlsa.selector > 1) return false;
  switch (tlsa.matching) {
    case 0:
      return !tlsa.data.empty();
    case 1:
      return tlsa.data.size() == 32;
    case 2:
      return tlsa.data.size() == 64;
    default:
      return false;
  }
}

std::string shown(const std::vector<net::Endpoint>& addresses) {
  std::vector<std::string> texts;
  texts.reserve(addresses.size());
  for (const auto& one : addresses) texts.push_back(one.host());
  return fmt::format("{}", fmt::join(texts, ", "));
}

void add_once(std::vector<std::string>& all, const std::string& one) {
  if (std::ranges::find(all, one) == all.end()) all.push_back(one);
}

}  // namespace

RouteSearch::RouteSearch(const DnsRoutes& routes, const RouteSettings& settings, dns::Resolver& resolver,
                         StsPolicies* policies, Random& random, Destination destination, store::TlsWish wish)
    : routes_(routes),
      settings_(settings),
      resolver_(resolver),
      policies_(policies),
      random_(random),
      destination_(std::move(destination)),
      wish_(wish),
      port_(settings.remote_port) {
  route_.destination = text_of(destination_);
  route_.ttl = most_life;
  route_.sources = settings.sources;
}

Async<RouteAnswer> RouteSearch::run() {
  if (wish_ == store::TlsWish::waived)
    say("the sender waives TLS (TLS-Required: No): what the domain publishes of it is not looked at");
  if (wish_ == store::TlsWish::required) say("the sender requires TLS (REQUIRETLS)");
  if (wish_ == store::TlsWish::preferred) say("about a letter whose sender required TLS: in plain text to nobody");
  const auto* domain = std::get_if<Domain>(&destination_);
  set_ = domain != nullptr ? routes_.set_for(*domain) : routes_.set_for_all();
  if (set_ != nullptr) take_set();
  if (set_ != nullptr && !set_->host.empty()) co_return co_await to_set_host();
  if (domain == nullptr) co_return to_literal(std::get<AddressLiteral>(destination_));
  co_return co_await by_mx(*domain);
}

void RouteSearch::take_set() {
  route_.lmtp = set_->lmtp;
  route_.implicit_tls = set_->implicit_tls;
  route_.credentials = set_->credentials;
  if (!set_->sources.empty()) route_.sources = set_->sources;
  if (set_->port != 0) {
    port_ = set_->port;
  } else if (set_->implicit_tls) {
    port_ = smtps_port;
  } else if (set_->lmtp) {
    port_ = lmtp_port;
  }
}

RouteAnswer RouteSearch::to_literal(const AddressLiteral& literal) {
  const auto text = literal.ip();
  boost::system::error_code error;
  const auto address = text ? boost::asio::ip::make_address(std::string(*text), error) : boost::asio::ip::address();
  if (!text || error || is_nobodys(address))
    return no_route(true, "5.1.2", fmt::format("{} is no address that mail can be sent to", route_.destination));
  const auto endpoint = net::Endpoint::of(address, port_);
  if (routes_.is_own(endpoint))
    return no_route(true, "5.4.6", fmt::format("{} is this server itself", route_.destination));
  say(fmt::format("address literal {}", route_.destination));
  // What can't be kept isn't waited for.
  if (set_ != nullptr && set_->tls == TlsPolicy::dane)
    return no_route(true, "5.7.10", fmt::format("the settings want DANE, and {} has no name", route_.destination));
  NextHop hop{.host = endpoint.host(), .addresses = {endpoint}};
  hop.names = {endpoint.host()};
  if (set_ != nullptr && set_->tls) hop.tls = *set_->tls;
  if (wish_ == store::TlsWish::required) hop.tls = TlsPolicy::verified;
  if (wish_ == store::TlsWish::preferred) prefer_tls(hop);
  route_.hops.push_back(std::move(hop));
  return std::move(route_);
}

Async<RouteAnswer> RouteSearch::to_set_host() {
  const auto& host = set_->host;
  // The letters wait: it is the settings that are to be mended.
  const auto leads_back = [&](const std::vector<net::Endpoint>& addresses) {
    return std::ranges::any_of(addresses, [this](const auto& one) { return routes_.is_own(one); });
  };
  const auto ourselves =
      no_route(false, "4.4.6", fmt::format("the settings send mail for {} to this server itself", route_.destination));
  say(fmt::format("the settings say that mail for {} goes to {}{}", set_->domain == "*" ? "all" : set_->domain, host,
                  host.starts_with("unix:") ? "" : fmt::format(" port {}", port_)));
  NextHop hop{.host = host};
  hop.names = {host};
  // A password is for the host that was meant.
  const auto usual = set_->credentials ? TlsPolicy::verified : TlsPolicy::opportunistic;
  hop.tls = set_->tls.value_or(usual);
  if (host.starts_with("unix:")) {
    hop.addresses = {net::Endpoint::unix_socket(host.substr(5))};
    hop.tls = set_->tls.value_or(TlsPolicy::none);
    route_.hops.push_back(std::move(hop));
    co_return std::move(route_);
  }
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (!error) {
    hop.addresses = {net::Endpoint::of(address, port_)};
    if (leads_back(hop.addresses)) co_return ourselves;
    if (address.is_loopback()) hop.tls = set_->tls.value_or(TlsPolicy::opportunistic);
    if (wish_ == store::TlsWish::required && !route_.lmtp) hop.tls = TlsPolicy::verified;
    if (wish_ == store::TlsWish::preferred && !route_.lmtp && !address.is_loopback()) prefer_tls(hop);
    route_.hops.push_back(std::move(hop));
    co_return std::move(route_);
  }
  const auto name = dns::Name::parse(host);
  if (!name) co_return no_route(true, "5.4.4", fmt::format("{} is no host name", host));
  domain_names_ = {host};
  hosts_.push_back({.host = host, .name = *name, .preference = 0, .name_is_proven = true});
  co_await look_up_addresses();
  if (std::ranges::any_of(hosts_, [&](const auto& found) { return leads_back(found.found.addresses); }))
    co_return ourselves;
  if (!set_->tls) {
    for (auto& found : hosts_) found.hop.tls = usual;
  }
  if (may_use_dane()) co_await look_up_tlsa();
  co_return end();
}

Async<RouteAnswer> RouteSearch::by_mx(Domain domain) {
  const auto name = dns::Name::parse(domain.ascii());
  if (!name) co_return no_route(true, "5.1.2", fmt::format("{} is no domain of the DNS", domain.ascii()));
  const auto mx = co_await resolver_.resolve(*name, Type::mx);
  say(fmt::format("MX {}: {}", domain.ascii(), dns::text_of(mx)));
  lives(mx.ttl);
  domain_names_ = {domain.ascii()};
  add_once(domain_names_, mx.name.text());
  switch (mx.status) {
    case Status::failed:
    case Status::timed_out:
    case Status::bogus:
      co_return no_route(
          false, "4.4.3",
          fmt::format("the mail hosts of {} can't be looked up: {}", domain.ascii(), with_reason(mx.status, mx.why)));
    case Status::no_name:
      co_return no_route(true, "5.1.2", fmt::format("there is no domain {}", domain.ascii()));
    case Status::no_data:
      // RFC 5321 §5.1: the domain is its own mail host.
      implicit_mx_ = true;
      hosts_.push_back({.host = domain.ascii(), .name = *name, .preference = 0, .name_is_proven = true});
      break;
    case Status::ok:
      hosts_ = hosts_of(mx);
      if (hosts_.empty())
        co_return no_route(true, "5.1.10", fmt::format("{} takes no mail (it says so in the DNS)", domain.ascii()));
      break;
  }
  route_.by_dns = set_ == nullptr;
  co_await look_up_addresses();
  leave_out_ourselves();
  if (may_use_dane()) co_await look_up_tlsa();
  if (may_use_mta_sts() || (wants_proven_names() && policies_ != nullptr)) co_await obey_mta_sts(std::move(domain));
  if (wants_proven_names()) std::ranges::for_each(hosts_, [this](auto& host) { name_by_proof(host); });
  co_return end();
}

std::vector<MailHost> RouteSearch::hosts_of(const dns::Answer& mx) {
  auto records = mx.all<dns::Mx>();
  // RFC 7505: "." is no host; alone it says that there is none.
  std::erase_if(records, [](const dns::Mx& one) { return one.exchange.is_root(); });
  shuffle(records);
  std::ranges::sort(records, {}, &dns::Mx::preference);
  std::vector<MailHost> hosts;
  for (const auto& record : records) {
    if (std::ranges::find(hosts, record.exchange, &MailHost::name) != hosts.end()) continue;
    if (hosts.size() == settings_.most_hosts) {
      say(fmt::format("of {} MX records the {} most preferred count", records.size(), settings_.most_hosts));
      break;
    }
    hosts.push_back({.host = record.exchange.text(),
                     .name = record.exchange,
                     .preference = record.preference,
                     .name_is_proven = mx.secure});
  }
  return hosts;
}

Async<> RouteSearch::look_up_addresses() {
  std::vector<dns::Question> questions;
  for (const auto& host : hosts_) {
    questions.push_back({host.name, Type::aaaa});
    questions.push_back({host.name, Type::a});
  }
  auto answers = co_await dns::resolve_all(resolver_, std::move(questions));
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    auto& host = hosts_[i];
    host.found = addresses_from(std::move(answers[2 * i]), std::move(answers[2 * i + 1]), port_);
    lives(host.found.ttl());
    host.hop.host = host.host;
    host.hop.preference = host.preference;
    host.hop.addresses = shuffled(host.found.addresses);
    host.hop.secure_name = host.name_is_proven && host.found.secure();
    if (set_ != nullptr && set_->tls) host.hop.tls = *set_->tls;
    host.hop.names = {host.host};
    std::string words = host.host;
    if (host.found.name() != host.name) words += fmt::format(", an alias of {}", host.found.name().text());
    if (host.found.secure()) words += " (secure)";
    words += ": " + (host.found.addresses.empty() ? "no address" : shown(host.found.addresses));
    if (const auto why = host.found.why(); !why.empty()) words += "; " + why;
    say(std::move(words));
  }
}

void RouteSearch::leave_out_ourselves() {
  const auto is_own = [this](const MailHost& host) {
    return std::ranges::find(settings_.own_names, host.host) != settings_.own_names.end() ||
           std::ranges::any_of(host.found.addresses, [this](const auto& one) { return routes_.is_own(one); });
  };
  // RFC 5321 §5.1: what is as far as ourselves, or farther, would send it back here.
  const auto own = std::ranges::find_if(hosts_, is_own);
  if (own == hosts_.end()) return;
  left_out_ourselves_ = true;
  const unsigned preference = own->preference;
  say(fmt::format("{} is this server: hosts of preference {} and above are left out", own->host, preference));
  std::erase_if(hosts_, [preference](const auto& host) { return host.preference >= preference; });
}

Async<std::vector<std::vector<dns::Name>>> RouteSearch::tlsa_bases() {
  std::vector<std::vector<dns::Name>> bases(hosts_.size());
  std::vector<dns::Question> questions;
  std::vector<std::size_t> asked_for;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    const auto& host = hosts_[i];
    if (!host.name_is_proven || host.found.addresses.empty()) continue;
    if (host.found.secure()) {
      bases[i].push_back(host.found.name());
      if (host.found.name() != host.name) bases[i].push_back(host.name);
    } else if (host.found.name() != host.name) {
      // Where it leads isn't proven, but that it is an alias may be: then its own name counts.
      questions.push_back({host.name, Type::cname});
      asked_for.push_back(i);
    }
  }
  const auto answers = co_await dns::resolve_all(resolver_, std::move(questions));
  for (std::size_t n = 0; n < answers.size(); ++n) {
    if (answers[n].status == Status::ok && answers[n].secure) bases[asked_for[n]].push_back(hosts_[asked_for[n]].name);
  }
  co_return bases;
}

Async<> RouteSearch::look_up_tlsa() {
  auto bases = co_await tlsa_bases();
  // First where aliases lead to, then, for those that have nothing there, at the name itself.
  for (std::size_t turn = 0; turn < 2; ++turn) {
    std::vector<dns::Question> questions;
    std::vector<std::size_t> asked_for;
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      const auto& host = hosts_[i];
      if (turn >= bases[i].size() || host.has_tlsa) continue;
      auto name = bases[i][turn].below(fmt::format("_{}._tcp", port_));
      if (!name) continue;  // too long to have any
      questions.push_back({*std::move(name), Type::tlsa});
      asked_for.push_back(i);
    }
    const auto answers = co_await dns::resolve_all(resolver_, std::move(questions));
    for (std::size_t n = 0; n < answers.size(); ++n)
      take_tlsa(hosts_[asked_for[n]], bases[asked_for[n]][turn], answers[n]);
  }
  if (set_ == nullptr || set_->tls != TlsPolicy::dane) co_return;
  for (auto& host : hosts_) {
    if (!host.refused.empty() || !host.hop.tlsa.empty()) continue;
    host.refused = "the settings want DANE, and it has no TLSA records that can be used";
    host.refused_as = TlsFailure::dane_required;
  }
}

void RouteSearch::take_tlsa(MailHost& host, const dns::Name& base, const dns::Answer& answer) {
  say(fmt::format("TLSA of {} at {}: {}", host.host, base.text(), dns::text_of(answer)));
  if (answer.is_definite()) lives(answer.ttl);
  if (!answer.is_definite()) {
    // RFC 7672 §2.1.1: else who can suppress the answer can take the protection away.
    host.has_tlsa = true;
    host.refused = fmt::format("its TLSA records can't be looked up: {}", with_reason(answer.status, answer.why));
    host.refused_as = TlsFailure::dnssec_invalid;
    return;
  }
  if (answer.status != Status::ok || !answer.secure) return;
  host.has_tlsa = true;
  for (const auto& tlsa : answer.all<dns::Tlsa>()) {
    if (is_usable(tlsa)) host.hop.tlsa.push_back(tlsa);
  }
  if (host.hop.tlsa.empty()) {
    // RFC 7672 §2.2: somebody publishes that there is TLS, in words that we don't understand. What the settings demand
    // (a password is for the host that was meant) is more than that.
    host.hop.tls = std::max(host.hop.tls, TlsPolicy::encrypted);
    return;
  }
  host.hop.tls = TlsPolicy::dane;
  // RFC 7672 §3.2.2.
  host.hop.names = {base.text()};
  for (const auto& name : domain_names_) add_once(host.hop.names, name);
}

Async<> RouteSearch::obey_mta_sts(Domain domain) {
  if (hosts_.empty()) co_return;
  auto found = co_await policies_->find(std::move(domain));
  for (auto& words : found.how) say(std::move(words));
  sts_unknown_ = found.unknown;
  if (found.policy) route_.mta_sts_policy = found.policy->text;
  if (found.fault && route_.by_dns) {
    TlsOutcome outcome{.time = {}, .domain = route_.destination, .failure = found.fault->failure};
    outcome.reason = found.fault->reason;
    take_sts_policy(outcome, route_.mta_sts_policy);
    routes_.tell(std::move(outcome));
  }
  if (!found.policy || found.policy->mode == smtp::StsMode::none) co_return;
  const bool enforce = found.policy->mode == smtp::StsMode::enforce;
  for (auto& host : hosts_) {
    const bool allowed = found.policy->allows(host.host);
    host.in_sts_policy = allowed;
    if (set_ != nullptr && set_->tls) continue;  // it proves names, and no more
    // DANE's proof is the stronger one, and none may stand in for it where it fails (RFC 8461 §2).
    if (host.hop.tls == TlsPolicy::dane) continue;
    if (!allowed) say(fmt::format("{} is none of the hosts of the MTA-STS policy", host.host));
    if (!allowed && enforce && host.refused.empty()) {
      host.refused = "it is none of the hosts of the MTA-STS policy";
      host.refused_as = TlsFailure::validation_failure;
    }
    if (!allowed && !enforce)
      host.hop.fault = TlsFault{TlsFailure::validation_failure, "the host is none of those of the MTA-STS policy"};
    if (enforce) {
      host.hop.tls = TlsPolicy::mta_sts_enforce;
    } else if (host.hop.tls == TlsPolicy::opportunistic) {
      host.hop.tls = TlsPolicy::mta_sts_testing;
    }
  }
}

void RouteSearch::require_proof(MailHost& host) const {
  const bool verifies = host.hop.tls == TlsPolicy::dane || host.hop.tls == TlsPolicy::verified ||
                        host.hop.tls == TlsPolicy::mta_sts_enforce;
  if (!verifies) {
    host.hop.tls = TlsPolicy::verified;
    host.hop.names = {host.host};
  }
  if (host.refused.empty() && !host.name_is_proven && !host.in_sts_policy) {
    host.refused = "the sender requires TLS, and nothing proves that this is the domain's mail host";
    host.proof_is_missing = true;
  }
}

void RouteSearch::name_by_proof(MailHost& host) const {
  if (host.name_is_proven || host.in_sts_policy) return;
  const auto& domain = route_.destination;
  const bool below = host.host.ends_with("." + domain);
  host.hop.names = below ? std::vector<std::string>{host.host, domain} : std::vector<std::string>{domain};
}

void RouteSearch::prefer_tls(NextHop& hop) {
  if (needs_tls(hop.tls)) return;
  hop.domain_asks = hop.tls;
  hop.tls = TlsPolicy::encrypted;
}

void RouteSearch::tell_refused(const MailHost& host) const {
  // Of what the settings lead to the domain's reports don't speak, but where they demand what it doesn't have.
  if (!host.refused_as) return;
  if (set_ != nullptr && (!set_->host.empty() || *host.refused_as != TlsFailure::dane_required)) return;
  TlsOutcome outcome{.time = {}, .domain = route_.destination, .failure = *host.refused_as};
  outcome.receiving_host = host.host;
  outcome.reason = host.refused;
  if (*host.refused_as == TlsFailure::validation_failure) {
    take_sts_policy(outcome, route_.mta_sts_policy);
  } else {
    outcome.policy = TlsPolicyType::tlsa;
  }
  routes_.tell(std::move(outcome));
}

RouteAnswer RouteSearch::end() {
  if (wish_ == store::TlsWish::required && !route_.lmtp)
    std::ranges::for_each(hosts_, [this](auto& host) { require_proof(host); });
  if (wish_ == store::TlsWish::preferred && !route_.lmtp)
    std::ranges::for_each(hosts_, [](auto& host) { prefer_tls(host.hop); });
  std::vector<std::string> passing;
  std::vector<std::string> refused;
  bool all_lack = true;
  for (auto& host : hosts_) {
    if (host.found.failed()) {
      passing.push_back(fmt::format("{}: {}", host.host, host.found.why()));
    } else if (!host.refused.empty() && !host.found.addresses.empty()) {
      refused.push_back(fmt::format("{}: {}", host.host, host.refused));
      all_lack = all_lack && host.proof_is_missing;
      tell_refused(host);
    } else if (!host.found.addresses.empty()) {
      route_.hops.push_back(std::move(host.hop));
    }
  }
  for (const auto& words : refused) say(words);
  if (!route_.hops.empty()) return std::move(route_);
  const auto& to = route_.destination;
  if (!refused.empty()) {
    // What the domain lacks it will lack later; a policy that can't be had now may be had then.
    const bool lacks = passing.empty() && all_lack && !sts_unknown_;
    return no_route(lacks, lacks ? "5.7.10" : "4.7.5",
                    fmt::format("no mail host of {} may be trusted now ({})", to, fmt::join(refused, "; ")));
  }
  if (!passing.empty()) {
    return no_route(false, "4.4.3",
                    fmt::format("the mail hosts of {} have no address that can be looked up now ({})", to,
                                fmt::join(passing, "; ")));
  }
  if (left_out_ourselves_ && hosts_.empty())
    return no_route(true, "5.4.6", fmt::format("mail for {} leads back to this server, which doesn't take it", to));
  if (implicit_mx_) return no_route(true, "5.1.2", fmt::format("{} has neither a mail host nor an address", to));
  return no_route(true, "5.4.4", fmt::format("no mail host of {} has an address", to));
}

std::unexpected<NoRoute> RouteSearch::no_route(bool lasting, std::string_view status, std::string words) {
  return std::unexpected(
      NoRoute{.lasting = lasting, .status = status, .words = std::move(words), .how = std::move(route_.how)});
}

void RouteSearch::lives(seconds ttl) { route_.ttl = std::min(route_.ttl, ttl); }

template <class T>
void RouteSearch::shuffle(std::vector<T>& all) {
  for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[random_.below(i)]);
}

std::vector<net::Endpoint> RouteSearch::shuffled(const std::vector<net::Endpoint>& addresses) {
  std::vector<net::Endpoint> six;
  std::vector<net::Endpoint> four;
  for (const auto& one : addresses) (one.address->is_v6() ? six : four).push_back(one);
  shuffle(six);
  shuffle(four);
  const std::size_t most = settings_.most_addresses;
  six.resize(std::min(six.size(), std::max(most / 2, most - std::min(most, four.size()))));
  four.resize(std::min(four.size(), most - std::min(most, six.size())));
  six.insert(six.end(), four.begin(), four.end());
  return six;
}

}  // namespace pabal::queue
