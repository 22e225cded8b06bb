#include "queue/smtp_peers.hpp"

#include <utility>

#include <fmt/format.h>

#include "base/random.hpp"
#include "codec/base64.hpp"
#include "queue/peer_wire.hpp"
#include "queue/scram_login.hpp"
#include "queue/smtp_peer.hpp"
#include "smtp/client_opening.hpp"

namespace pabal::queue {

using smtp::ClientOpening;
using smtp::OpeningOptions;

struct SmtpPeers::TlsTry {
  OpeningOptions::Tls tls = OpeningOptions::Tls::never;
  std::shared_ptr<const net::TlsClientContext> context = nullptr;
  std::string name = {};  ///< for SNI and verification
  std::string_view what;  ///< for the trace, where it fails and the next one comes
};

/// How TLS went over all tries of one connection: the first that failed counts, also where a later one did without.
class SmtpPeers::TlsReport {
 public:
  TlsReport(TlsOutcomes* to, const Route& route, const NextHop& hop)
      : to_(to), outcome_(to != nullptr ? tls_outcome_of(route, hop) : std::nullopt), fault_(hop.fault) {}

  /// A connection stands.
  void connected(const net::Endpoint& peer, const net::Endpoint& local) {
    if (!outcome_ || outcome_->failure) return;
    outcome_->receiving_ip = peer.host();
    outcome_->sending_ip = local.host();
  }
  void take(const Opened& opened) {
    if (!outcome_ || outcome_->failure) return;
    if (opened.tls_error) {
      outcome_->failure = tls_failure_of(*opened.tls_error);
      outcome_->reason = opened.tls_error->log;
    } else if (opened.answer ? !(*opened.answer)->facts().tls.has_value() : opened.answer.error().tls) {
      outcome_->failure = TlsFailure::starttls_not_supported;
    } else if (opened.answer && outcome_->policy == TlsPolicyType::tlsa && outcome_->policy_lines.empty()) {
      // RFC 7672 §2.2: TLS with whomever, since none of the records can be used.
      outcome_->failure = TlsFailure::tlsa_invalid;
    } else {
      known_ = known_ || opened.answer.has_value();
    }
  }
  /// What became of it, unless there never was a session that could show it.
  void end(SystemTime now) {
    if (!outcome_ || (!known_ && !outcome_->failure)) return;
    if (!outcome_->failure && fault_) {
      outcome_->failure = fault_->failure;
      outcome_->reason = fault_->reason;
    }
    outcome_->time = now;
    to_->note(*std::move(outcome_));
    outcome_.reset();
  }

 private:
  TlsOutcomes* to_;
  std::optional<TlsOutcome> outcome_;
  std::optional<TlsFault> fault_;  ///< what was wrong before
  bool known_ = false;
};

SmtpPeers::SmtpPeers(PeerSettings settings, PeerTlsContexts tls, Pool& pool, const Clock& clock, Connect connect)
    : settings_(std::move(settings)), tls_(std::move(tls)), pool_(pool), clock_(clock), connect_(std::move(connect)) {}

// One connection each, until a handshake works: an opportunistic one goes on in plain text (RFC 7435), and a policy
// under test is looked at first (RFC 8461 §5).
std::vector<SmtpPeers::TlsTry> SmtpPeers::tries_for(const Route& route, const NextHop& hop) const {
  using Tls = OpeningOptions::Tls;
  const auto name = hop.names.empty() ? hop.host : hop.names.front();
  const std::vector<std::string> others(hop.names.begin() + (hop.names.empty() ? 0 : 1), hop.names.end());
  const auto wanted = route.implicit_tls ? Tls::required : Tls::if_offered;
  const TlsTry any{.tls = wanted, .context = tls_.any, .name = name, .what = "TLS failed"};
  const TlsTry plain{.tls = Tls::never, .what = "plain text failed"};
  TlsTry verified{.tls = Tls::required, .context = tls_.trusting, .name = name, .what = "TLS failed"};
  if (tls_.trusting && !others.empty()) verified.context = tls_.trusting->with_names(others);
  std::vector<TlsTry> tries;
  switch (hop.tls) {
    case TlsPolicy::none:
      tries.push_back(route.implicit_tls ? any : plain);
      break;
    case TlsPolicy::mta_sts_testing:
      verified.tls = wanted;
      verified.what = "the policy under test would have refused this host";
      tries.push_back(std::move(verified));
      [[fallthrough]];
    case TlsPolicy::opportunistic:
      tries.push_back(any);
      if (!route.implicit_tls) tries.push_back(plain);
      break;
    case TlsPolicy::encrypted:
      tries.push_back(any);
      tries.back().tls = Tls::required;
      break;
    case TlsPolicy::mta_sts_enforce:
    case TlsPolicy::verified:
      tries.push_back(std::move(verified));
      break;
    case TlsPolicy::dane:
      tries.push_back(any);
      tries.back().tls = Tls::required;
      if (tls_.any) tries.back().context = tls_.any->with_dane(hop.tlsa, others);
      break;
  }
  return tries;
}

void SmtpPeers::interrupt() {
  stop_->stop();
  for (auto* stream : opening_) stream->interrupt();
}

// Address by address: one that answers and takes no mail (it is busy, it wants no IPv6 without a name) says nothing of
// the host's others.
Async<PeerAnswer> SmtpPeers::connect(Route route, NextHop hop) {
  static constexpr std::size_t kMostAddresses = 4;
  std::optional<NoPeer> none;
  std::vector<Said> said;
  for (std::size_t i = 0;; ++i) {
    net::Endpoint answered;
    auto answer = co_await connect_once(&route, &hop, std::move(said), &answered);
    if (answer) co_return answer;
    auto& failed = answer.error();
    said = std::move(failed.said);
    // Connections that nobody answered say less than a host that did.
    const bool reached = std::erase(hop.addresses, answered) > 0;
    if (!none || (none->lasting && !failed.lasting && reached)) none = std::move(failed);
    if (!reached || hop.addresses.empty() || i + 1 == kMostAddresses || stop_->stopped()) break;
  }
  none->said = std::move(said);
  co_return std::unexpected(*std::move(none));
}

Async<PeerAnswer> SmtpPeers::connect_once(const Route* route, const NextHop* hop, std::vector<Said> said,
                                          net::Endpoint* answered) {
  const auto tries = tries_for(*route, *hop);
  std::string tls_failure;
  TlsReport report(settings_.tls_outcomes, *route, *hop);
  for (std::size_t i = 0;; ++i) {
    net::OutboundOptions options{.to = hop->addresses,
                                 .from = route->sources,
                                 .only_from = false,
                                 .timeout = hop->hurry.count() == 0 ? settings_.timeouts.connect
                                                                    : std::min(hop->hurry, settings_.timeouts.connect),
                                 .between = settings_.between_tries,
                                 .stop = stop_};
    auto outbound = co_await connect_(std::move(options));
    std::string why;
    for (const auto& failed : outbound.failed) {
      const auto to = failed.to.text();
      why += fmt::format("{}{}: {}", why.empty() ? "" : ", ", to, failed.error.peer);
      said.push_back({.time = clock_.now(),
                      .command = fmt::format("(connect to {})", to),
                      .reply = fmt::format("({})", failed.error.peer)});
    }
    if (!outbound.stream) {
      if (why.empty()) why = "the host has no address";
      report.end(clock_.now());
      co_return std::unexpected(NoPeer{.reply = std::nullopt,
                                       .status = "4.4.1",
                                       .words = std::move(why),
                                       .at = "connect",
                                       .tls = false,
                                       .said = std::move(said)});
    }
    *answered = outbound.to;
    report.connected(outbound.to, outbound.stream->local());
    auto opened = co_await open(route, hop, tries[i], std::move(outbound), tls_failure, std::move(said));
    // What was cut short tells nothing of TLS, and is no reason for plain text.
    if (stop_->stopped()) co_return std::move(opened.answer);
    report.take(opened);
    if (opened.answer || !opened.tls_failed || i + 1 == tries.size()) {
      report.end(clock_.now());
      co_return std::move(opened.answer);
    }
    auto& failed = opened.answer.error();
    tls_failure += fmt::format("{}{}: {}", tls_failure.empty() ? "" : "; ", tries[i].what, failed.words);
    said = std::move(failed.said);
  }
}

Async<SmtpPeers::Opened> SmtpPeers::open(const Route* route, const NextHop* hop, TlsTry how, net::Outbound outbound,
                                         std::string tls_failure, std::vector<Said> said) {
  const auto wire = std::make_shared<PeerWire>(std::move(outbound.stream), clock_, std::move(said));
  auto& stream = wire->stream();
  struct Opening {
    std::set<net::Stream*>& all;
    net::Stream* stream;
    ~Opening() { all.erase(stream); }
  };
  opening_.insert(&stream);
  const Opening opening_now{opening_, &stream};
  if (stop_->stopped()) stream.interrupt();
  const auto& times = settings_.timeouts;
  wire->note(fmt::format("(connected to {})", outbound.to.text()), fmt::format("(from {})", stream.local().text()));
  const auto failed = [&wire](NoPeer why, bool tls_failed = false) {
    why.said = wire->take_said();
    return Opened{.answer = std::unexpected(std::move(why)), .tls_failed = tls_failed};
  };
  const auto lost = [&](const Error& error, std::string at) {
    const auto words = reply_for(error);
    wire->note(fmt::format("({})", at), fmt::format("({})", error.log));
    return failed({.reply = std::nullopt,
                   .status = words.status,
                   .words = words.text.substr(words.status.size() + 1),
                   .at = std::move(at)});
  };
  const auto tls_failed = [&](const Error& error) {
    wire->note("(TLS)", fmt::format("({})", error.log));
    auto opened =
        failed({.reply = std::nullopt, .status = "4.7.5", .words = error.log, .at = "TLS", .tls = true}, true);
    opened.tls_error = error;
    return opened;
  };

  if (route->implicit_tls) {
    stream.set_timeout(times.tls);
    const auto started = co_await stream.start_tls_client(how.context, how.name);
    if (!started) co_return tls_failed(started.error());
  }
  OpeningOptions options{.own_name = settings_.own_name,
                         .lmtp = route->lmtp,
                         .tls = how.tls,
                         .tls_active = route->implicit_tls,
                         .show_passwords = stream.is_loopback()};
  if (route->credentials) {
    const auto nonce = codec::base64(SystemRandom().octets(18));
    options.logins.push_back(scram_login(route->credentials->user, route->credentials->password, nonce));
    options.logins.push_back(smtp::sasl_plain(route->credentials->user, route->credentials->password));
    options.logins.push_back(smtp::sasl_login(route->credentials->user, route->credentials->password));
  }
  ClientOpening opening(std::move(options));
  std::string greeting;
  while (true) {
    const auto want = opening.want();
    if (want == ClientOpening::Want::write) {
      const auto wrote = co_await wire->write(opening.take_output(), times.hello);
      // What the host has said before it hung up tells more.
      if (!wrote && !wire->has_input()) co_return lost(wrote.error(), "EHLO");
    } else if (want == ClientOpening::Want::read) {
      const auto greeting_time = hop->hurry.count() == 0 ? times.greeting : std::min(hop->hurry * 5, times.greeting);
      const auto time = opening.waits_for_greeting()    ? greeting_time
                        : opening.waits_for() == "AUTH" ? times.auth
                                                        : times.hello;
      const auto reply = co_await wire->read(time);
      if (!reply) co_return lost(reply.error(), std::string(opening.waits_for()));
      if (opening.waits_for_greeting()) greeting = reply->line();
      auto answered = opening.take(*reply);
      wire->note(std::move(answered.command), reply->line());
    } else if (want == ClientOpening::Want::start_tls) {
      stream.set_timeout(times.tls);
      const auto started = co_await stream.start_tls_client(how.context, how.name);
      if (!started) co_return tls_failed(started.error());
      opening.tls_started();
    } else {
      break;
    }
  }
  if (opening.want() == ClientOpening::Want::failed) {
    const auto& why = opening.failure();
    NoPeer none{.lasting = why.lasting,
                .reply = why.reply,
                .status = why.status,
                .words = why.words,
                .at = std::string(why.at),
                .tls = why.tls};
    co_await stream.close();
    co_return failed(std::move(none));
  }
  PeerFacts facts{.host = hop->host,
                  .address = outbound.to,
                  .local = stream.local(),
                  .greeting = std::move(greeting),
                  .offers = opening.offers(),
                  .tls = std::nullopt,
                  .tls_failure = std::move(tls_failure),
                  .said = {}};
  if (const auto* tls = stream.tls(); tls != nullptr) {
    facts.tls = PeerTls{.version = tls->version,
                        .cipher = tls->cipher,
                        .cipher_bits = tls->cipher_bits,
                        .resumed = tls->resumed,
                        .verified = tls->verified};
  }
  facts.said = wire->take_said();
  co_return Opened{.answer = std::make_unique<SmtpPeer>(wire, std::move(facts), route->lmtp, settings_, pool_)};
}

}  // namespace pabal::queue
