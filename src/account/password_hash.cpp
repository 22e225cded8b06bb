#include "account/password_hash.hpp"

#include <array>
#include <cerrno>

#include <sodium.h>

#include "base/text.hpp"

namespace pabal::account {

namespace {

// The number after `name` in the hash's list of parameters.
std::optional<std::uint64_t> parameter(std::string_view hash, std::string_view name) noexcept {
  const auto at = hash.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  auto digits = hash.substr(at + name.size());
  std::size_t count = 0;
  while (count < digits.size() && is_digit(digits[count])) ++count;
  return parse_decimal(digits.substr(0, count));
}

}  // namespace

Result<std::string> hash_password(std::string_view prepared, HashCost cost) {
  std::array<char, crypto_pwhash_STRBYTES> out{};
  if (crypto_pwhash_str_alg(out.data(), prepared.data(), prepared.size(), cost.passes, cost.memory_bytes,
                            crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return fail(ErrorKind::busy, "try again later", "no memory for Argon2id");
  }
  return std::string(out.data());
}

Result<bool> verify_password(const std::string& hash, std::string_view prepared) {
  errno = 0;
  if (crypto_pwhash_str_verify(hash.c_str(), prepared.data(), prepared.size()) == 0) return true;
  // libsodium says EINVAL for a password that does not fit and for a hash that is none.
  if (errno == EINVAL) return false;
  return fail(ErrorKind::busy, "try again later", "no memory for Argon2id");
}

std::optional<HashCost> cost_of(std::string_view hash) noexcept {
  const auto kibibytes = parameter(hash, "$m=");
  const auto passes = parameter(hash, ",t=");
  if (!kibibytes || !passes) return std::nullopt;
  return HashCost{.memory_bytes = *kibibytes * 1024, .passes = static_cast<std::uint32_t>(*passes)};
}

}  // namespace pabal::account
