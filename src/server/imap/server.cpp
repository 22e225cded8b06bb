#include "server/imap/server.hpp"

#include "server/imap/session.hpp"

namespace pabal::server::imap {

namespace {
constexpr std::size_t kWorkers = 2;
}  // namespace

Shared::Shared(account::Logins& who, store::Store& where, const Clock& time, Metrics& metrics, Limits settings,
               std::string own_name)
    : common::Shared("imap", common::names_of(grammar::all_verbs()), time, metrics,
                     common::ConnectionLimits::of(settings)),
      logins(&who),
      store(&where),
      limits(settings),
      hostname(std::move(own_name)),
      workers(kWorkers, Log()) {}

Server::Server(account::Logins& logins, store::Store& store, const Clock& clock, Metrics& metrics, Limits limits,
               std::string hostname)
    : Service(common::sessions_of<Session>(
          std::make_shared<Shared>(logins, store, clock, metrics, limits, std::move(hostname)))) {}

}  // namespace pabal::server::imap
