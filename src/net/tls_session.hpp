// TlsSession: OpenSSL on a non-blocking socket, without waiting: each call does what it can and says what it waits for.
// The stream does the waiting.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "net/stream.hpp"
#include "net/tls_core.hpp"

namespace pabal::net {

class TlsSession {
 public:
  enum class Step : std::uint8_t {
    done,        ///< it moved on
    want_read,   ///< call again once the socket is readable
    want_write,  ///< call again once it is writable
    ended,       ///< reading: the peer said close_notify
  };
  struct Moved {
    Step step;
    std::size_t count = 0;  ///< octets, with `done`
  };

  /// `socket` stays the caller's and must outlive the session.
  [[nodiscard]] static Result<std::unique_ptr<TlsSession>> server(std::shared_ptr<const TlsContext> context,
                                                                  int socket);
  [[nodiscard]] static Result<std::unique_ptr<TlsSession>> client(std::shared_ptr<const TlsClientContext> context,
                                                                  const std::string& peer_name, int socket);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;
  ~TlsSession();

  /// To be called until `done`.
  [[nodiscard]] Result<Step> handshake();
  /// What was agreed, once the handshake is done.
  [[nodiscard]] TlsInfo info() const;
  [[nodiscard]] Result<Moved> read(std::span<char> room);
  /// May write a part: one record of 16 KiB at most. After want_read or want_write the same octets must come again.
  [[nodiscard]] Result<Moved> write(std::string_view octets);
  /// Whether read() may give something without the socket being readable.
  [[nodiscard]] bool has_pending() const noexcept;
  /// Sends close_notify if the socket takes it; waits for nothing.
  void say_goodbye() noexcept;

 private:
  TlsSession(SslPtr ssl, int socket) : ssl_(std::move(ssl)), socket_(socket) {}
  [[nodiscard]] Result<void> attach();
  [[nodiscard]] std::string verified_how() const;
  [[nodiscard]] Result<Step> sort_out(int returned, std::string_view doing);

  static const BIO_METHOD* socket_method();
  static int bio_read(BIO* bio, char* room, int size);
  static int bio_write(BIO* bio, const char* octets, int size);
  static long bio_control(BIO* bio, int command, long number, void* pointer);
  static int bio_create(BIO* bio);

  std::unique_ptr<TlsHandshake> handshake_;                 ///< server, during the handshake
  std::shared_ptr<const TlsClientContext> client_context_;  ///< client: its core holds the sessions
  SslPtr ssl_;
  int socket_;
  bool end_of_input_ = false;  ///< the peer's TCP side has ended
  bool broken_ = false;        ///< nothing more may be sent
};

}  // namespace pabal::net
