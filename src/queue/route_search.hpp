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
  std::string refused{};  ///< why DANE or MTA-STS don't allow it; empty: they do
};

class RouteSearch {
 public:
  /// All of it must live until run() has ended.
  RouteSearch(const DnsRoutes& routes, const RouteSettings& settings, dns::Resolver& resolver, StsPolicies* policies,
              Random& random, Destination destination);
  [[nodiscard]] Async<RouteAnswer> run();

 private:
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
  [[nodiscard]] bool may_use_dane() const noexcept {
    return set_ == nullptr || !set_->tls || *set_->tls == TlsPolicy::dane;
  }

  const DnsRoutes& routes_;
  const RouteSettings& settings_;
  dns::Resolver& resolver_;
  StsPolicies* policies_;
  Random& random_;
  Destination destination_;
  const SetRoute* set_ = nullptr;
  std::uint16_t port_;
  Route route_;
  std::vector<MailHost> hosts_;
  std::vector<std::string> domain_names_;  ///< the destination, and what it is an alias of: names in certificates, too
  bool implicit_mx_ = false;
  bool left_out_ourselves_ = false;
};

}  // namespace pabal::queue
