// Connection: what a session of a mail reader's protocol has around its commands: the stream, what is gathered to be
// said, how long it waits, what its client is for the login, what it counts. IMAP's and POP3's sessions stand on it.
//
// Home thread only. An idle connection holds no buffer.
#pragma once
#include <chrono>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "net/deflate_stream.hpp"
#include "net/server.hpp"
#include "net/stream.hpp"
#include "server/common/client_facts.hpp"
#include "server/common/shared.hpp"

namespace pabal::server::common {

class Connection {
 public:
  /// `shared` and `stream` must outlive it.
  Connection(Shared& shared, net::Stream& stream, net::SessionFacts facts, Policy policy);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] net::Stream& stream() noexcept { return *stream_; }
  [[nodiscard]] const net::Stream& stream() const noexcept { return *stream_; }
  [[nodiscard]] const Log& log() const noexcept { return log_; }
  [[nodiscard]] const Policy& policy() const noexcept { return policy_; }
  /// Passwords may come as they are.
  [[nodiscard]] bool plaintext_allowed() const {
    return common::plaintext_allowed(*stream_, policy_.allow_plaintext_auth);
  }
  /// For logins.
  [[nodiscard]] account::ClientFacts client() const {
    return client_facts(*stream_, policy_.allow_plaintext_auth, shared_->protocol, id_);
  }

  /// What is gathered to be written, in a buffer that is borrowed while there is something to say.
  [[nodiscard]] std::string& out();
  [[nodiscard]] bool has_output() const noexcept { return !out_.empty(); }
  /// Writes what is gathered. False: the connection is lost, and nothing is written any more.
  [[nodiscard]] Async<bool> flush();
  /// Puts octets, which must live until it ends, behind what is gathered: written at once, in pieces of `window`, where
  /// there are more than that. False: the connection is lost.
  [[nodiscard]] Async<bool> say_many(std::string_view octets, std::size_t window);
  /// How often something was written.
  [[nodiscard]] std::uint64_t flushes() const noexcept { return flushes_; }
  /// What is gathered is thrown away, and not a word more is written: what was said is torn.
  void cut() noexcept;
  [[nodiscard]] bool is_cut() const noexcept { return cut_; }

  enum class Waited : std::uint8_t {
    input,     ///< there is more
    woken,     ///< by news, or `patience` is over
    ended,     ///< the client has ended, or the connection is lost
    too_long,  ///< beyond idle_timeout, or login_timeout before the login
  };
  /// Waits for input, without a buffer. Before it all must have been flushed.
  [[nodiscard]] Async<Waited> wait(std::chrono::milliseconds patience = std::chrono::milliseconds::max());
  /// A command has come whole, or octets of a message: idle_timeout begins anew.
  void heard() noexcept { line_deadline_.reset(); }

  /// A command has come: whether it is one too many before the login.
  [[nodiscard]] bool one_command_too_many() noexcept;
  /// A command was no command, or came at the wrong time: whether it is one too many.
  [[nodiscard]] bool one_error_too_many() noexcept;
  void forget_errors() noexcept { errors_ = 0; }

 protected:
  /// Counts and logs a login that was refused; true where it was one failure too many in this connection.
  [[nodiscard]] bool note_refused_login(const Error& error);
  /// Counts a login; the log names the account from now on.
  void note_login(AccountId account);
  /// Back to before the login, whose time begins anew (RFC 8437).
  void note_logout();
  [[nodiscard]] bool is_logged_in() const noexcept { return logged_in_; }
  /// Says what is gathered and speaks TLS from then on. What the peer sent before is thrown away (CVE-2011-0411); what
  /// the session has learned before is the session's own to forget.
  [[nodiscard]] Async<bool> begin_tls();
  /// Says what is gathered; from then on both directions are compressed (RFC 4978), what has come already included.
  [[nodiscard]] Async<bool> begin_compression();
  [[nodiscard]] bool is_compressed() const noexcept { return compressed_ != nullptr; }

 private:
  Shared* shared_;
  net::Stream* stream_;  ///< the connection, or `compressed_` over it
  std::unique_ptr<net::DeflateStream> compressed_;
  std::string id_;
  Log log_;
  Policy policy_;
  std::string out_;
  std::uint64_t flushes_ = 0;
  SteadyTime login_deadline_;
  std::optional<SteadyTime> line_deadline_;  ///< of the line that is awaited
  std::size_t errors_ = 0;
  std::size_t commands_before_login_ = 0;
  std::size_t login_failures_ = 0;
  bool logged_in_ = false;
  bool cut_ = false;
};

}  // namespace pabal::server::common
