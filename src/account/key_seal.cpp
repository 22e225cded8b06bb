#include "account/key_seal.hpp"

#include <utility>

#include <sodium.h>

#include "base/wiped.hpp"

namespace pabal::account {

namespace {

constexpr std::size_t key_octets = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::size_t nonce_octets = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_octets = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::string_view master_name = "master";

const unsigned char* bytes(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes(std::string& text) noexcept { return reinterpret_cast<unsigned char*>(text.data()); }

// The nonce, then the ciphertext with its tag.
std::string seal_with(std::string_view key, std::string_view secret, std::string_view name) {
  std::string out(nonce_octets + secret.size() + tag_octets, '\0');
  randombytes_buf(out.data(), nonce_octets);
  crypto_aead_xchacha20poly1305_ietf_encrypt(bytes(out) + nonce_octets, nullptr, bytes(secret), secret.size(),
                                             bytes(name), name.size(), nullptr, bytes(out), bytes(key));
  return out;
}

bool unseal_with(std::string_view key, std::string_view sealed, std::string_view name, std::string& secret) {
  if (sealed.size() < nonce_octets + tag_octets) return false;
  const auto cipher = sealed.substr(nonce_octets);
  secret.resize(cipher.size() - tag_octets);
  return crypto_aead_xchacha20poly1305_ietf_decrypt(bytes(secret), nullptr, nullptr, bytes(cipher), cipher.size(),
                                                    bytes(name), name.size(), bytes(sealed), bytes(key)) == 0;
}

Result<std::string> key_of(std::string_view passphrase, std::string_view salt, HashCost cost) {
  // What the database says must not make us take all memory there is.
  constexpr std::uint64_t most_memory = 4ULL << 30;
  if (salt.size() != crypto_pwhash_SALTBYTES || cost.memory_bytes > most_memory || cost.passes > 1000) {
    return fail(ErrorKind::damaged, "local error in processing", "the row of the DKIM keys' passphrase is damaged");
  }
  std::string key(key_octets, '\0');
  if (crypto_pwhash(bytes(key), key.size(), passphrase.data(), passphrase.size(), bytes(salt), cost.passes,
                    cost.memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return fail(ErrorKind::busy, "try again later", "no memory to derive a key from the passphrase");
  }
  return key;
}

}  // namespace

KeySeal::KeySeal(std::string master) noexcept : master_(std::move(master)) {}
KeySeal::~KeySeal() { wipe(master_); }
KeySeal::KeySeal(KeySeal&& other) noexcept : master_(std::exchange(other.master_, {})) {}
KeySeal& KeySeal::operator=(KeySeal&& other) noexcept {
  std::swap(master_, other.master_);
  return *this;
}

KeySeal KeySeal::make() {
  std::string master(key_octets, '\0');
  randombytes_buf(master.data(), master.size());
  return KeySeal(std::move(master));
}

Result<KeySeal> KeySeal::open(const SealedMaster& master, std::string_view passphrase) {
  auto key = key_of(passphrase, master.salt, master.cost);
  if (!key) return pass(key);
  const WipeAtEnd wiped(*key);
  std::string opened;
  if (!unseal_with(*key, master.sealed, master_name, opened) || opened.size() != key_octets) {
    return fail(ErrorKind::auth, "this is not the passphrase of the DKIM keys");
  }
  return KeySeal(std::move(opened));
}

Result<SealedMaster> KeySeal::under(std::string_view passphrase, HashCost cost) const {
  SealedMaster out;
  out.salt.resize(crypto_pwhash_SALTBYTES);
  randombytes_buf(out.salt.data(), out.salt.size());
  out.cost = cost;
  auto key = key_of(passphrase, out.salt, cost);
  if (!key) return pass(key);
  const WipeAtEnd wiped(*key);
  out.sealed = seal_with(*key, master_, master_name);
  return out;
}

std::string KeySeal::seal(std::string_view secret, std::string_view name) const {
  return seal_with(master_, secret, name);
}

Result<std::string> KeySeal::unseal(std::string_view sealed, std::string_view name) const {
  std::string secret;
  if (unseal_with(master_, sealed, name, secret)) return secret;
  return fail(ErrorKind::damaged, "local error in processing", "a private key in the database is damaged");
}

}  // namespace pabal::account
