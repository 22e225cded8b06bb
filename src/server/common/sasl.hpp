// A SASL exchange in lines of base64 (RFC 4422 §4, RFC 4959, RFC 5034), as IMAP's AUTHENTICATE and POP3's AUTH have it.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "account/authenticator.hpp"

namespace pabal::server::common {

/// How an exchange ended without the mechanism's word.
enum class SaslStop : std::uint8_t {
  cancelled,       ///< by "*"
  not_base64,      ///< a response that is none
  no_line,         ///< the connection is at its end, or the line was too long
  not_empty,       ///< something was said to the mechanism's last word
  too_many_steps,  ///< more than any mechanism has
};
/// Who it was, or why not; or how it stopped.
using SaslEnd = std::variant<Result<account::Account>, SaslStop>;

/// Sends "+ text" and gives the client's line, or nothing at the connection's end.
using AskClient = std::function<Async<std::optional<std::string>>(std::string text)>;

/// `exchange` must outlive it. `initial` is the command's initial response in base64, "=" for an empty one. Where the
/// mechanism has a last word it goes as a challenge, and an empty response is taken (RFC 4422 §3.6).
[[nodiscard]] Async<SaslEnd> run_sasl(account::SaslExchange* exchange, std::optional<std::string> initial,
                                      AskClient ask);

}  // namespace pabal::server::common
