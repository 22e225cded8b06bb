#include "server/pop3/server.hpp"

#include "server/pop3/session.hpp"

namespace pabal::server::pop3 {

Shared::Shared(Logins& who, Mailboxes& where, const Clock& time, Metrics& metrics, Limits settings)
    : common::Shared("pop3", common::names_of(grammar::all_verbs()), time, metrics,
                     common::ConnectionLimits::of(settings)),
      logins(&who),
      mailboxes(&where),
      limits(settings),
      retrieved(metrics.counter("pabal_pop3_messages_sent_total", "Messages sent by RETR and TOP.")),
      removed(metrics.counter("pabal_pop3_messages_removed_total", "Messages removed at QUIT.")) {}

Server::Server(Logins& logins, Mailboxes& mailboxes, const Clock& clock, Metrics& metrics, Limits limits)
    : Service(common::sessions_of<Session>(std::make_shared<Shared>(logins, mailboxes, clock, metrics, limits))) {}

}  // namespace pabal::server::pop3
