// Benchmarks of what every message passes: the decoding of its text and the parsing of its commands.
#include <benchmark/benchmark.h>

#include "smtp/command.hpp"
#include "smtp/data.hpp"
#include "smtp/line.hpp"

namespace pabal::smtp {
namespace {

/// About `size` octets of lines of 76, with a dotted one now and then, and the end.
std::string message(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i) {
    text += i % 20 == 19 ? "..dotted\r\n" : std::string(74, static_cast<char>('a' + i % 26)) + "\r\n";
  }
  return text + ".\r\n";
}

void decode(benchmark::State& state, TextRules rules, std::size_t step) {
  const std::string text = message(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    TextDecoder decoder(rules);
    std::size_t octets = 0;
    for (std::size_t at = 0; at < text.size(); at += step) {
      std::string_view piece = std::string_view(text).substr(at, step);
      while (!piece.empty() && !decoder.ended()) octets += decoder.decode(piece).size();
    }
    benchmark::DoNotOptimize(octets);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(text.size()));
}

void decode_data(benchmark::State& state) { decode(state, {}, SIZE_MAX / 2); }
void decode_data_in_packets(benchmark::State& state) { decode(state, {}, 1448); }
void decode_chunks(benchmark::State& state) { decode(state, {.framing = Framing::counted}, SIZE_MAX / 2); }
void decode_data_with_line_limit(benchmark::State& state) { decode(state, {.max_line = 1000}, SIZE_MAX / 2); }
BENCHMARK(decode_data)->Arg(10'240)->Arg(1 << 20);
BENCHMARK(decode_data_in_packets)->Arg(10'240);
BENCHMARK(decode_chunks)->Arg(10'240);
BENCHMARK(decode_data_with_line_limit)->Arg(10'240);

void parse(benchmark::State& state, std::string_view line) {
  for (auto _ : state) benchmark::DoNotOptimize(parse_command(line, {}));
}
void parse_mail(benchmark::State& state) { parse(state, "MAIL FROM:<alice@seoul.example> SIZE=10240 BODY=8BITMIME"); }
void parse_rcpt(benchmark::State& state) { parse(state, "RCPT TO:<bob@busan.example>"); }
void parse_noop(benchmark::State& state) { parse(state, "NOOP"); }
BENCHMARK(parse_mail);
BENCHMARK(parse_rcpt);
BENCHMARK(parse_noop);

}  // namespace
}  // namespace pabal::smtp
