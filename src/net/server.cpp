#include "net/server.hpp"

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <sys/socket.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "base/guarded.hpp"
#include "base/ids.hpp"
#include "net/connection_limits.hpp"
#include "net/proxy_protocol.hpp"
#include "net/socket_address.hpp"
#include "net/socket_stream.hpp"

namespace pabal::net {

namespace {

/// Connections taken in a row before others on the thread get their turn.
constexpr int kAcceptsInARow = 32;
/// How long accepting rests when the process has no file descriptors left, or the system no memory.
constexpr auto kAcceptRest = std::chrono::milliseconds(100);
constexpr unsigned kRefusalLinesASecond = 10;
/// How long sessions have to notice that they were cut off.
constexpr auto kHardStop = std::chrono::seconds(2);

using Networks = std::vector<Network>;

struct Service {
  ServiceOptions options;
  mutable Guarded<std::shared_ptr<const Networks>> proxies;  ///< whose PROXY header is believed, as it is now
  BoundListener bound;
  std::atomic<std::size_t> open_now = 0;  ///< where own_connections says how many may be
  Gauge open;
  Counter accepted;
  Counter refused_all;
  Counter refused_address;
  Counter refused_rate;
  Counter refused_proxy;
  Counter failed_tls;

  /// Whether a connection from there is refused for want of trust in its PROXY header. Behind a Unix socket stands
  /// whom the file's permissions let in.
  [[nodiscard]] static bool distrusts(const Networks& trusted, const Endpoint& peer) {
    return !trusted.empty() && peer.address &&
           std::ranges::none_of(trusted, [&](const Network& network) { return network.contains(*peer.address); });
  }
};

/// One listening socket while its coroutine accepts on it.
class Acceptor final : public Waiter {
 public:
  using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

  Acceptor(const Executor& home, FileDescriptor socket, const void* server)
      : home_(Home::of(home)), descriptor_(home), rest_(home) {
    descriptor_.assign(socket.get());
    static_cast<void>(socket.release());  // the descriptor's now
    home_.enlist(*this, server);
  }
  ~Acceptor() override { home_.drop(*this); }
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  [[nodiscard]] SteadyTime deadline() const noexcept override { return kNever; }
  void deadline_passed(SteadyTime /*now*/) noexcept override {}
  void stop_gently() noexcept override {
    // Closed at once: who knocks now is to be told that nobody is at home, and not to wait in the queue.
    boost::system::error_code ignored;
    descriptor_.close(ignored);
    rest_.cancel();
  }
  void stop_hard() noexcept override { stop_gently(); }
  [[nodiscard]] Descriptor& descriptor() noexcept { return descriptor_; }
  [[nodiscard]] Timer& rest() noexcept { return rest_; }

 private:
  Home& home_;
  Descriptor descriptor_;
  Timer rest_;
};

/// Reads the PROXY header and gives the stream the addresses in it. What follows the header stays in the socket: it may
/// be a TLS handshake, which is read from there.
Async<Result<void>> take_proxy_header(SocketStream* stream, std::chrono::milliseconds timeout) {
  constexpr std::size_t most_at_once = 512;
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::string octets;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    stream->set_timeout(std::max(left, std::chrono::milliseconds(0)));
    const auto more = co_await stream->peek(most_at_once);
    if (!more) co_return pass(more);
    if (more->empty()) co_return fail(ErrorKind::closed, "connection closed", "ended in the PROXY header");
    const std::size_t before = octets.size();
    octets += *more;
    auto parsed = parse_proxy_header(octets);
    if (!parsed) co_return pass(parsed);
    // As long as the header isn't whole, all that has come belongs to it.
    const std::size_t end = *parsed ? (**parsed).size : octets.size();
    if (auto dropped = stream->drop(end - before); !dropped) co_return dropped;
    if (*parsed) {
      auto& header = **parsed;
      if (header.source) stream->set_proxied(std::move(*header.source), std::move(*header.destination));
      co_return Result<void>();
    }
  }
}

}  // namespace

struct Server::State : std::enable_shared_from_this<Server::State> {
  State(IoThreads& io_threads, const ServerLimits& server_limits, const Log& server_log, Metrics& server_metrics,
        const Clock& system_clock, Random& system_random)
      : threads(io_threads),
        current_limits(server_limits),
        log(server_log),
        metrics(server_metrics),
        clock(system_clock),
        random(system_random),
        by_address(of_address(server_limits)) {}

  [[nodiscard]] static AddressLimits of_address(const ServerLimits& limits) noexcept {
    return {.open = limits.connections_per_address, .new_per_minute = limits.new_connections_per_minute};
  }
  [[nodiscard]] ServerLimits limits() { return *current_limits.lock(); }

  IoThreads& threads;
  Guarded<ServerLimits> current_limits;
  const Log log;
  Metrics& metrics;
  const Clock& clock;
  Random& random;
  ConnectionsByAddress by_address;
  std::vector<std::unique_ptr<Service>> services;
  std::atomic<std::size_t> open = 0;         ///< connections, all of them
  std::atomic<std::size_t> shared_open = 0;  ///< those that ServerLimits::connections counts
  std::atomic<std::size_t> listening = 0;    ///< sockets that accept
  std::atomic<std::size_t> next_home = 0;
  std::atomic<std::int64_t> refusal_second = 0;
  std::atomic<unsigned> refusals_logged = 0;
  std::atomic<bool> stopping = false;
  bool started = false;
  std::mutex mutex;
  std::condition_variable all_gone;

  /// A connection's place among all, and among those of its address; given up with it.
  class Place {
   public:
    Place(std::shared_ptr<State> state, Service* service) : state_(std::move(state)), service_(service) {
      service_->open.add(1);
    }
    ~Place() {
      service_->open.add(-1);
      if (address_) state_->by_address.leave(*address_);
      state_->leave(service_);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    [[nodiscard]] Admission enter(const AddressKey& address) {
      const auto admission = state_->by_address.enter(address, state_->clock.steady());
      if (admission == Admission::welcome) address_ = address;
      return admission;
    }

   private:
    std::shared_ptr<State> state_;
    Service* service_;
    std::optional<AddressKey> address_;
  };

  /// Whether there is room for one more connection, which is then counted.
  [[nodiscard]] bool take_place(Service* service) {
    const auto own = service->options.own_connections;
    auto& count = own != 0 ? service->open_now : shared_open;
    if (count.fetch_add(1) >= (own != 0 ? own : limits().connections)) {
      count.fetch_sub(1);
      return false;
    }
    open.fetch_add(1);
    return true;
  }
  void leave(Service* service) {
    (service->options.own_connections != 0 ? service->open_now : shared_open).fetch_sub(1);
    if (open.fetch_sub(1) == 1) tell_gone();
  }

  /// Everything before the handler: PROXY header, limits by address, TLS. False: the connection is to be closed.
  static Async<bool> prepare(State* state, const Service* service, SocketStream* stream, Place* place) {
    const auto& options = service->options;
    const ServerLimits limits = state->limits();
    const auto proxies = *service->proxies.lock();
    if (Service::distrusts(*proxies, stream->peer())) {  // since it was accepted, that is
      service->refused_proxy.add();
      co_return false;
    }
    if (!proxies->empty()) {
      const auto taken = co_await take_proxy_header(stream, limits.proxy_header_timeout);
      if (!taken) {
        service->refused_proxy.add();
        state->log_refusal(*service, stream->peer(), taken.error().log);
        co_return false;
      }
    }
    const auto& peer = stream->peer();
    if (peer.address && (limits.limit_loopback || !peer.is_loopback())) {
      const auto admission = place->enter(AddressKey::of(*peer.address));
      if (admission != Admission::welcome) {
        const bool rate = admission == Admission::too_often;
        (rate ? service->refused_rate : service->refused_address).add();
        state->log_refusal(*service, peer, rate ? "too often" : "too many of this address");
        if (options.listener.tls != TlsMode::implicit) stream->try_send(options.refusal);
        co_return false;
      }
    }
    if (options.listener.tls == TlsMode::implicit) {
      stream->set_timeout(limits.tls_handshake_timeout);
      const auto shaken = co_await stream->start_tls(options.tls);
      if (!shaken) {
        service->failed_tls.add();
        state->log_refusal(*service, stream->peer(), shaken.error().log);
        co_return false;
      }
    }
    stream->set_timeout(std::chrono::minutes(5));
    co_return true;
  }

  /// Who attacks makes many refusals: of the lines about them ten a second are written. The counters have them all.
  void log_refusal(const Service& service, const Endpoint& peer, std::string_view reason) {
    const auto second = std::chrono::floor<std::chrono::seconds>(clock.steady()).time_since_epoch().count();
    if (refusal_second.exchange(second) != second) refusals_logged = 0;
    if (refusals_logged.fetch_add(1) >= kRefusalLinesASecond) return;
    log.info("connection refused",
             {{"protocol", service.options.listener.protocol}, {"peer", peer.host()}, {"reason", reason}});
  }

  [[nodiscard]] SessionFacts facts_of(const Service& service, const Stream& stream) {
    SessionFacts facts;
    facts.id = make_token(to_database(clock.now()), random);
    facts.log = log.with({"session", facts.id})
                    .with({"protocol", service.options.listener.protocol})
                    .with({"peer", stream.peer().host()});
    return facts;
  }

  /// No coroutine, nor inlined into one: what is handed over on the way lies in no frame that the connection keeps.
  [[nodiscard, gnu::noinline]] Async<> make_session(const Service& service, std::unique_ptr<SocketStream> stream) {
    auto facts = facts_of(service, *stream);
    return service.options.handler(std::move(stream), std::move(facts));
  }

  static Async<> serve(std::shared_ptr<State> state, Service* service, std::unique_ptr<SocketStream> stream) {
    Place place(state, service);
    if (!co_await prepare(state.get(), service, stream.get(), &place)) {
      co_await stream->close();
      co_return;
    }
    auto session = state->make_session(*service, std::move(stream));
    co_await std::move(session);
  }

  /// Takes a connection up on its home thread.
  void begin(Service* service, const Executor& home, FileDescriptor socket, Endpoint peer) {
    if (stopping) return;
    service->accepted.add();
    if (!take_place(service)) {
      service->refused_all.add();
      const auto& refusal = service->options.refusal;
      // The peer's socket is new and empty; what it does not take of the line at once is not worth waiting for.
      const bool told = service->options.listener.tls != TlsMode::implicit &&
                        ::send(socket.get(), refusal.data(), refusal.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
      log_refusal(*service, peer, told ? "too many in all, told so" : "too many in all");
      return;
    }
    const auto& bound = service->bound.local;
    auto local =
        bound.address && bound.address->is_unspecified() ? SocketAddress::local_of(socket.get()).endpoint() : bound;
    try {
      auto stream = std::make_unique<SocketStream>(home, std::move(socket), std::move(peer), std::move(local), this);
      asio::co_spawn(home, serve(shared_from_this(), service, std::move(stream)),
                     [state = shared_from_this(),
                      protocol = &service->options.listener.protocol](const std::exception_ptr& thrown) {
                       if (!thrown) return;
                       state->log.error("session failed", {{"protocol", *protocol}, {"reason", thrown_text(thrown)}});
                     });
    } catch (...) {
      leave(service);
      log.error("connection failed", {{"reason", thrown_text(std::current_exception())}});
    }
  }

  void hand_over(Service* service, std::size_t acceptor_home, FileDescriptor socket, Endpoint peer) {
    if (Service::distrusts(**service->proxies.lock(), peer)) {
      service->accepted.add();
      service->refused_proxy.add();
      log_refusal(*service, peer, "not from a network whose PROXY header is believed");
      return;
    }
    // A socket of each thread's own: its connections stay there. One for all: they go round.
    const bool alone = service->bound.sockets.size() == 1;
    const auto index = alone ? next_home.fetch_add(1) % threads.size() : acceptor_home;
    const auto home = threads.executor(index);
    if (index == acceptor_home) return begin(service, home, std::move(socket), std::move(peer));
    asio::post(home,
               [state = shared_from_this(), service, home, socket = std::move(socket),
                peer = std::move(peer)]() mutable { state->begin(service, home, std::move(socket), std::move(peer)); });
  }

  static Async<> accept_all(std::shared_ptr<State> state, Service* service, std::size_t home, FileDescriptor socket) {
    const auto executor = state->threads.executor(home);
    Acceptor acceptor(executor, std::move(socket), state.get());
    auto& descriptor = acceptor.descriptor();
    bool resting = false;
    while (!state->stopping && descriptor.is_open()) {
      boost::system::error_code cancelled;
      co_await descriptor.async_wait(asio::posix::descriptor_base::wait_read,
                                     asio::redirect_error(use_async, cancelled));
      bool exhausted = false;
      for (int i = 0; i < kAcceptsInARow && !state->stopping && descriptor.is_open(); ++i) {
        SocketAddress peer;
        FileDescriptor taken(
            ::accept4(descriptor.native_handle(), peer.room(), peer.room_size(), SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (taken) {
          resting = false;
          state->hand_over(service, home, std::move(taken), peer.endpoint());
          continue;
        }
        const int error_number = errno;
        if (error_number == EAGAIN) break;
        // Errors of the connection, not of the listener, are passed over (accept(2)).
        exhausted =
            error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS || error_number == ENOMEM;
        if (!exhausted) continue;
        if (!resting) {
          state->log.error("accepting rests", {{"protocol", service->options.listener.protocol},
                                               {"reason", std::generic_category().message(error_number)}});
        }
        resting = true;
        break;
      }
      if (!exhausted) continue;
      acceptor.rest().expires_after(kAcceptRest);
      co_await acceptor.rest().async_wait(asio::redirect_error(use_async, cancelled));
    }
  }

  /// Wakes stop(), which may wait for this.
  void tell_gone() {
    if (!stopping) return;
    const std::lock_guard lock(mutex);
    all_gone.notify_all();
  }

  template <class Work>
  void on_each_home(Work work) {
    for (std::size_t i = 0; i < threads.size(); ++i) {
      asio::post(threads.executor(i),
                 [state = shared_from_this(), home = threads.executor(i), work] { work(Home::of(home), state.get()); });
    }
  }

  [[nodiscard]] bool wait_until_gone(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex);
    return all_gone.wait_for(lock, timeout, [this] { return open == 0 && listening == 0; });
  }
};

Server::Server(IoThreads& threads, ServerLimits limits, const Log& log, Metrics& metrics, const Clock& clock,
               Random& random)
    : state_(std::make_shared<State>(threads, limits, log, metrics, clock, random)) {}

Server::~Server() { stop(std::chrono::milliseconds(0)); }

Result<Endpoint> Server::bind(ServiceOptions service) {
  ActivatedSockets none;
  return bind(std::move(service), none);
}

Result<Endpoint> Server::bind(ServiceOptions service, ActivatedSockets& activated) {
  if (service.listener.tls == TlsMode::implicit && !service.tls) {
    return fail(ErrorKind::syntax, "a listener with implicit TLS needs a certificate");
  }
  auto bound = bind_listener(service.listener, state_->threads.size(), activated);
  if (!bound) return pass(bound);
  auto& metrics = state_->metrics;
  const auto& protocol = service.listener.protocol;
  const auto refused = [&](const char* reason) {
    return metrics.counter("pabal_connections_refused_total", "Connections closed before a session began.",
                           {{"protocol", protocol}, {"reason", reason}});
  };
  auto made = std::make_unique<Service>();
  made->open = metrics.gauge("pabal_connections_open", "Connections that are open now.", {{"protocol", protocol}});
  made->accepted = metrics.counter("pabal_connections_accepted_total", "Connections accepted, refused ones among them.",
                                   {{"protocol", protocol}});
  made->refused_all = refused("total");
  made->refused_address = refused("address");
  made->refused_rate = refused("rate");
  made->refused_proxy = refused("proxy");
  made->failed_tls = refused("tls");
  *made->proxies.lock() = std::make_shared<const Networks>(service.listener.proxy_protocol);
  made->options = std::move(service);
  made->bound = std::move(*bound);
  auto local = made->bound.local;
  state_->services.push_back(std::move(made));
  return local;
}

void Server::start() {
  if (std::exchange(state_->started, true)) return;
  for (const auto& service : state_->services) {
    for (std::size_t i = 0; i < service->bound.sockets.size(); ++i) {
      const auto home = i % state_->threads.size();
      state_->listening.fetch_add(1);
      // The sockets stay in `bound` as an empty row: their number says whether connections go round.
      asio::co_spawn(state_->threads.executor(home),
                     State::accept_all(state_, service.get(), home, std::move(service->bound.sockets[i])),
                     [state = state_](const std::exception_ptr& thrown) {
                       if (thrown) state->log.error("accepting failed");
                       state->listening.fetch_sub(1);
                       state->tell_gone();
                     });
    }
  }
  state_->threads.start();
}

bool Server::stop(std::chrono::milliseconds grace) {
  auto& state = *state_;
  const bool first = !state.stopping.exchange(true);
  bool orderly = state.open == 0;
  if (first && state.started && state.threads.running()) {
    state.on_each_home([](Home& home, const void* server) { home.stop_gently(server); });
    orderly = state.wait_until_gone(grace);
    if (!orderly) {
      state.on_each_home([](Home& home, const void* server) { home.stop_hard(server); });
      if (!state.wait_until_gone(kHardStop)) {
        state.log.error("sessions did not end", {{"open", state.open.load()}});
      }
    }
  }
  for (const auto& service : state.services) {
    if (!service->bound.unlink_at_end.empty()) ::unlink(service->bound.unlink_at_end.c_str());
    service->bound.unlink_at_end.clear();
  }
  return orderly;
}

void Server::set_limits(const ServerLimits& limits) {
  *state_->current_limits.lock() = limits;
  state_->by_address.set_limits(State::of_address(limits));
}

void Server::set_proxies(std::size_t nth, std::vector<Network> networks) {
  *state_->services.at(nth)->proxies.lock() = std::make_shared<const Networks>(std::move(networks));
}

std::size_t Server::connections() const noexcept { return state_->open; }

}  // namespace pabal::net
