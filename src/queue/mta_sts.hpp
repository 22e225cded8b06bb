// StsPolicies: the MTA-STS policies of domains that letters go to (RFC 8461): found by DNS, fetched over HTTPS, kept
// for their max_age, fetched anew when their id changes, and, while they are in use, long before their time is over
// (§10.2: else who can cut us off from the policy's server takes the protection away with time). Who keeps them over a
// restart stands above.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "address/domain.hpp"
#include "base/clock.hpp"
#include "dns/resolver.hpp"
#include "net/https_client.hpp"
#include "queue/tls_failure.hpp"
#include "smtp/mta_sts.hpp"

namespace pabal::queue {

struct StsOptions {
  std::uint16_t port = 443;  ///< another only for tests
  std::size_t most_policies = 10'000;
  std::size_t most_octets = 48UL << 20;  ///< of their texts and hosts; the biggest of the least used go first
  std::size_t refreshed_at_once = 8;     ///< slow hosts hold up those beside them alone
  std::chrono::milliseconds fetch_time{30'000};
  /// A policy that couldn't be fetched isn't asked for again so soon (RFC 8461 §3.3).
  std::chrono::seconds fetch_again{300};
  /// A policy in use is fetched anew so long after it was fetched, or when half of its time is over (RFC 8461 §10.2).
  std::chrono::seconds refresh_after{24 * 3600};
  std::chrono::seconds refresh_again{3600};    ///< where that failed
  std::chrono::seconds in_use{7 * 24 * 3600};  ///< so long after a letter went by it
};

/// A policy as it outlives this process, by the time of day.
struct RememberedPolicy {
  Domain domain;
  std::string id;
  smtp::StsPolicy policy;
  SystemTime fetched;
  SystemTime until;
};

/// Any thread. It must be destroyed when the threads of those who asked have stopped, and before their io_contexts.
class StsPolicies {
 public:
  /// All must outlive it.
  StsPolicies(dns::Resolver& resolver, net::HttpsClient& https, const Clock& clock, StsOptions options = {});
  ~StsPolicies();
  StsPolicies(const StsPolicies&) = delete;
  StsPolicies& operator=(const StsPolicies&) = delete;

  struct Found {
    /// Null: the domain has none, as far as can be told, and none is remembered.
    std::shared_ptr<const smtp::StsPolicy> policy;
    std::vector<std::string> how;  ///< for the trace
    /// What is wrong with the domain's policy now, for reports; one that is remembered may be in force all the same.
    std::optional<TlsFault> fault;
    /// There is no policy in force, and there may be one: the DNS doesn't answer, or it can't be fetched.
    bool unknown = false;
  };
  /// The policy in force for letters to this domain. One that is remembered and not too old stays in force whatever
  /// fails now (RFC 8461 §5.1).
  [[nodiscard]] Async<Found> find(Domain domain);

  /// Fetches policies anew whose time has come, some at a time, at most so many: to be called every minute or so.
  struct Refreshed {
    std::size_t fetched = 0;
    /// RFC 8461 §10.2: an administrator is to be told, but of policies of mode none.
    std::vector<std::pair<Domain, std::string>> failed;
  };
  [[nodiscard]] Async<Refreshed> refresh(std::size_t at_most);

  /// All that are kept, the most lately used first.
  [[nodiscard]] std::vector<RememberedPolicy> remembered() const;
  /// Takes them up again; those whose time is over, or that are there already, are left.
  void remember(std::vector<RememberedPolicy> policies);
  /// Grows whenever what remembered() says changes.
  [[nodiscard]] std::uint64_t changes() const;

  struct Counts {
    std::size_t policies = 0;
    std::uint64_t fetched = 0;
    std::uint64_t failed = 0;
  };
  [[nodiscard]] Counts counts() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace pabal::queue
