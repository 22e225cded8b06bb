// Argon2id (RFC 9106) over libsodium. A hash says its own parameters, so that they can be raised. Blocking: tens of
// milliseconds and the memory that the parameters say.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace pabal::account {

struct HashCost {
  std::uint64_t memory_bytes = 19ULL << 20;
  std::uint32_t passes = 2;
};

/// "$argon2id$v=19$m=…,t=…,p=1$salt$hash". `busy` where the memory isn't to be had.
[[nodiscard]] Result<std::string> hash_password(std::string_view prepared, HashCost cost);
/// `busy` where the memory isn't to be had: that is no wrong password.
[[nodiscard]] Result<bool> verify_password(const std::string& hash, std::string_view prepared);
/// True if the hash was made with less memory or fewer passes.
[[nodiscard]] bool is_weaker(std::string_view hash, HashCost cost) noexcept;

}  // namespace pabal::account
