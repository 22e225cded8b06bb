// TOP (RFC 1939 §7): the header section, the empty line, and the first lines of the body.
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

Async<Answer> top(Session* session, Command command) {
  const auto number = *command.message;
  if (auto missing = session->without_message(number)) co_return std::move(*missing);
  auto octets = co_await session->open(number);
  if (octets) octets = co_await session->in_clients_form(*std::move(octets));
  if (!octets) co_return Answer{.reply = no(Text::message_unreadable, Code::sys_temp)};
  if (!*octets) co_return Answer{.reply = no(Text::message_gone)};
  co_return Answer{.reply = yes(Text::top),
                   .body = MessageBody{.octets = std::move(*octets), .top = grammar::TopCutter(command.lines)}};
}

}  // namespace pabal::server::pop3
