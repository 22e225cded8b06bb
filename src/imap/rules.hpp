// What may be done when: a pure function over what is known of a session (RFC 9051 §3, §6 and the extensions' RFCs).
#pragma once
#include <optional>

#include "imap/capability.hpp"
#include "imap/command.hpp"
#include "imap/refusal.hpp"

namespace pabal::imap {

enum class SessionState : std::uint8_t { not_authenticated, authenticated, selected, logout };

struct SessionFacts {
  SessionState state = SessionState::not_authenticated;
  Features features;
  bool tls = false;
  bool tls_available = false;
  bool plaintext_allowed = false;  ///< passwords may come as they are (TLS, loopback, or the listener says so)
  bool compressed = false;         ///< COMPRESS is active
  bool read_only = false;          ///< the mailbox was opened by EXAMINE, or may not be changed
  bool uid_only = false;           ///< UIDONLY is enabled
  bool qresync = false;            ///< QRESYNC is enabled
  bool utf8_accept = false;        ///< UTF8=ACCEPT is enabled
};

/// Nothing if the command may be done now. A command of a feature that is off is unknown.
[[nodiscard]] std::optional<Refusal> refusal(const Command& command, const SessionFacts& facts);

/// While this command runs and with its answer no removal may be told as EXPUNGE: the client has message numbers on
/// their way, or is given some (RFC 9051 §7.5.1). VANISHED names UIDs, but moves numbers as well: the same holds,
/// unless UIDONLY is enabled.
[[nodiscard]] bool numbers_must_stay(const Command& command) noexcept;

}  // namespace pabal::imap
