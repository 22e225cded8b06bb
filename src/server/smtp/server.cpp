#include "server/smtp/server.hpp"

#include <exception>

#include "server/smtp/session.hpp"

namespace pabal::server::smtp {

std::string name_of(pabal::smtp::Protocol protocol) {
  switch (protocol) {
    case pabal::smtp::Protocol::smtp:
      return "smtp";
    case pabal::smtp::Protocol::submission:
      return "submission";
    case pabal::smtp::Protocol::lmtp:
      return "lmtp";
  }
  return "smtp";
}

RateLimits::RateLimits(const Settings& settings, Random& random)
    : exempt_(settings.rate_exempt),
      messages_(settings.messages_per_minute, settings.rate_tracked_addresses, random.number()),
      recipients_(settings.recipients_per_minute, settings.rate_tracked_addresses, random.number()) {}

bool RateLimits::is_exempt(const net::Endpoint& client) const noexcept {
  if (client.is_loopback() || !client.address) return true;
  return std::ranges::any_of(exempt_, [&](const net::Network& network) { return network.contains(*client.address); });
}

bool RateLimits::allow_message(const net::Endpoint& client, SteadyTime now) {
  return is_exempt(client) || messages_.take(*client.address, now);
}

bool RateLimits::allow_recipient(const net::Endpoint& client, SteadyTime now) {
  return is_exempt(client) || recipients_.take(*client.address, now);
}

ServerMetrics::ServerMetrics(Metrics& metrics, pabal::smtp::Protocol protocol)
    : sessions(metrics.counter("pabal_smtp_sessions_total", "Sessions begun", {{"protocol", name_of(protocol)}})),
      accepted(metrics.counter("pabal_smtp_messages_total", "Messages whose data came, by what became of them",
                               {{"protocol", name_of(protocol)}, {"result", "accepted"}})),
      rejected(metrics.counter("pabal_smtp_messages_total", "Messages whose data came, by what became of them",
                               {{"protocol", name_of(protocol)}, {"result", "rejected"}})),
      deferred(metrics.counter("pabal_smtp_messages_total", "Messages whose data came, by what became of them",
                               {{"protocol", name_of(protocol)}, {"result", "deferred"}})),
      octets(metrics.counter("pabal_smtp_message_bytes_total", "Octets of accepted messages",
                             {{"protocol", name_of(protocol)}})),
      recipients_refused(metrics.counter("pabal_smtp_recipients_refused_total", "Recipients refused at RCPT",
                                         {{"protocol", name_of(protocol)}})),
      authenticated(metrics.counter("pabal_smtp_logins_total", "Authentications by result",
                                    {{"protocol", name_of(protocol)}, {"result", "ok"}})),
      authentication_failed(metrics.counter("pabal_smtp_logins_total", "Authentications by result",
                                            {{"protocol", name_of(protocol)}, {"result", "failed"}})),
      delivery_seconds(metrics.seconds("pabal_smtp_delivery_seconds", "From the end of the data to the final reply",
                                       {{"protocol", name_of(protocol)}})) {}

Server::Server(Settings settings, ListenerSettings listener, Services services, RateLimits& limits)
    : settings_(std::move(settings)),
      listener_(listener),
      services_(std::move(services)),
      limits_(&limits),
      metrics_(*services_.metrics, listener.protocol) {}

Async<> Server::serve(std::shared_ptr<const Server> server, std::unique_ptr<net::Stream> stream, std::string id,
                      Log log) {
  co_await server->talk(*stream, std::move(id), std::move(log));
}

Async<> Server::talk(net::Stream& stream, std::string id, Log log) const {
  metrics_.sessions.add();
  {
    Session session(*this, stream, std::move(id), std::move(log));
    std::string failure;
    try {
      co_await session.run();
    } catch (const std::exception& error) {
      failure = error.what();  // a bug or exhausted memory: it ends this connection alone
    }
    if (!failure.empty()) session.log().error("session ended by an exception", {{"what", failure}});
  }
  co_await stream.close();
}

}  // namespace pabal::server::smtp
