#include "net/tls_session.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <sys/socket.h>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

namespace pabal::net {

namespace {

constexpr std::string_view kExporterLabel = "EXPORTER-Channel-Binding";  // RFC 9266 §4.2
constexpr std::size_t kExporterSize = 32;

bool is_ip_address(const std::string& name) {
  unsigned char octets[16];
  return ::inet_pton(AF_INET, name.c_str(), octets) == 1 || ::inet_pton(AF_INET6, name.c_str(), octets) == 1;
}

/// RFC 7672 §3: the records decide, not the trusted roots.
Result<void> enable_dane(SSL* ssl, const std::string& peer_name, const TlsExpected& expected) {
  const auto failed = [] { return fail(ErrorKind::io, "TLS can't be set up", "DANE: " + openssl_errors()); };
  if (SSL_dane_enable(ssl, peer_name.c_str()) != 1) return failed();
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);  // §3.1.1
  bool usable = false;
  for (const auto& record : expected.tlsa) {
    if (record.usage < 2) continue;  // §3.1.3: PKIX-TA and PKIX-EE mean nothing between mail servers
    const int added = SSL_dane_tlsa_add(ssl, record.usage, record.selector, record.matching,
                                        reinterpret_cast<const unsigned char*>(record.data.data()), record.data.size());
    // Malformed data, or a selector or digest that OpenSSL doesn't know: as if the record weren't there (§2.1.1).
    if (added <= 0) ERR_clear_error();
    usable = usable || added > 0;
  }
  if (!usable) return fail(ErrorKind::policy, "no TLSA record that can be used");
  SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  return {};
}

}  // namespace

// A BIO of our own: OpenSSL's writes with write(), which raises SIGPIPE on a connection that is gone.
const BIO_METHOD* TlsSession::socket_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_TYPE_DESCRIPTOR | BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "pabal socket");
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_control);
    BIO_meth_set_create(made, bio_create);
    return made;
  }();
  return method;
}

int TlsSession::bio_create(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

int TlsSession::bio_read(BIO* bio, char* room, int size) {
  auto* session = static_cast<TlsSession*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const auto got = ::recv(session->socket_, room, static_cast<std::size_t>(size), 0);
  if (got == 0) session->end_of_input_ = true;
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}

int TlsSession::bio_write(BIO* bio, const char* octets, int size) {
  auto* session = static_cast<TlsSession*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const auto sent = ::send(session->socket_, octets, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

long TlsSession::bio_control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return static_cast<TlsSession*>(BIO_get_data(bio))->end_of_input_ ? 1 : 0;
    default:
      return 0;
  }
}

TlsSession::~TlsSession() {
  // Without this OpenSSL would never resume a session whose connection ended without a goodbye, as many do.
  if (!broken_ && ssl_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

Result<void> TlsSession::attach() {
  BIO* bio = ssl_ ? BIO_new(socket_method()) : nullptr;
  if (bio == nullptr) return fail(ErrorKind::io, "TLS is not available", openssl_errors());
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_.get(), bio, bio);
  return {};
}

Result<std::unique_ptr<TlsSession>> TlsSession::server(std::shared_ptr<const TlsContext> context, int socket) {
  ERR_clear_error();
  auto certificates = *context->core()->current.lock();
  SslPtr ssl(SSL_new(certificates->all.front().context.get()));
  std::unique_ptr<TlsSession> session(new TlsSession(std::move(ssl), socket));
  if (auto attached = session->attach(); !attached) return pass(attached);
  session->handshake_ = std::make_unique<TlsHandshake>(std::move(certificates), std::move(context));
  SSL_set_app_data(session->ssl_.get(), session->handshake_.get());
  SSL_set_accept_state(session->ssl_.get());
  return session;
}

Result<std::unique_ptr<TlsSession>> TlsSession::client(std::shared_ptr<const TlsClientContext> context,
                                                       const std::string& peer_name, int socket) {
  ERR_clear_error();
  auto& core = *context->core();
  SslPtr ssl(SSL_new(core.context.get()));
  std::unique_ptr<TlsSession> session(new TlsSession(std::move(ssl), socket));
  if (auto attached = session->attach(); !attached) return pass(attached);
  auto* handle = session->ssl_.get();
  bool set = true;
  const auto* expected = context->expected();
  const bool dane = expected != nullptr && expected->dane;
  const bool verify = core.verify || dane;
  const bool has_name = !peer_name.empty() && !is_ip_address(peer_name);
  if (has_name) set = SSL_set_tlsext_host_name(handle, peer_name.c_str()) == 1;
  if (dane) {
    if (auto enabled = enable_dane(handle, peer_name, *expected); !enabled) return pass(enabled);
  } else if (core.verify && has_name) {
    set = set && SSL_set1_host(handle, peer_name.c_str()) == 1;
    // RFC 9525 §6.1: neither common names nor wildcards within a label.
    SSL_set_hostflags(handle, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  } else if (core.verify) {
    set = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(handle), peer_name.c_str()) == 1;
  }
  if (expected != nullptr && verify) {
    for (const auto& name : expected->names) {
      if (is_ip_address(name) || name == peer_name) continue;
      set = set && (has_name || dane ? SSL_add1_host(handle, name.c_str()) : SSL_set1_host(handle, name.c_str())) == 1;
    }
  }
  // A session is remembered under its name alone: one that was verified in another way must not be taken for it.
  if (expected != nullptr) SSL_set_app_data(handle, const_cast<TlsExpected*>(expected));
  if (!core.alpn_wire.empty()) {
    set = set && SSL_set_alpn_protos(handle, reinterpret_cast<const unsigned char*>(core.alpn_wire.data()),
                                     static_cast<unsigned>(core.alpn_wire.size())) == 0;
  }
  if (!set) return fail(ErrorKind::syntax, "not a name that TLS can verify", openssl_errors());
  {
    auto sessions = core.sessions.lock();
    const auto known = sessions->find(is_ip_address(peer_name) ? std::string() : peer_name);
    if (expected == nullptr && known != sessions->end() && SSL_SESSION_is_resumable(known->second.get()) == 1) {
      // Where OpenSSL does not take it, the handshake is a full one.
      if (SSL_set_session(handle, known->second.get()) != 1) ERR_clear_error();
    }
  }
  session->client_context_ = std::move(context);
  SSL_set_connect_state(handle);
  return session;
}

Result<TlsSession::Step> TlsSession::sort_out(int returned, std::string_view doing) {
  const int system_error = errno;
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
      return Step::want_read;
    case SSL_ERROR_WANT_WRITE:
      return Step::want_write;
    case SSL_ERROR_ZERO_RETURN:
      return Step::ended;
    case SSL_ERROR_SYSCALL:
      broken_ = true;
      ERR_clear_error();
      return fail(ErrorKind::closed, "connection lost",
                  fmt::format("TLS {}: {}", doing,
                              end_of_input_ || system_error == 0 ? "the peer cut the connection"
                                                                 : std::generic_category().message(system_error)));
    default:
      break;
  }
  broken_ = true;
  const bool cut = ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
  const bool verifies = SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE;
  const long verified = client_context_ && verifies ? SSL_get_verify_result(ssl_.get()) : X509_V_OK;
  auto why = openssl_errors();
  if (cut) return fail(ErrorKind::closed, "connection lost", fmt::format("TLS {}: the peer cut the connection", doing));
  if (verified != X509_V_OK) {
    return fail(ErrorKind::policy, "the certificate is not to be trusted",
                fmt::format("TLS {}: {}", doing, X509_verify_cert_error_string(verified)));
  }
  return fail(ErrorKind::closed, "TLS failed", fmt::format("TLS {}: {}", doing, why));
}

Result<TlsSession::Step> TlsSession::handshake() {
  ERR_clear_error();
  errno = 0;
  const int returned = SSL_do_handshake(ssl_.get());
  if (returned != 1) {
    auto step = sort_out(returned, "handshake");
    if (step && *step == Step::ended)
      return fail(ErrorKind::closed, "connection lost", "TLS handshake: ended by the peer");
    return step;
  }
  if (handshake_) {
    // The certificates of this handshake need not outlive it: the SSL holds on to its own.
    SSL_set_app_data(ssl_.get(), nullptr);
    handshake_.reset();
  }
  return Step::done;
}

std::string TlsSession::verified_how() const {
  auto* ssl = ssl_.get();
  if (!client_context_ || SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE || SSL_get_verify_result(ssl) != X509_V_OK) {
    return {};
  }
  if (SSL_get0_dane_authority(ssl, nullptr, nullptr) >= 0) {
    std::uint8_t usage = 0;
    std::uint8_t selector = 0;
    std::uint8_t matching = 0;
    SSL_get0_dane_tlsa(ssl, &usage, &selector, &matching, nullptr, nullptr);
    return fmt::format("DANE {} {} {}", usage, selector, matching);
  }
  // A session that is resumed was verified for the name under which it is remembered.
  const char* name = SSL_get0_peername(ssl);
  if (name == nullptr) name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  return fmt::format("name {}", name == nullptr ? "" : name);
}

TlsInfo TlsSession::info() const {
  TlsInfo info;
  auto* ssl = ssl_.get();
  info.version = SSL_get_version(ssl);
  info.cipher = SSL_get_cipher_name(ssl);
  info.cipher_bits = SSL_get_cipher_bits(ssl, nullptr);
  if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) info.server_name = name;
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  if (size > 0) info.alpn.assign(reinterpret_cast<const char*>(protocol), size);
  info.resumed = SSL_session_reused(ssl) == 1;
  info.verified = verified_how();
  // RFC 9266 §4.2: before TLS 1.3 only together with the extended master secret. Its context is of zero length, which
  // in TLS 1.2 is not the same as none (RFC 5705 §4); all others leave it out, so we do.
  if (SSL_version(ssl) >= TLS1_3_VERSION || SSL_get_extms_support(ssl) == 1) {
    unsigned char secret[kExporterSize];
    if (SSL_export_keying_material(ssl, secret, sizeof secret, kExporterLabel.data(), kExporterLabel.size(), nullptr, 0,
                                   0) == 1) {
      info.exporter.assign(reinterpret_cast<const char*>(secret), sizeof secret);
    }
  }
  return info;
}

Result<TlsSession::Moved> TlsSession::read(std::span<char> room) {
  ERR_clear_error();
  errno = 0;
  std::size_t count = 0;
  const int returned = SSL_read_ex(ssl_.get(), room.data(), room.size(), &count);
  if (returned == 1) return Moved{.step = Step::done, .count = count};
  const auto step = sort_out(returned, "read");
  if (!step) return pass(step);
  return Moved{.step = *step};
}

Result<TlsSession::Moved> TlsSession::write(std::string_view octets) {
  ERR_clear_error();
  errno = 0;
  std::size_t count = 0;
  const int returned = SSL_write_ex(ssl_.get(), octets.data(), octets.size(), &count);
  if (returned == 1) return Moved{.step = Step::done, .count = count};
  const auto step = sort_out(returned, "write");
  if (!step) return pass(step);
  if (*step == Step::ended) return fail(ErrorKind::closed, "connection lost", "TLS write: the peer has ended");
  return Moved{.step = *step};
}

bool TlsSession::has_pending() const noexcept { return SSL_has_pending(ssl_.get()) == 1; }

void TlsSession::say_goodbye() noexcept {
  if (broken_ || SSL_in_init(ssl_.get()) == 1) return;
  ERR_clear_error();
  // Below zero it was not sent: the socket is full or gone, and the peer sees the connection end.
  if (SSL_shutdown(ssl_.get()) < 0) ERR_clear_error();
}

}  // namespace pabal::net
