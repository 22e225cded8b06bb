// LIST (RFC 1939 §5): sizes in octets as stored, which is what RETR sends before dot-stuffing unless it has to make a
// copy that fits the client (client_form.cpp).
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

Answer list(Session& session, Command& command) {
  const auto& drop = session.transaction().drop;
  if (!command.message) {
    return {.reply = yes(Text::listing, drop.present(), drop.present_octets()),
            .body = grammar::ListingBody(drop, grammar::ListingBody::Kind::sizes)};
  }
  if (auto missing = session.without_message(*command.message)) return std::move(*missing);
  Reply reply = yes(Text::summary);
  reply.verbatim = fmt::format("{} {}", *command.message, drop.find(*command.message)->size);
  return {.reply = std::move(reply)};
}

}  // namespace pabal::server::pop3
