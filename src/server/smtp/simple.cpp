// The commands that need no more than a word: RSET, NOOP, QUIT, HELP, VRFY (RFC 5321 §4.1.1.5 to §4.1.1.10).
#include "server/smtp/session.hpp"

namespace pabal::server::smtp {

using pabal::smtp::Verb;

Outcome Session::simple(Verb verb) {
  switch (verb) {
    case Verb::rset:
      reset_transaction();
      return {250, "2.0.0", "Ok"};
    case Verb::quit:
      return {221, "2.0.0", settings_->hostname + " Bye", Then::close};
    case Verb::help:
      return {214, "2.0.0",
              is_lmtp() ? "LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY STARTTLS QUIT"
                        : "HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY STARTTLS AUTH QUIT"};
    default:
      return {250, "2.0.0", "Ok"};
  }
}

Outcome Session::vrfy(const pabal::smtp::Vrfy& /*command*/) const {
  // RFC 5321 §7.3: nobody learns here who has a mailbox.
  return {252, "2.5.0", "Send a message and see"};
}

}  // namespace pabal::server::smtp
