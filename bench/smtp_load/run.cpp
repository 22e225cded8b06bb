#include "smtp_load/run.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace pabal::bench {

Run::Run(Options options) : options_(std::move(options)), fast_(options_.size), mixer_(options_.seed) {
  if (!options_.letters.empty()) prepared_ = read_prepared(options_.letters);
  if (!options_.log.empty()) {
    log_ = std::fopen(options_.log.c_str(), "ae");
    if (log_ == nullptr) die(options_.log);
  }
}

bool Run::over() const {
  if (stopped_) return true;
  if (options_.messages != 0) return begun_ >= options_.messages;
  return seconds_since(begin_) >= options_.seconds;
}

std::optional<Letter> Run::next() {
  if (over()) return std::nullopt;
  Letter letter;
  letter.number = options_.first + begun_++;
  const std::size_t count =
      std::min(options_.recipients <= 1 ? 1 : 1 + mixer_.below(options_.recipients), options_.users);
  const std::size_t first = options_.recipients <= 1 ? letter.number % options_.users : mixer_.below(options_.users);
  for (std::size_t i = 0; i < count; ++i) letter.users.push_back((first + i) % options_.users);
  letter.accepted.assign(count, false);
  letter.chunked = options_.chunking && mixer_.below(2) == 0;
  letter.begin = now();
  return letter;
}

void Run::append_message(Letter& letter, std::string& out) {
  if (!prepared_.empty()) {
    append_prepared(prepared_[letter.number % prepared_.size()], letter.number, out);
    return;
  }
  if (log_ == nullptr) {
    fast_.append(letter.number, out);
    return;
  }
  std::size_t size = options_.size;
  if (options_.size_from != 0) {
    // Spread evenly over the logarithm: most are small, some are as big as can be.
    const double share = static_cast<double>(mixer_.below(1'000'000)) / 1e6;
    const double ratio = static_cast<double>(options_.size) / static_cast<double>(options_.size_from);
    size = static_cast<std::size_t>(static_cast<double>(options_.size_from) * std::pow(ratio, share));
  }
  LoadMessage message = random_message(letter.number, options_.seed, size);
  letter.hash = message.hash;
  std::string users;
  for (std::size_t i = 0; i < letter.users.size(); ++i) {
    if (letter.accepted[i]) users += fmt::format(" {}", letter.users[i]);
  }
  fmt::print(log_, "tried {} {}{}\n", letter.number, letter.hash, users);
  out += message.wire;
}

void Run::promised(const Letter& letter) {
  ++promised_;
  latencies_.push_back(static_cast<std::uint32_t>(std::min(seconds_since(letter.begin) * 1e6, 4e9)));
  if (log_ == nullptr) return;
  fmt::print(log_, "promised {}\n", letter.number);
  if (std::fflush(log_) != 0) die("log");
}

void Run::refused(const Letter& letter, const std::string& reply) {
  ++refused_;
  if (first_refusal_.empty()) first_refusal_ = reply;
  if (log_ != nullptr) fmt::print(log_, "refused {} {}\n", letter.number, reply);
}

void Run::print_figures(double seconds, double cpu_seconds) const {
  const auto count = static_cast<double>(std::max<std::uint64_t>(promised_, 1));
  fmt::print("messages={}\nrefused={}\nreconnects={}\nseconds={:.3f}\nrate={:.1f}\nclient_cpu_us={:.1f}\n", promised_,
             refused_, reconnects_, seconds, static_cast<double>(promised_) / seconds, cpu_seconds * 1e6 / count);
  print_percentiles("latency", latencies_);
  if (!first_refusal_.empty()) fmt::print("first_refusal={}\n", first_refusal_);
}

}  // namespace pabal::bench
