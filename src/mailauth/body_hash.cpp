#include "mailauth/body_hash.hpp"

#include <algorithm>

namespace pabal::mailauth {

BodyHash::BodyHash(Canonicalization form) : body_(form, [this](std::string_view octets) { hash(octets); }) {}

void BodyHash::want(std::uint64_t length) {
  const auto at = std::ranges::lower_bound(marks_, length, {}, &Mark::length);
  if (at == marks_.end() || at->length != length) marks_.insert(at, Mark{.length = length, .digest = {}});
}

void BodyHash::hash(std::string_view octets) {
  while (reached_ < marks_.size() && marks_[reached_].length <= size_ + octets.size()) {
    auto& mark = marks_[reached_++];
    const auto part = static_cast<std::size_t>(mark.length - size_);
    sha256_.take(octets.substr(0, part));
    size_ += part;
    octets.remove_prefix(part);
    mark.digest = sha256_.digest();
  }
  sha256_.take(octets);
  size_ += octets.size();
}

void BodyHash::end() {
  body_.end();
  hash({});  // marks of no octets, where there were none
  digest_ = sha256_.digest();
}

std::optional<std::string> BodyHash::digest(std::optional<std::uint64_t> length) const {
  if (!length) return digest_;
  const auto at = std::ranges::lower_bound(marks_, *length, {}, &Mark::length);
  if (at == marks_.end() || at->length != *length || at->digest.empty()) return std::nullopt;
  return at->digest;
}

}  // namespace pabal::mailauth
