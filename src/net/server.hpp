// Server: all listeners of the process. Each connection that it takes becomes a coroutine at home on one of the
// threads.
//
//   main:  Server server(threads, limits, log, metrics, random);
//          server.bind(options, handler) for each listener    still root, still one thread
//          drop_privileges(user)
//          server.start()                                     threads run, connections are taken
//          … a signal …
//          server.stop(grace)                                 no more accepts; sessions finish their command and say
//          421
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/random.hpp"
#include "net/io_threads.hpp"
#include "net/listener.hpp"
#include "net/stream.hpp"
#include "net/tls.hpp"

namespace pabal::net {

/// What a session is told about its connection beside its stream.
struct SessionFacts {
  std::string id;  ///< the session's name in log and traces
  Log log;         ///< carries id, protocol and peer
};

/// Serves one connection to its end, and ends by stream->close(). It runs at home. An exception that leaves it ends
/// this connection alone. A stream that is interrupted() wants a goodbye ("421 …") as soon as the command at hand is
/// done.
using SessionHandler = std::function<Async<>(std::unique_ptr<Stream>, SessionFacts)>;

struct ServerLimits {
  std::size_t connections = 10'000;
  std::size_t connections_per_address = 100;     ///< by IPv4 address, or IPv6 /64; loopback and Unix sockets are exempt
  std::size_t new_connections_per_minute = 600;  ///< by address likewise
  std::chrono::milliseconds proxy_header_timeout = std::chrono::seconds(5);
  std::chrono::milliseconds tls_handshake_timeout = std::chrono::seconds(30);
  bool limit_loopback = false;  ///< for tests
};

/// One listener and who serves it.
struct ServiceOptions {
  ListenerOptions listener;
  SessionHandler handler;
  std::shared_ptr<const TlsContext> tls;  ///< needed for TlsMode::implicit only; STARTTLS is the session's own affair
  std::string refusal;                    ///< line for a connection beyond the limits, "421 4.7.0 …\r\n"; may be empty
  /// Not 0: its connections are counted apart, so many at one time, and not among those of ServerLimits::connections.
  /// For those who look after the server, which must work above all when it is full.
  std::size_t own_connections = 0;
};

class Server {
 public:
  /// All that is handed in must outlive the server. The threads are not started yet.
  Server(IoThreads& threads, ServerLimits limits, const Log& log, Metrics& metrics, const Clock& clock, Random& random);
  /// Stops hard what still runs. The threads must be stopped, or never started, or not at work in a handler by then.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Opens the sockets of one more listener; nothing is accepted yet. Returns where it listens.
  [[nodiscard]] Result<Endpoint> bind(ServiceOptions service, ActivatedSockets& activated);
  [[nodiscard]] Result<Endpoint> bind(ServiceOptions service);
  /// For connections from now on; those that are there stay. Any thread.
  void set_limits(const ServerLimits& limits);
  /// Likewise for the `nth` service that was bound: whose PROXY header is believed and demanded.
  void set_proxies(std::size_t nth, std::vector<Network> networks);
  /// Starts the threads (where they don't run) and accepts.
  void start();
  /// Orderly stop, from a thread that is none of ours: no more accepts, every session interrupted; what is not done
  /// after `grace` is cut off. Returns true if all sessions ended by themselves. Harmless when called again.
  bool stop(std::chrono::milliseconds grace);
  /// Connections that are open now.
  [[nodiscard]] std::size_t connections() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace pabal::net
