// SCRAM-SHA-256 from the client's side (RFC 5802, RFC 7677), to log in at a smart host without telling the password;
// what the account folder has is the server's side. Without channel binding.
#pragma once
#include <memory>
#include <string>

#include "smtp/sasl_client.hpp"

namespace pabal::queue {

/// Hosts that want more rounds would keep the thread busy, and are refused.
inline constexpr std::uint32_t kMostScramRounds = 100'000;

/// `nonce`: printable ASCII without commas, at least 18 octets of randomness.
[[nodiscard]] std::unique_ptr<smtp::SaslClient> scram_login(const std::string& user, const std::string& password,
                                                            std::string nonce);

}  // namespace pabal::queue
