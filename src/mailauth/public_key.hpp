// The keys that signatures are verified with: RSA (RFC 6376 §3.3.1, RFC 8301) and Ed25519 (RFC 8463).
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

struct evp_pkey_st;

namespace pabal::mailauth {

enum class KeyType : std::uint8_t { rsa, ed25519 };
/// "rsa", "ed25519": as in k=.
[[nodiscard]] std::string_view name_of(KeyType type) noexcept;
/// "rsa-sha256", "ed25519-sha256": as in a=.
[[nodiscard]] std::string_view algorithm_of(KeyType type) noexcept;

/// RFC 8301 §3.2: shorter keys prove nothing; longer ones than these cost too much.
inline constexpr std::size_t min_rsa_bits = 1024;
inline constexpr std::size_t max_rsa_bits = 4096;

class PublicKey {
 public:
  /// From an RSA key's DER: a SubjectPublicKeyInfo (RFC 5280 §4.1), or the bare RSAPublicKey of RFC 8017 §A.1.1 that
  /// RFC 6376 speaks of. Keys of any length; exponents beyond 33 bits are refused, as they make a verification as dear
  /// as the sender likes. Errors: syntax.
  [[nodiscard]] static Result<PublicKey> rsa(std::string_view der);
  /// From the 32 octets of RFC 8463 §4. Errors: syntax.
  [[nodiscard]] static Result<PublicKey> ed25519(std::string_view octets);

  [[nodiscard]] KeyType type() const noexcept { return type_; }
  [[nodiscard]] std::size_t bits() const noexcept { return bits_; }
  /// Whether the signature is one of this SHA-256 digest (RSASSA-PKCS1-v1_5; PureEdDSA over the digest, RFC 8463 §3).
  /// Any thread.
  [[nodiscard]] bool verify(std::string_view digest, std::string_view signature) const;

 private:
  PublicKey(std::shared_ptr<evp_pkey_st> key, KeyType type, std::size_t bits)
      : key_(std::move(key)), type_(type), bits_(bits) {}
  std::shared_ptr<evp_pkey_st> key_;
  KeyType type_;
  std::size_t bits_;
};

}  // namespace pabal::mailauth
