// Server: one listener's SMTP, submission or LMTP service. It is made once; every connection becomes a session on its
// thread.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "base/metrics.hpp"
#include "net/stream.hpp"
#include "server/smtp/rate_limiter.hpp"
#include "server/smtp/services.hpp"
#include "server/smtp/settings.hpp"

namespace pabal::server::smtp {

/// "smtp", "submission", "lmtp": for the log and the metrics.
[[nodiscard]] std::string name_of(pabal::smtp::Protocol protocol);

/// Limits that all listeners share.
class RateLimits {
 public:
  RateLimits(const Settings& settings, Random& random);
  [[nodiscard]] bool allow_message(const net::Endpoint& client, SteadyTime now);
  [[nodiscard]] bool allow_recipient(const net::Endpoint& client, SteadyTime now);

 private:
  [[nodiscard]] bool is_exempt(const net::Endpoint& client) const noexcept;

  std::vector<net::Network> exempt_;
  RateLimiter messages_;
  RateLimiter recipients_;
};

/// What the service counts.
struct ServerMetrics {
  ServerMetrics(Metrics& metrics, pabal::smtp::Protocol protocol);
  Counter sessions;
  Counter accepted;  ///< messages with a final 250
  Counter rejected;  ///< messages refused for good after their data
  Counter deferred;  ///< messages refused for a while after their data
  Counter octets;    ///< of accepted messages
  Counter recipients_refused;
  Counter authenticated;
  Counter authentication_failed;
  Histogram delivery_seconds;
};

class Server {
 public:
  /// `services` and `limits` must outlive the server, and the server those sessions that don't hold it.
  Server(Settings settings, ListenerSettings listener, Services services, RateLimits& limits);

  /// Speaks with one peer until it goes, and closes the stream. `id` and `log` are the session's own; it holds `server`
  /// to its end, so that another can take its place for those who come later.
  [[nodiscard]] static Async<> serve(std::shared_ptr<const Server> server, std::unique_ptr<net::Stream> stream,
                                     std::string id, Log log);
  /// The same over a stream that the caller keeps alive.
  [[nodiscard]] Async<> talk(net::Stream& stream, std::string id, Log log) const;

  [[nodiscard]] const Settings& settings() const noexcept { return settings_; }
  [[nodiscard]] const ListenerSettings& listener() const noexcept { return listener_; }
  [[nodiscard]] const Services& services() const noexcept { return services_; }
  [[nodiscard]] RateLimits& limits() const noexcept { return *limits_; }
  [[nodiscard]] const ServerMetrics& metrics() const noexcept { return metrics_; }

 private:
  Settings settings_;
  ListenerSettings listener_;
  Services services_;
  RateLimits* limits_;
  ServerMetrics metrics_;
};

}  // namespace pabal::server::smtp
