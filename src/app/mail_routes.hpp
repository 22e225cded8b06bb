// MailRoutes: the ways that letters take to other servers, as the settings want them.
#pragma once
#include <memory>

#include "app/config.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "dns/resolver.hpp"
#include "net/https_client.hpp"
#include "queue/mta_sts.hpp"
#include "queue/routes.hpp"

namespace pabal::app {

/// It must be destroyed when the threads of those who asked have stopped, and before their io_contexts.
class MailRoutes {
 public:
  /// All must outlive it.
  /// `outcomes` may be null: nobody is told how TLS went.
  [[nodiscard]] static Result<std::unique_ptr<MailRoutes>> make(const Config& config, dns::Resolver& resolver,
                                                                const Clock& clock, Random& random,
                                                                queue::TlsOutcomes* outcomes = nullptr);
  [[nodiscard]] queue::Routes& routes() noexcept { return routes_; }
  [[nodiscard]] queue::StsPolicies& policies() noexcept { return policies_; }

 private:
  MailRoutes(std::shared_ptr<const net::TlsClientContext> tls, queue::RouteSettings settings, dns::Resolver& resolver,
             const Clock& clock, Random& random, queue::TlsOutcomes* outcomes);
  net::TlsHttpsClient https_;
  queue::StsPolicies policies_;
  queue::DnsRoutes routes_;
};

/// What routes are made from: the smart host and the routes that are set, and by which names and addresses others reach
/// us. The machine's addresses are as they are now.
[[nodiscard]] queue::RouteSettings route_settings_of(const Config& config);

}  // namespace pabal::app
