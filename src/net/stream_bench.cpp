// What a line there and back costs over a real socket, and how fast a big block comes in: plain and TLS. Both ends run
// on threads of one process; the server's share is told as cpu_us, from its thread's clock.
#include <filesystem>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include "net/echo_server.hpp"
#include "net/test_client.hpp"

namespace pabal::net {
namespace {

std::shared_ptr<TlsContext> make_tls() {
  RealFileSystem files;
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("pabal-bench-{}", ::getpid());
  std::filesystem::create_directories(folder);
  const CertificateFiles pair{.certificate = (folder / "cert.pem").string(), .key = (folder / "key.pem").string()};
  if (!write_self_signed(files, pair, "mail.example", RealClock().now())) return nullptr;
  auto loaded = TlsContext::load(files, {.certificates = {pair}, .ciphers = {}});
  std::filesystem::remove_all(folder);
  return loaded ? *loaded : nullptr;
}

double process_cpu_us() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double thread_cpu_us() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

struct Connection {
  explicit Connection(bool encrypted) {
    const auto tls = encrypted ? make_tls() : nullptr;
    const auto at = echo.listen({.protocol = "echo",
                                 .address = "127.0.0.1",
                                 .port = 0,
                                 .tls = encrypted ? TlsMode::implicit : TlsMode::off,
                                 .proxy_protocol = {}},
                                tls);
    echo.start();
    client = std::make_unique<TestClient>(at);
    if (encrypted) client->start_tls(TestClient::trusting(), "mail.example");
  }
  EchoServer echo{EchoOptions{.threads = 1}};
  std::unique_ptr<TestClient> client;
};

void there_and_back(benchmark::State& state) {
  Connection connection(state.range(0) != 0);
  const double all = process_cpu_us();
  const double mine = thread_cpu_us();
  for (auto _ : state) benchmark::DoNotOptimize(connection.client->ask("NOOP and some more"));
  state.counters["server_cpu_us"] =
      ((process_cpu_us() - all) - (thread_cpu_us() - mine)) / static_cast<double>(state.iterations());
}
BENCHMARK(there_and_back)->ArgName("tls")->Arg(0)->Arg(1)->UseRealTime();

void bulk_in(benchmark::State& state) {
  Connection connection(state.range(0) != 0);
  const std::string block(static_cast<std::size_t>(state.range(1)), 'x');
  const auto command = fmt::format("BULK {}\r\n", block.size());
  const double all = process_cpu_us();
  const double mine = thread_cpu_us();
  for (auto _ : state) {
    connection.client->send(command);
    connection.client->send(block);
    benchmark::DoNotOptimize(connection.client->read_line());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(1));
  state.counters["server_cpu_us"] =
      ((process_cpu_us() - all) - (thread_cpu_us() - mine)) / static_cast<double>(state.iterations());
}
BENCHMARK(bulk_in)->ArgNames({"tls", "size"})->ArgsProduct({{0, 1}, {10 << 10, 4 << 20}})->UseRealTime();

void handshake(benchmark::State& state) {
  const auto tls = make_tls();
  EchoServer echo{EchoOptions{.threads = 1}};
  const auto at = echo.listen(
      {.protocol = "echo", .address = "127.0.0.1", .port = 0, .tls = TlsMode::implicit, .proxy_protocol = {}}, tls);
  echo.start();
  const bool resumed = state.range(0) != 0;
  auto context = TestClient::trusting();
  const double all = process_cpu_us();
  const double mine = thread_cpu_us();
  for (auto _ : state) {
    if (!resumed) context = TestClient::trusting();
    TestClient client(at);
    client.start_tls(context, "mail.example");
    benchmark::DoNotOptimize(client.ask("QUIT"));
  }
  state.counters["server_cpu_us"] =
      ((process_cpu_us() - all) - (thread_cpu_us() - mine)) / static_cast<double>(state.iterations());
}
BENCHMARK(handshake)->ArgName("resumed")->Arg(0)->Arg(1)->UseRealTime();

}  // namespace
}  // namespace pabal::net
