// TLS for streams (RFC 8446, RFC 5246 with RFC 9325's advice): which certificates a server shows, what it remembers of
// earlier sessions, and what a client believes. OpenSSL stands behind it and appears in no other header.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace pabal::dns {
struct Tlsa;  // dns/record.hpp
}

namespace pabal::net {

struct TlsCore;        // the OpenSSL objects of a server
struct TlsClientCore;  // and of a client
struct TlsExpected;    // what a client wants of one peer

/// A certificate chain (PEM, the leaf first) and its private key (PEM, not encrypted).
struct CertificateFiles {
  std::string certificate;
  std::string key;
};

struct TlsOptions {
  /// Which one is shown is chosen by the name that the client asks for (SNI, RFC 6066 §3) among the names in the
  /// certificates, wildcards included; the first where none fits or none was asked for. Of several with exactly the
  /// same names and keys of different kinds (RSA and EC), the one is shown that the client can check; EC where it can
  /// check both.
  std::vector<CertificateFiles> certificates;
  /// OpenSSL's list for TLS 1.2; empty: forward secrecy and AEAD first (RFC 9325 §4.2).
  std::string ciphers;
  /// RFC 9325 §3.1.1 has nothing below TLS 1.2.
  bool only_tls13 = false;
};

/// What is known of a loaded certificate, for the log and for an operator.
struct CertificateInfo {
  std::string file;
  std::vector<std::string> names;  ///< the DNS names in it, lower case
  SystemTime not_after;
};

/// A server's side of TLS; any thread. Session tickets (RFC 5077, RFC 8446 §4.6.1) stay good over a reload; the
/// keys under which they are sealed change every day (RFC 9325 §3.4).
class TlsContext {
 public:
  /// Reads the files. Errors name the file and what is wrong with it.
  [[nodiscard]] static Result<std::shared_ptr<TlsContext>> load(FileSystem& files, TlsOptions options);
  /// Reads the files anew. Handshakes that begin after it get the new certificates; on an error all stays as it was.
  /// Also all contexts made by with_alpn change.
  [[nodiscard]] Result<void> reload(FileSystem& files);
  /// Reloads with other files.
  [[nodiscard]] Result<void> reload(FileSystem& files, TlsOptions options);
  /// The same certificates and tickets for a protocol with an ALPN name (RFC 7301): a client that offers names of which
  /// none is in the list is refused; one that offers none is served. Without a list ALPN is ignored.
  [[nodiscard]] std::shared_ptr<TlsContext> with_alpn(const std::vector<std::string>& protocols) const;
  [[nodiscard]] std::vector<CertificateInfo> certificates() const;

  // For the streams.
  [[nodiscard]] const std::shared_ptr<TlsCore>& core() const noexcept { return core_; }
  [[nodiscard]] const std::string& alpn_wire() const noexcept { return alpn_wire_; }

 private:
  TlsContext(std::shared_ptr<TlsCore> core, std::string alpn_wire)
      : core_(std::move(core)), alpn_wire_(std::move(alpn_wire)) {}
  std::shared_ptr<TlsCore> core_;
  std::string alpn_wire_;  ///< length-prefixed names
};

struct TlsClientOptions {
  /// Whether the peer's certificate must lead to a trusted root and carry the peer's name (RFC 9525).
  bool verify = true;
  /// PEM file of trusted roots; empty: the system's.
  std::string trusted_roots;
  std::vector<std::string> alpn;
  /// Takes keys and digests that are weak by today's measure (OpenSSL's security level 1), for who would send in plain
  /// text otherwise (RFC 7435). Not together with `verify`.
  bool opportunistic = false;
  bool only_tls12 = false;  ///< for tests
  bool only_tls13 = false;
};

/// A client's side of TLS; any thread. Remembers a session for each peer name, to resume it.
class TlsClientContext {
 public:
  [[nodiscard]] static Result<std::shared_ptr<TlsClientContext>> make(const TlsClientOptions& options);

  /// The same for a peer whose certificate may have any of these names, besides the one that start_tls_client is given.
  /// No session is resumed.
  [[nodiscard]] std::shared_ptr<const TlsClientContext> with_names(std::vector<std::string> names) const;
  /// The same for a peer that DANE speaks for (RFC 7672 §3): its certificate fits one of the records, whatever issuers
  /// are trusted; with usage 2 its chain leads to the anchor that the record names, and the certificate has the peer's
  /// name or one of `names`; with usage 3 neither names nor dates count. The records come from a secure answer. Those
  /// that can't be used (usages 0 and 1, §3.1.3; unknown numbers) are passed over: where none is left, every handshake
  /// fails. No session is resumed.
  [[nodiscard]] std::shared_ptr<const TlsClientContext> with_dane(std::vector<dns::Tlsa> records,
                                                                  std::vector<std::string> names) const;

  // For the streams.
  [[nodiscard]] const std::shared_ptr<TlsClientCore>& core() const noexcept { return core_; }
  [[nodiscard]] const TlsExpected* expected() const noexcept { return expected_.get(); }

 private:
  explicit TlsClientContext(std::shared_ptr<TlsClientCore> core, std::shared_ptr<const TlsExpected> expected = nullptr)
      : core_(std::move(core)), expected_(std::move(expected)) {}
  std::shared_ptr<TlsClientCore> core_;
  std::shared_ptr<const TlsExpected> expected_;
};

/// A new key (EC P-256) and a certificate for `host_name` signed by itself, ten years from `now`, both PEM.
struct SelfSigned {
  std::string certificate;
  std::string key;
};
[[nodiscard]] Result<SelfSigned> make_self_signed(const std::string& host_name, SystemTime now);
/// Makes one and writes it: the key first, readable by its owner alone.
[[nodiscard]] Result<void> write_self_signed(FileSystem& files, const CertificateFiles& where,
                                             const std::string& host_name, SystemTime now);

}  // namespace pabal::net
