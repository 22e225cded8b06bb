// AUTH (RFC 5034): a SASL exchange in base64 lines.
#include "base/wiped.hpp"
#include "server/common/sasl.hpp"
#include "server/pop3/commands.hpp"

namespace pabal::server::pop3 {

namespace {

Answer list_mechanisms(Session& session) {
  std::string lines;
  for (const auto name : session.shared().logins->mechanisms(session.client())) lines.append(name).append("\r\n");
  lines.append(".\r\n");
  return {.reply = yes(Text::mechanisms), .body = std::move(lines)};
}

}  // namespace

Async<Answer> auth(Session* session, Command command) {
  const WipeAtEnd wiped_command(command.initial_response);
  // AUTH alone lists what may be used: from before RFC 5034, and still asked by some clients.
  if (command.argument.empty()) co_return list_mechanisms(*session);

  auto exchange = session->shared().logins->begin(command.argument, session->client());
  if (!exchange) {
    const bool plain = command.argument == "PLAIN" || command.argument == "LOGIN";
    if (plain && !session->facts().plaintext_allowed)
      co_return Answer{.reply = no(Text::tls_needed, Code::auth), .is_error = true};
    co_return Answer{.reply = no(Text::mechanism_unknown), .is_error = true};
  }

  auto ask = [session](std::string text) { return session->ask(std::move(text)); };
  auto end = co_await common::run_sasl(exchange->get(), std::move(command.initial_response), std::move(ask));
  if (auto* account = std::get_if<Result<account::Account>>(&end)) {
    co_return co_await session->log_in(std::move(*account));
  }
  switch (std::get<common::SaslStop>(end)) {
    case common::SaslStop::cancelled:
      co_return Answer{.reply = no(Text::authentication_cancelled)};
    case common::SaslStop::no_line:
      co_return Answer{.reply = no(Text::authentication_cancelled), .then = Answer::Then::end};
    case common::SaslStop::not_base64:
    case common::SaslStop::not_empty:
    case common::SaslStop::too_many_steps:
      break;
  }
  co_return Answer{.reply = no(Text::response_malformed), .is_error = true};
}

}  // namespace pabal::server::pop3
