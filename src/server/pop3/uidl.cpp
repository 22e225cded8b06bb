// UIDL (RFC 1939 §7).
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

Answer uidl(Session& session, Command& command) {
  const auto& drop = session.transaction().drop;
  if (!command.message) {
    return {.reply = yes(Text::listing, drop.present(), drop.present_octets()),
            .body = grammar::ListingBody(drop, grammar::ListingBody::Kind::unique_ids)};
  }
  if (auto missing = session.without_message(*command.message)) return std::move(*missing);
  Reply reply = yes(Text::summary);
  reply.verbatim = std::to_string(*command.message) + " ";
  drop.append_unique_id(*drop.find(*command.message), reply.verbatim);
  return {.reply = std::move(reply)};
}

}  // namespace pabal::server::pop3
