// Credentials: what accounts prove themselves with, as it stands in table `credential` of the directory database, and
// the secrets under which it is kept. Part of the authenticator.
//
// Kinds so far: "password" (an Argon2id hash), "app" (a keyed digest of a secret that we made), "scram-sha-256" and
// "scram-sha-1" (verifiers, encrypted). Others, such as second factors, are rows of another kind.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "account/scram.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/random.hpp"
#include "db/database.hpp"

namespace pabal::account {

namespace kind {
inline constexpr std::string_view password = "password";
inline constexpr std::string_view app = "app";
[[nodiscard]] std::string_view scram(ScramHash hash) noexcept;
}  // namespace kind

struct Credential {
  std::int64_t id = 0;  ///< unique in its account
  std::string kind;
  std::string name;  ///< of an app password; else empty
  std::string secret;
  std::int64_t created = 0;
  std::optional<std::int64_t> last_used;
};

[[nodiscard]] Result<std::vector<Credential>> read_credentials(db::Connection& connection, AccountId account);
/// In a write transaction. Gives the new id.
[[nodiscard]] Result<std::int64_t> add_credential(db::Connection& connection, AccountId account,
                                                  const Credential& credential);
/// Removes those of a kind and, where given, a name; all where the kind is empty. Returns how many.
[[nodiscard]] Result<std::int64_t> drop_credentials(db::Connection& connection, AccountId account,
                                                    std::string_view kind, std::optional<std::string_view> name);

/// What the key outside the database protects.
class Secrets {
 public:
  /// `key` is 32 octets.
  explicit Secrets(std::string_view key);
  ~Secrets();
  Secrets(const Secrets&) = delete;
  Secrets& operator=(const Secrets&) = delete;

  /// A verifier encrypted (XChaCha20-Poly1305); account and mechanism are bound to it, so that a row copied to another
  /// account or mechanism does not open.
  [[nodiscard]] std::string seal(AccountId account, ScramHash hash, const ScramVerifier& verifier,
                                 Random& random) const;
  /// Nothing if it was made under another key or for another account, or was changed.
  [[nodiscard]] std::optional<ScramVerifier> unseal(AccountId account, ScramHash hash, std::string_view sealed) const;
  /// The verifier of a name that has none: always the same for the same name, restarts or not, and no password fits it.
  [[nodiscard]] ScramVerifier made_up(ScramHash hash, std::string_view name, std::uint32_t iterations) const;
  /// A name's own place among all names, evenly spread, always the same, and known to nobody else.
  [[nodiscard]] std::uint64_t place_of(std::string_view name) const;
  /// How an app password is stored. It has enough randomness of its own not to need a slow hash.
  [[nodiscard]] std::string app_digest(AccountId account, std::string_view secret) const;

 private:
  using Key = std::array<unsigned char, 32>;
  Key seal_key_{};
  Key made_up_key_{};
  Key app_key_{};
};

/// Octets of a SCRAM salt.
inline constexpr std::size_t scram_salt_octets = 16;

/// An app password as it is shown: five groups of four letters and digits (100 bits).
[[nodiscard]] std::string make_app_password(Random& random);
/// The same without what people add or change when they type it; nothing if it can't be one.
[[nodiscard]] std::optional<std::string> normal_app_password(std::string_view typed);

}  // namespace pabal::account
