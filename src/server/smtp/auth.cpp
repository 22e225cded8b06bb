// AUTH (RFC 4954) over account::Authenticator's exchanges.
#include "base/wiped.hpp"
#include "codec/base64.hpp"
#include "server/common/client_facts.hpp"
#include "server/smtp/session.hpp"

namespace pabal::server::smtp {

using pabal::smtp::Protocol;

account::ClientFacts Session::client_facts() const {
  return common::client_facts(*stream_, listener_->allow_plaintext_auth, name_of(listener_->protocol), id_);
}

// What would work on this connection.
std::vector<std::string_view> Session::mechanisms() const {
  const bool offered =
      listener_->protocol == Protocol::submission ||
      (listener_->protocol == Protocol::smtp && settings_->offer_auth_on_smtp && stream_->tls() != nullptr);
  if (!offered) return {};
  return server_->services().accounts->mechanisms(client_facts());
}

Async<Outcome> Session::auth(pabal::smtp::Auth command) {
  const WipeAtEnd wiped_command(command.initial);
  auto facts = client_facts();
  const bool encrypted = facts.encrypted;
  auto exchange = server_->services().accounts->begin(command.mechanism, std::move(facts));
  if (!exchange) {
    if (!encrypted && (command.mechanism == "PLAIN" || command.mechanism == "LOGIN")) {
      co_return Outcome(538, "5.7.11", "Encryption is needed for this mechanism");
    }
    co_return Outcome(504, "5.5.4", "This mechanism is not available");
  }
  std::optional<std::string> response;
  const WipeAtEnd wiped_response(response);
  if (command.initial) {
    // RFC 4954 §4: "=" is an initial response that is empty.
    auto decoded = codec::decode_base64(*command.initial == "=" ? std::string_view() : *command.initial);
    if (!decoded) co_return Outcome(501, "5.5.2", "That is not base64");
    response = *std::move(decoded);
  }
  phase_ = Authenticating{.exchange = *std::move(exchange), .done = std::nullopt};
  co_return co_await step_auth(std::move(response));
}

Async<Outcome> Session::continue_auth(std::string line) {
  const WipeAtEnd wiped_line(line);
  if (line == "*") {
    phase_ = Greeted();
    co_return Outcome(501, "5.7.0", "Authentication cancelled");
  }
  auto decoded = codec::decode_base64(line);
  if (!decoded) {
    phase_ = Greeted();
    co_return Outcome(501, "5.5.2", "That is not base64");
  }
  const WipeAtEnd wiped(*decoded);
  auto& state = std::get<Authenticating>(phase_);
  if (state.done) {
    // The client has heard the mechanism's last word and has nothing to add.
    auto account = *std::move(state.done);
    phase_ = Greeted();
    if (!decoded->empty()) co_return Outcome(501, "5.5.2", "Nothing more was asked");
    account_ = std::move(account);
    server_->metrics().authenticated.add();
    log_.info("authenticated", {{"account", account_->id.value}, {"address", account_->address.text()}});
    co_return Outcome(235, "2.7.0", "Authenticated");
  }
  co_return co_await step_auth(*std::move(decoded));
}

Async<Outcome> Session::step_auth(std::optional<std::string> response) {
  const WipeAtEnd wiped(response);
  // The exchange is taken out while it works: a cancelled session must not find it half done.
  auto exchange = std::move(std::get<Authenticating>(phase_).exchange);
  phase_ = Greeted();
  auto step = co_await exchange->step(std::move(response));
  if (!step) {
    const auto& error = step.error();
    log_.info("authentication failed", {{"why", error.log}});
    server_->metrics().authentication_failed.add();
    if (error.kind == ErrorKind::syntax) co_return Outcome(501, "5.5.2", error.peer);
    if (error.kind == ErrorKind::unsupported) co_return Outcome(504, "5.5.4", error.peer);
    if (error.temporary()) co_return Outcome(454, "4.7.0", error.peer);
    if (++auth_failures_ >= settings_->max_auth_failures) {
      co_return Outcome(421, "4.7.0", settings_->hostname + " Too many failed authentications", Then::close);
    }
    co_return Outcome(535, "5.7.8", error.peer);
  }
  if (auto* challenge = std::get_if<account::SaslExchange::Challenge>(&*step)) {
    auto text = codec::base64(challenge->octets);
    phase_ = Authenticating{.exchange = std::move(exchange), .done = std::nullopt};
    co_return Outcome(334, "", std::move(text));
  }
  auto& success = std::get<account::SaslExchange::Success>(*step);
  if (!success.final_octets.empty()) {
    // RFC 4954 §4: 235 carries no data, so the last word goes in a challenge of its own.
    auto text = codec::base64(success.final_octets);
    phase_ = Authenticating{.exchange = nullptr, .done = std::move(success.account)};
    co_return Outcome(334, "", std::move(text));
  }
  account_ = std::move(success.account);
  server_->metrics().authenticated.add();
  log_.info("authenticated", {{"account", account_->id.value}, {"address", account_->address.text()}});
  co_return Outcome(235, "2.7.0", "Authenticated");
}

}  // namespace pabal::server::smtp
