// KeySeal: private keys encrypted at rest under a passphrase. A random master key seals each private key
// (XChaCha20-Poly1305, bound to the name that the key stands under, so that rows can't change places), and the
// passphrase, by Argon2id (RFC 9106), seals the master key: with a new passphrase only that one is written anew.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "account/password_hash.hpp"
#include "base/error.hpp"

namespace pabal::account {

/// What the database has of a master key.
struct SealedMaster {
  std::string salt;
  HashCost cost;
  std::string sealed;
};

class KeySeal {
 public:
  /// A new master key.
  [[nodiscard]] static KeySeal make();
  /// Blocks for as long as `master.cost` takes. Errors: auth, it is another passphrase (or the row is damaged); busy,
  /// the memory isn't to be had.
  [[nodiscard]] static Result<KeySeal> open(const SealedMaster& master, std::string_view passphrase);
  ~KeySeal();
  KeySeal(KeySeal&&) noexcept;
  KeySeal& operator=(KeySeal&&) noexcept;
  KeySeal(const KeySeal&) = delete;
  KeySeal& operator=(const KeySeal&) = delete;

  /// The master key under a passphrase.
  [[nodiscard]] Result<SealedMaster> under(std::string_view passphrase, HashCost cost) const;
  [[nodiscard]] std::string seal(std::string_view secret, std::string_view name) const;
  /// Errors: damaged.
  [[nodiscard]] Result<std::string> unseal(std::string_view sealed, std::string_view name) const;

 private:
  explicit KeySeal(std::string master) noexcept;
  std::string master_;
};

/// What Argon2id is to cost for a passphrase: once at each start, so more than for a login.
inline constexpr HashCost kPassphraseCost{.memory_bytes = 64ULL << 20, .passes = 3};

}  // namespace pabal::account
