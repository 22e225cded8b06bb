// CAPA (RFC 2449 §5).
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

Answer capa(Session& session, Command& /*command*/) {
  const auto mechanisms = session.shared().logins->mechanisms(session.client());
  return {.reply = yes(Text::capabilities), .body = grammar::capabilities(session.facts(), mechanisms) + ".\r\n"};
}

}  // namespace pabal::server::pop3
