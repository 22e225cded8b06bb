// MAIL and RCPT as a client writes them: the path, and of the parameters those that are needed and that the server
// offers (RFC 5321 §4.1.1). What must not go without a parameter is not decided here.
#pragma once
#include <string>
#include <string_view>

#include "smtp/capabilities.hpp"
#include "smtp/command.hpp"

namespace pabal::smtp {

/// "MAIL FROM:<a@b.example> SIZE=1000 BODY=8BITMIME", without CRLF. `by` is the value of BY, "120;R" (RFC 2852), or
/// empty.
[[nodiscard]] std::string mail_command(const Mail& mail, std::string_view by, const Capabilities& offers);
/// "RCPT TO:<a@b.example> NOTIFY=NEVER". `smtputf8`: MAIL has said SMTPUTF8.
[[nodiscard]] std::string rcpt_command(const Rcpt& rcpt, bool smtputf8, const Capabilities& offers);

/// xtext (RFC 3461 §4).
[[nodiscard]] std::string encode_xtext(std::string_view text);

}  // namespace pabal::smtp
