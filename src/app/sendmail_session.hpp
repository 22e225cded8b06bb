// pabal sendmail -bs: an SMTP session on standard input and output, for programs that would rather speak SMTP than
// write headers (RFC 5321 over a pipe). It is the server's own session; what it accepts is handed in as sendmail does.
#pragma once
#include <functional>
#include <string>

#include "base/error.hpp"
#include "base/json.hpp"
#include "server/smtp/settings.hpp"

namespace pabal::app {

/// Hands a letter in: the request as for post_letter, and the message. Blocking.
using HandIn = std::function<Result<void>(const json::object& request, const std::string& message)>;

/// Speaks until the peer goes. Who the recipients are is known only where the letter is handed in, so an unknown one is
/// refused after the data.
void speak_smtp(const server::smtp::Settings& settings, int input, int output, HandIn hand_in);

}  // namespace pabal::app
