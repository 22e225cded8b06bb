#include "net/ticket_keys.hpp"

#include <algorithm>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

namespace pabal::net {

namespace {

using Shared = std::shared_ptr<TicketKeys>;

void give_up_share(void* /*context*/, void* share, CRYPTO_EX_DATA* /*data*/, int /*index*/, long /*argument*/,
                   void* /*pointer*/) {
  delete static_cast<Shared*>(share);
}

// Where a context keeps its share.
int share_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, give_up_share);
  return index;
}

bool prepare_mac(EVP_MAC_CTX* mac, TicketKeys::Key& key) {
  std::array<char, 7> digest{"SHA256"};
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

// SSL_CTX_set_tlsext_ticket_key_cb(3): -1 an error, 0 no such key, 1 good, 2 good and a new ticket is to be given.
int with_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                    int sealing) {
  const auto* share = static_cast<const Shared*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), share_index()));
  if (share == nullptr) return -1;
  if (sealing != 0) {
    auto key = (*share)->current();
    if (!key || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
    std::ranges::copy(key->name, name);
    const bool ready =
        EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv) == 1 && prepare_mac(mac, *key);
    OPENSSL_cleanse(&*key, sizeof *key);
    return ready ? 1 : -1;
  }
  TicketKeys::Name wanted;
  std::copy_n(name, wanted.size(), wanted.begin());
  auto found = (*share)->find(wanted);
  if (!found) return 0;
  const bool ready = prepare_mac(mac, found->key) &&
                     EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, found->key.cipher.data(), iv) == 1;
  const bool old = found->old;
  OPENSSL_cleanse(&found->key, sizeof found->key);
  if (!ready) return -1;
  // RFC 8446 §C.4: a ticket should be used once, so each resumption is given the next one.
  return old || SSL_version(ssl) >= TLS1_3_VERSION ? 2 : 1;
}

}  // namespace

TicketKeys::~TicketKeys() {
  auto keys = keys_.lock();
  OPENSSL_cleanse(&*keys, sizeof *keys);
}

void TicketKeys::change(Keys& keys, SteadyTime now) {
  const auto too_old = [now](const std::optional<Key>& key, int lives) {
    return key && now - key->made >= kLife * lives;
  };
  if (keys.current && !too_old(keys.current, 1)) {
    return;
  }
  Key fresh;
  fresh.made = now;
  if (RAND_bytes(fresh.name.data(), static_cast<int>(fresh.name.size())) != 1 ||
      RAND_priv_bytes(fresh.cipher.data(), static_cast<int>(fresh.cipher.size())) != 1 ||
      RAND_priv_bytes(fresh.mac.data(), static_cast<int>(fresh.mac.size())) != 1) {
    keys = {};
    return;
  }
  keys.previous = too_old(keys.current, 2) ? std::nullopt : keys.current;
  keys.current = fresh;
  OPENSSL_cleanse(&fresh, sizeof fresh);
}

std::optional<TicketKeys::Key> TicketKeys::current() {
  auto keys = keys_.lock();
  change(*keys, now_());
  return keys->current;
}

std::optional<TicketKeys::Found> TicketKeys::find(const Name& name) {
  auto keys = keys_.lock();
  change(*keys, now_());
  if (keys->current && keys->current->name == name) return Found{.key = *keys->current};
  if (keys->previous && keys->previous->name == name) return Found{.key = *keys->previous, .old = true};
  return std::nullopt;
}

void TicketKeys::use(SSL_CTX* context, std::shared_ptr<TicketKeys> keys) {
  auto share = std::make_unique<Shared>(std::move(keys));
  if (SSL_CTX_set_ex_data(context, share_index(), share.get()) == 1) static_cast<void>(share.release());
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, with_ticket_key);
}

}  // namespace pabal::net
