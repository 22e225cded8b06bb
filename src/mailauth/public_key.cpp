#include "mailauth/public_key.hpp"

#include <optional>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

namespace pabal::mailauth {
namespace {

constexpr int kMaxExponentBits = 33;

const unsigned char* octets_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

template <auto Function>
struct Free {
  template <class T>
  void operator()(T* thing) const noexcept {
    Function(thing);
  }
};
using Context = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, Free<BN_free>>;

// One DER element of this tag off the front of `rest`: what is in it (X.690 §8.1, definite lengths alone).
std::optional<std::string_view> take_der(std::string_view& rest, unsigned char tag) {
  if (rest.size() < 2 || static_cast<unsigned char>(rest[0]) != tag) return std::nullopt;
  std::size_t length = static_cast<unsigned char>(rest[1]);
  std::size_t header = 2;
  if (length >= 0x80) {
    const std::size_t octets = length - 0x80;
    if (octets == 0 || octets > 3 || rest.size() < 2 + octets) return std::nullopt;
    length = 0;
    for (std::size_t i = 0; i < octets; ++i) length = (length << 8U) | static_cast<unsigned char>(rest[2 + i]);
    header += octets;
  }
  if (rest.size() - header < length) return std::nullopt;
  const auto inside = rest.substr(header, length);
  rest.remove_prefix(header + length);
  return inside;
}

// The RSAPublicKey in a SubjectPublicKeyInfo of rsaEncryption (RFC 5280 §4.1, RFC 3279 §2.3.1). OpenSSL isn't asked to
// read the whole: it would take any kind of key there, curves of a stranger's own making among them.
std::optional<std::string_view> bare_rsa(std::string_view der) {
  constexpr unsigned char sequence = 0x30;
  constexpr unsigned char object = 0x06;
  constexpr unsigned char bits = 0x03;
  constexpr std::string_view rsa_encryption("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01");
  auto outer = take_der(der, sequence);
  if (!outer) return std::nullopt;
  auto algorithm = take_der(*outer, sequence);
  if (!algorithm) return std::nullopt;
  if (take_der(*algorithm, object) != rsa_encryption) return std::nullopt;
  const auto key = take_der(*outer, bits);
  if (!key || !key->starts_with('\0')) return std::nullopt;
  return key->substr(1);
}

EVP_PKEY* read_rsa(std::string_view der) {
  const auto key_octets = bare_rsa(der).value_or(der);
  const auto* begin = octets_of(key_octets);
  auto* key = d2i_PublicKey(EVP_PKEY_RSA, nullptr, &begin, static_cast<long>(key_octets.size()));
  // What OpenSSL thinks of a stranger's octets is nobody's else business.
  ERR_clear_error();
  return key;
}

bool exponent_is_small(EVP_PKEY* key) {
  BIGNUM* exponent = nullptr;
  const bool known = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1;
  const Number freed(exponent);
  return known && BN_num_bits(exponent) <= kMaxExponentBits;
}

bool verify_rsa(EVP_PKEY* key, std::string_view digest, std::string_view signature) {
  const Context context(EVP_PKEY_CTX_new(key, nullptr));
  const bool ready = context && EVP_PKEY_verify_init(context.get()) == 1 &&
                     EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 &&
                     EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) == 1;
  return ready &&
         EVP_PKEY_verify(context.get(), octets_of(signature), signature.size(), octets_of(digest), digest.size()) == 1;
}

bool verify_ed25519(EVP_PKEY* key, std::string_view digest, std::string_view signature) {
  const DigestContext context(EVP_MD_CTX_new());
  return context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), octets_of(signature), signature.size(), octets_of(digest), digest.size()) == 1;
}

}  // namespace

std::string_view name_of(KeyType type) noexcept { return type == KeyType::rsa ? "rsa" : "ed25519"; }

std::string_view algorithm_of(KeyType type) noexcept { return type == KeyType::rsa ? "rsa-sha256" : "ed25519-sha256"; }

Result<PublicKey> PublicKey::rsa(std::string_view der) {
  const std::shared_ptr<EVP_PKEY> key(read_rsa(der), EVP_PKEY_free);
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) {
    return fail(ErrorKind::syntax, "the key is no RSA key in DER");
  }
  const auto bits = EVP_PKEY_get_bits(key.get());
  if (bits <= 0 || !exponent_is_small(key.get())) {
    return fail(ErrorKind::syntax, "the RSA key's exponent is odd: over 33 bits");
  }
  return PublicKey(key, KeyType::rsa, static_cast<std::size_t>(bits));
}

Result<PublicKey> PublicKey::ed25519(std::string_view octets) {
  if (octets.size() != 32) return fail(ErrorKind::syntax, "an Ed25519 key has 32 octets");
  const std::shared_ptr<EVP_PKEY> key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets_of(octets), octets.size()), EVP_PKEY_free);
  ERR_clear_error();
  if (!key) return fail(ErrorKind::syntax, "the key is no Ed25519 key");
  return PublicKey(key, KeyType::ed25519, 256);
}

bool PublicKey::verify(std::string_view digest, std::string_view signature) const {
  const bool holds =
      type_ == KeyType::rsa ? verify_rsa(key_.get(), digest, signature) : verify_ed25519(key_.get(), digest, signature);
  if (!holds) ERR_clear_error();
  return holds;
}

}  // namespace pabal::mailauth
