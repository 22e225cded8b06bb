#include "message/content_facts.hpp"

#include <algorithm>
#include <cstring>

namespace pabal::message {

namespace {

struct Counts {
  std::uint64_t high = 0;
  std::uint64_t escaped = 0;
  std::uint64_t nuls = 0;
  std::uint64_t carriage_returns = 0;
};

// No branches, so that the compiler makes vector code of it.
Counts count(std::string_view octets) noexcept {
  Counts counts;
  while (!octets.empty()) {
    // Small enough for 8-bit sums.
    const std::string_view block = octets.substr(0, 192);
    octets.remove_prefix(block.size());
    unsigned char high = 0;
    unsigned char escaped = 0;
    unsigned char nuls = 0;
    unsigned char returns = 0;
    for (const char c : block) {
      const auto octet = static_cast<unsigned char>(c);
      high = static_cast<unsigned char>(high + (octet >> 7));
      escaped = static_cast<unsigned char>(
          escaped + static_cast<unsigned char>((octet < 0x20) | (octet == '=') | (octet == 0x7F)));
      nuls = static_cast<unsigned char>(nuls + static_cast<unsigned char>(octet == 0));
      returns = static_cast<unsigned char>(returns + static_cast<unsigned char>(octet == '\r'));
    }
    counts.high += high;
    counts.escaped += escaped;
    counts.nuls += nuls;
    counts.carriage_returns += returns;
  }
  return counts;
}

}  // namespace

void ContentFacts::end_line() {
  longest_line_ = std::max(longest_line_, line_);
  if (head_.starts_with("From ")) from_line_ = true;
  if (boundaries_ != nullptr && !boundaries_->empty() && head_.starts_with("--"))
    collides_ |= boundaries_->contains(std::string_view(head_).substr(2, boundaries_->begin()->size()));
  line_ = 0;
  head_.clear();
}

void ContentFacts::take(std::string_view octets) {
  const Counts counts = count(octets);
  size_ += octets.size();
  high_octets_ += counts.high;
  nuls_ += counts.nuls;
  controls_ += counts.escaped;
  bare_line_ends_ += counts.carriage_returns;  // those that belong to a CRLF are taken away again
  while (!octets.empty()) {
    const auto* end = static_cast<const char*>(std::memchr(octets.data(), '\n', octets.size()));
    const std::size_t size = end == nullptr ? octets.size() : static_cast<std::size_t>(end - octets.data());
    const std::string_view line = octets.substr(0, size);
    if (head_.size() < kLineHead) head_.append(line.substr(0, kLineHead - head_.size()));
    line_ += line.size();
    if (!line.empty()) last_ = line.back();
    if (end == nullptr) return;
    if (line_ > 0 && last_ == '\r') {
      --bare_line_ends_;
      --line_;
      controls_ -= 2;
    } else {
      ++bare_line_ends_;
    }
    end_line();
    last_ = '\n';
    octets.remove_prefix(size + 1);
  }
}

void ContentFacts::finish() {
  if (line_ > 0) end_line();
}

Carriage ContentFacts::needs() const noexcept {
  if (!clean_lines() || nuls_ > 0 || longest_line_ > 998) return Carriage::binary;
  return ascii() ? Carriage::seven_bit : Carriage::eight_bit;
}

bool ContentFacts::base64_is_shorter() const noexcept {
  const std::uint64_t quoted = size_ + 2 * (high_octets_ + controls_);
  return size_ / 3 * 4 < quoted;
}

}  // namespace pabal::message
