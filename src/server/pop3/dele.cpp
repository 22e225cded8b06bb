// DELE (RFC 1939 §5): marks, and removes nothing before QUIT.
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

Answer dele(Session& session, Command& command) {
  const auto number = *command.message;
  if (auto missing = session.without_message(number)) return std::move(*missing);
  session.transaction().drop.mark(number);
  return {.reply = yes(Text::marked, number)};
}

}  // namespace pabal::server::pop3
