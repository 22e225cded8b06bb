// DomainKeys: the keys with which a domain's letters are signed (DKIM, ARC), in the directory's database, and where
// each is in its life. A key is made; its record is published, and seen in the DNS; it is used; another takes its
// place, and its record stays for what is still on its way; it is withdrawn, and its private half is destroyed. At each
// moment at most one key of each kind (RSA, Ed25519) is in use.
//
// Private keys lie there as they are, protected by the files' modes, or sealed under a passphrase (key_seal.hpp).
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "account/directory.hpp"
#include "account/key_algorithm.hpp"
#include "account/key_seal.hpp"
#include "base/clock.hpp"
#include "base/guarded.hpp"
#include "base/wiped.hpp"
#include "db/database.hpp"
#include "db/writer.hpp"

namespace pabal::account {

enum class KeyState : std::uint8_t {
  made,       ///< its record was not yet seen in the DNS
  published,  ///< it was seen, and the key waits for its turn
  used,       ///< letters are signed with it
  retired,    ///< none are any more, and its record is still needed
  withdrawn,  ///< its record may go; there is no private key any more
};
[[nodiscard]] std::string_view name_of(KeyState state) noexcept;

struct DomainKey {
  Domain domain;
  std::string selector;
  KeyAlgorithm algorithm = KeyAlgorithm::rsa_2048;
  std::string record = {};  ///< what its TXT record says: `v=DKIM1; k=rsa; p=…`
  SystemTime made;
  std::optional<SystemTime> published = std::nullopt;  ///< when its record was first seen in the DNS
  std::optional<SystemTime> used = std::nullopt;
  std::optional<SystemTime> retired = std::nullopt;
  std::optional<SystemTime> withdrawn = std::nullopt;

  [[nodiscard]] KeyState state() const noexcept;
  /// `selector._domainkey.domain`, without a last dot.
  [[nodiscard]] std::string record_name() const;
};

/// A key as it is made.
struct KeyPair {
  KeyAlgorithm algorithm = KeyAlgorithm::rsa_2048;
  std::string private_pem;  ///< PKCS #8
  std::string record;       ///< as DomainKey has it
};

/// A key in use with its private half.
struct SigningKey {
  std::string selector;
  KeyAlgorithm algorithm = KeyAlgorithm::rsa_2048;
  std::string private_pem;
};

/// For WipeAtEnd.
inline void wipe(std::vector<SigningKey>& keys) noexcept {
  for (auto& key : keys) pabal::wipe(key.private_pem);
}

class DomainKeys {
 public:
  /// The directory has made the tables; all must outlive it. With a passphrase what isn't sealed yet is sealed; blocks
  /// for the time that Argon2id takes. Errors: auth, where the keys are sealed and the passphrase is another, or there
  /// is none.
  [[nodiscard]] static Result<std::unique_ptr<DomainKeys>> open(Directory& directory, db::Database& database,
                                                                const Clock& clock,
                                                                const std::optional<std::string>& passphrase,
                                                                HashCost cost = kPassphraseCost);
  ~DomainKeys();
  DomainKeys(const DomainKeys&) = delete;
  DomainKeys& operator=(const DomainKeys&) = delete;

  // All of these block: on a pool, the control thread or the command line.

  /// A key for a domain of ours; without a selector one is made of the day. Errors: not_found, exists, syntax.
  [[nodiscard]] Result<DomainKey> add(const Domain& domain, const KeyPair& pair,
                                      const std::optional<std::string>& selector);
  /// By domain, the oldest first.
  [[nodiscard]] Result<std::vector<DomainKey>> list(const std::optional<Domain>& domain);
  [[nodiscard]] Result<DomainKey> find(const Domain& domain, std::string_view selector);
  /// Its record was seen in the DNS; the first time counts.
  [[nodiscard]] Result<void> note_published(const Domain& domain, std::string_view selector);
  /// From now on it signs, and the key of its kind that did is retired. Errors: state, where it is withdrawn, or its
  /// record was never seen, which `force` passes over.
  [[nodiscard]] Result<void> use(const Domain& domain, std::string_view selector, bool force);
  /// It signs no more. Errors: state where it never did.
  [[nodiscard]] Result<void> retire(const Domain& domain, std::string_view selector);
  /// It is over; the private key is destroyed. Errors: state where it is in use.
  [[nodiscard]] Result<void> withdraw(const Domain& domain, std::string_view selector);
  /// Forgets it. Errors: state where it is in use or retired: its record is needed.
  [[nodiscard]] Result<void> remove(const Domain& domain, std::string_view selector);

  /// The keys in use, RSA first; empty where there are none. Errors: damaged where one can't be unsealed.
  [[nodiscard]] Result<std::vector<SigningKey>> signing_keys(const std::string& domain);
  /// What all times here are counted by.
  [[nodiscard]] SystemTime now() const { return clock_->now(); }
  /// A number that grows with every change here, and with every domain that is removed: what was made of signing_keys()
  /// before counts no more.
  [[nodiscard]] std::uint64_t version() const noexcept {
    return version_.load(std::memory_order_acquire) + directory_->removed_domains();
  }

  /// Whether private keys are sealed under a passphrase.
  [[nodiscard]] bool sealed() const;
  /// Seals all private keys under this passphrase, or, without one, keeps them as they are. One transaction.
  [[nodiscard]] Result<void> set_passphrase(const std::optional<std::string>& passphrase);

 private:
  DomainKeys(Directory& directory, db::Database& database, const Clock& clock, HashCost cost);
  [[nodiscard]] Result<void> change(std::function<Result<void>(db::Connection&)> work);
  [[nodiscard]] Result<void> step(const Domain& domain, std::string_view selector,
                                  const std::function<Result<void>(db::Connection&, const DomainKey&)>& work);
  [[nodiscard]] Result<void> reseal(const std::shared_ptr<const KeySeal>& before,
                                    const std::shared_ptr<const KeySeal>& after,
                                    const std::optional<SealedMaster>& master);

  Directory* directory_;
  const Clock* clock_;
  HashCost cost_;
  db::Readers readers_;
  std::atomic<std::uint64_t> version_{1};
  /// What sealed rows are sealed with. It is there before the first of them and goes after the last, so that it may be
  /// there without any; whether new keys are sealed, the row of the master key says.
  mutable Guarded<std::shared_ptr<const KeySeal>> seal_;
  Guarded<int> changes_;  ///< one at a time, so that none is written under a seal that has just gone
};

}  // namespace pabal::account
