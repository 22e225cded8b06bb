#include "mailauth/signing_key.hpp"

#include <utility>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/text.hpp"
#include "codec/base64.hpp"

namespace pabal::mailauth {
namespace {

template <auto Function>
struct Free {
  template <class T>
  void operator()(T* thing) const noexcept {
    Function(thing);
  }
};
using Memory = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Context = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using Key = std::shared_ptr<EVP_PKEY>;

const unsigned char* octets_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* room_of(std::string& text) noexcept { return reinterpret_cast<unsigned char*>(text.data()); }

// A key that is encrypted is not asked a passphrase for on somebody's terminal.
int no_passphrase(char* /*room*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

Key read_pem(std::string_view pem) {
  const Memory in(BIO_new_mem_buf(pem.data(), static_cast<int>(std::min<std::size_t>(pem.size(), 1 << 20))));
  Key key(in ? PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, nullptr) : nullptr, EVP_PKEY_free);
  ERR_clear_error();
  return key;
}

// RFC 8463 §A.1: the 32 octets alone, in base64.
Key read_seed(std::string_view text) {
  std::string bare;
  for (const char c : text) {
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') bare += c;
    if (bare.size() > 44) return {};
  }
  const auto octets = codec::decode_base64(bare);
  if (!octets || octets->size() != 32) return {};
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, octets_of(*octets), octets->size()), EVP_PKEY_free);
  ERR_clear_error();
  return key;
}

std::unexpected<Error> library_failed(std::string_view what) {
  char text[256] = "no reason given";
  const auto code = ERR_get_error();
  if (code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return fail(ErrorKind::io, "a key can't be used now", fmt::format("OpenSSL could not {}: {}", what, text));
}

}  // namespace

Result<DkimSigningKey> DkimSigningKey::from_pem(std::string_view pem) {
  auto key = read_pem(pem);
  if (!key) key = read_seed(pem);
  if (!key) {
    return fail(ErrorKind::syntax,
                "this is no private key: PEM of an RSA or Ed25519 key is wanted, without a passphrase");
  }
  const auto bits = static_cast<std::size_t>(EVP_PKEY_get_bits(key.get()));
  switch (EVP_PKEY_get_base_id(key.get())) {
    case EVP_PKEY_ED25519:
      return DkimSigningKey(std::move(key), KeyType::ed25519, 256);
    case EVP_PKEY_RSA:
      break;
    default:
      return fail(ErrorKind::syntax, "only RSA and Ed25519 keys sign letters");
  }
  if (bits < min_rsa_bits || bits > max_rsa_bits) {
    return fail(ErrorKind::policy,
                fmt::format("an RSA key of {} bits: {} to {} are wanted (RFC 8301)", bits, min_rsa_bits, max_rsa_bits));
  }
  return DkimSigningKey(std::move(key), KeyType::rsa, bits);
}

Result<DkimSigningKey> DkimSigningKey::generate_rsa(std::size_t bits) {
  if (bits < min_rsa_bits || bits > max_rsa_bits) {
    return fail(ErrorKind::policy, fmt::format("an RSA key has {} to {} bits (RFC 8301)", min_rsa_bits, max_rsa_bits));
  }
  Key key(EVP_RSA_gen(bits), EVP_PKEY_free);
  if (!key) return library_failed("make an RSA key");
  return DkimSigningKey(std::move(key), KeyType::rsa, bits);
}

Result<DkimSigningKey> DkimSigningKey::generate_ed25519() {
  Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
  if (!key) return library_failed("make an Ed25519 key");
  return DkimSigningKey(std::move(key), KeyType::ed25519, 256);
}

Result<std::string> DkimSigningKey::pem() const {
  const Memory out(BIO_new(BIO_s_secmem()));
  if (!out || PEM_write_bio_PKCS8PrivateKey(out.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return library_failed("write a private key");
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

std::string DkimSigningKey::record() const {
  std::string octets;
  if (type_ == KeyType::ed25519) {
    std::size_t size = 32;
    octets.resize(size);
    if (EVP_PKEY_get_raw_public_key(key_.get(), room_of(octets), &size) != 1) throw std::bad_alloc();
  } else {
    const int size = i2d_PUBKEY(key_.get(), nullptr);
    if (size <= 0) throw std::bad_alloc();
    octets.resize(static_cast<std::size_t>(size));
    auto* out = room_of(octets);
    if (i2d_PUBKEY(key_.get(), &out) != size) throw std::bad_alloc();
  }
  return fmt::format("v=DKIM1; k={}; p={}", name_of(type_), codec::base64(octets));
}

Result<std::string> DkimSigningKey::sign(std::string_view digest) const {
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())), '\0');
  std::size_t size = signature.size();
  bool made = false;
  if (type_ == KeyType::ed25519) {
    const DigestContext context(EVP_MD_CTX_new());
    made = context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
           EVP_DigestSign(context.get(), room_of(signature), &size, octets_of(digest), digest.size()) == 1;
  } else {
    const Context context(EVP_PKEY_CTX_new(key_.get(), nullptr));
    made = context && EVP_PKEY_sign_init(context.get()) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 &&
           EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) == 1 &&
           EVP_PKEY_sign(context.get(), room_of(signature), &size, octets_of(digest), digest.size()) == 1;
  }
  if (!made) return library_failed("sign");
  signature.resize(size);
  return signature;
}

}  // namespace pabal::mailauth
