// HELO, EHLO (RFC 5321 §4.1.1.1) and LHLO (RFC 2033 §4.1).
#include <fmt/format.h>

#include "codec/timestamp.hpp"
#include "server/smtp/session.hpp"

namespace pabal::server::smtp {

Outcome Session::hello(pabal::smtp::Hello command) {
  // RFC 5321 §4.1.4: any of them does what RSET does.
  phase_ = Greeted();
  helo_ = std::move(command.name);
  extended_ = command.verb != pabal::smtp::Verb::helo;
  if (!extended_) return {250, "", settings_->hostname};

  std::string text = settings_->hostname;
  text += "\nPIPELINING";
  fmt::format_to(std::back_inserter(text), "\nSIZE {}", settings_->max_message_size);
  text += "\n8BITMIME\nSMTPUTF8\nENHANCEDSTATUSCODES\nCHUNKING";
  if (settings_->binary_mime) text += "\nBINARYMIME";
  if (announces_dsn()) text += "\nDSN";
  if (settings_->relay) text += "\nDELIVERBY\nMT-PRIORITY";
  if (may_hold()) {  // RFC 4865 §3: for submission
    fmt::format_to(std::back_inserter(text), "\nFUTURERELEASE {} {}", settings_->max_hold.count(),
                   codec::format_timestamp(std::chrono::floor<std::chrono::seconds>(server_->services().clock->now()) +
                                           settings_->max_hold));
  }
  if (settings_->require_tls_extension && stream_->tls() != nullptr) text += "\nREQUIRETLS";  // RFC 8689 §2
  if (may_start_tls()) text += "\nSTARTTLS";
  const bool hidden = listener_->require_tls && stream_->tls() == nullptr;
  if (const auto names = mechanisms(); !names.empty() && !account_ && !hidden) {
    text += "\nAUTH";
    for (const auto name : names) text.append(" ").append(name);
  }
  fmt::format_to(std::back_inserter(text), "\nLIMITS RCPTMAX={}", settings_->max_recipients);
  if (!stream_->is_loopback()) fmt::format_to(std::back_inserter(text), " MAILMAX={}", settings_->max_transactions);
  text += "\nHELP";
  return {250, "", std::move(text)};
}

}  // namespace pabal::server::smtp
