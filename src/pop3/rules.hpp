// What may be done when: pure functions over what is known of a session (RFC 1939 §3, RFC 2449 §5, RFC 2595 §4, RFC
// 6856 §2).
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pop3/command.hpp"
#include "pop3/reply.hpp"

namespace pabal::pop3 {

struct Facts {
  bool logged_in = false;          ///< TRANSACTION, else AUTHORIZATION
  bool tls = false;                ///< the connection is encrypted
  bool tls_available = false;      ///< STLS would work here, were it not active already
  bool plaintext_allowed = false;  ///< passwords may come as they are (TLS, loopback, or the listener says so)
  bool utf8 = false;               ///< UTF8 was given
};

/// Nothing if the command may be done now, else what to answer.
[[nodiscard]] std::optional<Reply> refusal(Verb verb, const Facts& facts);

/// The lines of CAPA's answer, each with its CRLF, without the status line and the final dot. `mechanisms` are those
/// that the authenticator offers on this connection.
[[nodiscard]] std::string capabilities(const Facts& facts, std::span<const std::string_view> mechanisms);

}  // namespace pabal::pop3
