// TOP (RFC 1939 §7): the header section, the empty line, and the first lines of the body.
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

Async<Answer> top(Session* session, Command command) {
  auto opened = co_await session->open_for_client(*command.message);
  if (!opened) co_return std::move(opened).error();
  co_return Answer{.reply = yes(Text::top),
                   .body = MessageBody{.octets = std::move(*opened), .top = grammar::TopCutter(command.lines)}};
}

}  // namespace pabal::server::pop3
