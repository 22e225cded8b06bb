// The IMAP server (RFC 9051, RFC 3501 and their extensions): coroutines that move octets between a stream and the
// grammar of src/imap, over the mailboxes of the store. Several sessions on one mailbox share one snapshot of it; each
// keeps only what its client has not been told yet (imap::MailboxView), and is woken when the account changes.
#pragma once
#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "account/logins.hpp"
#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "server/common/service.hpp"
#include "store/store.hpp"

namespace pabal::server::imap {

/// Every limit of a session.
struct Limits {
  std::chrono::milliseconds idle_timeout =
      std::chrono::minutes(30);  ///< without a command, and in IDLE; RFC 9051 §5.4: at least 30 minutes
  std::chrono::milliseconds login_timeout = std::chrono::minutes(1);  ///< from the greeting to the login
  std::chrono::milliseconds write_timeout = std::chrono::minutes(5);  ///< until a client has taken a window
  std::chrono::milliseconds progress_every =
      std::chrono::seconds(10);  ///< RFC 9585 §3: not before this, and not more often
  std::size_t max_command_octets =
      64 << 10;                 ///< of a command with its literals, before the login 8 KiB; not message data
  std::size_t max_errors = 20;  ///< commands that were no commands, or came at the wrong time
  std::size_t max_commands_before_login = 100;
  std::size_t max_login_failures = 5;          ///< in one connection
  std::size_t window_bytes = 64 << 10;         ///< what is gathered before it is written
  std::uint64_t max_message_bytes = 50 << 20;  ///< of a message that is appended (RFC 7889)
  std::size_t max_messages_in_append = 1'000;  ///< MULTIAPPEND
  std::size_t message_limit = 0;               ///< messages of one command (RFC 9738); 0: nothing is announced
  std::size_t save_limit = 0;                  ///< messages of one COPY or APPEND (RFC 9738); 0: nothing is announced
  std::size_t max_notified_mailboxes = 5'000;  ///< that NOTIFY tells of (RFC 5465)
  /// Login names of who may read URLs that others made for submission (RFC 4467 §3, submit+).
  std::vector<std::string> url_submitters = {};
  std::vector<std::string> quota_administrators = {};  ///< login names of who may set all quotas (RFC 9208)
  bool literal_plus = false;                           ///< LITERAL+ instead of LITERAL-
  bool uid_batches = false;                            ///< UIDBATCHES is announced

  /// Of one COPY or APPEND; 0: any number.
  [[nodiscard]] std::size_t most_saved() const noexcept {
    if (message_limit == 0 || save_limit == 0) return std::max(message_limit, save_limit);
    return std::min(message_limit, save_limit);
  }
};

using common::Policy;

class Server : public common::Service {
 public:
  /// `hostname` is how URLs name this server. All must outlive the server and its sessions. A later server with other
  /// limits may stand beside an earlier one.
  Server(account::Logins& logins, store::Store& store, const Clock& clock, Metrics& metrics, Limits limits,
         std::string hostname = {});
};

}  // namespace pabal::server::imap
