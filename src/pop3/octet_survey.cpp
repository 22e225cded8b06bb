#include "pop3/octet_survey.hpp"

#include <algorithm>

namespace pabal::pop3 {

// The inner loops have no exit and count in octets, so that the compiler makes vector code of them.
void OctetSurvey::take(std::string_view octets) noexcept {
  if (octets.empty()) return;
  constexpr std::size_t most = 255;  // what an octet can count
  if (after_carriage_return_ && octets.front() == '\n') ++pairs_;
  for (std::size_t at = 0; at < octets.size(); at += most) {
    const auto block = octets.substr(at, most);
    std::uint8_t carriage_returns = 0;
    std::uint8_t line_feeds = 0;
    std::uint8_t high = 0;
    std::uint8_t nul = 0;
    for (const char c : block) {
      carriage_returns = static_cast<std::uint8_t>(carriage_returns + static_cast<std::uint8_t>(c == '\r'));
      line_feeds = static_cast<std::uint8_t>(line_feeds + static_cast<std::uint8_t>(c == '\n'));
      high = static_cast<std::uint8_t>(high | static_cast<std::uint8_t>(c));
      nul = static_cast<std::uint8_t>(nul | static_cast<std::uint8_t>(c == '\0'));
    }
    std::uint8_t pairs = 0;
    const std::size_t last = std::min(block.size(), octets.size() - at - 1);
    for (std::size_t i = 0; i < last; ++i) {
      const auto carriage_return = static_cast<unsigned>(octets[at + i] == '\r');
      const auto line_feed = static_cast<unsigned>(octets[at + i + 1] == '\n');
      pairs = static_cast<std::uint8_t>(pairs + (carriage_return & line_feed));
    }
    carriage_returns_ += carriage_returns;
    line_feeds_ += line_feeds;
    pairs_ += pairs;
    nul_ = nul_ || nul != 0;
    ascii_ = ascii_ && high < 0x80;
  }
  after_carriage_return_ = octets.back() == '\r';
}

}  // namespace pabal::pop3
