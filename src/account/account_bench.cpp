// What a recipient and a repeated login cost while memory has the answer.
#include <benchmark/benchmark.h>

#include "account/authenticator.hpp"
#include "account/testing.hpp"

namespace pabal::account {
namespace {

using testing::address;
using testing::domain;
using testing::must;
using testing::World;

struct BenchWorld : World {
  BenchWorld() {
    must(directory->add_domain(domain("bench.example")));
    for (int i = 0; i < 100; ++i) add(fmt::format("user{}@bench.example", i));
  }
};

void ResolveHit(benchmark::State& state) {
  BenchWorld world;
  std::vector<EmailAddress> addresses;
  for (int i = 0; i < 100; ++i) {
    addresses.push_back(address(fmt::format("user{}@bench.example", i)));
    must(run_blocking(world.directory->resolve(addresses.back())));
  }
  std::size_t next = 0;
  for (auto _ : state) {
    const auto answer = world.directory->try_resolve(addresses[next++ % addresses.size()]);
    if (!answer) state.SkipWithError("not cached");
    benchmark::DoNotOptimize(answer);
  }
}
BENCHMARK(ResolveHit);

void ParseAddress(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(EmailAddress::parse("user42@bench.example"));
}
BENCHMARK(ParseAddress);

Async<> log_in(Authenticator* authenticator, ClientFacts facts, std::int64_t count, std::int64_t* refused) {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto account = co_await authenticator->login("user1@bench.example", "demo", facts);
    if (!account) ++*refused;
  }
}

void CachedLogin(benchmark::State& state) {
  BenchWorld world;
  SystemRandom random;
  Metrics metrics;
  auto authenticator = must(Authenticator::open(*world.directory, *world.database, *world.writer, world.pool,
                                                world.clock, random, Log(), metrics, std::string(32, 'k'), {}));
  must(authenticator->set_password(must(world.directory->find_account(address("user1@bench.example")))->id, "demo"));
  const ClientFacts facts{
      .address = "192.0.2.1", .encrypted = true, .tls_exporter = {}, .protocol = "bench", .session = {}};
  constexpr std::int64_t at_once = 1000;
  std::int64_t refused = 0;
  for (auto _ : state) {
    asio::io_context io(1);
    asio::co_spawn(io, log_in(authenticator.get(), facts, at_once, &refused), [](const std::exception_ptr&) {});
    io.run();
  }
  if (refused != 0) state.SkipWithError("refused");
  state.SetItemsProcessed(state.iterations() * at_once);
}
BENCHMARK(CachedLogin);

void FirstLogin(benchmark::State& state) {
  BenchWorld world;
  SystemRandom random;
  Metrics metrics;
  AuthenticatorOptions options;
  options.cache_time = std::chrono::seconds(0);
  auto authenticator = must(Authenticator::open(*world.directory, *world.database, *world.writer, world.pool,
                                                world.clock, random, Log(), metrics, std::string(32, 'k'), options));
  must(authenticator->set_password(must(world.directory->find_account(address("user1@bench.example")))->id, "demo"));
  const ClientFacts facts{
      .address = "192.0.2.1", .encrypted = true, .tls_exporter = {}, .protocol = "bench", .session = {}};
  for (auto _ : state) {
    if (!run_blocking(authenticator->login("user1@bench.example", "demo", facts))) state.SkipWithError("refused");
  }
}
BENCHMARK(FirstLogin)->Unit(benchmark::kMillisecond)->UseRealTime();

void SetPassword(benchmark::State& state) {
  BenchWorld world;
  SystemRandom random;
  Metrics metrics;
  auto authenticator = must(Authenticator::open(*world.directory, *world.database, *world.writer, world.pool,
                                                world.clock, random, Log(), metrics, std::string(32, 'k'), {}));
  const auto id = must(world.directory->find_account(address("user1@bench.example")))->id;
  for (auto _ : state) must(authenticator->set_password(id, "demo"));
}
BENCHMARK(SetPassword)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace pabal::account
