#include <algorithm>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/text.hpp"
#include "net/tls_core.hpp"

namespace pabal::net {

namespace {

constexpr unsigned char kSessionIdContext[] = "pabal";
// RFC 9325 §4.2.1, in OpenSSL's names; the CBC suites with ECDHE at the end are for old mail servers, whose other
// choice would be to send in plain text (RFC 7435).
constexpr const char* kCiphers =
    "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:!aNULL:!eNULL:!PSK:!SRP:!CAMELLIA:!ARIA:!AESCCM";

std::vector<std::string> names_of_certificate(X509* certificate) {
  std::vector<std::string> names;
  auto* alternatives =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
    const auto* name = sk_GENERAL_NAME_value(alternatives, i);
    if (name->type != GEN_DNS) continue;
    const auto* text = name->d.dNSName;
    const std::string_view octets(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                  static_cast<std::size_t>(ASN1_STRING_length(text)));
    names.push_back(to_lower(octets));
  }
  GENERAL_NAMES_free(alternatives);
  if (!names.empty()) return names;
  // A certificate without alternative names: what used to count was the common name.
  char common[256] = {};
  if (X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, common, sizeof common) > 0) {
    names.push_back(to_lower(common));
  }
  return names;
}

SystemTime end_of(X509* certificate) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) return {};
  return SystemTime(std::chrono::seconds(::timegm(&parts)));
}

/// Never asks: an encrypted key can't be read by a server that starts alone.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

/// A certificate's file, read as far as the certificate itself.
struct Chain {
  BioPtr rest;
  CertificatePtr leaf;
  CertificateInfo info;
  int key_kind = 0;
};

Result<Chain> read_chain(const std::string& file, std::string_view pem) {
  Chain chain;
  chain.rest.reset(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  chain.leaf.reset(PEM_read_bio_X509_AUX(chain.rest.get(), nullptr, nullptr, nullptr));
  if (!chain.leaf) {
    return fail(ErrorKind::syntax, fmt::format("{}: no certificate in PEM form ({})", file, openssl_errors()));
  }
  chain.info = {.file = file, .names = names_of_certificate(chain.leaf.get()), .not_after = end_of(chain.leaf.get())};
  if (const EVP_PKEY* key = X509_get0_pubkey(chain.leaf.get())) chain.key_kind = EVP_PKEY_get_base_id(key);
  return chain;
}

Result<void> use_chain(SSL_CTX* context, const Chain& chain) {
  const auto& file = chain.info.file;
  if (SSL_CTX_use_certificate(context, chain.leaf.get()) != 1) {
    return fail(ErrorKind::policy, fmt::format("{}: {}", file, openssl_errors()));
  }
  while (true) {
    const CertificatePtr next(PEM_read_bio_X509(chain.rest.get(), nullptr, nullptr, nullptr));
    if (!next) break;
    if (SSL_CTX_add1_chain_cert(context, next.get()) != 1) {
      return fail(ErrorKind::policy, fmt::format("{}: in the chain: {}", file, openssl_errors()));
    }
  }
  const auto last = ERR_peek_last_error();
  if (last != 0 && ERR_GET_REASON(last) != PEM_R_NO_START_LINE) {
    return fail(ErrorKind::syntax, fmt::format("{}: in the chain: {}", file, openssl_errors()));
  }
  ERR_clear_error();
  return {};
}

Result<void> use_key(SSL_CTX* context, const CertificateFiles& files, std::string_view pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  bool encrypted = false;
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, &encrypted));
  if (!key) {
    const auto why = openssl_errors();
    return fail(ErrorKind::syntax, encrypted ? fmt::format("{}: the key is encrypted; it must not be", files.key)
                                             : fmt::format("{}: no private key in PEM form ({})", files.key, why));
  }
  const CertificatePtr::pointer leaf = SSL_CTX_get0_certificate(context);
  if (X509_check_private_key(leaf, key.get()) != 1) {
    ERR_clear_error();
    return fail(ErrorKind::policy,
                fmt::format("{}: not the key of the certificate in {}", files.key, files.certificate));
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return fail(ErrorKind::policy, fmt::format("{}: {}", files.key, openssl_errors()));
  }
  return {};
}

int choose_certificate(SSL* ssl, int* /*alert*/, void* /*argument*/) {
  const auto* handshake = static_cast<const TlsHandshake*>(SSL_get_app_data(ssl));
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (handshake == nullptr || name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_SSL_CTX(ssl, handshake->certificates->choose(to_lower(name)));
  return SSL_TLSEXT_ERR_OK;
}

int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned offered_size, void* /*argument*/) {
  const auto* handshake = static_cast<const TlsHandshake*>(SSL_get_app_data(ssl));
  if (handshake == nullptr || handshake->context->alpn_wire().empty()) return SSL_TLSEXT_ERR_NOACK;
  const auto& ours = handshake->context->alpn_wire();
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
                                          static_cast<unsigned>(ours.size()), offered, offered_size);
  // A client that came for another protocol is sent away: this is what keeps it from being led here by an attacker
  // (ALPACA).
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

Result<SslContextPtr> make_context(const TlsCore& core, const TlsOptions& options) {
  SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (!context) return fail(ErrorKind::io, "TLS can't be set up", openssl_errors());
  set_common_options(context.get());
  SSL_CTX_set_min_proto_version(context.get(), options.only_tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  const char* ciphers = options.ciphers.empty() ? kCiphers : options.ciphers.c_str();
  if (SSL_CTX_set_cipher_list(context.get(), ciphers) != 1) {
    return fail(ErrorKind::syntax, fmt::format("the cipher list '{}': {}", ciphers, openssl_errors()));
  }
  SSL_CTX_set_dh_auto(context.get(), 1);
  // Resumption by tickets alone: nothing is kept here for each client.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_session_id_context(context.get(), kSessionIdContext, sizeof kSessionIdContext - 1);
  SSL_CTX_set_num_tickets(context.get(), 1);
  TicketKeys::use(context.get(), core.ticket_keys);
  SSL_CTX_set_tlsext_servername_callback(context.get(), choose_certificate);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  return context;
}

Result<std::shared_ptr<const TlsCertificates>> load_all(FileSystem& files, const TlsCore& core,
                                                        const TlsOptions& options) {
  if (options.certificates.empty()) return fail(ErrorKind::syntax, "TLS needs a certificate");
  auto loaded = std::make_shared<TlsCertificates>();
  for (const auto& pair : options.certificates) {
    ERR_clear_error();
    const auto certificate = read_file(files, pair.certificate);
    if (!certificate) return pass(certificate);
    const auto key = read_file(files, pair.key);
    if (!key) return pass(key);
    const auto chain = read_chain(pair.certificate, *certificate);
    if (!chain) return pass(chain);
    auto names = chain->info.names;
    std::ranges::sort(names);
    // The same names with another kind of key: the same context, which then chooses by what the client can check.
    auto one = std::ranges::find_if(loaded->all, [&](const TlsCertificates::One& other) {
      return other.names == names && std::ranges::find(other.key_kinds, chain->key_kind) == other.key_kinds.end();
    });
    if (one == loaded->all.end()) {
      auto context = make_context(core, options);
      if (!context) return pass(context);
      one = loaded->all.insert(one, {.context = std::move(*context), .names = std::move(names), .key_kinds = {}});
    }
    if (auto used = use_chain(one->context.get(), *chain); !used) return pass(used);
    if (auto used = use_key(one->context.get(), pair, *key); !used) return pass(used);
    one->key_kinds.push_back(chain->key_kind);
    loaded->infos.push_back(chain->info);
  }
  return loaded;
}

}  // namespace

std::string openssl_errors() {
  std::string all;
  const char* data = nullptr;
  int flags = 0;
  while (const auto code = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags)) {
    const char* reason = ERR_reason_error_string(code);
    if (!all.empty()) all += "; ";
    if (reason != nullptr) {
      all += reason;
    } else {
      all += ERR_SYSTEM_ERROR(code) ? std::generic_category().message(ERR_GET_REASON(code)) : fmt::format("{:x}", code);
    }
    if ((flags & ERR_TXT_STRING) != 0 && data != nullptr && *data != '\0') all += fmt::format(" ({})", data);
  }
  return all.empty() ? "unknown error" : all;
}

void set_common_options(SSL_CTX* context) {
  // RELEASE_BUFFERS: an idle connection holds no record buffers. Read-ahead: header and body of a record, and the
  // records behind it, in one call to the system.
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}

std::string alpn_to_wire(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const auto& protocol : protocols) {
    if (protocol.empty() || protocol.size() > 255) continue;
    wire += static_cast<char>(protocol.size());
    wire += protocol;
  }
  return wire;
}

SSL_CTX* TlsCertificates::choose(std::string_view server_name) const noexcept {
  const auto has = [this](std::string_view wanted) -> SSL_CTX* {
    for (const auto& one : all) {
      if (std::ranges::find(one.names, wanted) != one.names.end()) return one.context.get();
    }
    return nullptr;
  };
  if (auto* exact = has(server_name)) return exact;
  // RFC 9525 §6.3: a wildcard stands for one whole leftmost label.
  for (const auto& one : all) {
    for (const std::string_view name : one.names) {
      if (!name.starts_with("*.")) continue;
      const auto dot = server_name.find('.');
      if (dot != std::string_view::npos && dot > 0 && server_name.substr(dot) == name.substr(1)) {
        return one.context.get();
      }
    }
  }
  return all.front().context.get();
}

Result<std::shared_ptr<TlsContext>> TlsContext::load(FileSystem& files, TlsOptions options) {
  auto core = std::make_shared<TlsCore>();
  auto loaded = load_all(files, *core, options);
  if (!loaded) return pass(loaded);
  *core->current.lock() = std::move(*loaded);
  *core->options.lock() = std::move(options);
  return std::shared_ptr<TlsContext>(new TlsContext(std::move(core), {}));
}

Result<void> TlsContext::reload(FileSystem& files) {
  auto options = *core_->options.lock();
  return reload(files, std::move(options));
}

Result<void> TlsContext::reload(FileSystem& files, TlsOptions options) {
  auto loaded = load_all(files, *core_, options);
  if (!loaded) return pass(loaded);
  *core_->current.lock() = std::move(*loaded);
  *core_->options.lock() = std::move(options);
  return {};
}

std::shared_ptr<TlsContext> TlsContext::with_alpn(const std::vector<std::string>& protocols) const {
  return std::shared_ptr<TlsContext>(new TlsContext(core_, alpn_to_wire(protocols)));
}

std::vector<CertificateInfo> TlsContext::certificates() const {
  const auto current = *core_->current.lock();
  return current->infos;
}

}  // namespace pabal::net
