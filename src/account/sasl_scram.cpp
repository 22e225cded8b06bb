// SASL SCRAM-SHA-256, SCRAM-SHA-1 and their -PLUS variants over the sans-I/O exchange of scram.hpp.
#include "account/authenticator_state.hpp"
#include "account/scram.hpp"
#include "codec/base64.hpp"

namespace pabal::account {

namespace {

std::string mechanism_name(ScramHash hash, bool plus) {
  return std::string(hash == ScramHash::sha1 ? "SCRAM-SHA-1" : "SCRAM-SHA-256") + (plus ? "-PLUS" : "");
}

bool same_account(const Account& then, const std::optional<Account>& now) noexcept {
  return now && now->enabled && now->id == then.id && now->credential_generation == then.credential_generation;
}

class ScramExchange final : public SaslExchange {
 public:
  ScramExchange(Authenticator::State& state, ClientFacts facts, ScramHash hash, bool plus)
      : state_(state),
        facts_(std::move(facts)),
        hash_(hash),
        mechanism_(mechanism_name(hash, plus)),
        scram_(hash, {.plus = plus, .plus_offered = !facts_.tls_exporter.empty(), .exporter = facts_.tls_exporter},
               codec::base64(state.random.octets(nonce_octets))) {}

  Async<Result<Step>> step(std::optional<std::string> response) override {
    switch (phase_) {
      case Phase::first:
        if (!response) co_return Challenge{};
        phase_ = Phase::over;
        co_return co_await first(*std::move(response));
      case Phase::final:
        phase_ = Phase::over;
        co_return co_await finish(response.value_or(std::string()));
      case Phase::over:
        break;
    }
    co_return fail(ErrorKind::state, "the authentication exchange is over");
  }

 private:
  enum class Phase : std::uint8_t { first, final, over };
  static constexpr std::size_t nonce_octets = 18;

  Async<Result<Step>> first(std::string message) {
    auto user = scram_.client_first(message);
    if (!user && user.error().kind == ErrorKind::auth) {
      // Nobody guessed a password, but somebody may sit in the middle: it belongs in the log.
      co_return state_.give_up({.facts = std::move(facts_), .mechanism = mechanism_, .user = {}}, user.error());
    }
    if (!user) co_return pass(user);
    auto attempt = co_await state_.admit(std::move(facts_), mechanism_, std::move(user->name));
    if (!attempt) co_return pass(attempt);
    attempt_ = *std::move(attempt);
    if (auto admitted = co_await state_.admit_account(&*attempt_); !admitted) {
      co_return state_.give_up(*attempt_, admitted.error());
    }
    auto self = co_await state_.is_self(std::move(user->authzid), attempt_->login.get());
    if (!self) co_return state_.give_up(*attempt_, self.error());
    is_self_ = *self;
    auto verifier = co_await state_.find_verifier(&*attempt_, hash_);
    if (!verifier) co_return state_.give_up(*attempt_, verifier.error());
    phase_ = Phase::final;
    co_return Challenge{scram_.challenge(*std::move(verifier))};
  }

  Async<Result<Step>> finish(std::string message) {
    auto proof = scram_.client_final(message);
    if (!proof && proof.error().kind == ErrorKind::syntax) co_return pass(proof);
    if (!proof) co_return state_.refuse(*attempt_, proof.error().log);
    if (!is_self_) co_return state_.refuse(*attempt_, "another authorisation identity");
    // A made-up verifier fits no password; should it ever, there is still nobody.
    if (attempt_->account() == nullptr) co_return state_.refuse(*attempt_, "no such account");
    // The client took its time: the proof is of the account as it was at the challenge.
    auto now = state_.directory.try_login(attempt_->user);
    if (!now) {
      auto found = co_await state_.directory.find_login(attempt_->user);
      if (!found) co_return state_.give_up(*attempt_, found.error());
      now = *std::move(found);
    }
    if (!same_account(*attempt_->account(), now->account)) {
      co_return state_.refuse(*attempt_, "the account was changed meanwhile");
    }
    co_return Success{state_.succeed(*attempt_, false), *std::move(proof)};
  }

  Authenticator::State& state_;
  ClientFacts facts_;
  ScramHash hash_;
  std::string mechanism_;
  ScramServer scram_;
  Phase phase_ = Phase::first;
  std::optional<Authenticator::State::Attempt> attempt_;
  bool is_self_ = false;
};

}  // namespace

std::unique_ptr<SaslExchange> make_scram_exchange(Authenticator::State& state, ClientFacts facts, ScramHash hash,
                                                  bool plus) {
  return std::make_unique<ScramExchange>(state, std::move(facts), hash, plus);
}

}  // namespace pabal::account
