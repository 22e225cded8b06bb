#include "account/key_algorithm.hpp"

#include <array>

#include "base/text.hpp"

namespace pabal::account {

namespace {

struct Named {
  std::string_view name;
  KeyAlgorithm algorithm;
  std::size_t rsa_bits;
};
constexpr std::array<Named, 4> all_named = {{{"rsa-2048", KeyAlgorithm::rsa_2048, 2048},
                                             {"rsa-3072", KeyAlgorithm::rsa_3072, 3072},
                                             {"rsa-4096", KeyAlgorithm::rsa_4096, 4096},
                                             {"ed25519", KeyAlgorithm::ed25519, 0}}};

const Named& row_of(KeyAlgorithm algorithm) noexcept { return all_named[static_cast<std::size_t>(algorithm)]; }

}  // namespace

std::string_view name_of(KeyAlgorithm algorithm) noexcept { return row_of(algorithm).name; }

std::size_t rsa_bits(KeyAlgorithm algorithm) noexcept { return row_of(algorithm).rsa_bits; }

std::optional<KeyAlgorithm> key_algorithm(std::string_view name) noexcept {
  if (name == "rsa") return KeyAlgorithm::rsa_2048;
  for (const Named& named : all_named) {
    if (named.name == name) return named.algorithm;
  }
  return std::nullopt;
}

std::optional<KeyAlgorithm> rsa_algorithm(std::size_t bits) noexcept {
  for (const Named& named : all_named) {
    if (bits != 0 && named.rsa_bits == bits) return named.algorithm;
  }
  return std::nullopt;
}

bool same_kind(KeyAlgorithm a, KeyAlgorithm b) noexcept {
  return (a == KeyAlgorithm::ed25519) == (b == KeyAlgorithm::ed25519);
}

bool is_selector(std::string_view text) noexcept {
  if (text.empty() || text.size() > 63) return false;
  char before = '.';
  for (const char c : text) {
    const bool inner = is_alpha(c) || is_digit(c);
    if (!inner && c != '-' && c != '.') return false;
    if (!inner && before == '.') return false;
    if (c == '.' && before == '-') return false;
    before = c;
  }
  return before != '-' && before != '.';
}

}  // namespace pabal::account
