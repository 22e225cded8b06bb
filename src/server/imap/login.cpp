// LOGIN and AUTHENTICATE (RFC 9051 §6.2.2, §6.2.3), and what follows a login.
#include "codec/base64.hpp"
#include "server/imap/commands.hpp"

namespace pabal::server::imap {

namespace {

// More steps than any mechanism has.
constexpr int kMaxSteps = 16;

// What a line of the client means: octets, or an answer that ends the exchange.
std::expected<std::string, Answer> read_response(const std::string& line) {
  if (line == "*") return std::unexpected(bad("Authentication cancelled."));
  auto octets = codec::decode_base64(line);
  if (!octets) return std::unexpected(bad("The response is no base64."));
  return std::move(*octets);
}

}  // namespace

Answer Session::log_in(Result<account::Account> account) {
  if (!account) {
    const auto& error = account.error();
    shared_->logins_bad.add();
    log_.info("login_refused", {{"why", error.log}});
    if (error.temporary()) return no("The login can't be checked now, try again later.", "UNAVAILABLE");
    if (error.kind == ErrorKind::syntax) return bad("The response is malformed.");
    if (error.kind == ErrorKind::policy) return no("Use TLS first.", "PRIVACYREQUIRED");
    auto answer = no("Authentication failed.", "AUTHENTICATIONFAILED");
    if (++login_failures_ >= shared_->limits.max_login_failures) {
      grammar::append_untagged(out(), grammar::Condition::bye, {}, "Too many failed logins.");
      answer.then = Answer::Then::end;
    }
    return answer;
  }
  const store::Place place{.account = account->id, .shard = account->shard};
  shared_->logins_good.add();
  log_ = log_.with({"account", place.account.value});
  log_.info("login", {{"tls", stream_->tls() != nullptr ? "yes" : "no"}});
  user_.emplace(User{
      .place = place,
      .name = account->address.text(),
      .watch = shared_->store->watch(place.account, [news = news_](AccountId, ChangeNumber) { News::tell(news); })});
  login_failures_ = 0;
  set_reader();
  return ok("Logged in.", "CAPABILITY " + capabilities(*this));
}

Async<Answer> login(Session* session, Command command) {
  auto& arguments = std::get<grammar::Login>(command.arguments);
  co_return session->log_in(co_await session->shared().logins->login(std::move(arguments.user),
                                                                     std::move(arguments.password), session->client()));
}

Async<Answer> authenticate(Session* session, Command command) {
  auto& arguments = std::get<grammar::Authenticate>(command.arguments);
  auto exchange = session->shared().logins->begin(arguments.mechanism, session->client());
  if (!exchange) {
    const bool plain = arguments.mechanism == "PLAIN" || arguments.mechanism == "LOGIN";
    if (plain && !session->facts().plaintext_allowed) co_return no("Use TLS first.", "PRIVACYREQUIRED");
    co_return no("No such authentication mechanism here.");
  }
  std::optional<std::string> response;
  if (arguments.response) {
    // RFC 4959 §3: a single "=" is an empty initial response.
    auto octets = read_response(*arguments.response == "=" ? std::string() : *arguments.response);
    if (!octets) co_return std::move(octets.error());
    response = std::move(*octets);
  }
  std::optional<account::Account> account;
  for (int steps = 0; steps < kMaxSteps; ++steps) {
    std::string challenge;
    if (!account) {
      auto step = co_await (*exchange)->step(std::move(response));
      if (!step) co_return session->log_in(pass(step));
      if (auto* success = std::get_if<account::SaslExchange::Success>(&*step)) {
        account = std::move(success->account);
        if (success->final_octets.empty()) co_return session->log_in(std::move(*account));
        // The tagged OK has no room for data, so they go as a challenge, and the answer to it is empty (RFC 4422 §3.6).
        challenge = std::move(success->final_octets);
      } else {
        challenge = std::move(std::get<account::SaslExchange::Challenge>(*step).octets);
      }
    }
    const auto line = co_await session->ask(codec::base64(challenge));
    if (!line)
      co_return Answer{.status = Answer::Status::bad, .text = "Authentication ended.", .then = Answer::Then::end};
    auto octets = read_response(*line);
    if (!octets) co_return std::move(octets.error());
    response = std::move(*octets);
    if (account) {
      if (!response->empty()) co_return bad("An empty response was expected.");
      co_return session->log_in(std::move(*account));
    }
  }
  co_return bad("Too many steps.");
}

}  // namespace pabal::server::imap
