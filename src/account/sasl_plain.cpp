// SASL PLAIN (RFC 4616) and LOGIN (never standardised; draft-murchison-sasl-login).
#include "account/sasl_plain.hpp"

#include "account/authenticator_state.hpp"
#include "base/text.hpp"

namespace pabal::account {

Result<PlainMessage> parse_plain(std::string_view message) {
  const auto refuse = [](std::string_view why) {
    return fail(ErrorKind::syntax, "malformed PLAIN message", "PLAIN: " + std::string(why));
  };
  // Three parts of at most 1,024 octets or so; more is no login.
  if (message.size() > 4 * max_password_octets) return refuse("too long");
  if (!is_utf8(message)) return refuse("not UTF-8");
  const auto parts = split(message, '\0');
  if (parts.size() != 3) return refuse("not three parts");
  if (parts[1].empty()) return refuse("no user");
  if (parts[2].empty()) return refuse("no password");
  return PlainMessage{std::string(parts[0]), std::string(parts[1]), std::string(parts[2])};
}

namespace {

std::unexpected<Error> over() { return fail(ErrorKind::state, "the authentication exchange is over"); }

class PlainExchange final : public SaslExchange {
 public:
  PlainExchange(Authenticator::State& state, ClientFacts facts) : state_(state), facts_(std::move(facts)) {}

  Async<Result<Step>> step(std::optional<std::string> response) override {
    const WipeAtEnd wiped_response(response);
    if (over_) co_return over();
    if (!response) co_return Challenge{};
    over_ = true;
    const Wiped message(*std::move(response));
    auto parsed = parse_plain(message.get());
    if (!parsed) co_return pass(parsed);
    const WipeAtEnd wiped(parsed->password);
    auto account = co_await state_.check_password(std::move(facts_), "PLAIN", std::move(parsed->authzid),
                                                  std::move(parsed->user), std::move(parsed->password));
    if (!account) co_return pass(account);
    co_return Success{*std::move(account), {}};
  }

 private:
  Authenticator::State& state_;
  ClientFacts facts_;
  bool over_ = false;
};

class LoginExchange final : public SaslExchange {
 public:
  LoginExchange(Authenticator::State& state, ClientFacts facts) : state_(state), facts_(std::move(facts)) {}

  Async<Result<Step>> step(std::optional<std::string> response) override {
    const WipeAtEnd wiped(response);
    if (over_) co_return over();
    if (!response) co_return Challenge{"Username:"};
    if (!user_) {
      if (response->empty() || response->size() > max_password_octets) {
        over_ = true;
        co_return fail(ErrorKind::syntax, "malformed user name", "LOGIN: no user, or a very long one");
      }
      user_ = *std::move(response);
      co_return Challenge{"Password:"};
    }
    over_ = true;
    if (response->empty()) co_return fail(ErrorKind::syntax, "malformed password", "LOGIN: no password");
    auto account =
        co_await state_.check_password(std::move(facts_), "LOGIN", {}, *std::move(user_), *std::move(response));
    if (!account) co_return pass(account);
    co_return Success{*std::move(account), {}};
  }

 private:
  Authenticator::State& state_;
  ClientFacts facts_;
  std::optional<std::string> user_;
  bool over_ = false;
};

}  // namespace

std::unique_ptr<SaslExchange> make_plain_exchange(Authenticator::State& state, ClientFacts facts) {
  return std::make_unique<PlainExchange>(state, std::move(facts));
}

std::unique_ptr<SaslExchange> make_login_exchange(Authenticator::State& state, ClientFacts facts) {
  return std::make_unique<LoginExchange>(state, std::move(facts));
}

}  // namespace pabal::account
