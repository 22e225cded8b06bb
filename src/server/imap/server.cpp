#include "server/imap/server.hpp"

#include "server/imap/session.hpp"

namespace pabal::server::imap {

Shared::Shared(account::Logins& who, store::Store& where, const Clock& time, Metrics& metrics, Limits settings)
    : common::Shared("imap", common::names_of(grammar::all_verbs()), time, metrics,
                     common::ConnectionLimits::of(settings)),
      logins(&who),
      store(&where),
      limits(settings) {}

Server::Server(account::Logins& logins, store::Store& store, const Clock& clock, Metrics& metrics, Limits limits)
    : Service(common::sessions_of<Session>(std::make_shared<Shared>(logins, store, clock, metrics, limits))) {}

}  // namespace pabal::server::imap
