// MAIL (RFC 5321 §4.1.1.2).
#include "base/ids.hpp"
#include "server/smtp/session.hpp"

namespace pabal::server::smtp {

Async<Outcome> Session::mail(pabal::smtp::Mail command) {
  const auto& services = server_->services();
  if (transactions_ >= settings_->max_transactions && !stream_->is_loopback()) {
    co_return Outcome(421, "4.7.0", settings_->hostname + " Enough messages for one connection; connect anew",
                      Then::close);
  }
  if (command.size && *command.size > settings_->max_message_size) {
    co_return Outcome(552, "5.3.4",
                      "The message is bigger than " + std::to_string(settings_->max_message_size) + " octets");
  }
  if (command.require_tls && stream_->tls() == nullptr) {
    co_return Outcome(530, "5.7.10", "REQUIRETLS needs TLS");  // RFC 8689 §4.1
  }
  if (command.hold_for || command.hold_until) {
    // RFC 4865 §5: for those who log in, as far ahead as was announced.
    if (!account_) co_return Outcome(530, "5.7.0", "A letter for later needs authentication");
    const auto now = services.clock->now();
    if (command.hold_for.value_or(std::chrono::seconds(0)) > settings_->max_hold ||
        command.hold_until.value_or(now) > now + settings_->max_hold) {
      co_return Outcome(501, "5.5.4", "That is later than this server keeps letters");
    }
  }
  if (account_ && command.sender) {
    const auto allowed = co_await services.accounts->may_send_as(account_->id, *command.sender);
    if (!allowed) {
      log_.warning("sender not checked", {{"why", allowed.error().log}});
      co_return Outcome(451, "4.3.0", allowed.error().peer);
    }
    if (!*allowed) {
      log_.info("sender is not the account's", {{"from", command.sender->text()}, {"account", account_->id.value}});
      co_return Outcome(550, "5.7.1", "This sender address does not belong to your account");
    }
  }
  if (!server_->limits().allow_message(stream_->peer(), services.clock->steady())) {
    log_.info("too many messages", {});
    co_return Outcome(450, "4.7.1", "Too many messages from your address; try again later");
  }
  ++transactions_;
  idle_commands_ = 0;
  auto transaction = std::make_unique<Transaction>();
  const bool lowered = !account_ && command.priority.value_or(0) > 0;
  transaction->mail = std::move(command);
  transaction->id = make_token(to_database(services.clock->now()), *services.random);
  phase_ = Envelope{std::move(transaction)};
  if (lowered) co_return Outcome(250, "2.3.6", "Ok, with priority 0");  // RFC 6710 §4.1
  co_return Outcome(250, "2.1.0", "Ok");
}

}  // namespace pabal::server::smtp
