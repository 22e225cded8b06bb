// DnsRoutes: routes from the settings and from MX records (RFC 5321 §5.1, RFC 7505), with what DANE (RFC 7672) and
// MTA-STS (RFC 8461) demand of each host.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/random.hpp"
#include "dns/resolver.hpp"
#include "queue/mta_sts.hpp"
#include "queue/route.hpp"
#include "queue/tls_outcomes.hpp"

namespace pabal::queue {

/// A way that the operator has set, for some domains or for all.
struct SetRoute {
  /// "busan.example": that domain alone; "*.busan.example": all below it; "*": all that no other fits, address literals
  /// too.
  std::string domain{};
  /// A host name (its addresses are looked up, not its MX), an IP address, or "unix:PATH". Empty: by MX as ever, and
  /// only the rest counts.
  std::string host{};
  std::uint16_t port = 0;  ///< 0: the usual one of other servers
  /// What the operator demands; nothing: opportunistic, and DANE and MTA-STS where a domain has them. `verified`
  /// without a host: the hosts of MX records count by their names where DNSSEC or an MTA-STS policy proves them or they
  /// are below the domain, else by the domain's own.
  std::optional<TlsPolicy> tls{};
  bool implicit_tls = false;
  bool lmtp = false;
  std::optional<RouteCredentials> credentials{};
  std::vector<boost::asio::ip::address> sources{};  ///< empty: those for all

  friend bool operator==(const SetRoute&, const SetRoute&) = default;
};

struct RouteSettings {
  std::uint16_t remote_port = 25;
  std::vector<boost::asio::ip::address> sources;
  std::vector<SetRoute> set;
  /// Names by which others may call us in MX records, lower case: we never send to ourselves.
  std::vector<std::string> own_names;
  /// Where we listen for mail. One with an unspecified address stands for all of `own_addresses`, and loopback.
  std::vector<net::Endpoint> own_endpoints;
  std::vector<boost::asio::ip::address> own_addresses;
  std::size_t most_hosts = 16;      ///< of a domain's MX records, the most preferred
  std::size_t most_addresses = 16;  ///< of a host, half of each family at least where both have so many
};

/// Any thread.
class DnsRoutes final : public Routes {
 public:
  /// Who is told what is wrong about TLS before there is a session (RFC 8460).
  struct Told {
    TlsOutcomes* outcomes = nullptr;
    const Clock* clock = nullptr;
  };
  /// All must outlive it; `policies` may be null: no MTA-STS. Of `told` both, or none.
  DnsRoutes(dns::Resolver& resolver, StsPolicies* policies, Random& random, RouteSettings settings);
  DnsRoutes(dns::Resolver& resolver, StsPolicies* policies, Random& random, RouteSettings settings, Told told);
  ~DnsRoutes() override;
  DnsRoutes(const DnsRoutes&) = delete;
  DnsRoutes& operator=(const DnsRoutes&) = delete;

  [[nodiscard]] Async<RouteAnswer> find(Destination destination, store::TlsWish wish) override;

  /// The route that is set for a domain; null: none.
  [[nodiscard]] const SetRoute* set_for(const Domain& domain) const;
  /// The one that is set for all that no other fits.
  [[nodiscard]] const SetRoute* set_for_all() const;
  /// Tells an outcome, where somebody wants to know.
  void tell(TlsOutcome outcome) const;
  /// Whether a connection there would reach ourselves.
  [[nodiscard]] bool is_own(const net::Endpoint& endpoint) const;

 private:
  struct Parts;
  std::unique_ptr<const Parts> parts_;
};

}  // namespace pabal::queue
