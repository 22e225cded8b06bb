// RCPT (RFC 5321 §4.1.1.3).
#include "base/text.hpp"
#include "delivery/acceptable.hpp"
#include "server/smtp/session.hpp"

namespace pabal::server::smtp {

namespace {
constexpr std::size_t kMostEarlyChecks = 3;  // without a letter that was accepted
}  // namespace

// RFC 5321 §4.5.1 with §4.1.3: whoever knows no more than the address that he talks to reaches a person all the same.
bool Session::is_own_postmaster(const EmailAddress& address) const {
  const auto ip = address.literal() != nullptr ? address.literal()->ip() : std::nullopt;
  if (!ip || !stream_->local().address || !equal_ignoring_case(address.local_part(), "postmaster")) return false;
  boost::system::error_code failed;
  const auto named = boost::asio::ip::make_address(std::string(*ip), failed);
  return !failed && named == *stream_->local().address;
}

Async<Outcome> Session::rcpt(pabal::smtp::Rcpt command) {
  const auto& services = server_->services();
  {
    const auto& transaction = *std::get<Envelope>(phase_).transaction;
    if (transaction.recipients.size() + transaction.repeated_recipients >= settings_->max_recipients) {
      co_return Outcome(452, "4.5.3", "Too many recipients");  // RFC 5321 §4.5.3.1.10
    }
    if (command.recipient && command.recipient->needs_smtputf8() && !transaction.mail.smtputf8) {
      co_return Outcome(553, "5.6.7", "This address needs the SMTPUTF8 parameter of MAIL");  // RFC 6531 §3.5
    }
  }
  if (!server_->limits().allow_recipient(stream_->peer(), services.clock->steady())) {
    co_return Outcome(450, "4.7.1", "Too many recipients from your address; try again later");
  }

  const bool by_name = command.recipient && !is_own_postmaster(*command.recipient);
  std::shared_ptr<const account::Resolution> resolved;
  if (by_name) resolved = services.accounts->try_resolve(*command.recipient);  // the common case: no wait, no frame
  if (!resolved) {
    Result<account::Resolution> found = fail(ErrorKind::io, "local error in processing");
    if (by_name) {
      found = co_await services.accounts->resolve(*command.recipient);
    } else {
      found = co_await services.accounts->postmaster();
    }
    if (!found) {
      log_.warning("recipient not looked up", {{"why", found.error().log}});
      ++std::get<Envelope>(phase_).transaction->refused_recipients;
      co_return Outcome(451, "4.3.0", found.error().peer);
    }
    resolved = std::make_shared<const account::Resolution>(*std::move(found));
  }
  // The phase is looked up anew: nothing else runs in this session meanwhile, but no reference is kept over a wait.
  auto& transaction = *std::get<Envelope>(phase_).transaction;
  const bool elsewhere = std::holds_alternative<account::NotOurDomain>(*resolved);
  // Who has logged in may send anywhere; strangers on any port may not.
  auto local = delivery::acceptable(
      std::move(resolved), {.forwards = settings_->relay, .relays = settings_->relay && account_ && !is_lmtp()});
  if (!local) {
    ++transaction.refused_recipients;
    server_->metrics().recipients_refused.add();
    if (log_.enabled(LogLevel::info)) {
      log_.info("recipient refused",
                {{"to", command.recipient ? command.recipient->text() : "postmaster"}, {"why", local.error().log}});
    }
    if (elsewhere && account_) {
      co_return Outcome(550, "5.7.1", "This server delivers to its own domains only, not to that one");
    }
    co_return Outcome(reply_for(local.error(), *settings_, is_lmtp()));
  }
  // Null: at another system. The postmaster is at home here, but an alias may lead him away.
  const auto& found = *local;
  auto address = command.recipient         ? *std::move(command.recipient)
                 : !found->targets.empty() ? found->targets.front().delivered_to
                                           : found->remote_targets.front();
  const std::size_t leads_to = found ? found->targets.size() + found->remote_targets.size() : 1;
  // Who is named twice gets one letter; LMTP has an answer for each all the same (RFC 2033 §4.2).
  if (!transaction.named.insert(address.text()).second && !is_lmtp()) {
    ++transaction.repeated_recipients;
    co_return Outcome(250, "2.1.5", "Ok");
  }
  transaction.targets += leads_to;
  if (transaction.targets > settings_->max_mailboxes && !transaction.recipients.empty()) {
    transaction.targets -= leads_to;
    transaction.named.erase(address.text());
    co_return Outcome(452, "4.5.3", "Too many mailboxes for one message");
  }
  // What needs no letter is known by the time that it is here. Nobody is asked in the name of who knows no recipient of
  // ours, or begins again and again and sends nothing.
  if (transaction.recipients.empty() && ++early_checks_ <= kMostEarlyChecks) {
    begin_judging(transaction, co_await asio::this_coro::executor);
  }
  transaction.recipients.push_back({.address = std::move(address),
                                    .local = *std::move(local),
                                    .notify = std::move(command.notify),
                                    .orcpt = std::move(command.orcpt)});
  co_return Outcome(250, "2.1.5", "Ok");
}

}  // namespace pabal::server::smtp
