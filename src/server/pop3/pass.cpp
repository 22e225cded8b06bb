// PASS (RFC 1939 §7).
#include "base/wiped.hpp"
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

Async<Answer> pass(Session* session, Command command) {
  const WipeAtEnd wiped(command.argument);
  // A name is good for one try.
  auto name = std::exchange(session->authorization().name, std::nullopt);
  if (!name) co_return Answer{.reply = no(Text::password_before_name), .is_error = true};
  auto account =
      co_await session->shared().logins->login(std::move(*name), std::move(command.argument), session->client());
  co_return co_await session->log_in(std::move(account));
}

}  // namespace pabal::server::pop3
