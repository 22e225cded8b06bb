#include "server/pop3/session.hpp"

namespace pabal::server::pop3 {

std::unique_ptr<store::EmailOctets> ReadAhead::take(std::uint64_t number) {
  while (!opened_.empty() && opened_.front().number < number) opened_.pop_front();
  // A gap is fine (a message that is marked, or known to the client); going back is not going through.
  sequential_ = number > last_ && number - last_ <= 16;
  last_ = number;
  if (opened_.empty() || opened_.front().number != number) return nullptr;
  auto octets = std::move(opened_.front().octets);
  opened_.pop_front();
  return octets;
}

std::vector<std::uint64_t> ReadAhead::plan(const grammar::Maildrop& drop, std::uint64_t number,
                                           const Limits& limits) const {
  std::vector<std::uint64_t> numbers = {number};
  if (!sequential_) return numbers;
  std::uint64_t octets = drop.find(number)->size;
  for (auto next = number + 1; next <= drop.size() && numbers.size() < limits.read_ahead; ++next) {
    const auto* message = drop.find(next);
    if (message->marked) continue;
    octets += message->size;
    if (octets > limits.read_ahead_bytes) break;
    numbers.push_back(next);
  }
  return numbers;
}

void ReadAhead::put(std::uint64_t number, std::unique_ptr<store::EmailOctets> octets) {
  if (octets) opened_.push_back({number, std::move(octets)});
}

void ReadAhead::clear() noexcept {
  opened_.clear();
  opened_.shrink_to_fit();
}

}  // namespace pabal::server::pop3
