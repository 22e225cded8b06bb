#include "account/credentials.hpp"

#include <stdexcept>

#include <sodium.h>

#include "base/text.hpp"

namespace pabal::account {

namespace {

// Crockford's base 32: nothing that looks like something else.
constexpr std::string_view app_alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::size_t app_letters = 20;
constexpr char seal_version = 1;

unsigned char* bytes(std::string& octets) noexcept { return reinterpret_cast<unsigned char*>(octets.data()); }
const unsigned char* bytes(std::string_view octets) noexcept {
  return reinterpret_cast<const unsigned char*>(octets.data());
}

std::string keyed_digest(std::span<const unsigned char> key, std::string_view text, std::size_t octets) {
  std::string out(octets, '\0');
  crypto_generichash(bytes(out), out.size(), bytes(text), text.size(), key.data(), key.size());
  return out;
}

std::string bound_to(AccountId account, ScramHash hash) {
  return std::string(kind::scram(hash)) + '\0' + std::to_string(account.value);
}

std::string encode(const ScramVerifier& verifier) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) {
    out += static_cast<char>(static_cast<unsigned char>(verifier.iterations >> shift & 0xFF));
  }
  return out.append(verifier.stored_key).append(verifier.server_key).append(verifier.salt);
}

std::optional<ScramVerifier> decode(ScramHash hash, std::string_view text) {
  const std::size_t key = octets_of(hash);
  if (text.size() < 4 + 2 * key) return std::nullopt;
  ScramVerifier verifier;
  for (const char c : text.substr(0, 4)) verifier.iterations = verifier.iterations << 8 | static_cast<unsigned char>(c);
  verifier.stored_key = text.substr(4, key);
  verifier.server_key = text.substr(4 + key, key);
  verifier.salt = text.substr(4 + 2 * key);
  return verifier;
}

}  // namespace

std::string_view kind::scram(ScramHash hash) noexcept {
  return hash == ScramHash::sha1 ? "scram-sha-1" : "scram-sha-256";
}

Result<std::vector<Credential>> read_credentials(db::Connection& connection, AccountId account) {
  auto found = connection.query(
      "SELECT credential_id, kind, name, secret, created, last_used FROM credential WHERE account_id = $1 "
      "ORDER BY credential_id",
      {account.value});
  if (!found) return pass(found);
  std::vector<Credential> out;
  while (true) {
    const auto more = found->next();
    if (!more) return pass(more);
    if (!*more) return out;
    out.push_back({.id = found->integer(0),
                   .kind = std::string(found->text(1)),
                   .name = std::string(found->text(2)),
                   .secret = std::string(found->octets(3)),
                   .created = found->integer(4),
                   .last_used = found->is_null(5) ? std::nullopt : std::optional(found->integer(5))});
  }
}

Result<std::int64_t> add_credential(db::Connection& connection, AccountId account, const Credential& credential) {
  const auto last =
      connection.number("SELECT max(credential_id) FROM credential WHERE account_id = $1", {account.value});
  if (!last) return pass(last);
  const std::int64_t id = last->value_or(0) + 1;
  const auto added = connection.run(
      "INSERT INTO credential (account_id, credential_id, kind, name, secret, created) VALUES ($1, $2, $3, $4, $5, $6)",
      {account.value, id, credential.kind, credential.name, db::Octets{credential.secret}, credential.created});
  if (!added) return pass(added);
  return id;
}

Result<std::int64_t> drop_credentials(db::Connection& connection, AccountId account, std::string_view kind,
                                      std::optional<std::string_view> name) {
  if (kind.empty()) return connection.run("DELETE FROM credential WHERE account_id = $1", {account.value});
  if (!name) {
    return connection.run("DELETE FROM credential WHERE account_id = $1 AND kind = $2", {account.value, kind});
  }
  return connection.run("DELETE FROM credential WHERE account_id = $1 AND kind = $2 AND name = $3",
                        {account.value, kind, *name});
}

Secrets::Secrets(std::string_view key) {
  static_assert(crypto_kdf_KEYBYTES == 32 && crypto_aead_xchacha20poly1305_ietf_KEYBYTES == 32);
  if (key.size() != crypto_kdf_KEYBYTES) throw std::invalid_argument("the key of the credentials has 32 octets");
  constexpr const char* context = "pabalcrd";
  crypto_kdf_derive_from_key(seal_key_.data(), seal_key_.size(), 1, context, bytes(key));
  crypto_kdf_derive_from_key(made_up_key_.data(), made_up_key_.size(), 2, context, bytes(key));
  crypto_kdf_derive_from_key(app_key_.data(), app_key_.size(), 3, context, bytes(key));
}

Secrets::~Secrets() {
  for (Key* key : {&seal_key_, &made_up_key_, &app_key_}) sodium_memzero(key->data(), key->size());
}

std::string Secrets::seal(AccountId account, ScramHash hash, const ScramVerifier& verifier, Random& random) const {
  const std::string plain = encode(verifier);
  const std::string bound = bound_to(account, hash);
  const std::string nonce = random.octets(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
  std::string sealed(plain.size() + crypto_aead_xchacha20poly1305_ietf_ABYTES, '\0');
  crypto_aead_xchacha20poly1305_ietf_encrypt(bytes(sealed), nullptr, bytes(plain), plain.size(), bytes(bound),
                                             bound.size(), nullptr, bytes(nonce), seal_key_.data());
  return seal_version + nonce + sealed;
}

std::optional<ScramVerifier> Secrets::unseal(AccountId account, ScramHash hash, std::string_view sealed) const {
  constexpr std::size_t nonce_octets = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
  constexpr std::size_t tag_octets = crypto_aead_xchacha20poly1305_ietf_ABYTES;
  if (sealed.size() < 1 + nonce_octets + tag_octets || sealed.front() != seal_version) return std::nullopt;
  const auto nonce = sealed.substr(1, nonce_octets);
  const auto cipher = sealed.substr(1 + nonce_octets);
  const std::string bound = bound_to(account, hash);
  std::string plain(cipher.size() - tag_octets, '\0');
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(bytes(plain), nullptr, nullptr, bytes(cipher), cipher.size(),
                                                 bytes(bound), bound.size(), bytes(nonce), seal_key_.data()) != 0) {
    return std::nullopt;
  }
  return decode(hash, plain);
}

ScramVerifier Secrets::made_up(ScramHash hash, std::string_view name, std::uint32_t iterations) const {
  const std::string seed = std::string(kind::scram(hash)) + '\0' + std::string(name);
  return {.salt = keyed_digest(made_up_key_, "salt" + seed, scram_salt_octets),
          .iterations = iterations,
          .stored_key = keyed_digest(made_up_key_, "stored" + seed, octets_of(hash)),
          .server_key = keyed_digest(made_up_key_, "server" + seed, octets_of(hash))};
}

std::uint64_t Secrets::place_of(std::string_view name) const {
  std::uint64_t place = 0;
  for (const char octet : keyed_digest(made_up_key_, "place" + std::string(name), crypto_generichash_BYTES_MIN)) {
    place = place << 8 | static_cast<unsigned char>(octet);
  }
  return place;
}

std::string Secrets::app_digest(AccountId account, std::string_view secret) const {
  return keyed_digest(app_key_, std::to_string(account.value) + '\0' + std::string(secret), 32);
}

std::string make_app_password(Random& random) {
  std::string out;
  for (std::size_t i = 0; i < app_letters; ++i) {
    if (i != 0 && i % 4 == 0) out += '-';
    out += app_alphabet[random.below(app_alphabet.size())];
  }
  return out;
}

std::optional<std::string> normal_app_password(std::string_view typed) {
  std::string out;
  for (char c : typed) {
    if (c == '-' || c == ' ') continue;
    c = ascii_lower(c);
    if (c == 'o') c = '0';
    if (c == 'i' || c == 'l') c = '1';
    if (app_alphabet.find(c) == std::string_view::npos || out.size() == app_letters) return std::nullopt;
    out += c;
  }
  if (out.size() != app_letters) return std::nullopt;
  return out;
}

}  // namespace pabal::account
