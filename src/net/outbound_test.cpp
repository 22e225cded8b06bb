#include "net/outbound.hpp"

#include <sys/socket.h>

#include <boost/asio/detached.hpp>
#include <gtest/gtest.h>

#include "net/listener.hpp"
#include "net/socket_address.hpp"
#include "net/test_support.hpp"

namespace pabal::net {
namespace {

using namespace std::chrono_literals;
namespace ip = boost::asio::ip;

Endpoint at(std::string_view address, std::uint16_t port) { return Endpoint::of(ip::make_address(address), port); }

/// A listening socket on loopback, at a port of the system's choice.
struct Host {
  explicit Host(std::string_view address, int backlog = 16) {
    const auto wanted = SocketAddress::of(at(address, 0)).value();
    socket = FileDescriptor(::socket(wanted.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    bound = ::bind(socket.get(), wanted.get(), wanted.size()) == 0 && ::listen(socket.get(), backlog) == 0;
    endpoint = SocketAddress::local_of(socket.get()).endpoint();
  }
  FileDescriptor socket;
  Endpoint endpoint;
  bool bound = false;
};

/// A host that lets everybody wait: its queue is full, so that it answers no more SYNs.
struct SilentHost : Host {
  explicit SilentHost(std::string_view address) : Host(address, 0) {
    for (int i = 0; i < 4; ++i) {
      const auto to = SocketAddress::of(endpoint).value();
      FileDescriptor filler(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      static_cast<void>(::connect(filler.get(), to.get(), to.size()));
      fillers.push_back(std::move(filler));
    }
  }
  std::vector<FileDescriptor> fillers;
};

/// Nobody listens there any more.
Endpoint closed_port(std::string_view address) { return Host(address).endpoint; }

/// What came of it. The stream itself ends with its thread's work.
struct Told {
  std::string all;  ///< "connected" or "failed", and how each try failed
  Endpoint to;
  Endpoint peer;
  Endpoint local;
  std::vector<Outbound::Failed> failed;
};

Async<Told> connect_and_tell(OutboundOptions options) {
  auto outbound = co_await connect_any(std::move(options));
  Told told{.all = outbound.stream ? "connected" : "failed", .to = outbound.to, .peer = {}, .local = {}, .failed = {}};
  for (const auto& failed : outbound.failed) told.all += fmt::format(" {}", name_of(failed.error.kind));
  if (outbound.stream) {
    told.peer = outbound.stream->peer();
    told.local = outbound.stream->local();
    co_await outbound.stream->close();
  }
  told.failed = std::move(outbound.failed);
  co_return told;
}

Told connect_to(OutboundOptions options) { return run_to_end(connect_and_tell(std::move(options))); }

TEST(Outbound, TheFamiliesTakeTurns) {
  const auto text = [](std::vector<Endpoint> addresses) {
    std::string out;
    for (const auto& endpoint : interleave(std::move(addresses))) out += endpoint.host() + " ";
    return out;
  };
  const auto v6 = [](int n) { return at(fmt::format("2001:db8::{}", n), 25); };
  const auto v4 = [](int n) { return at(fmt::format("192.0.2.{}", n), 25); };
  EXPECT_EQ(text({}), "");
  EXPECT_EQ(text({v6(1), v6(2), v4(1), v4(2)}), "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2 ");
  EXPECT_EQ(text({v4(1), v6(1), v6(2), v6(3)}), "192.0.2.1 2001:db8::1 2001:db8::2 2001:db8::3 ");
  EXPECT_EQ(text({v4(1), v4(2)}), "192.0.2.1 192.0.2.2 ");
}

TEST(Outbound, TheFirstThatAnswersIsTaken) {
  const Host host("127.0.0.1");
  const auto outbound = connect_to({.to = {host.endpoint}});
  EXPECT_EQ(outbound.all, "connected");
  EXPECT_EQ(outbound.peer, host.endpoint);
  EXPECT_EQ(outbound.to, host.endpoint);
  EXPECT_EQ(outbound.local.host(), "127.0.0.1");
}

TEST(Outbound, ARefusalLeadsOnAtOnce) {
  const Host host("127.0.0.1");
  const auto began = std::chrono::steady_clock::now();
  const auto outbound = connect_to(
      {.to = {closed_port("127.0.0.2"), closed_port("127.0.0.3"), host.endpoint}, .timeout = 20s, .between = 19s});
  EXPECT_EQ(outbound.all, "connected closed closed");
  EXPECT_EQ(outbound.to, host.endpoint);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 15s);
}

TEST(Outbound, ASilentAddressCostsOnlyTheDelay) {
  const SilentHost silent("127.0.0.2");
  const Host host("127.0.0.1");
  const auto began = std::chrono::steady_clock::now();
  const auto outbound = connect_to({.to = {silent.endpoint, host.endpoint}, .timeout = 30s, .between = 50ms});
  EXPECT_EQ(outbound.all, "connected");
  EXPECT_EQ(outbound.to, host.endpoint);
  EXPECT_GE(std::chrono::steady_clock::now() - began, 50ms);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 20s);
}

TEST(Outbound, BothFamilies) {
  const Host v6("::1");
  if (!v6.bound) GTEST_SKIP() << "no IPv6 here";
  const auto outbound = connect_to({.to = {closed_port("127.0.0.2"), v6.endpoint}});
  EXPECT_EQ(outbound.all, "connected closed");
  EXPECT_EQ(outbound.peer.host(), "::1");
}

TEST(Outbound, AllFail) {
  const SilentHost silent("127.0.0.2");
  const auto outbound =
      connect_to({.to = {silent.endpoint, closed_port("127.0.0.3")}, .timeout = 200ms, .between = 10ms});
  EXPECT_EQ(outbound.all, "failed closed timeout");
  EXPECT_EQ(outbound.failed[1].to, silent.endpoint);
  EXPECT_EQ(connect_to({.to = {}}).all, "failed");
  EXPECT_EQ(connect_to({.to = {closed_port("127.0.0.3")}}).all, "failed closed");
}

TEST(Outbound, FromAGivenAddress) {
  const Host host("127.0.0.1");
  const auto outbound =
      connect_to({.to = {host.endpoint}, .from = {ip::make_address("::1"), ip::make_address("127.0.0.9")}});
  ASSERT_EQ(outbound.all, "connected");
  EXPECT_EQ(outbound.local.host(), "127.0.0.9");
  // No address of that family, and none that isn't ours.
  const auto to = [&](std::string_view from, bool only) {
    return connect_to({.to = {host.endpoint}, .from = {ip::make_address(from)}, .only_from = only}).all;
  };
  EXPECT_EQ(to("::1", false), "connected");
  EXPECT_EQ(to("::1", true), "failed io");
  EXPECT_EQ(to("192.0.2.77", false), "failed io");
}

TEST(Outbound, AUnixSocket) {
  const auto path = testing::TempDir() + "pabal-outbound.sock";
  ::unlink(path.c_str());
  const auto where = Endpoint::unix_socket(path);
  EXPECT_EQ(connect_to({.to = {where}}).all, "failed closed");
  const auto address = SocketAddress::of(where).value();
  const FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(socket.get(), address.get(), address.size()), 0);
  ASSERT_EQ(::listen(socket.get(), 4), 0);
  EXPECT_EQ(connect_to({.to = {where}, .from = {ip::make_address("127.0.0.9")}}).all, "connected");
  ::unlink(path.c_str());
}

/// Who waits may go away: nothing of it is left.
Async<> begin_and_leave(OutboundOptions options) {
  asio::co_spawn(co_await asio::this_coro::executor, connect_any(std::move(options)),
                 [](const std::exception_ptr& /*thrown*/, const Outbound& /*never*/) { FAIL(); });
}

// Not before its time-out, but when it is told to.
TEST(Outbound, AStopEndsWhatIsUnderWay) {
  const SilentHost silent("127.0.0.1");
  const auto stop = std::make_shared<OutboundStop>();
  const auto begun = std::chrono::steady_clock::now();
  const auto told = run_to_end([](Endpoint to, std::shared_ptr<OutboundStop> end) -> Async<Told> {
    const auto stop_soon = [](std::shared_ptr<OutboundStop> one) -> Async<> {
      co_await sleep_for(20ms);
      one->stop();
    };
    asio::co_spawn(co_await asio::this_coro::executor, stop_soon(end), asio::detached);
    co_return co_await connect_and_tell({.to = {to}, .timeout = 1h, .stop = end});
  }(silent.endpoint, stop));
  EXPECT_EQ(told.all, "failed closed");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 60s);
  EXPECT_EQ(connect_to({.to = {silent.endpoint}, .timeout = 1h, .stop = stop}).all, "failed") << "nor is it tried";
}

TEST(Outbound, ATryThatNobodyAwaitsToTheEnd) {
  const SilentHost silent("127.0.0.2");
  asio::io_context io(1);
  asio::co_spawn(io, begin_and_leave({.to = {silent.endpoint, silent.endpoint}, .timeout = 30s, .between = 1ms}),
                 [](const std::exception_ptr& thrown) { EXPECT_FALSE(thrown); });
  io.run_for(100ms);
}

}  // namespace
}  // namespace pabal::net
