#include "queue/mta_sts.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/guarded.hpp"
#include "queue/host_addresses.hpp"

namespace pabal::queue {
namespace {

using Policy = std::shared_ptr<const smtp::StsPolicy>;
using Waiter = Completion<bool>;

struct Kept {
  Policy policy;
  std::string id;
  SteadyTime until;
  std::uint64_t used = 0;
};
struct Failure {
  std::string id;
  SteadyTime until;
  std::string why;
};
struct Book {
  std::map<Domain, Kept> kept;
  std::map<Domain, Failure> failures;
  std::map<Domain, std::vector<Waiter>> fetching;
  std::uint64_t uses = 0;
  StsPolicies::Counts counts;
};

}  // namespace

struct StsPolicies::State {
  State(dns::Resolver& the_resolver, net::HttpsClient& the_client, const Clock& the_clock, StsOptions the_options)
      : resolver(the_resolver), https(the_client), clock(the_clock), options(the_options) {}

  /// What is remembered, and not too old.
  std::optional<Kept> remembered(const Domain& domain) {
    auto all = book.lock();
    const auto found = all->kept.find(domain);
    if (found == all->kept.end()) return std::nullopt;
    if (found->second.until <= clock.steady()) {
      all->kept.erase(found);
      return std::nullopt;
    }
    found->second.used = ++all->uses;
    return found->second;
  }

  /// Why a policy with this id was not to be had just now.
  std::optional<std::string> failed_lately(const Domain& domain, const std::string& id) {
    auto all = book.lock();
    const auto found = all->failures.find(domain);
    if (found == all->failures.end()) return std::nullopt;
    if (found->second.until <= clock.steady()) {
      all->failures.erase(found);
      return std::nullopt;
    }
    if (found->second.id != id) return std::nullopt;
    return found->second.why;
  }

  void keep(const Domain& domain, Policy policy, const std::string& id) {
    auto all = book.lock();
    ++all->counts.fetched;
    all->failures.erase(domain);
    if (!all->kept.contains(domain) && all->kept.size() >= options.most_policies) {
      all->kept.erase(std::ranges::min_element(all->kept, {}, [](const auto& one) { return one.second.used; }));
    }
    // Also one that may not be kept at all isn't fetched for every letter.
    const auto until = clock.steady() + std::max(policy->max_age, options.fetch_again);
    all->kept.insert_or_assign(domain, Kept{std::move(policy), id, until, ++all->uses});
  }

  void fail_for_now(const Domain& domain, const std::string& id, const std::string& why) {
    auto all = book.lock();
    ++all->counts.failed;
    // Names come from strangers: the memory of their failures is bounded too.
    if (all->failures.size() >= options.most_policies) all->failures.clear();
    all->failures.insert_or_assign(domain, Failure{id, clock.steady() + options.fetch_again, why});
  }

  /// Calls `waiter` with true where nobody fetches yet: it has to then, and to call end(). With false when another's
  /// fetch has ended.
  void join(const Domain& domain, Waiter waiter) {
    {
      auto all = book.lock();
      const auto [place, first] = all->fetching.try_emplace(domain);
      if (!first) {
        place->second.push_back(std::move(waiter));
        return;
      }
    }
    waiter(true);
  }
  void end(const Domain& domain) {
    std::vector<Waiter> waiters;
    {
      auto all = book.lock();
      const auto found = all->fetching.find(domain);
      if (found == all->fetching.end()) return;
      waiters = std::move(found->second);
      all->fetching.erase(found);
    }
    for (auto& waiter : waiters) waiter(false);
  }

  dns::Resolver& resolver;
  net::HttpsClient& https;
  const Clock& clock;
  StsOptions options;
  Guarded<Book> book;
};

namespace {

/// The duty to fetch; whoever waits goes on when it ends, however that comes.
template <class State>
class Duty {
 public:
  Duty(std::shared_ptr<State> state, Domain domain) : state_(std::move(state)), domain_(std::move(domain)) {}
  ~Duty() { state_->end(domain_); }
  Duty(const Duty&) = delete;
  Duty& operator=(const Duty&) = delete;

 private:
  std::shared_ptr<State> state_;
  Domain domain_;
};

/// The policy as the domain's web server has it (RFC 8461 §3.3).
Async<Result<smtp::StsPolicy>> fetch(dns::Resolver* resolver, net::HttpsClient* https, Domain domain,
                                     StsOptions options) {
  const std::string host = "mta-sts." + domain.ascii();
  const auto name = dns::Name::parse(host);
  if (!name) co_return pass(name);
  const auto found = co_await addresses_of(*resolver, *name, options.port);
  if (found.addresses.empty()) co_return fail(ErrorKind::not_found, fmt::format("{} has no address", host));
  net::HttpsRequest request{.host = host,
                            .addresses = found.addresses,
                            .path = "/.well-known/mta-sts.txt",
                            .most_octets = smtp::most_sts_policy_octets,
                            .time = options.fetch_time};
  const auto got = co_await https->get(std::move(request));
  if (!got) co_return pass(got);
  if (got->status != 200) co_return fail(ErrorKind::not_found, fmt::format("{} says {}", host, got->status));
  if (got->media_type != "text/plain") {
    co_return fail(ErrorKind::syntax, fmt::format("{} gives something else than text/plain", host));
  }
  co_return smtp::parse_sts_policy(got->body);
}

std::string shown(const Kept& kept) {
  return fmt::format("MTA-STS policy {} ({}, {} hosts)", kept.id, smtp::name_of(kept.policy->mode),
                     kept.policy->mx.size());
}

}  // namespace

StsPolicies::StsPolicies(dns::Resolver& resolver, net::HttpsClient& https, const Clock& clock, StsOptions options)
    : state_(std::make_shared<State>(resolver, https, clock, options)) {}

StsPolicies::~StsPolicies() {
  // The frames of those who wait are destroyed outside of the lock: they may hold anything.
  std::map<Domain, std::vector<Waiter>> waiting;
  waiting.swap(state_->book.lock()->fetching);
}

Async<StsPolicies::Found> StsPolicies::find(Domain domain) {
  const auto state = state_;
  Found found;
  const auto stay = [&](const std::string& why) {
    const auto kept = state->remembered(domain);
    if (!kept) return;
    found.policy = kept->policy;
    found.how.push_back(fmt::format("{}: the remembered {} stays in force", why, shown(*kept)));
  };
  const auto name = dns::Name::parse("_mta-sts." + domain.ascii());
  if (!name) co_return found;  // too long a domain to have one
  const auto answer = co_await state->resolver.resolve(*name, dns::Type::txt);
  if (answer.status != dns::Status::ok) {
    stay(fmt::format("TXT {}: {}", name->text(), dns::words_of(answer.status)));
    co_return found;
  }
  std::vector<std::string> texts;
  for (const auto& txt : answer.all<dns::Txt>()) texts.push_back(txt.joined());
  const auto id = smtp::parse_sts_record(texts);
  if (!id) {
    stay(fmt::format("TXT {}: {}", name->text(), id.error().peer));
    co_return found;
  }
  for (;;) {
    const auto kept = state->remembered(domain);
    if (kept && kept->id == *id) {
      found.policy = kept->policy;
      found.how.push_back(shown(*kept));
      co_return found;
    }
    const auto failed = state->failed_lately(domain, *id);
    if (failed) {
      found.how.push_back(fmt::format("MTA-STS policy {}: {}", *id, *failed));
      stay("not fetched again so soon");
      co_return found;
    }
    const bool mine =
        co_await await_completion<bool>([state, domain](Waiter waiter) { state->join(domain, std::move(waiter)); });
    if (!mine) continue;
    const Duty<State> duty(state, domain);
    auto fetched = co_await fetch(&state->resolver, &state->https, domain, state->options);
    if (fetched) {
      auto policy = std::make_shared<const smtp::StsPolicy>(*std::move(fetched));
      found.policy = policy;
      state->keep(domain, policy, *id);
      found.how.push_back(
          fmt::format("MTA-STS policy {} fetched ({}, {} hosts)", *id, smtp::name_of(policy->mode), policy->mx.size()));
    } else {
      state->fail_for_now(domain, *id, fetched.error().peer);
      found.how.push_back(fmt::format("MTA-STS policy {}: {}", *id, fetched.error().peer));
      stay("the new one can't be fetched");
    }
    co_return found;
  }
}

StsPolicies::Counts StsPolicies::counts() const {
  auto all = state_->book.lock();
  Counts counts = all->counts;
  counts.policies = all->kept.size();
  return counts;
}

}  // namespace pabal::queue
