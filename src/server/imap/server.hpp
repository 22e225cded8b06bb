// The IMAP server (RFC 9051, RFC 3501 and their extensions): coroutines that move octets between a stream and the
// grammar of src/imap, over the mailboxes of the store. Several sessions on one mailbox share one snapshot of it; each
// keeps only what its client has not been told yet (imap::MailboxView), and is woken when the account changes.
#pragma once
#include <chrono>
#include <memory>

#include "account/logins.hpp"
#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "net/server.hpp"
#include "net/stream.hpp"
#include "store/store.hpp"

namespace pabal::server::imap {

/// Every limit of a session.
struct Limits {
  std::chrono::milliseconds idle_timeout =
      std::chrono::minutes(30);  ///< without a command, and in IDLE; RFC 9051 §5.4: at least 30 minutes
  std::chrono::milliseconds login_timeout = std::chrono::minutes(1);  ///< from the greeting to the login
  std::chrono::milliseconds write_timeout = std::chrono::minutes(5);  ///< until a client has taken a window
  std::size_t max_command_octets =
      64 << 10;                 ///< of a command with its literals, before the login 8 KiB; not message data
  std::size_t max_errors = 20;  ///< commands that were no commands, or came at the wrong time
  std::size_t max_commands_before_login = 100;
  std::size_t max_login_failures = 5;          ///< in one connection
  std::size_t window_bytes = 64 << 10;         ///< what is gathered before it is written
  std::uint64_t max_message_bytes = 50 << 20;  ///< of a message that is appended (RFC 7889)
  std::size_t max_messages_in_append = 1'000;  ///< MULTIAPPEND
  bool literal_plus = false;                   ///< LITERAL+ instead of LITERAL-
};

/// What a listener decides.
struct Policy {
  bool starttls = false;              ///< STARTTLS works: `tls` is set
  bool allow_plaintext_auth = false;  ///< passwords also without TLS from anywhere; loopback may always
  std::shared_ptr<const net::TlsContext> tls;
};

class Server {
 public:
  /// All must outlive the server and its sessions. A later server with other limits may stand beside an earlier one.
  Server(account::Logins& logins, store::Store& store, const Clock& clock, Metrics& metrics, Limits limits);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// For net::Server::bind. It and its sessions hold what they share, so that they may outlive the server, as another
  /// takes its place for those who come later.
  [[nodiscard]] net::SessionHandler handler(Policy policy);
  /// Serves one connection to its end. The stream must outlive the coroutine.
  [[nodiscard]] Async<> serve(net::Stream* stream, net::SessionFacts facts, Policy policy);

 private:
  [[nodiscard]] static Async<> serve_owned(std::shared_ptr<struct Shared> shared, std::unique_ptr<net::Stream> stream,
                                           net::SessionFacts facts, Policy policy);

  std::shared_ptr<struct Shared> shared_;
};

}  // namespace pabal::server::imap
