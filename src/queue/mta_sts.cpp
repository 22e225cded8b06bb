#include "queue/mta_sts.hpp"

#include <algorithm>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <ranges>
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
  SteadyTime fetched;
  SteadyTime refresh;  ///< when it is to be fetched anew
  SteadyTime used_at;  ///< by a letter
  std::uint64_t used = 0;
};
struct Failure {
  std::string id;
  SteadyTime until;
  TlsFault fault;
};
struct Book {
  std::map<Domain, Kept> kept;
  std::size_t octets = 0;  ///< theirs
  std::map<Domain, Failure> failures;
  std::map<Domain, std::vector<Waiter>> fetching;
  std::uint64_t uses = 0;
  std::uint64_t changes = 0;
  StsPolicies::Counts counts;
};

std::size_t octets_of(const smtp::StsPolicy& policy) {
  auto octets = policy.text.size();
  for (const auto& host : policy.mx) octets += host.size();
  return octets;
}

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
      forget(*all, found);
      return std::nullopt;
    }
    found->second.used = ++all->uses;
    found->second.used_at = clock.steady();
    return found->second;
  }

  /// Why a policy with this id was not to be had just now.
  std::optional<TlsFault> failed_lately(const Domain& domain, const std::string& id) {
    auto all = book.lock();
    const auto found = all->failures.find(domain);
    if (found == all->failures.end()) return std::nullopt;
    if (found->second.until <= clock.steady()) {
      all->failures.erase(found);
      return std::nullopt;
    }
    if (found->second.id != id) return std::nullopt;
    return found->second.fault;
  }

  /// When a policy that was fetched then is fetched anew.
  [[nodiscard]] SteadyTime refresh_of(SteadyTime fetched, std::chrono::seconds max_age) const {
    return fetched + std::min(options.refresh_after, std::max(max_age / 2, options.fetch_again));
  }
  static void forget(Book& book_, std::map<Domain, Kept>::iterator which) {
    book_.octets -= octets_of(*which->second.policy);
    book_.kept.erase(which);
  }
  /// Of those above the usual size, where there are any, the one that was used longest ago: who publishes big ones
  /// pushes out others' of that kind.
  static void forget_one(Book& book_, bool of_the_big) {
    constexpr std::size_t usual = 4096;
    auto oldest = book_.kept.end();
    for (auto at = book_.kept.begin(); at != book_.kept.end(); ++at) {
      if (of_the_big && octets_of(*at->second.policy) <= usual) continue;
      if (oldest == book_.kept.end() || at->second.used < oldest->second.used) oldest = at;
    }
    if (oldest != book_.kept.end()) {
      forget(book_, oldest);
    } else if (of_the_big) {
      forget_one(book_, false);
    }
  }
  void put(Book& book_, const Domain& domain, Kept kept) const {
    if (const auto before = book_.kept.find(domain); before != book_.kept.end()) forget(book_, before);
    const auto octets = octets_of(*kept.policy);
    while (!book_.kept.empty() && book_.octets + octets > options.most_octets) forget_one(book_, true);
    if (book_.kept.size() >= options.most_policies) forget_one(book_, false);
    book_.octets += octets;
    kept.used = ++book_.uses;
    book_.kept.insert_or_assign(domain, std::move(kept));
    ++book_.changes;
  }

  /// `used`: by a letter, now; else it stays as it was.
  void keep(const Domain& domain, Policy policy, const std::string& id, bool used) {
    auto all = book.lock();
    ++all->counts.fetched;
    all->failures.erase(domain);
    const auto now = clock.steady();
    const auto before = all->kept.find(domain);
    const auto used_at = used || before == all->kept.end() ? now : before->second.used_at;
    // Also one that may not be kept at all isn't fetched for every letter.
    const auto until = now + std::max(policy->max_age, options.fetch_again);
    const auto refresh = refresh_of(now, policy->max_age);
    put(*all, domain,
        Kept{.policy = std::move(policy),
             .id = id,
             .until = until,
             .fetched = now,
             .refresh = refresh,
             .used_at = used_at});
  }

  void fail_for_now(const Domain& domain, const std::string& id, const TlsFault& fault) {
    auto all = book.lock();
    ++all->counts.failed;
    // Names come from strangers: the memory of their failures is bounded too.
    if (all->failures.size() >= options.most_policies) all->failures.clear();
    all->failures.insert_or_assign(domain, Failure{id, clock.steady() + options.fetch_again, fault});
  }

  /// Those in use that are to be fetched anew, with what is kept of them; who waits longest comes first.
  std::vector<std::pair<Domain, Kept>> due_for_refresh(std::size_t at_most) {
    auto all = book.lock();
    const auto now = clock.steady();
    std::vector<std::pair<Domain, Kept>> due;
    for (const auto& [domain, kept] : all->kept) {
      if (kept.until > now && kept.refresh <= now && now - kept.used_at < options.in_use)
        due.emplace_back(domain, kept);
    }
    std::ranges::sort(due, {}, [](const auto& one) { return one.second.refresh; });
    if (due.size() > at_most) due.erase(due.begin() + static_cast<std::ptrdiff_t>(at_most), due.end());
    return due;
  }
  void refresh_later(const Domain& domain, std::chrono::seconds wait) {
    auto all = book.lock();
    const auto found = all->kept.find(domain);
    if (found != all->kept.end()) found->second.refresh = clock.steady() + wait;
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

TlsFault fault_of(TlsFailure failure, const Error& error) { return {failure, error.peer}; }

/// The policy as the domain's web server has it (RFC 8461 §3.3), or what is wrong (RFC 8460 §4.3.2.2).
Async<std::expected<smtp::StsPolicy, TlsFault>> fetch(dns::Resolver* resolver, net::HttpsClient* https, Domain domain,
                                                      StsOptions options) {
  const std::string host = "mta-sts." + domain.ascii();
  const auto name = dns::Name::parse(host);
  if (!name) co_return std::unexpected(fault_of(TlsFailure::sts_policy_fetch_error, name.error()));
  const auto found = co_await addresses_of(*resolver, *name, options.port);
  if (found.addresses.empty()) {
    co_return std::unexpected(TlsFault{TlsFailure::sts_policy_fetch_error, fmt::format("{} has no address", host)});
  }
  net::HttpsRequest request{.host = host,
                            .addresses = found.addresses,
                            .path = "/.well-known/mta-sts.txt",
                            .most_octets = smtp::most_sts_policy_octets,
                            .time = options.fetch_time};
  const auto got = co_await https->get(std::move(request));
  if (!got) {
    const bool certificate = got.error().kind == ErrorKind::policy;
    co_return std::unexpected(
        fault_of(certificate ? TlsFailure::sts_webpki_invalid : TlsFailure::sts_policy_fetch_error, got.error()));
  }
  if (got->status != 200) {
    co_return std::unexpected(
        TlsFault{TlsFailure::sts_policy_fetch_error, fmt::format("{} says {}", host, got->status)});
  }
  if (got->media_type != "text/plain") {
    co_return std::unexpected(
        TlsFault{TlsFailure::sts_policy_invalid, fmt::format("{} gives something else than text/plain", host)});
  }
  auto policy = smtp::parse_sts_policy(got->body);
  if (!policy) co_return std::unexpected(fault_of(TlsFailure::sts_policy_invalid, policy.error()));
  co_return *std::move(policy);
}

/// The id that the domain's record has now.
struct Looked {
  dns::Status status = dns::Status::failed;
  Result<std::string> id = fail(ErrorKind::not_found, "no record");
  std::string why;
};
Async<Looked> look_up(dns::Resolver* resolver, dns::Name name) {
  const auto answer = co_await resolver->resolve(name, dns::Type::txt);
  Looked looked;
  looked.status = answer.status;
  if (answer.status != dns::Status::ok) {
    looked.why = fmt::format("TXT {}: {}", name.text(), dns::words_of(answer.status));
    co_return looked;
  }
  std::vector<std::string> texts;
  for (const auto& txt : answer.all<dns::Txt>()) texts.push_back(txt.joined());
  looked.id = smtp::parse_sts_record(texts);
  if (!looked.id) looked.why = fmt::format("TXT {}: {}", name.text(), looked.id.error().peer);
  co_return looked;
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
    found.unknown = false;
    found.how.push_back(fmt::format("{}: the remembered {} stays in force", why, shown(*kept)));
  };
  const auto name = dns::Name::parse("_mta-sts." + domain.ascii());
  if (!name) co_return found;  // too long a domain to have one
  const auto looked = co_await look_up(&state->resolver, *name);
  if (!looked.id) {
    found.unknown = looked.status != dns::Status::ok && looked.status != dns::Status::no_data &&
                    looked.status != dns::Status::no_name;
    stay(looked.why);
    co_return found;
  }
  const auto& id = *looked.id;
  for (;;) {
    const auto kept = state->remembered(domain);
    if (kept && kept->id == id) {
      found.policy = kept->policy;
      found.how.push_back(shown(*kept));
      co_return found;
    }
    found.fault = state->failed_lately(domain, id);
    if (found.fault) {
      found.unknown = true;
      found.how.push_back(fmt::format("MTA-STS policy {}: {}", id, found.fault->reason));
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
      state->keep(domain, policy, id, true);
      found.how.push_back(
          fmt::format("MTA-STS policy {} fetched ({}, {} hosts)", id, smtp::name_of(policy->mode), policy->mx.size()));
    } else {
      found.fault = fetched.error();
      found.unknown = true;
      state->fail_for_now(domain, id, fetched.error());
      found.how.push_back(fmt::format("MTA-STS policy {}: {}", id, fetched.error().reason));
      stay("the new one can't be fetched");
    }
    co_return found;
  }
}

namespace {

/// Policies that are fetched anew by some coroutines at one executor.
struct Round {
  explicit Round(const Executor& home) : ended(home) {}
  std::vector<std::pair<Domain, Kept>> due;
  std::size_t next = 0;
  StsPolicies::Refreshed done;
  std::size_t running = 0;
  std::exception_ptr thrown;
  Alarm ended;
};

template <class State>
Async<> refresh_one(State* state, const std::shared_ptr<State>* shared, const std::pair<Domain, Kept>* one,
                    StsPolicies::Refreshed* done) {
  const auto& [domain, kept] = *one;
  // First of all, so that whatever comes of it nobody asks at once again.
  state->refresh_later(domain, state->options.refresh_again);
  const auto name = dns::Name::parse("_mta-sts." + domain.ascii());
  if (!name) co_return;
  const auto looked = co_await look_up(&state->resolver, *name);
  const bool withdrawn = !looked.id && (looked.status == dns::Status::ok || looked.status == dns::Status::no_data ||
                                        looked.status == dns::Status::no_name);
  if (withdrawn) {
    // It stays in force for its time, and isn't renewed.
    state->refresh_later(domain, state->options.refresh_after);
    co_return;
  }
  std::string why = looked.why;
  if (looked.id) {
    const bool mine = co_await await_completion<bool>(
        [state = *shared, asked = domain](Waiter waiter) { state->join(asked, std::move(waiter)); });
    if (!mine) co_return;  // a letter has fetched it
    const Duty<State> duty(*shared, domain);
    auto fetched = co_await fetch(&state->resolver, &state->https, domain, state->options);
    if (fetched) {
      ++done->fetched;
      state->keep(domain, std::make_shared<const smtp::StsPolicy>(*std::move(fetched)), *looked.id, false);
      co_return;
    }
    why = fetched.error().reason;
  }
  if (kept.policy->mode != smtp::StsMode::none) done->failed.emplace_back(domain, std::move(why));
}

template <class State>
Async<> refresh_some(std::shared_ptr<State> state, std::shared_ptr<Round> round) {
  while (round->next < round->due.size()) {
    const auto& one = round->due[round->next++];
    co_await refresh_one(state.get(), &state, &one, &round->done);
  }
}

}  // namespace

Async<StsPolicies::Refreshed> StsPolicies::refresh(std::size_t at_most) {
  const auto state = state_;
  const auto home = co_await asio::this_coro::executor;
  const auto round = std::make_shared<Round>(home);
  round->due = state->due_for_refresh(at_most);
  round->running = std::min(round->due.size(), std::max<std::size_t>(state->options.refreshed_at_once, 1));
  for (auto left = round->running; left > 0; --left) {
    asio::co_spawn(home, refresh_some(state, round), [round](const std::exception_ptr& thrown) {
      if (thrown) round->thrown = thrown;
      --round->running;
      round->ended.ring();
    });
  }
  while (round->running > 0) co_await round->ended.wait(std::chrono::hours(1));
  if (round->thrown) std::rethrow_exception(round->thrown);
  co_return std::move(round->done);
}

std::vector<RememberedPolicy> StsPolicies::remembered() const {
  auto all = state_->book.lock();
  const auto now = state_->clock.now();
  const auto steady = state_->clock.steady();
  const auto at = [&](SteadyTime time) {
    return now + std::chrono::duration_cast<std::chrono::microseconds>(time - steady);
  };
  std::vector<const std::pair<const Domain, Kept>*> order;
  for (const auto& one : all->kept) order.push_back(&one);
  std::ranges::sort(order, std::greater(), [](const auto* one) { return one->second.used; });
  std::vector<RememberedPolicy> out;
  for (const auto* one : order) {
    const auto& kept = one->second;
    if (kept.until <= steady) continue;
    out.push_back({.domain = one->first,
                   .id = kept.id,
                   .policy = *kept.policy,
                   .fetched = at(kept.fetched),
                   .until = at(kept.until)});
  }
  return out;
}

void StsPolicies::remember(std::vector<RememberedPolicy> policies) {
  auto all = state_->book.lock();
  const auto now = state_->clock.now();
  const auto steady = state_->clock.steady();
  // The most lately used come last, as if they had just been used in this order.
  for (auto& one : std::views::reverse(policies)) {
    // A clock that was set makes no policy live longer than it says itself.
    const auto longest = std::max(one.policy.max_age, state_->options.fetch_again);
    const auto left = std::min<std::chrono::microseconds>(one.until - now, longest);
    if (left <= std::chrono::microseconds(0) || all->kept.contains(one.domain)) continue;
    const auto age = std::clamp<std::chrono::microseconds>(now - one.fetched, std::chrono::seconds(0), longest);
    const auto fetched = steady - age;
    const auto refresh = state_->refresh_of(fetched, one.policy.max_age);
    state_->put(*all, one.domain,
                Kept{.policy = std::make_shared<const smtp::StsPolicy>(std::move(one.policy)),
                     .id = std::move(one.id),
                     .until = steady + left,
                     .fetched = fetched,
                     .refresh = refresh,
                     .used_at = steady});
  }
}

std::uint64_t StsPolicies::changes() const { return state_->book.lock()->changes; }

StsPolicies::Counts StsPolicies::counts() const {
  auto all = state_->book.lock();
  Counts counts = all->counts;
  counts.policies = all->kept.size();
  return counts;
}

}  // namespace pabal::queue
