// STARTTLS (RFC 3207).
#include "server/smtp/session.hpp"

namespace pabal::server::smtp {

Outcome Session::starttls() {
  // What the client sent behind the command in plain text is thrown away by the stream: it may have been injected.
  return {220, "2.0.0", "Go ahead", Then::start_tls};
}

}  // namespace pabal::server::smtp
