// RSET (RFC 1939 §5).
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

Answer rset(Session& session, Command& /*command*/) {
  auto& drop = session.transaction().drop;
  drop.unmark_all();
  return {.reply = yes(Text::unmarked, drop.present(), drop.present_octets())};
}

}  // namespace pabal::server::pop3
