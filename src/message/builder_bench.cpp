#include <benchmark/benchmark.h>

#include "message/builder.hpp"
#include "message/downgrade.hpp"

namespace pabal::message {
namespace {

class CountingSink final : public Sink {
 public:
  [[nodiscard]] Result<void> write(std::string_view octets) override {
    count += octets.size();
    benchmark::DoNotOptimize(octets.data());
    return {};
  }
  std::size_t count = 0;
};

OutgoingMessage letter(Entity body) {
  OutgoingMessage message;
  HeaderWriter& header = message.header();
  const Correspondent who = {"김영희", EmailAddress::parse("alice@seoul.example").value()};
  benchmark::DoNotOptimize(header.address("From", who));
  benchmark::DoNotOptimize(header.address("To", who));
  benchmark::DoNotOptimize(header.text("Subject", "오늘 저녁 회의는 일곱 시에 시작합니다"));
  benchmark::DoNotOptimize(header.message_id("Message-ID", "a.b@seoul.example"));
  message.set_body(std::move(body));
  return message;
}

void write(benchmark::State& state, const OutgoingMessage& message, Carriage carriage) {
  SeededRandom random(1);
  std::size_t octets = 0;
  for (auto _ : state) {
    CountingSink sink;
    if (!message.write(sink, random, {carriage})) state.SkipWithError("not written");
    octets += sink.count;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(octets));
}

void build_small_letter(benchmark::State& state) {
  write(state, letter(Entity::text("안녕하세요.\n저녁에 봅시다.\n")), Carriage::seven_bit);
}
BENCHMARK(build_small_letter);

void build_base64_attachment(benchmark::State& state) {
  SeededRandom random(2);
  write(state, letter(Entity::attachment("보고서.pdf", "application/pdf", source_of(random.octets(8U << 20)))),
        Carriage::seven_bit);
}
BENCHMARK(build_base64_attachment);

std::string korean_text(std::size_t size) {
  std::string words;
  while (words.size() < size) words += "The relay post of old Korea carried letters on horseback, 파발.\r\n";
  return words;
}

void build_quoted_printable(benchmark::State& state) {
  write(state, letter(Entity::text(korean_text(1U << 20))), Carriage::seven_bit);
}
BENCHMARK(build_quoted_printable);

void build_8bit_text(benchmark::State& state) {
  write(state, letter(Entity::text(korean_text(1U << 20))), Carriage::eight_bit);
}
BENCHMARK(build_8bit_text);

void convert(benchmark::State& state, const std::string& message) {
  const auto tree = parse_mime(message);
  for (auto _ : state) {
    CountingSink sink;
    if (!downgrade(message, tree, {}, sink)) state.SkipWithError("not converted");
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(message.size()) * state.iterations());
}

void downgrade_8bit_text(benchmark::State& state) {
  convert(state, "Content-Type: text/plain; charset=utf-8\r\n\r\n" + korean_text(1U << 20));
}
BENCHMARK(downgrade_8bit_text);

void downgrade_binary(benchmark::State& state) {
  SeededRandom random(2);
  convert(state, "Content-Type: image/png\r\n\r\n" + random.octets(8U << 20));
}
BENCHMARK(downgrade_binary);

std::string plain_lines(std::size_t size) {
  std::string out;
  while (out.size() < size) out += "The relay post of old Korea carried letters on horseback.\r\n";
  return out;
}

void downgrade_nothing_to_do(benchmark::State& state) { convert(state, "Subject: x\r\n\r\n" + plain_lines(1U << 20)); }
BENCHMARK(downgrade_nothing_to_do);

}  // namespace
}  // namespace pabal::message
