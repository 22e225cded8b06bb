// Route: where a letter for a domain goes, and how safe the way must be (RFC 5321 §5, RFC 7672, RFC 8461).
//
// A destination is a domain or an address literal. Its route comes from the settings (a route of its own, the smart
// host) or from its MX records. Who builds connections goes through the hops in their order, at each through its
// addresses.
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "address/domain.hpp"
#include "address/email_address.hpp"
#include "base/async.hpp"
#include "dns/record.hpp"
#include "net/endpoint.hpp"
#include "queue/tls_failure.hpp"
#include "store/delivery.hpp"

namespace pabal::queue {

using Destination = std::variant<Domain, AddressLiteral>;

/// "busan.example", "[192.0.2.1]": also the key by which letters for one destination belong together.
[[nodiscard]] std::string text_of(const Destination& destination);
/// Where an address's letters go.
[[nodiscard]] Destination destination_of(const EmailAddress& address);

/// What is asked of TLS at a hop, from the least to the most.
enum class TlsPolicy : std::uint8_t {
  none,             ///< STARTTLS isn't even tried
  opportunistic,    ///< where the peer offers it, with any certificate; in plain text where it fails (RFC 7435)
  encrypted,        ///< required, with any certificate (also DANE whose records can't be used, RFC 7672 §2.2)
  mta_sts_testing,  ///< as `opportunistic`, but what `mta_sts_enforce` would have found is reported (RFC 8461 §5)
  mta_sts_enforce,  ///< required, a trusted certificate that has the hop's name (RFC 8461 §4)
  verified,         ///< the same by our own settings
  dane,             ///< required, as the hop's TLSA records say (RFC 7672)
};
[[nodiscard]] std::string_view name_of(TlsPolicy policy) noexcept;
/// Whether nothing may be said to this hop in plain text.
[[nodiscard]] constexpr bool needs_tls(TlsPolicy policy) noexcept {
  return policy == TlsPolicy::encrypted || policy == TlsPolicy::mta_sts_enforce || policy == TlsPolicy::verified ||
         policy == TlsPolicy::dane;
}

/// One host that takes letters for the destination.
struct NextHop {
  /// Its name, for SNI, certificates and the trace: the MX record's own, aliases not followed; an address for a
  /// literal; "unix:PATH".
  std::string host{};
  unsigned preference = 0;
  /// With ports; of IPv6 and IPv4, each family in an order of its own, IPv6 first.
  std::vector<net::Endpoint> addresses{};
  /// DNSSEC proved the name, from the destination on, and its addresses.
  bool secure_name = false;
  TlsPolicy tls = TlsPolicy::opportunistic;
  /// What its domain asks for, where the letter itself asks for more: reports speak of that.
  std::optional<TlsPolicy> domain_asks{};
  /// Those that can be used (usage 2 or 3, known selector and digest); none but with TlsPolicy::dane.
  std::vector<dns::Tlsa> tlsa{};
  /// Names of which a certificate must have one where the policy looks at names (RFC 7672 §3.2.2: for usage 2 the base
  /// of the TLSA records, the destination, …). The first is for SNI.
  std::vector<std::string> names{};
  /// What is wrong about it although letters may go there (it is none of the hosts of an MTA-STS policy under test):
  /// its sessions are failures in reports.
  std::optional<TlsFault> fault{};
  /// Who tries very many hosts has less time for each; 0: the usual.
  std::chrono::milliseconds hurry{0};
};

struct RouteCredentials {
  std::string user;
  std::string password;
  friend bool operator==(const RouteCredentials&, const RouteCredentials&) = default;
};

struct Route {
  std::string destination;
  std::vector<NextHop> hops;  ///< in the order to try; at least one, each with an address
  bool lmtp = false;
  bool implicit_tls = false;                    ///< TLS from the first octet (smart host at port 465)
  std::optional<RouteCredentials> credentials;  ///< said only over TLS, but to loopback and Unix sockets
  std::vector<boost::asio::ip::address>
      sources;  ///< to connect from; of a hop's family, the first; none: the system's choice
  /// Addresses come from DNS, so that another answer may lead elsewhere: when to ask again at the latest.
  std::chrono::seconds ttl{0};
  /// What was looked up and what it said, a line each, for the trace.
  std::vector<std::string> how;
  /// The hops are what the domain's own DNS says, and so is how safe they must be: RFC 8460's reports speak of it.
  bool by_dns = false;
  /// The policy that MTA-STS found, for reports (RFC 8460): its domain's own text; empty where there is none.
  std::string mta_sts_policy;
};

/// There is no way: for now or for good.
struct NoRoute {
  bool lasting = false;
  /// 5.1.2 no such domain, 5.1.10 null MX (RFC 7505), 5.4.4 no host takes its mail, 5.4.6 it loops to us, 4.4.3
  /// DNS, 4.7.5 no host that DANE or MTA-STS allow.
  std::string_view status{};
  std::string words{};  ///< for the bounce
  std::vector<std::string> how{};
};

using RouteAnswer = std::expected<Route, NoRoute>;

class Routes {
 public:
  virtual ~Routes() = default;
  /// Looks it up; always ends, within what the resolver takes for a few questions one after another. Any executor; goes
  /// on at home.
  /// Where the sender requires TLS each hop wants it verified, and a name that is proven; where the sender waives it,
  /// what the domain publishes (DANE, MTA-STS) isn't looked at (RFC 8689 §4.2, §5). A notice about a letter that
  /// required it goes by what the domain publishes, and over any TLS where that is nothing.
  [[nodiscard]] virtual Async<RouteAnswer> find(Destination destination, store::TlsWish wish) = 0;
};

}  // namespace pabal::queue
