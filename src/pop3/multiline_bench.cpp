// Dot-stuffing of a 10 KiB message of 76-octet lines, as RETR does it, beside a plain copy and the octet-by-octet
// reference.
#include <benchmark/benchmark.h>

#include "pop3/multiline.hpp"

namespace pabal::pop3 {
namespace {

std::string letter(std::size_t dotted_every) {
  std::string out;
  for (std::size_t line = 1; out.size() < 10 * 1024; ++line) {
    out.append(76, 'x').append("\r\n");
    if (dotted_every != 0 && line % dotted_every == 0) out[out.size() - 78] = '.';
  }
  return out;
}

void copy_only(benchmark::State& state) {
  const auto message = letter(0);
  std::string out;
  for (auto _ : state) {
    out.clear();
    out.append(message);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(message.size()));
}
BENCHMARK(copy_only);

void stuff(benchmark::State& state) {
  const auto message = letter(static_cast<std::size_t>(state.range(0)));
  std::string out;
  for (auto _ : state) {
    out.clear();
    out.append(message);
    DotStuffer stuffer;
    stuffer.stuff(out, 0);
    stuffer.finish(out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(message.size()));
}
BENCHMARK(stuff)->Arg(0)->Arg(30)->Arg(1);

void reference(benchmark::State& state) {
  const auto message = letter(0);
  for (auto _ : state) benchmark::DoNotOptimize(dot_stuffed(message));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(message.size()));
}
BENCHMARK(reference);

}  // namespace
}  // namespace pabal::pop3
