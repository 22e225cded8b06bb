// Argon2id (RFC 9106) over libsodium. A hash says its own parameters, so that they can be raised. Blocking: tens of
// milliseconds and the memory that the parameters say.
#pragma once
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace pabal::account {

struct HashCost {
  std::uint64_t memory_bytes = 19ULL << 20;
  std::uint32_t passes = 2;
  friend auto operator<=>(const HashCost&, const HashCost&) = default;
};

/// "$argon2id$v=19$m=…,t=…,p=1$salt$hash". `busy` where the memory isn't to be had.
[[nodiscard]] Result<std::string> hash_password(std::string_view prepared, HashCost cost);
/// `busy` where the memory isn't to be had: that is no wrong password.
[[nodiscard]] Result<bool> verify_password(const std::string& hash, std::string_view prepared);
/// What the hash was made with; nothing if it is none. Memory is in whole KiB.
[[nodiscard]] std::optional<HashCost> cost_of(std::string_view hash) noexcept;

}  // namespace pabal::account
