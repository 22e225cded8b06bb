// The private keys that DKIM and ARC sign with.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "mailauth/public_key.hpp"

namespace pabal::mailauth {

/// An RSA or Ed25519 key. Cheap to copy: copies share the key. Any thread.
class DkimSigningKey {
 public:
  /// From PEM: PKCS #8 (`PRIVATE KEY`) of either kind, PKCS #1 (`RSA PRIVATE KEY`); or the base64 of an Ed25519 key's
  /// 32 octets alone, as RFC 8463 §A.1 shows it. Not encrypted. Errors: syntax; policy for RSA under 1024 or over 4096
  /// bits.
  [[nodiscard]] static Result<DkimSigningKey> from_pem(std::string_view pem);
  /// New ones. Takes tens of milliseconds to a second for RSA. Errors: policy (bits), io (no randomness).
  [[nodiscard]] static Result<DkimSigningKey> generate_rsa(std::size_t bits);
  [[nodiscard]] static Result<DkimSigningKey> generate_ed25519();

  [[nodiscard]] KeyType type() const noexcept { return type_; }
  [[nodiscard]] std::size_t bits() const noexcept { return bits_; }
  /// PKCS #8 in PEM; wipe it (base/wiped.hpp). Errors: io.
  [[nodiscard]] Result<std::string> pem() const;
  /// What the key's TXT record says: `v=DKIM1; k=rsa; p=…` (RFC 6376 §3.6.1, RFC 8463 §4).
  [[nodiscard]] std::string record() const;
  /// The signature of a SHA-256 digest, octets. Errors: io, where the library fails.
  [[nodiscard]] Result<std::string> sign(std::string_view digest) const;

 private:
  DkimSigningKey(std::shared_ptr<evp_pkey_st> key, KeyType type, std::size_t bits)
      : key_(std::move(key)), type_(type), bits_(bits) {}
  std::shared_ptr<evp_pkey_st> key_;
  KeyType type_;
  std::size_t bits_;
};

}  // namespace pabal::mailauth
