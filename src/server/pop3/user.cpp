// USER (RFC 1939 §7): every name is taken, so that nobody learns which exist.
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

Answer user(Session& session, Command& command) {
  session.authorization().name = std::move(command.argument);
  return {.reply = yes(Text::name_taken)};
}

}  // namespace pabal::server::pop3
