#include "net/outbound.hpp"

#include <algorithm>
#include <cerrno>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>

#include <boost/asio/detached.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <fmt/format.h>

#include "net/socket_address.hpp"
#include "net/socket_stream.hpp"

namespace pabal::net {

namespace {

using Descriptor = asio::posix::basic_stream_descriptor<Executor>;

enum class Family : std::uint8_t { v4, v6, local };
Family family_of(const Endpoint& endpoint) {
  if (!endpoint.address) return Family::local;
  return endpoint.address->is_v4() ? Family::v4 : Family::v6;
}

std::unexpected<Error> not_connected(const Endpoint& to, int error_number) {
  const auto why = std::generic_category().message(error_number);
  return fail(ErrorKind::closed, why, fmt::format("connect to {}: {}", to.text(), why));
}

/// The tries that are under way, and what came of the others. Each try holds it.
struct Race {
  explicit Race(const Executor& home) : alarm(home) {}

  Alarm alarm;  ///< rung when a try has ended
  std::vector<Descriptor*> under_way;
  std::size_t running = 0;  ///< tries that were begun and have not ended, waiting or not
  std::optional<Descriptor> winner;
  Endpoint winner_to;
  std::vector<Outbound::Failed> failed;
  bool over = false;

  void end() {
    over = true;
    for (auto* descriptor : under_way) {
      boost::system::error_code ignored;
      descriptor->cancel(ignored);
    }
  }
};

/// A socket that connects, or is through already.
Result<FileDescriptor> begin(const Endpoint& to, const OutboundOptions& options) {
  const auto address = SocketAddress::of(to);
  if (!address) return pass(address);
  FileDescriptor socket(::socket(address->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("socket for", to.text(), errno);
  set_tcp_options(socket.get(), to);
  if (to.address) {
    const auto same = [&](const boost::asio::ip::address& from) { return from.is_v4() == to.address->is_v4(); };
    const auto from = std::ranges::find_if(options.from, same);
    if (from == options.from.end() && options.only_from) {
      return fail(ErrorKind::io, "no source address of that family",
                  fmt::format("connect to {}: there is no source address of its family", to.text()));
    }
    if (from != options.from.end()) {
      const auto source = SocketAddress::of(Endpoint::of(*from, 0));
      if (!source) return pass(source);
#ifdef IP_BIND_ADDRESS_NO_PORT
      // The port is chosen when the peer is known, so that many connections to different peers can share one.
      const int on = 1;
      ::setsockopt(socket.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
#endif
      if (::bind(socket.get(), source->get(), source->size()) != 0) {
        return fail_errno("connect from", from->to_string(), errno);
      }
    }
  }
  if (::connect(socket.get(), address->get(), address->size()) != 0 && errno != EINPROGRESS) {
    return not_connected(to, errno);
  }
  return socket;
}

Async<> try_one(std::shared_ptr<Race> race, Endpoint to, FileDescriptor socket) {
  Descriptor descriptor(co_await asio::this_coro::executor);
  struct Leaving {
    Race& race;
    Descriptor* descriptor;
    ~Leaving() {
      --race.running;
      std::erase(race.under_way, descriptor);
    }
  };
  const Leaving leaving{*race, &descriptor};
  if (race->over) co_return;
  descriptor.assign(socket.get());
  static_cast<void>(socket.release());  // the descriptor's now
  race->under_way.push_back(&descriptor);
  boost::system::error_code failed;
  co_await descriptor.async_wait(Descriptor::wait_write, asio::redirect_error(use_async, failed));
  if (race->over) co_return;
  int error_number = failed ? failed.value() : 0;
  socklen_t size = sizeof error_number;
  if (!failed) ::getsockopt(descriptor.native_handle(), SOL_SOCKET, SO_ERROR, &error_number, &size);
  if (error_number != 0) {
    race->failed.push_back({.to = to, .error = not_connected(to, error_number).error()});
  } else if (!race->winner) {
    race->winner.emplace(std::move(descriptor));
    race->winner_to = to;
  }
  race->alarm.ring();
}

}  // namespace

std::vector<Endpoint> interleave(std::vector<Endpoint> addresses) {
  if (addresses.empty()) return addresses;
  const auto first = family_of(addresses.front());
  std::vector<Endpoint> others;
  const auto is_other = [&](const Endpoint& endpoint) { return family_of(endpoint) != first; };
  std::ranges::copy_if(addresses, std::back_inserter(others), is_other);
  std::erase_if(addresses, is_other);
  std::vector<Endpoint> mixed;
  for (std::size_t i = 0; i < std::max(addresses.size(), others.size()); ++i) {
    if (i < addresses.size()) mixed.push_back(std::move(addresses[i]));
    if (i < others.size()) mixed.push_back(std::move(others[i]));
  }
  return mixed;
}

void OutboundStop::stop() {
  stopped_ = true;
  for (auto* alarm : waiting_) alarm->ring();
}

Async<Outbound> connect_any(OutboundOptions options) {
  const auto home = co_await asio::this_coro::executor;
  const auto order = interleave(options.to);
  const auto race = std::make_shared<Race>(home);
  // The other tries end with this coroutine, however it ends.
  struct Ending {
    Race& race;
    OutboundStop* stop;
    ~Ending() {
      if (stop != nullptr) stop->remove(race.alarm);
      race.end();
    }
  };
  const Ending ending{*race, options.stop.get()};
  if (options.stop) options.stop->add(race->alarm);
  const auto stopped = [&] { return options.stop && options.stop->stopped(); };
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto deadline = now() + options.timeout;
  auto next_at = now();
  std::size_t next = 0;
  std::size_t failures = 0;
  while (!race->winner && !stopped() && now() < deadline) {
    // RFC 8305 §5: the next one begins after a while, or when one has failed.
    const bool one_more = race->failed.size() > failures || race->running == 0 || now() >= next_at;
    if (next < order.size() && one_more) {
      failures = race->failed.size();
      next_at = now() + options.between;
      const auto& to = order[next++];
      auto socket = begin(to, options);
      if (socket) {
        ++race->running;
        asio::co_spawn(home, try_one(race, to, *std::move(socket)), asio::detached);
      } else {
        race->failed.push_back({.to = to, .error = socket.error()});
      }
      continue;
    }
    if (race->running == 0 && next == order.size()) break;
    const auto until = next < order.size() ? std::min(next_at, deadline) : deadline;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(until - now());
    co_await race->alarm.wait(std::max(wait, std::chrono::milliseconds(0)));
  }
  Outbound outbound;
  outbound.failed = std::move(race->failed);
  if (race->winner) {
    outbound.to = race->winner_to;
    FileDescriptor socket(race->winner->release());
    const auto local = SocketAddress::local_of(socket.get()).endpoint();
    outbound.stream = std::make_unique<SocketStream>(home, std::move(socket), outbound.to, local);
    co_return outbound;
  }
  for (std::size_t i = 0; i < next; ++i) {
    const auto known = [&](const Outbound::Failed& failed) { return failed.to == order[i]; };
    if (std::ranges::any_of(outbound.failed, known)) continue;
    if (stopped()) {
      outbound.failed.push_back({.to = order[i], .error = fail(ErrorKind::closed, "told to stop").error()});
      continue;
    }
    outbound.failed.push_back({.to = order[i],
                               .error = {.kind = ErrorKind::timeout,
                                         .peer = "timeout",
                                         .log = fmt::format("connect to {}: no answer within {} ms", order[i].text(),
                                                            options.timeout.count())}});
  }
  co_return outbound;
}

}  // namespace pabal::net
