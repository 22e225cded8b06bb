#include "server/imap/server.hpp"

#include "server/imap/session.hpp"

namespace pabal::server::imap {

namespace {

std::array<Counter, grammar::kVerbs> command_counters(Metrics& metrics) {
  std::array<Counter, grammar::kVerbs> counters;
  for (const auto& verb : grammar::all_verbs()) {
    counters[static_cast<std::size_t>(verb.verb)] = metrics.counter(
        "pabal_imap_commands_total", "IMAP commands, refused ones included.", {{"command", std::string(verb.name)}});
  }
  return counters;
}
}  // namespace

Shared::Shared(account::Logins& who, store::Store& where, const Clock& time, Metrics& metrics, Limits settings)
    : logins(&who),
      store(&where),
      clock(&time),
      limits(settings),
      sessions(metrics.gauge("pabal_imap_sessions", "IMAP connections that are open.")),
      commands(command_counters(metrics)),
      wrong_commands(metrics.counter("pabal_imap_commands_total", "IMAP commands, refused ones included.",
                                     {{"command", "wrong"}})),
      logins_good(metrics.counter("pabal_imap_logins_total", "IMAP logins by result.", {{"result", "good"}})),
      logins_bad(metrics.counter("pabal_imap_logins_total", "IMAP logins by result.", {{"result", "refused"}})) {}

Server::Server(account::Logins& logins, store::Store& store, const Clock& clock, Metrics& metrics, Limits limits)
    : shared_(std::make_shared<Shared>(logins, store, clock, metrics, limits)) {}
Server::~Server() = default;

Async<> Server::serve(net::Stream* stream, net::SessionFacts facts, Policy policy) {
  Session session(*shared_, *stream, std::move(facts), std::move(policy));
  co_await session.run();
}

Async<> Server::serve_owned(std::shared_ptr<Shared> shared, std::unique_ptr<net::Stream> stream,
                            net::SessionFacts facts, Policy policy) {
  Session session(*shared, *stream, std::move(facts), std::move(policy));
  co_await session.run();
}

net::SessionHandler Server::handler(Policy policy) {
  return [shared = shared_, policy = std::move(policy)](std::unique_ptr<net::Stream> stream, net::SessionFacts facts) {
    return serve_owned(shared, std::move(stream), std::move(facts), policy);
  };
}

}  // namespace pabal::server::imap
