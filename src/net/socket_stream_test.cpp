// SocketStream as a client in a coroutine, against the echo server and against sockets that misbehave.
#include "net/socket_stream.hpp"

#include <array>
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include "net/echo_server.hpp"
#include "net/socket_address.hpp"
#include "net/test_client.hpp"
#include "net/test_support.hpp"

namespace pabal::net {
namespace {

using namespace std::chrono_literals;

ListenerOptions loopback(TlsMode mode = TlsMode::off) {
  return {.protocol = "echo", .address = "127.0.0.1", .port = 0, .tls = mode, .proxy_protocol = {}};
}

std::shared_ptr<TlsContext> certificate() {
  RealFileSystem files;
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("pabal-stream-{}", ::getpid());
  std::filesystem::create_directories(folder);
  const CertificateFiles pair{.certificate = (folder / "cert.pem").string(), .key = (folder / "key.pem").string()};
  const auto wrote = write_self_signed(files, pair, "mail.example", RealClock().now());
  auto loaded = TlsContext::load(files, {.certificates = {pair}, .ciphers = {}});
  std::filesystem::remove_all(folder);
  return wrote && loaded ? *loaded : nullptr;
}

/// A socket that listens and never accepts.
struct Deaf {
  FileDescriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  Endpoint at;
  explicit Deaf(int backlog) {
    const auto any = SocketAddress::of(Endpoint::of(boost::asio::ip::make_address("127.0.0.1"), 0));
    if (::bind(socket.get(), any->get(), any->size()) != 0) throw std::runtime_error("bind");
    if (backlog >= 0 && ::listen(socket.get(), backlog) != 0) throw std::runtime_error("listen");
    at = SocketAddress::local_of(socket.get()).endpoint();
  }
};

/// Sends a line and reads one; "!kind" where that fails.
Async<std::string> ask(Stream* stream, std::string line) {
  const std::string_view pieces[] = {line, "\r", "\n"};
  if (const auto wrote = co_await stream->write_pieces(pieces); !wrote) {
    co_return "!" + std::string(name_of(wrote.error().kind));
  }
  while (stream->input().find('\n') == std::string_view::npos) {
    const auto more = co_await stream->fill();
    if (!more) co_return "!" + std::string(name_of(more.error().kind));
    if (!*more) co_return "!end";
  }
  std::string reply(stream->input().substr(0, stream->input().find('\r')));
  stream->consume(reply.size() + 2);
  co_return reply;
}

TEST(SocketStream, ConnectsAndTalksPlainThenTls) {
  EchoServer echo;
  const auto at = echo.listen(loopback(TlsMode::starttls), certificate());
  echo.start();
  run_to_end([](Endpoint to) -> Async<> {
    auto connected = co_await connect(to, 5s);
    EXPECT_TRUE(connected.has_value());
    if (!connected) co_return;
    auto& stream = **connected;
    EXPECT_EQ(stream.peer(), to);
    EXPECT_TRUE(stream.local().is_loopback());
    EXPECT_EQ(co_await ask(&stream, "hello"), "hello");
    EXPECT_EQ(co_await ask(&stream, "STARTTLS"), "go");
    const auto secure = co_await stream.start_tls_client(TestClient::trusting(), "mail.example");
    EXPECT_TRUE(secure.has_value());
    EXPECT_EQ(stream.tls()->version, "TLSv1.3");
    EXPECT_TRUE((co_await ask(&stream, "TLS")).starts_with("TLSv1.3 "));
    const auto twice = co_await stream.start_tls_client(TestClient::trusting(), "mail.example");
    EXPECT_EQ(twice.error().kind, ErrorKind::state);
    EXPECT_EQ(co_await ask(&stream, "QUIT"), "QUIT");
    EXPECT_EQ(co_await ask(&stream, "more"), "!end");
    co_await stream.close();
    co_await stream.close();
    EXPECT_EQ(co_await ask(&stream, "after the close"), "!closed");
    const auto fill = co_await stream.fill();
    EXPECT_EQ(fill.error().kind, ErrorKind::closed);
  }(at));
}

TEST(SocketStream, AnUntrustedCertificateIsAMatterOfPolicy) {
  EchoServer echo;
  const auto at = echo.listen(loopback(TlsMode::implicit), certificate());
  echo.start();
  run_to_end([](Endpoint to) -> Async<> {
    const auto strict = TlsClientContext::make({});
    auto connected = co_await connect(to, 5s);
    EXPECT_TRUE(strict.has_value() && connected.has_value());
    if (!connected) co_return;
    const auto secure = co_await (*connected)->start_tls_client(*strict, "mail.example");
    EXPECT_FALSE(secure.has_value());
    EXPECT_EQ(secure.error().kind, ErrorKind::policy) << secure.error().log;
  }(at));
}

TEST(SocketStream, RefusedSilentAndTooSlow) {
  const Deaf nobody(-1);
  const Deaf deaf(1);
  run_to_end([](Endpoint refused, Endpoint silent) -> Async<> {
    const auto none = co_await connect(refused, 5s);
    EXPECT_EQ(none.error().kind, ErrorKind::closed);
    EXPECT_NE(none.error().log.find(refused.text()), std::string::npos) << none.error().log;
    const auto no_path = co_await connect(Endpoint::unix_socket("/nonexistent/socket"), 5s);
    EXPECT_FALSE(no_path.has_value());
    const auto too_long = co_await connect(Endpoint::unix_socket(std::string(200, 'x')), 5s);
    EXPECT_EQ(too_long.error().kind, ErrorKind::limit);

    auto connected = co_await connect(silent, 5s);
    EXPECT_TRUE(connected.has_value());
    if (!connected) co_return;
    auto& stream = **connected;
    stream.set_timeout(20ms);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(co_await ask(&stream, "anybody?"), "!timeout");
    EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
    const auto secure = co_await stream.start_tls_client(TestClient::trusting(), "mail.example");
    EXPECT_EQ(secure.error().kind, ErrorKind::timeout);
    const std::string endless(64UL << 20, 'x');
    const auto wrote = co_await stream.write(endless);
    EXPECT_EQ(wrote.error().kind, ErrorKind::timeout);
    // Its queue is full by now with one waiting; a third connection hangs in the handshake.
    const auto second = co_await connect(silent, 1s);
    const auto third = co_await connect(silent, 50ms);
    EXPECT_FALSE(third.has_value());
    if (!third) EXPECT_EQ(third.error().kind, ErrorKind::timeout);
  }(nobody.at, deaf.at));
}

TEST(SocketStream, ADeadlineCanBecomeShorterAndLongerAgain) {
  const Deaf deaf(1);
  run_to_end([](Endpoint silent) -> Async<> {
    auto connected = co_await connect(silent, 5s);
    if (!connected) co_return;
    auto& stream = **connected;
    for (const auto timeout : {30ms, 5ms, 60ms, 1ms}) {
      stream.set_timeout(timeout);
      const auto start = std::chrono::steady_clock::now();
      const auto more = co_await stream.fill();
      const auto took = std::chrono::steady_clock::now() - start;
      EXPECT_EQ(more.error().kind, ErrorKind::timeout);
      EXPECT_GE(took, timeout);
      EXPECT_LT(took, timeout + 500ms);
    }
  }(deaf.at));
}

TEST(SocketStream, InputGrowsToItsLimitAndIsKeptInOrder) {
  EchoServer echo;
  const auto at = echo.listen(loopback());
  echo.start();
  run_to_end([](Endpoint to) -> Async<> {
    auto connected = co_await connect(to, 5s);
    if (!connected) co_return;
    auto& stream = **connected;
    for (const bool bulk : {false, true}) {
      stream.expect_bulk(bulk);
      EXPECT_TRUE((co_await stream.write("GIVE 400000\r\nGIVE 3\r\n")).has_value());
      auto more = co_await stream.fill();
      while (more && *more) {
        // Odd pieces leave, so that the rest is moved about.
        if (stream.input().size() < 100'000) stream.consume(777);
        more = co_await stream.fill();
      }
      EXPECT_FALSE(more.has_value());
      EXPECT_EQ(more.error().kind, ErrorKind::limit);
      EXPECT_EQ(stream.input().size(), 256UL << 10);
      EXPECT_EQ(stream.input().find_first_not_of('g'), std::string_view::npos);
      stream.consume(stream.input().size());
      while (stream.input().find("\r\n") == std::string_view::npos) {
        stream.consume(stream.input().size());
        if (!(co_await stream.fill()).value_or(false)) break;
      }
      stream.consume(stream.input().find("\r\n") + 2);
      while (stream.input().size() < 5) {
        if (!(co_await stream.fill()).value_or(false)) break;
      }
      EXPECT_EQ(stream.input(), "ggg\r\n");
      stream.consume(5);
    }
  }(at));
}

/// Two ends of a TCP connection; the first is not blocking.
struct Ends {
  FileDescriptor ours;
  FileDescriptor theirs;
  Ends() {
    const Deaf listener(1);
    const auto at = SocketAddress::of(listener.at);
    theirs = FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(theirs.get(), at->get(), at->size()) != 0) throw std::runtime_error("connect");
    ours = FileDescriptor(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!ours) throw std::runtime_error("accept");
  }
};

TEST(SocketStream, SeesThatThePeerHasLeft) {
  run_to_end([]() -> Async<> {
    const auto home = co_await asio::this_coro::executor;
    for (const bool with_words : {false, true}) {
      Ends ends;
      SocketStream stream(home, std::move(ends.ours), Endpoint(), Endpoint());
      EXPECT_FALSE(stream.peer_has_left());
      if (with_words) EXPECT_EQ(::send(ends.theirs.get(), "x", 1, 0), 1);
      EXPECT_FALSE(stream.peer_has_left());
      ends.theirs = FileDescriptor();
      EXPECT_TRUE(stream.peer_has_left());
      EXPECT_EQ(stream.input(), "");
    }
  }());
}

TEST(SocketStream, NewsWakeItFromWaiting) {
  run_to_end([]() -> Async<> {
    const auto home = co_await asio::this_coro::executor;
    Ends ends;
    SocketStream stream(home, std::move(ends.ours), Endpoint(), Endpoint());
    stream.set_timeout(1min);
    const auto start = std::chrono::steady_clock::now();
    asio::post(home, [&stream] { stream.wake(); });
    EXPECT_EQ((co_await stream.fill()).error().kind, ErrorKind::timeout);
    // Before anybody waits, twice: the next one is told once.
    stream.wake();
    stream.wake();
    EXPECT_EQ((co_await stream.fill()).error().kind, ErrorKind::timeout);
    EXPECT_EQ(::send(ends.theirs.get(), "x", 1, 0), 1);
    EXPECT_TRUE((co_await stream.fill()).value());
    EXPECT_EQ(stream.input(), "x");
    EXPECT_LT(std::chrono::steady_clock::now() - start, 30s);
    // Who waits to write goes on waiting.
    stream.set_timeout(50ms);
    asio::post(home, [&stream] { stream.wake(); });
    const std::string endless(64UL << 20, 'x');
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ((co_await stream.write(endless)).error().kind, ErrorKind::timeout);
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 50ms);
  }());
}

// Who hangs up on a peer that talks and talks goes on listening for a moment, so that the last words arrive; one that
// spoke shortly isn't waited for.
TEST(SocketStream, LastWordsReachAPeerThatTalksOn) {
  run_to_end([]() -> Async<> {
    const auto home = co_await asio::this_coro::executor;
    for (const bool talkative : {true, false}) {
      Ends ends;
      SocketStream stream(home, std::move(ends.ours), Endpoint(), Endpoint());
      const std::string said(talkative ? 3000 : 6, 'x');
      EXPECT_EQ(::send(ends.theirs.get(), said.data(), said.size(), 0), static_cast<ssize_t>(said.size()));
      EXPECT_TRUE((co_await stream.fill()).value_or(false));
      stream.consume(stream.input().size());
      EXPECT_TRUE(co_await stream.write("bye"));
      bool closed = false;
      bool listens = false;
      asio::post(home, [&ends, &closed, &listens] {
        listens = !closed;
        EXPECT_EQ(::send(ends.theirs.get(), "more", 4, MSG_NOSIGNAL), 4);
        std::array<char, 16> room{};
        EXPECT_EQ(::recv(ends.theirs.get(), room.data(), room.size(), MSG_DONTWAIT), 3);
        ends.theirs = FileDescriptor();
      });
      co_await stream.close();
      closed = true;
      co_await give_way();
      EXPECT_EQ(listens, talkative);
    }
  }());
}

// A peer whose octets are always there already, or that takes all of ours at once, lets the others of the thread have
// their turns all the same.
TEST(SocketStream, GivesWayWhereItNeverWaits) {
  constexpr std::size_t plenty = 1UL << 20;
  run_to_end([]() -> Async<> {
    const auto home = co_await asio::this_coro::executor;
    for (const bool reading : {true, false}) {
      Ends ends;
      const std::string octets(64UL << 10, 'x');
      if (reading) {
        while (::send(ends.theirs.get(), octets.data(), octets.size(), MSG_DONTWAIT) > 0) continue;
      }
      SocketStream stream(home, std::move(ends.ours), Endpoint(), Endpoint());
      stream.expect_bulk(true);
      bool others = false;
      asio::post(home, [&others] { others = true; });
      std::size_t moved = 0;
      while (moved < plenty && !others) {
        if (reading) {
          if (!(co_await stream.fill()).value_or(false)) break;
          moved += stream.input().size();
          stream.consume(stream.input().size());
        } else {
          if (!co_await stream.write(octets)) break;
          moved += octets.size();
        }
      }
      EXPECT_TRUE(others) << moved;
    }
  }());
}

}  // namespace
}  // namespace pabal::net
