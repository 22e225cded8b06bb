#include <fmt/format.h>
#include <openssl/err.h>

#include "net/tls_core.hpp"

namespace pabal::net {

namespace {

constexpr std::size_t kMostSessions = 1000;

/// OpenSSL hands over each ticket; the last one of a name is kept. Not of connections that expect more than a name.
int keep_session(SSL* ssl, SSL_SESSION* session) {
  if (SSL_get_app_data(ssl) != nullptr) return 0;
  auto* core = static_cast<TlsClientCore*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  auto sessions = core->sessions.lock();
  if (sessions->size() >= kMostSessions) sessions->clear();
  (*sessions)[name == nullptr ? "" : name] = SslSessionPtr(session);
  return 1;
}

/// The system's roots, read once for all contexts that live at the same time: they take half a megabyte. Null where
/// they can't be read.
std::shared_ptr<X509_STORE> system_roots() {
  static Guarded<std::weak_ptr<X509_STORE>> kept;
  auto present = kept.lock();
  if (auto roots = present->lock()) return roots;
  std::shared_ptr<X509_STORE> roots(X509_STORE_new(), X509_STORE_free);
  if (!roots || X509_STORE_set_default_paths(roots.get()) != 1) return nullptr;
  *present = roots;
  return roots;
}

bool trust(TlsClientCore& core, const std::string& roots) {
  if (!roots.empty()) return SSL_CTX_load_verify_file(core.context.get(), roots.c_str()) == 1;
  core.roots = system_roots();
  if (!core.roots) return false;
  SSL_CTX_set1_cert_store(core.context.get(), core.roots.get());
  return true;
}

}  // namespace

Result<std::shared_ptr<TlsClientContext>> TlsClientContext::make(const TlsClientOptions& options) {
  ERR_clear_error();
  auto core = std::make_shared<TlsClientCore>();
  core->context.reset(SSL_CTX_new(TLS_client_method()));
  auto* context = core->context.get();
  if (context == nullptr) return fail(ErrorKind::io, "TLS can't be set up", openssl_errors());
  set_common_options(context);
  if (options.opportunistic && !options.verify) SSL_CTX_set_security_level(context, 1);
  if (SSL_CTX_dane_enable(context) != 1) return fail(ErrorKind::io, "TLS can't be set up", openssl_errors());
  if (options.only_tls12) SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  if (options.only_tls13) SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  core->verify = options.verify;
  core->alpn_wire = alpn_to_wire(options.alpn);
  if (options.verify) {
    if (!trust(*core, options.trusted_roots)) {
      return fail(ErrorKind::io, "TLS can't be set up",
                  fmt::format("{}: {}", options.trusted_roots.empty() ? "the system's roots" : options.trusted_roots,
                              openssl_errors()));
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_app_data(context, core.get());
  SSL_CTX_sess_set_new_cb(context, keep_session);
  return std::shared_ptr<TlsClientContext>(new TlsClientContext(std::move(core)));
}

std::shared_ptr<const TlsClientContext> TlsClientContext::with_names(std::vector<std::string> names) const {
  auto expected = std::make_shared<const TlsExpected>(std::move(names));
  return std::shared_ptr<const TlsClientContext>(new TlsClientContext(core_, std::move(expected)));
}

std::shared_ptr<const TlsClientContext> TlsClientContext::with_dane(std::vector<dns::Tlsa> records,
                                                                    std::vector<std::string> names) const {
  auto expected = std::make_shared<const TlsExpected>(std::move(names), true, std::move(records));
  return std::shared_ptr<const TlsClientContext>(new TlsClientContext(core_, std::move(expected)));
}

}  // namespace pabal::net
