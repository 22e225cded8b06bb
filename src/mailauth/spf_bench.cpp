// SPF and DMARC of a usual letter with what the DNS says at hand, and the header fields that tell of it.
#include <benchmark/benchmark.h>

#include "base/clock.hpp"
#include "dns/caching_resolver.hpp"
#include "dns/scripted_resolver.hpp"
#include "mailauth/authentication_results.hpp"

namespace {

using namespace pabal;
using namespace pabal::mailauth;

constexpr const char* usual_zone = R"($TTL 300
seoul.example.          TXT "v=spf1 mx include:_spf.busan.example -all"
seoul.example.          MX  10 mx1.seoul.example.
seoul.example.          MX  20 mx2.seoul.example.
mx1.seoul.example.      A   198.51.100.1
mx2.seoul.example.      A   198.51.100.2
_spf.busan.example.     TXT "v=spf1 ip4:192.0.2.0/25 ip4:203.0.113.0/24 ip6:2001:db8::/32 ~all"
_dmarc.seoul.example.   TXT "v=DMARC1; p=reject; rua=mailto:dmarc@seoul.example; adkim=s"
)";

SpfQuery usual_query() {
  return {.address = *IpAddress::parse("192.0.2.1"),
          .helo = "mx.busan.example",
          .mail_from = "alice@seoul.example",
          .receiver = "mx.receiver.example",
          .now = SystemTime()};
}

struct CachedDns {
  dns::ScriptedResolver zone{usual_zone};
  RealClock clock;
  dns::CachingResolver resolver{zone, clock};
};

Async<int> spf_loop(benchmark::State* state, CachedDns* dns) {
  for (auto step : *state) {
    const auto outcome = co_await check_spf(dns->resolver, usual_query());
    if (outcome.result != SpfResult::pass) state->SkipWithError("SPF doesn't pass");
  }
  co_return 0;
}

void spf(benchmark::State& state) {
  CachedDns dns;
  if (run_blocking(spf_loop(&state, &dns)) != 0) state.SkipWithError("it didn't end");
}
BENCHMARK(spf);

Async<int> dmarc_loop(benchmark::State* state, CachedDns* dns, const PublicSuffix* suffixes) {
  for (auto step : *state) {
    DmarcFacts facts;
    facts.authors = {"alice@seoul.example"};
    facts.spf = SpfResult::pass;
    facts.spf_domain = "seoul.example";
    facts.signatures.push_back({.domain = "seoul.example", .selector = "s", .passed = true});
    const auto outcome = co_await check_dmarc(dns->resolver, *suffixes, std::move(facts), DmarcStandard::rfc7489);
    if (outcome.result != DmarcResult::pass) state->SkipWithError("DMARC doesn't pass");
  }
  co_return 0;
}

void dmarc(benchmark::State& state) {
  const auto suffixes = PublicSuffix::system();
  if (!suffixes) return state.SkipWithError("there is no public suffix list");
  CachedDns dns;
  if (run_blocking(dmarc_loop(&state, &dns, &*suffixes)) != 0) state.SkipWithError("it didn't end");
}
BENCHMARK(dmarc);

void header_fields(benchmark::State& state) {
  CachedDns dns;
  const auto query = usual_query();
  const auto outcome = run_blocking(check_spf(dns.resolver, query));
  for (auto step : state) {
    const std::vector<message::AuthenticationResult> results{result_of(outcome), authenticated("alice")};
    auto fields = authentication_results_field("mx.receiver.example", results) + received_spf_field(outcome, query);
    benchmark::DoNotOptimize(fields);
  }
}
BENCHMARK(header_fields);

}  // namespace
