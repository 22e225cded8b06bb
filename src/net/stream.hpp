// Stream: a connection as octets in and out, whether TCP, a Unix socket, TLS or memory in a test. It stands at the
// edge: the grammars above never see it, the servers read lines and blocks from its input() and write replies to it.
//
// All calls are made from the stream's home thread. An idle stream owns no input buffer: fill() waits for readability
// first and takes a pooled buffer only then; an empty buffer goes back to the pool.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/async.hpp"
#include "base/error.hpp"
#include "net/endpoint.hpp"

namespace pabal::net {

/// Facts of a TLS connection for trace headers, channel binding and policy.
struct TlsInfo {
  std::string version;  ///< "TLSv1.3"
  std::string cipher;   ///< "TLS_AES_256_GCM_SHA384"
  int cipher_bits = 0;
  std::string server_name;  ///< SNI, as the client sent it; may be empty
  std::string alpn;         ///< chosen protocol; may be empty
  bool resumed = false;
  std::string exporter;       ///< tls-exporter channel binding, 32 octets (RFC 9266)
  std::string verified = {};  ///< a client's view of its peer: "name mx.example", "DANE 3 1 1"; empty: not looked at
};

class TlsContext;        // tls.hpp
class TlsClientContext;  // tls.hpp

class Stream {
 public:
  virtual ~Stream() = default;

  /// Octets received and not yet consumed. Valid until the next fill(), consume() or start_tls().
  [[nodiscard]] virtual std::string_view input() const noexcept = 0;
  /// Takes the first `count` octets of input() away.
  virtual void consume(std::size_t count) noexcept = 0;
  /// Waits for more input and appends it to input(). False: the peer has ended its side. Errors: timeout, closed, io;
  /// limit when input() already holds the most that it may (256 KiB).
  [[nodiscard]] virtual Async<Result<bool>> fill() = 0;
  /// Tells the stream that the reader expects a long run of data, so that it may read in bigger pieces (up to 256 KiB).
  virtual void expect_bulk(bool bulk) noexcept = 0;

  /// Writes all of it. The octets must live until the co_await ends.
  [[nodiscard]] virtual Async<Result<void>> write(std::string_view octets) = 0;
  /// Writes all pieces in order, gathered where the system can.
  [[nodiscard]] virtual Async<Result<void>> write_pieces(std::span<const std::string_view> pieces) = 0;

  /// Every following wait (fill, write, start_tls) that takes longer than this ends with `timeout`.
  virtual void set_timeout(std::chrono::milliseconds timeout) noexcept = 0;

  /// Server side TLS. What is in input() is thrown away before the handshake: it was sent in plain text and may have
  /// been injected (CVE-2011-0411). Once only.
  [[nodiscard]] virtual Async<Result<void>> start_tls(std::shared_ptr<const TlsContext> context) = 0;
  /// Client side TLS with a peer that should have this name (sent as SNI, and looked for in its certificate where the
  /// context verifies). input() is thrown away likewise. Errors: policy where the certificate does not do.
  [[nodiscard]] virtual Async<Result<void>> start_tls_client(std::shared_ptr<const TlsClientContext> context,
                                                             std::string peer_name) = 0;
  /// Null on a plain connection.
  [[nodiscard]] virtual const TlsInfo* tls() const noexcept = 0;

  /// The client: the one that a PROXY header names, if there was one.
  [[nodiscard]] virtual const Endpoint& peer() const noexcept = 0;
  [[nodiscard]] virtual const Endpoint& local() const noexcept = 0;
  /// True if the socket's own peer is loopback, and so is peer().
  [[nodiscard]] virtual bool is_loopback() const noexcept = 0;

  /// For an orderly stop: a pending fill() ends with `closed`, and so does every later one; octets already received
  /// stay readable and writes go on, so that the session can finish its command and say goodbye. Home thread.
  virtual void interrupt() noexcept = 0;
  /// For news that come from elsewhere than the peer: a pending fill() ends with `timeout` although its time isn't
  /// over; where none is pending, the next one that would have to wait. Several at once count as one. Home thread.
  virtual void wake() noexcept = 0;
  /// Whether interrupt() was called: tells an orderly stop from a peer that is gone.
  [[nodiscard]] virtual bool interrupted() const noexcept = 0;
  /// Whether the peer has ended its side, or the connection is lost, as far as the system knows by now; for who works
  /// long for the peer without reading or writing. Home thread.
  [[nodiscard]] virtual bool peer_has_left() const noexcept = 0;
  /// Says goodbye to the peer (TLS close_notify, FIN) without waiting long. The stream is unusable afterwards.
  [[nodiscard]] virtual Async<void> close() = 0;
};

}  // namespace pabal::net
