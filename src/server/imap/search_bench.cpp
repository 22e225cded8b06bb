// Searches in a big mailbox: what the search index takes of CPU a letter, how big it is, and how long an answer takes.
// PABAL_BENCH_LETTERS says how many letters of 10 KiB (default 10,000); half of them are Korean.
#include <array>
#include <random>
#include <sys/resource.h>

#include <benchmark/benchmark.h>

#include "server/imap/search_case.hpp"

namespace pabal::server::imap {
namespace {

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + (static_cast<double>(time.tv_usec) / 1e6);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Upkeep comes when it is asked to alone, so that none of the indexing is done beside the filling and left out.
store::StoreOptions no_upkeep() {
  store::StoreOptions options;
  options.upkeep_every = std::chrono::milliseconds(0);
  return options;
}

using Words = std::vector<std::string>;

Words english(std::mt19937& random) {
  Words words;
  for (int i = 0; i < 20'000; ++i) words.push_back(fmt::format("w{:x}", random()));
  words.insert(words.end(), {"the", "post", "\uD30C\uBC1C\uB9C8", "rides"});
  return words;
}

// Words of two to four syllables, of the 1,500 or so syllables that most of Korean is written with.
Words korean(std::mt19937& random) {
  constexpr unsigned kFirst = 0xAC00;
  constexpr unsigned kSyllables = 11'172;
  constexpr unsigned kUsed = 1'500;
  Words words;
  for (int i = 0; i < 20'000; ++i) {
    std::string word;
    for (unsigned left = 2 + (random() % 3); left > 0; --left) {
      const unsigned code = kFirst + (random() % kUsed * (kSyllables / kUsed));
      word += static_cast<char>(0xE0U | (code >> 12U));
      word += static_cast<char>(0x80U | ((code >> 6U) & 0x3FU));
      word += static_cast<char>(0x80U | (code & 0x3FU));
    }
    words.push_back(std::move(word));
  }
  return words;
}

std::string body_of(const Words& words, std::mt19937& random) {
  std::string body;
  while (body.size() < 10'000) {
    // Few words are common, as in any language.
    const auto range = std::size_t{1} << (random() % 15);
    body += words[words.size() - 1 - (random() % std::min(range, words.size()))] + (random() % 12 == 0 ? "\r\n" : " ");
  }
  return body;
}

// One mailbox for all measurements.
struct BigMailbox {
  SearchCase mail{no_upkeep()};
  int letters = 10'000;
  double cpu = 0;

  BigMailbox() {
    if (const char* given = std::getenv("PABAL_BENCH_LETTERS"); given != nullptr) letters = std::atoi(given);
    std::mt19937 random(7);
    const std::array languages{english(random), korean(random)};
    for (int i = 0; i < letters; ++i) {
      mail.letter(
          fmt::format("From: User {0} <user{0}@busan.example>\r\nTo: alice@seoul.example\r\nSubject: letter {1}\r\n"
                      "Message-ID: <{1}@x>\r\nContent-Type: text/plain; charset=utf-8",
                      random() % 1000, i),
          body_of(languages.at(static_cast<std::size_t>(i % 2)), random) + (i % 1000 == 5 ? "needle" : ""));
    }
    const auto before = cpu_seconds();
    if (auto done = mail.world.store->maintain(); !done) throw std::runtime_error(done.error().log);
    cpu = cpu_seconds() - before;
    if (mail.world.number("SELECT COUNT(*) FROM email WHERE email_id > (SELECT MIN(done) FROM search_state)") != 0 ||
        mail.world.number("SELECT COUNT(*) FROM search_state") != 1) {
      throw std::runtime_error("letters were left out of the index");
    }
  }
};

BigMailbox& big() {
  static BigMailbox made;
  return made;
}

void index_letters(benchmark::State& state) {
  for (auto unused : state) {
    static_cast<void>(unused);
    benchmark::DoNotOptimize(big().letters);
  }
  state.counters["cpu_s"] = big().cpu;
  state.counters["letters"] = big().letters;
  state.counters["index_bytes"] =
      static_cast<double>(big().mail.world.number("SELECT SUM(LENGTH(octets)) FROM search_data"));
}
BENCHMARK(index_letters)->Iterations(1);

void search_for(benchmark::State& state, const std::string& key) {
  auto& mail = big().mail;
  // Login and SELECT alone, to be taken off.
  const auto clock = [] { return std::chrono::steady_clock::now(); };
  double seconds = 0;
  for (auto unused : state) {
    static_cast<void>(unused);
    const auto begun = clock();
    benchmark::DoNotOptimize(mail.say(""));
    const auto between = clock();
    const auto out = mail.say("a SEARCH " + key + "\r\n");
    if (!out.ends_with("a OK Done.\r\n")) state.SkipWithError(out.c_str());
    seconds += std::chrono::duration<double>(clock() - between - (between - begun)).count();
  }
  state.counters["search_ms"] = benchmark::Counter(seconds * 1e3, benchmark::Counter::kAvgIterations);
}
BENCHMARK_CAPTURE(search_for, text_rare, "TEXT needle")->Iterations(20);
BENCHMARK_CAPTURE(search_for, text_common, "TEXT rides")->Iterations(20);
BENCHMARK_CAPTURE(search_for, text_none, "TEXT nowhere")->Iterations(20);
BENCHMARK_CAPTURE(search_for, text_part, "TEXT w1")->Iterations(20);
BENCHMARK_CAPTURE(search_for, body_korean, "CHARSET UTF-8 BODY {6+}\r\n\uBC1C\uB9C8")->Iterations(20);
BENCHMARK_CAPTURE(search_for, from, "FROM user77@")->Iterations(20);
BENCHMARK_CAPTURE(search_for, subject, "SUBJECT \"letter 99\"")->Iterations(20);
BENCHMARK_CAPTURE(search_for, not_text, "NOT TEXT needle")->Iterations(20);

}  // namespace
}  // namespace pabal::server::imap
