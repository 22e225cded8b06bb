#include <benchmark/benchmark.h>

#include "base/random.hpp"
#include "codec/transfer.hpp"

namespace pabal::codec {
namespace {

void base64_body(benchmark::State& state) {
  SeededRandom random(1);
  const std::string text = encode_base64_body(random.octets(1 << 20));
  for (auto _ : state) benchmark::DoNotOptimize(decode_base64_body(text));
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}
BENCHMARK(base64_body);

void quoted_printable(benchmark::State& state) {
  std::string words;
  while (words.size() < 1 << 20) words += "The relay post of old Korea carried letters = on horseback, 파발.\r\n";
  const std::string text = encode_quoted_printable(words);
  for (auto _ : state) benchmark::DoNotOptimize(decode_quoted_printable(text));
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}
BENCHMARK(quoted_printable);

}  // namespace
}  // namespace pabal::codec
