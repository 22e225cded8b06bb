// STAT (RFC 1939 §5).
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

Answer stat(Session& session, Command& /*command*/) {
  const auto& drop = session.transaction().drop;
  Reply reply = yes(Text::summary);
  reply.verbatim = fmt::format("{} {}", drop.present(), drop.present_octets());
  return {.reply = std::move(reply)};
}

}  // namespace pabal::server::pop3
