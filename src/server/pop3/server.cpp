#include "server/pop3/server.hpp"

#include "server/pop3/session.hpp"

namespace pabal::server::pop3 {

namespace {

std::array<Counter, grammar::kVerbs> command_counters(Metrics& metrics) {
  std::array<Counter, grammar::kVerbs> counters;
  for (const auto& verb : grammar::all_verbs()) {
    counters[static_cast<std::size_t>(verb.verb)] = metrics.counter(
        "pabal_pop3_commands_total", "POP3 commands, refused ones included.", {{"command", std::string(verb.name)}});
  }
  return counters;
}
}  // namespace

Shared::Shared(Logins& who, Mailboxes& where, const Clock& time, Metrics& metrics, Limits settings)
    : logins(&who),
      mailboxes(&where),
      clock(&time),
      limits(settings),
      sessions(metrics.gauge("pabal_pop3_sessions", "POP3 connections that are open.")),
      commands(command_counters(metrics)),
      wrong_commands(metrics.counter("pabal_pop3_commands_total", "POP3 commands, refused ones included.",
                                     {{"command", "wrong"}})),
      logins_good(metrics.counter("pabal_pop3_logins_total", "POP3 logins by result.", {{"result", "good"}})),
      logins_bad(metrics.counter("pabal_pop3_logins_total", "POP3 logins by result.", {{"result", "refused"}})),
      retrieved(metrics.counter("pabal_pop3_messages_sent_total", "Messages sent by RETR and TOP.")),
      removed(metrics.counter("pabal_pop3_messages_removed_total", "Messages removed at QUIT.")) {}

Server::Server(Logins& logins, Mailboxes& mailboxes, const Clock& clock, Metrics& metrics, Limits limits)
    : shared_(std::make_shared<Shared>(logins, mailboxes, clock, metrics, limits)) {}
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

}  // namespace pabal::server::pop3
