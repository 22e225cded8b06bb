// How long a command takes to be read, and a session's view to follow a change.
#include <benchmark/benchmark.h>

#include "imap/command_reader.hpp"
#include "imap/mailbox_name.hpp"

namespace {

using namespace pabal::imap;

void read_command(benchmark::State& state, std::string_view line) {
  CommandReader reader;
  for (auto _ : state) {
    std::string_view input = line;
    auto event = reader.next(input);
    if (!std::holds_alternative<Command>(event)) state.SkipWithError("no command");
    benchmark::DoNotOptimize(event);
  }
}

void small(benchmark::State& state) { read_command(state, "a1 NOOP\r\n"); }
BENCHMARK(small);
void fetch(benchmark::State& state) {
  read_command(state, "a1 UID FETCH 1:* (UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (From To Subject Date)])\r\n");
}
BENCHMARK(fetch);
void search(benchmark::State& state) {
  read_command(state, "a1 UID SEARCH RETURN (ALL) UNDELETED OR FROM \"smith\" SUBJECT \"x\" SINCE 1-Feb-1994\r\n");
}
BENCHMARK(search);

void set_of_thousands(benchmark::State& state) {
  std::string text;
  for (int i = 1; i < 20'000; i += 2) text += (text.empty() ? "" : ",") + std::to_string(i);
  for (auto _ : state) {
    const auto set = SequenceSet::parse(text);
    benchmark::DoNotOptimize(set->resolve(20'000).count());
  }
}
BENCHMARK(set_of_thousands);

void pattern(benchmark::State& state) {
  const MailboxPattern wanted("Lists/%/*2026*");
  for (auto _ : state) benchmark::DoNotOptimize(wanted.matches("Lists/debian-devel/archive/2026/11"));
}
BENCHMARK(pattern);

}  // namespace
