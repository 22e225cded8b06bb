#include "admin/key_pairs.hpp"

#include <fmt/format.h>

#include "mailauth/signing_key.hpp"

namespace pabal::admin {

namespace {

Result<account::KeyPair> pair_of(const Result<mailauth::DkimSigningKey>& key, account::KeyAlgorithm algorithm) {
  if (!key) return pass(key);
  auto pem = key->pem();
  if (!pem) return pass(pem);
  return account::KeyPair{algorithm, *std::move(pem), key->record()};
}

}  // namespace

Result<account::KeyPair> make_key_pair(account::KeyAlgorithm algorithm) {
  const auto bits = account::rsa_bits(algorithm);
  return pair_of(
      bits != 0 ? mailauth::DkimSigningKey::generate_rsa(bits) : mailauth::DkimSigningKey::generate_ed25519(),
      algorithm);
}

Result<account::KeyPair> read_key_pair(std::string_view pem) {
  const auto key = mailauth::DkimSigningKey::from_pem(pem);
  if (!key) return pass(key);
  if (key->type() == mailauth::KeyType::ed25519) return pair_of(key, account::KeyAlgorithm::ed25519);
  const auto algorithm = account::rsa_algorithm(key->bits());
  if (!algorithm) {
    return fail(ErrorKind::policy, fmt::format("an RSA key of {} bits: expected 2048, 3072 or 4096", key->bits()));
  }
  return pair_of(key, *algorithm);
}

}  // namespace pabal::admin
