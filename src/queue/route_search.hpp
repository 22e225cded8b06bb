// RouteSearch: one search for a route, step by step. Part of DnsRoutes.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/random.hpp"
#include "dns/resolver.hpp"
#include "queue/host_addresses.hpp"
#include "queue/mta_sts.hpp"
#include "queue/route.hpp"
#include "queue/routes.hpp"

namespace pabal::queue {

/// A host that might take the letters.
struct MailHost {
  std::string host{};  ///< as NextHop::host
  dns::Name name{};
  unsigned preference = 0;
  bool name_is_proven = false;  ///< by DNSSEC, or said by the operator
  HostAddresses found{};
  NextHop hop{};          ///< as far as it is known
  bool has_tlsa = false;  ///< something was found, so that no other name is looked at
  bool in_sts_policy = false;
  std::string refused{};  ///< why DANE or MTA-STS don't allow it; empty: they do
  /// The same for reports, where it is of the domain's making.
  std::optional<TlsFailure> refused_as{};
  bool proof_is_missing = false;  ///< that is why: what the sender requires the domain doesn't have
};

class RouteSearch {
 public:
  /// All of it must live until run() has ended.
  RouteSearch(const DnsRoutes& routes, const RouteSettings& settings, dns::Resolver& resolver, StsPolicies* policies,
              Random& random, Destination destination, store::TlsWish wish);
  [[nodiscard]] Async<RouteAnswer> run();

 private:
  /// What the settings say of the way, but for the host.
  void take_set();
  [[nodiscard]] RouteAnswer to_literal(const AddressLiteral& literal);
  [[nodiscard]] Async<RouteAnswer> to_set_host();
  [[nodiscard]] Async<RouteAnswer> by_mx(Domain domain);
  /// The hosts of MX records, the most preferred first, equals in an order of chance.
  [[nodiscard]] std::vector<MailHost> hosts_of(const dns::Answer& mx);

  // Each looks at all of hosts_, and notes in them what it finds.
  [[nodiscard]] Async<> look_up_addresses();
  void leave_out_ourselves();
  [[nodiscard]] Async<> look_up_tlsa();
  [[nodiscard]] Async<> obey_mta_sts(Domain domain);

  /// Names at which a host's TLSA records may be, in the order to look (RFC 7672 §2.2.2).
  [[nodiscard]] Async<std::vector<std::vector<dns::Name>>> tlsa_bases();
  void take_tlsa(MailHost& host, const dns::Name& base, const dns::Answer& answer);

  [[nodiscard]] RouteAnswer end();
  [[nodiscard]] std::unexpected<NoRoute> no_route(bool lasting, std::string_view status, std::string words);
  void say(std::string words) { route_.how.push_back(std::move(words)); }
  void lives(std::chrono::seconds ttl);
  /// In an order of chance, and no more than are wanted.
  [[nodiscard]] std::vector<net::Endpoint> shuffled(const std::vector<net::Endpoint>& addresses);
  template <class T>
  void shuffle(std::vector<T>& all);
  /// Whether the domain's own records count; not where the operator has said what is demanded, or the sender waives it.
  [[nodiscard]] bool may_use_dane() const noexcept {
    if (set_ != nullptr && set_->tls) return *set_->tls == TlsPolicy::dane;
    return wish_ != store::TlsWish::waived;
  }
  [[nodiscard]] bool may_use_mta_sts() const noexcept {
    return policies_ != nullptr && (set_ == nullptr || !set_->tls) && wish_ != store::TlsWish::waived;
  }
  /// The operator wants certificates that have a name, of hosts that MX records name.
  [[nodiscard]] bool wants_proven_names() const noexcept {
    return set_ != nullptr && set_->tls == TlsPolicy::verified && !implicit_mx_;
  }
  /// A name that nothing proves is what a forger of the DNS says: then the certificate must have the domain's own.
  void name_by_proof(MailHost& host) const;
  /// For a sender who requires TLS: a host that can't be verified is of no use (RFC 8689 §4.2).
  void require_proof(MailHost& host) const;
  /// For a notice about such a letter: TLS with whomever, where the domain asks for no more.
  static void prefer_tls(NextHop& hop);
  void tell_refused(const MailHost& host) const;

  const DnsRoutes& routes_;
  const RouteSettings& settings_;
  dns::Resolver& resolver_;
  StsPolicies* policies_;
  Random& random_;
  Destination destination_;
  store::TlsWish wish_;
  const SetRoute* set_ = nullptr;
  std::uint16_t port_;
  Route route_;
  std::vector<MailHost> hosts_;
  std::vector<std::string> domain_names_;  ///< the destination, and what it is an alias of: names in certificates, too
  bool implicit_mx_ = false;
  bool left_out_ourselves_ = false;
  bool sts_unknown_ = false;  ///< the domain may have an MTA-STS policy, which can't be had now
};

}  // namespace pabal::queue
