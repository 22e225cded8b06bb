// The POP3 server (RFC 1939, 2449, 2595, 3206, 5034, 6856, 8314): coroutines that move octets between a stream and the
// rules of src/pop3. Deletion happens at QUIT alone, all or nothing; a connection that is lost removes nothing.
// Sessions on one mailbox don't lock each other out: each sees the messages that were there when it logged in.
//
// UTF8 switches replies and message texts to UTF-8 mode; messages always go out as they are stored. A client that has
// not said UTF8 gets a message with UTF-8 header fields unchanged too: the downgrade that RFC 6856 §4 speaks of needs
// the message library, and the [UTF8] refusal would shut old clients out of their mailbox for good.
#pragma once
#include <chrono>

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "pop3/command.hpp"
#include "server/common/service.hpp"
#include "server/pop3/services.hpp"

namespace pabal::server::pop3 {

/// Every limit of a session.
struct Limits {
  pabal::pop3::LineLimits lines = {};
  std::chrono::milliseconds idle_timeout =
      std::chrono::minutes(10);  ///< for each command line; RFC 1939 §3: at least 10 minutes
  std::chrono::milliseconds login_timeout = std::chrono::minutes(10);  ///< from the greeting to the login
  std::chrono::milliseconds write_timeout = std::chrono::minutes(5);   ///< until a client has taken a window
  std::chrono::milliseconds relax_after =
      std::chrono::seconds(5);                  ///< an idle session then gives back what it read ahead
  std::size_t max_errors = 20;                  ///< commands that were no commands, or came at the wrong time
  std::size_t max_commands_before_login = 100;  ///< whatever they are
  std::size_t max_login_failures = 5;           ///< in one connection
  std::size_t window_bytes = 64 << 10;          ///< what is read and written at once
  std::size_t read_ahead = 32;  ///< messages that are opened at once for a client that takes one after another
  std::size_t read_ahead_bytes = 1 << 20;  ///< and their octets
};

using common::Policy;

class Server : public common::Service {
 public:
  /// All must outlive the server and its sessions. A later server with other limits may stand beside an earlier one.
  Server(Logins& logins, Mailboxes& mailboxes, const Clock& clock, Metrics& metrics, Limits limits);
};

}  // namespace pabal::server::pop3
