#include "net/server.hpp"

#include <filesystem>
#include <numeric>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "net/echo_server.hpp"
#include "net/socket_address.hpp"
#include "net/test_client.hpp"

namespace pabal::net {
namespace {

using namespace std::chrono_literals;

ListenerOptions plain(std::string address = "127.0.0.1") {
  return {.protocol = "echo", .address = std::move(address), .port = 0, .tls = TlsMode::off, .proxy_protocol = {}};
}

std::string temporary(const std::string& name) {
  return (std::filesystem::temp_directory_path() / fmt::format("pabal-{}-{}", ::getpid(), name)).string();
}

TEST(Server, AnswersOverTcp) {
  EchoServer echo;
  const auto at = echo.listen(plain());
  echo.start();
  TestClient client(at);
  EXPECT_EQ(client.ask("hello"), "hello\r\n");
  EXPECT_EQ(client.ask("TLS"), "none\r\n");
  client.send("one\r\ntwo\r\nthr");
  EXPECT_EQ(client.read_line(), "one\r\n");
  EXPECT_EQ(client.read_line(), "two\r\n");
  client.send("ee\r\n");
  EXPECT_EQ(client.read_line(), "three\r\n");
  EXPECT_EQ(client.ask("QUIT"), "QUIT\r\n");
  EXPECT_EQ(client.read_line(), "");
}

TEST(Server, AnswersOverIpv6) {
  EchoServer echo;
  const auto at = echo.listen(plain("::1"));
  echo.start();
  TestClient client(at);
  EXPECT_TRUE(client.ask("PEER").starts_with("[::1]:"));
}

TEST(Server, HalfCloseIsSeenBehindTheLastReply) {
  EchoServer echo;
  const auto at = echo.listen(plain());
  echo.start();
  TestClient client(at);
  client.send("one\r\ntwo\r\n");
  client.half_close();
  EXPECT_EQ(client.read_to_end(), "one\r\ntwo\r\n");
}

TEST(Server, BigBlocksBothWays) {
  EchoServer echo;
  const auto at = echo.listen(plain());
  echo.start();
  TestClient client(at);
  std::string block(5'000'001, 'x');
  for (std::size_t i = 0; i < block.size(); ++i) block[i] = static_cast<char>(i * 7);
  std::uint64_t sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  client.send(fmt::format("BULK {}\r\n", block.size()));
  client.send(block);
  EXPECT_EQ(client.read_line(), fmt::format("{}\r\n", sum));
  client.send("GIVE 5000000\r\nnext\r\n");
  EXPECT_EQ(client.read_line(), std::string(5'000'000, 'g') + "\r\n");
  EXPECT_EQ(client.read_line(), "next\r\n");
}

TEST(Server, DeadlinesEndTheSilentAndTheSlow) {
  EchoServer echo({.timeout = 100ms});
  const auto at = echo.listen(plain());
  echo.start();
  TestClient silent(at);
  EXPECT_EQ(silent.read_line(), "");
  // Reads nothing of an endless reply.
  TestClient slow(at);
  slow.send("GIVE 50000000\r\n");
  EXPECT_EQ(slow.read(1), "g");
  while (echo.server().connections() > 0) std::this_thread::sleep_for(5ms);
  EXPECT_TRUE(echo.stop(1s));
  const auto log = echo.log();
  EXPECT_EQ(log.find("closed"), std::string::npos) << log;
  EXPECT_EQ(std::ranges::count(log, '\n'), 2) << log;
}

TEST(Server, ADeadlineMovesWithEachWait) {
  EchoServer echo({.timeout = 150ms});
  const auto at = echo.listen(plain());
  echo.start();
  TestClient client(at);
  for (int i = 0; i < 8; ++i) {
    std::this_thread::sleep_for(40ms);
    EXPECT_EQ(client.ask("still here"), "still here\r\n");
  }
  EXPECT_EQ(client.read_line(), "");
}

TEST(Server, AnExceptionEndsItsConnectionAlone) {
  EchoServer echo;
  const auto at = echo.listen(plain());
  echo.start();
  TestClient other(at);
  EXPECT_EQ(other.ask("a"), "a\r\n");
  TestClient client(at);
  client.send("THROW\r\n");
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(other.ask("b"), "b\r\n");
  echo.stop(1s);
  EXPECT_NE(echo.log().find("thrown as asked"), std::string::npos);
}

TEST(Server, OrderlyStopSaysGoodbye) {
  EchoServer echo;
  const auto at = echo.listen(plain());
  echo.start();
  TestClient first(at);
  TestClient second(at);
  EXPECT_EQ(first.ask("a"), "a\r\n");
  EXPECT_EQ(second.ask("b"), "b\r\n");
  EXPECT_TRUE(echo.stop(5s));
  EXPECT_EQ(first.read_to_end(), "421 bye\r\n");
  EXPECT_EQ(second.read_to_end(), "421 bye\r\n");
  EXPECT_THROW(TestClient third(at), std::runtime_error);
  EXPECT_EQ(echo.server().connections(), 0U);
}

TEST(Server, GraceEndsAndTheRestIsCutOff) {
  EchoServer echo;
  const auto at = echo.listen(plain());
  echo.start();
  TestClient client(at);
  client.send("GIVE 50000000\r\n");  // and does not read it
  EXPECT_EQ(client.read(1), "g");
  const auto before = std::chrono::steady_clock::now();
  EXPECT_FALSE(echo.stop(100ms));
  EXPECT_LT(std::chrono::steady_clock::now() - before, 1500ms);
  EXPECT_EQ(echo.server().connections(), 0U);
}

TEST(Server, NeverStartedIsHarmless) {
  EchoServer echo;
  echo.listen(plain());
}

TEST(Server, TooManyInAllAreToldSo) {
  EchoServer echo({.limits = {.connections = 2}});
  const auto at = echo.listen(plain());
  echo.start();
  auto first = std::make_unique<TestClient>(at);
  TestClient second(at);
  EXPECT_EQ(first->ask("a"), "a\r\n");
  EXPECT_EQ(second.ask("b"), "b\r\n");
  TestClient third(at);
  EXPECT_EQ(third.read_to_end(), "421 full\r\n");
  first.reset();
  while (echo.server().connections() > 1) std::this_thread::sleep_for(1ms);
  TestClient fourth(at);
  EXPECT_EQ(fourth.ask("d"), "d\r\n");
  const auto metrics = echo.metrics();
  EXPECT_NE(metrics.find("pabal_connections_open{protocol=\"echo\"} 2"), std::string::npos) << metrics;
  EXPECT_NE(metrics.find("pabal_connections_accepted_total{protocol=\"echo\"} 4"), std::string::npos) << metrics;
  EXPECT_NE(metrics.find("reason=\"total\"} 1"), std::string::npos) << metrics;
}

// Who looks after a server that is full must get in.
TEST(Server, SomeListenersHaveRoomOfTheirOwn) {
  EchoServer echo({.limits = {.connections = 1}});
  ActivatedSockets none;
  const auto at = echo.listen(plain());
  const auto apart = echo.listen(plain(), nullptr, none, 2);
  echo.start();
  TestClient first(at);
  EXPECT_EQ(first.ask("a"), "a\r\n");
  TestClient second(at);
  EXPECT_EQ(second.read_to_end(), "421 full\r\n");
  auto third = std::make_unique<TestClient>(apart);
  EXPECT_EQ(third->ask("c"), "c\r\n");
  TestClient fourth(apart);
  EXPECT_EQ(fourth.ask("d"), "d\r\n");
  TestClient fifth(apart);
  EXPECT_EQ(fifth.read_to_end(), "421 full\r\n");
  third.reset();
  while (echo.server().connections() > 2) std::this_thread::sleep_for(1ms);
  TestClient sixth(apart);
  EXPECT_EQ(sixth.ask("f"), "f\r\n");
  TestClient seventh(at);
  EXPECT_EQ(seventh.read_to_end(), "421 full\r\n");
}

TEST(Server, TooManyOfAnAddressAreToldSo) {
  EchoServer echo({.limits = {.connections_per_address = 1, .limit_loopback = true}});
  const auto at = echo.listen(plain());
  echo.start();
  auto first = std::make_unique<TestClient>(at);
  EXPECT_EQ(first->ask("a"), "a\r\n");
  TestClient second(at);
  EXPECT_EQ(second.read_to_end(), "421 full\r\n");
  first.reset();
  while (echo.server().connections() > 0) std::this_thread::sleep_for(1ms);
  TestClient third(at);
  EXPECT_EQ(third.ask("c"), "c\r\n");
}

TEST(Server, TooOftenIsToldSo) {
  EchoServer echo({.limits = {.new_connections_per_minute = 3, .limit_loopback = true}});
  const auto at = echo.listen(plain());
  echo.start();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(TestClient(at).ask("a"), "a\r\n");
  EXPECT_EQ(TestClient(at).read_to_end(), "421 full\r\n");
}

TEST(Server, LimitsChangeForWhoComesLater) {
  EchoServer echo({.limits = {.connections = 1, .limit_loopback = true}});
  const auto at = echo.listen(plain());
  echo.start();
  TestClient first(at);
  EXPECT_EQ(first.ask("a"), "a\r\n");
  EXPECT_EQ(TestClient(at).read_to_end(), "421 full\r\n");
  echo.server().set_limits({.connections = 3, .limit_loopback = true});
  TestClient second(at);
  EXPECT_EQ(second.ask("b"), "b\r\n");
  echo.server().set_limits({.connections = 3, .connections_per_address = 2, .limit_loopback = true});
  EXPECT_EQ(TestClient(at).read_to_end(), "421 full\r\n");
  EXPECT_EQ(first.ask("a"), "a\r\n");
}

TEST(Server, AUnixSocketHasTheModeItIsGiven) {
  const auto path = temporary("mode.sock");
  for (const unsigned mode : {0600U, 0660U, 0666U}) {
    EchoServer echo;
    auto options = plain("unix:" + path);
    options.unix_mode = mode;
    const auto at = echo.listen(options);
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, mode);
    echo.start();
    EXPECT_EQ(TestClient(at).ask("a"), "a\r\n");
  }
}

TEST(Server, UnixSocketsAndStaleFiles) {
  const auto path = temporary("echo");
  {
    // A socket file whose server was killed.
    FileDescriptor dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    const auto address = SocketAddress::of(Endpoint::unix_socket(path));
    ASSERT_EQ(::bind(dead.get(), address->get(), address->size()), 0);
  }
  EchoServer echo({.threads = 3});
  const auto at = echo.listen(plain("unix:" + path));
  echo.start();
  for (int i = 0; i < 6; ++i) {
    TestClient client(at);
    EXPECT_EQ(client.ask("PEER"), fmt::format("unix: unix:{} true\r\n", path));
  }
  EchoServer second;
  EXPECT_THROW(second.listen(plain("unix:" + path)), std::runtime_error);
  echo.stop(1s);
  EXPECT_FALSE(std::filesystem::exists(path));

  const auto file = temporary("no-socket");
  ::close(::open(file.c_str(), O_CREAT | O_WRONLY, 0600));
  EXPECT_THROW(second.listen(plain("unix:" + file)), std::runtime_error);
  EXPECT_TRUE(std::filesystem::exists(file));
  std::filesystem::remove(file);
}

TEST(Server, APortThatIsTakenIsAnError) {
  EchoServer echo;
  auto taken = plain();
  taken.port = echo.listen(plain()).port;
  EchoServer second;
  EXPECT_THROW(second.listen(taken), std::runtime_error);
  EXPECT_THROW(second.listen(plain("nowhere")), std::runtime_error);
  EXPECT_THROW(second.listen(plain("unix:")), std::runtime_error);
  auto implicit = plain();
  implicit.tls = TlsMode::implicit;
  EXPECT_THROW(second.listen(implicit), std::runtime_error);
}

TEST(Server, BelievesThePROXYHeaderOfItsNetworksAlone) {
  EchoServer echo({.limits = {.connections_per_address = 1, .proxy_header_timeout = 100ms}});
  auto believed = plain();
  believed.proxy_protocol.push_back(*Network::parse("127.0.0.0/8"));
  auto others = plain();
  others.proxy_protocol.push_back(*Network::parse("10.0.0.0/8"));
  const auto at = echo.listen(believed);
  const auto closed = echo.listen(others);
  const auto none = echo.listen(plain());
  echo.start();

  TestClient client(at);
  client.send("PROXY TCP4 192.0.2.7 192.0.2.25 40000 25\r\nPE");
  client.send("ER\r\n");
  EXPECT_EQ(client.read_line(), "192.0.2.7:40000 192.0.2.25 false\r\n");
  // The limits count the client, not the balancer.
  TestClient same(at);
  same.send("PROXY TCP4 192.0.2.7 192.0.2.25 40001 25\r\n");
  EXPECT_EQ(same.read_to_end(), "421 full\r\n");
  TestClient another(at);
  another.send("PROXY TCP4 192.0.2.8 192.0.2.25 40001 25\r\n");
  EXPECT_EQ(another.ask("hi"), "hi\r\n");
  TestClient local(at);
  local.send(std::string_view("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16));
  EXPECT_TRUE(local.ask("PEER").starts_with("127.0.0.1:"));

  TestClient without(at);
  without.send("PEER\r\n");
  EXPECT_EQ(without.read_to_end(), "");
  TestClient slow(at);
  slow.send("PROXY TCP4 192.0");
  EXPECT_EQ(slow.read_to_end(), "");
  TestClient stranger(closed);
  EXPECT_EQ(stranger.read_to_end(), "");
  TestClient plain_client(none);
  EXPECT_EQ(plain_client.ask("PROXY TCP4 192.0.2.7 192.0.2.25 40000 25"),
            "PROXY TCP4 192.0.2.7 192.0.2.25 40000 25\r\n");
}

TEST(Server, RestsWhenDescriptorsRunOut) {
  EchoServer echo;
  const auto at = echo.listen(plain());
  echo.start();
  TestClient first(at);
  EXPECT_EQ(first.ask("a"), "a\r\n");
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  // A socket for the second client, none for the server's end of it.
  FileDescriptor held(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const FileDescriptor highest(::fcntl(held.get(), F_DUPFD_CLOEXEC, 0));
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(highest.get()) + 1;
  ::setrlimit(RLIMIT_NOFILE, &tight);
  const auto address = SocketAddress::of(at);
  ASSERT_EQ(::connect(held.get(), address->get(), address->size()), 0);
  std::this_thread::sleep_for(150ms);
  EXPECT_EQ(first.ask("still served"), "still served\r\n");
  ::setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_EQ(::send(held.get(), "late\r\n", 6, MSG_NOSIGNAL), 6) << errno << echo.log();
  char reply[16];
  EXPECT_EQ(::recv(held.get(), reply, sizeof reply, 0), 6);
  echo.stop(1s);
  EXPECT_NE(echo.log().find("accepting rests"), std::string::npos);
}

TEST(Server, SocketsHandedDownAreUsed) {
  const FileDescriptor given(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto any = SocketAddress::of(Endpoint::of(boost::asio::ip::make_address("127.0.0.1"), 0));
  ASSERT_EQ(::bind(given.get(), any->get(), any->size()), 0);
  ASSERT_EQ(::listen(given.get(), 10), 0);
  const auto at = SocketAddress::local_of(given.get()).endpoint();
  // The server in a child process that gets the socket as number 3, as systemd hands it down.
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (given.get() != 3) ::dup2(given.get(), 3);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "1", 1);
    auto activated = ActivatedSockets::take();
    if (std::getenv("LISTEN_FDS") != nullptr || activated.unused().size() != 1) ::_exit(2);
    EchoServer echo({.threads = 2});
    auto options = plain();
    options.port = at.port;
    echo.listen(options, nullptr, activated);
    if (!activated.unused().empty()) ::_exit(3);
    echo.start();
    while (echo.metrics().find("accepted_total{protocol=\"echo\"} 2") == std::string::npos ||
           echo.server().connections() > 0) {
      std::this_thread::sleep_for(1ms);
    }
    echo.stop(1s);
    ::_exit(0);
  }
  EXPECT_EQ(TestClient(at).ask("one"), "one\r\n");
  EXPECT_EQ(TestClient(at).ask("two"), "two\r\n");
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Server, TwoThousandSlowClientsHoldNobodyUp) {
  EchoServer echo;
  const auto at = echo.listen(plain());
  echo.start();
  std::vector<std::unique_ptr<TestClient>> slow;
  slow.reserve(2000);
  for (int i = 0; i < 2000; ++i) {
    slow.push_back(std::make_unique<TestClient>(at));
    slow.back()->send("x");  // a line that never ends
  }
  TestClient quick(at);
  std::vector<std::chrono::nanoseconds> waits;
  for (int i = 0; i < 500; ++i) {
    slow[static_cast<std::size_t>(i) * 4]->send("y");
    const auto before = std::chrono::steady_clock::now();
    ASSERT_EQ(quick.ask("quick"), "quick\r\n");
    waits.push_back(std::chrono::steady_clock::now() - before);
  }
  std::ranges::sort(waits);
  EXPECT_LT(waits[waits.size() / 2], 20ms);
  EXPECT_TRUE(echo.stop(10s));
}

}  // namespace
}  // namespace pabal::net
