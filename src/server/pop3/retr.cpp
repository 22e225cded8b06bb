// RETR (RFC 1939 §5).
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

Async<Answer> retr(Session* session, Command command) {
  auto opened = co_await session->open_for_client(*command.message);
  if (!opened) co_return std::move(opened).error();
  const auto size = (*opened)->size();
  co_return Answer{.reply = yes(Text::octets, size),
                   .body = MessageBody{.octets = std::move(*opened), .top = std::nullopt}};
}

}  // namespace pabal::server::pop3
