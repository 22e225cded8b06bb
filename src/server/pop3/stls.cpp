// STLS (RFC 2595 §4).
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

Answer stls(Session& /*session*/, Command& /*command*/) {
  return {.reply = yes(Text::tls_begin), .then = Answer::Then::begin_tls};
}

}  // namespace pabal::server::pop3
