// LOGIN and AUTHENTICATE (RFC 9051 §6.2.2, §6.2.3), and what follows a login.
#include "base/wiped.hpp"
#include "server/common/sasl.hpp"
#include "server/imap/commands.hpp"

namespace pabal::server::imap {

Answer Session::log_in(Result<account::Account> account) {
  if (!account) {
    const auto& error = account.error();
    const bool too_many = note_refused_login(error);
    if (error.temporary()) return no("The login can't be checked now, try again later.", "UNAVAILABLE");
    if (error.kind == ErrorKind::syntax) return bad("The response is malformed.");
    if (error.kind == ErrorKind::policy) return no("Use TLS first.", "PRIVACYREQUIRED");
    auto answer = no("Authentication failed.", "AUTHENTICATIONFAILED");
    if (too_many) {
      say_bye("Too many failed logins.");
      answer.then = Answer::Then::end;
    }
    return answer;
  }
  const store::Place place{.account = account->id, .shard = account->shard};
  note_login(place.account);
  log().info("login", {{"tls", stream().tls() != nullptr ? "yes" : "no"}});
  user_.emplace(User{
      .place = place,
      .name = account->address.text(),
      .identifier = account::login_name(account->address),
      .watch = shared_->store->watch(place.account, [news = news_](AccountId, ChangeNumber) { News::tell(news); })});
  set_reader();
  return ok("Logged in.", "CAPABILITY " + capabilities(*this));
}

Async<Answer> login(Session* session, Command command) {
  auto& arguments = std::get<grammar::Login>(command.arguments);
  const WipeAtEnd wiped(arguments.password);
  co_return session->log_in(co_await session->shared().logins->login(std::move(arguments.user),
                                                                     std::move(arguments.password), session->client()));
}

Async<Answer> authenticate(Session* session, Command command) {
  auto& arguments = std::get<grammar::Authenticate>(command.arguments);
  const WipeAtEnd wiped(arguments.response);
  auto exchange = session->shared().logins->begin(arguments.mechanism, session->client());
  if (!exchange) {
    const bool plain = arguments.mechanism == "PLAIN" || arguments.mechanism == "LOGIN";
    if (plain && !session->facts().plaintext_allowed) co_return no("Use TLS first.", "PRIVACYREQUIRED");
    co_return no("No such authentication mechanism here.");
  }
  auto ask = [session](std::string text) { return session->ask(std::move(text)); };
  auto end = co_await common::run_sasl(exchange->get(), std::move(arguments.response), std::move(ask));
  if (auto* account = std::get_if<Result<account::Account>>(&end)) co_return session->log_in(std::move(*account));
  switch (std::get<common::SaslStop>(end)) {
    case common::SaslStop::cancelled:
      co_return bad("Authentication cancelled.");
    case common::SaslStop::not_base64:
      co_return bad("The response is no base64.");
    case common::SaslStop::no_line:
      co_return Answer{.status = Answer::Status::bad, .text = "Authentication ended.", .then = Answer::Then::end};
    case common::SaslStop::not_empty:
      co_return bad("An empty response was expected.");
    case common::SaslStop::too_many_steps:
      break;
  }
  co_return bad("Too many steps.");
}

}  // namespace pabal::server::imap
