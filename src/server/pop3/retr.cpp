// RETR (RFC 1939 §5).
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

Async<Answer> retr(Session* session, Command command) {
  const auto number = *command.message;
  if (auto missing = session->without_message(number)) co_return std::move(*missing);
  auto octets = co_await session->open(number);
  if (octets) octets = co_await session->in_clients_form(*std::move(octets));
  if (!octets) co_return Answer{.reply = no(Text::message_unreadable, Code::sys_temp)};
  if (!*octets) co_return Answer{.reply = no(Text::message_gone)};
  const auto size = (*octets)->size();
  co_return Answer{.reply = yes(Text::octets, size),
                   .body = MessageBody{.octets = std::move(*octets), .top = std::nullopt}};
}

}  // namespace pabal::server::pop3
