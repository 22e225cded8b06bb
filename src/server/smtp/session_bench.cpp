// What a message of 10 KiB costs between the stream and the store: the whole session over a memory stream, with
// services that answer at once. The stream's own copying is in it.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include "net/test_support.hpp"
#include "server/smtp/session.hpp"
#include "server/smtp/test_world.hpp"

namespace pabal::server::smtp {
namespace {

/// Answers and forgets.
class QuickMda final : public delivery::Mda {
 public:
  [[nodiscard]] Async<delivery::Answer> deliver(delivery::Letter letter) override {
    octets += letter.content.size();
    delivery::Answer answer;
    answer.results.emplace_back();
    co_return answer;
  }
  std::uint64_t octets = 0;
};

void messages(benchmark::State& state, std::size_t size) {
  constexpr std::size_t kMessages = 100;
  std::string text = "From: alice@seoul.example\r\nTo: bob@busan.example\r\nSubject: x\r\n\r\n";
  while (text.size() < size) text += std::string(76, 'x') + "\r\n";
  text += ".\r\n";
  World world({.max_transactions = SIZE_MAX, .messages_per_minute = 0, .recipients_per_minute = 0});
  QuickMda mda;
  Services services = world.server.services();
  services.mda = &mda;
  Server server(world.settings, {}, services, world.limits);
  for (auto _ : state) {
    state.PauseTiming();
    net::MemoryStreamOptions options;
    options.input.push_back("EHLO x.example\r\n");
    for (std::size_t i = 0; i < kMessages; ++i) {
      options.input.push_back("MAIL FROM:<alice@seoul.example>\r\n");
      options.input.push_back("RCPT TO:<bob@busan.example>\r\n");
      options.input.push_back("DATA\r\n");
      options.input.push_back(text);
    }
    net::MemoryStream stream(std::move(options));
    state.ResumeTiming();
    net::run_to_end(server.talk(stream, "session", Log()));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(kMessages));
  if (mda.octets == 0) state.SkipWithError("nothing arrived");
}

void message_of_10_kib(benchmark::State& state) { messages(state, 10'240); }
void message_of_1_kib(benchmark::State& state) { messages(state, 1024); }

// What an idle session holds after EHLO, beside its stream.
void idle_session(benchmark::State& state) {
  constexpr std::size_t kSessions = 1000;
  const Log log = Log::to_stderr(LogLevel::warning, false).with({"session", "0123456789abcdef"});
  double octets = 0;
  for (auto _ : state) {
    World world;
    asio::io_context io(1);
    std::vector<std::unique_ptr<net::MemoryStream>> streams;
    for (std::size_t i = 0; i < kSessions; ++i) {
      streams.push_back(std::make_unique<net::MemoryStream>(net::MemoryStreamOptions{.ends = false}));
    }
    const auto before = mallinfo2().uordblks;
    for (auto& stream : streams) {
      asio::co_spawn(io.get_executor(), world.server.talk(*stream, "0123456789abcdef", log), [](std::exception_ptr) {});
      stream->feed("EHLO x.example\r\n");
    }
    io.poll();
    octets = static_cast<double>(mallinfo2().uordblks - before) / kSessions;
    for (auto& stream : streams) {
      octets -= static_cast<double>(stream->written().capacity()) / kSessions;
      stream->end();
    }
    io.restart();
    io.run();
  }
  state.counters["octets_a_session"] = octets;
  state.counters["session_object"] = sizeof(Session);
}
BENCHMARK(idle_session)->Iterations(3);
BENCHMARK(message_of_10_kib);
BENCHMARK(message_of_1_kib);

}  // namespace
}  // namespace pabal::server::smtp
