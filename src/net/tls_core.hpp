// The OpenSSL objects behind TlsContext and TlsClientContext, for the files of TLS in this folder alone.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/guarded.hpp"
#include "dns/record.hpp"
#include "net/ticket_keys.hpp"
#include "net/tls.hpp"

namespace pabal::net {

template <auto Free>
struct FreedBy {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using SslContextPtr = std::unique_ptr<SSL_CTX, FreedBy<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, FreedBy<SSL_free>>;
using SslSessionPtr = std::unique_ptr<SSL_SESSION, FreedBy<SSL_SESSION_free>>;
using BioPtr = std::unique_ptr<BIO, FreedBy<BIO_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, FreedBy<X509_free>>;

/// What OpenSSL has to say about what just failed, all of it; the thread's error queue is empty afterwards.
[[nodiscard]] std::string openssl_errors();

/// What one loading of the files gave. Never changed once made.
struct TlsCertificates {
  /// The certificates for one set of names, one for each kind of key.
  struct One {
    SslContextPtr context;
    std::vector<std::string> names;  ///< in order
    std::vector<int> key_kinds;      ///< OpenSSL's numbers
  };
  std::vector<One> all;                ///< at least one
  std::vector<CertificateInfo> infos;  ///< in the order of the files

  [[nodiscard]] SSL_CTX* choose(std::string_view server_name) const noexcept;
};

struct TlsCore {
  std::shared_ptr<TicketKeys> ticket_keys = std::make_shared<TicketKeys>();
  Guarded<TlsOptions> options;
  Guarded<std::shared_ptr<const TlsCertificates>> current;
};

/// What a handshake on the server's side looks at; the SSL's application data points to it until the handshake is done.
struct TlsHandshake {
  std::shared_ptr<const TlsCertificates> certificates;
  std::shared_ptr<const TlsContext> context;
};

struct TlsClientCore {
  SslContextPtr context;
  bool verify = true;
  std::shared_ptr<X509_STORE> roots;  ///< the system's, which several contexts share; null: its own, or none
  std::string alpn_wire;
  Guarded<std::map<std::string, SslSessionPtr>> sessions;  ///< the last one of each peer name
};

struct TlsExpected {
  std::vector<std::string> names;  ///< besides the peer's own
  bool dane = false;
  std::vector<dns::Tlsa> tlsa;
};

/// Length-prefixed protocol names, RFC 7301 §3.1.
[[nodiscard]] std::string alpn_to_wire(const std::vector<std::string>& protocols);

/// Modes and options that server and client share, for little memory an idle connection.
void set_common_options(SSL_CTX* context);

}  // namespace pabal::net
