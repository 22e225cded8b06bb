// StsPolicies: the MTA-STS policies of domains that letters go to (RFC 8461): found by DNS, fetched over HTTPS, kept in
// memory for their max_age, and fetched anew when their id changes.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "address/domain.hpp"
#include "base/clock.hpp"
#include "dns/resolver.hpp"
#include "net/https_client.hpp"
#include "smtp/mta_sts.hpp"

namespace pabal::queue {

struct StsOptions {
  std::uint16_t port = 443;  ///< another only for tests
  std::size_t most_policies = 10'000;
  std::chrono::milliseconds fetch_time{30'000};
  /// A policy that couldn't be fetched isn't asked for again so soon (RFC 8461 §3.3).
  std::chrono::seconds fetch_again{300};
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
  };
  /// The policy in force for letters to this domain. One that is remembered and not too old stays in force whatever
  /// fails now (RFC 8461 §5.1).
  [[nodiscard]] Async<Found> find(Domain domain);

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
