#include "net/test_client.hpp"

#include <cerrno>
#include <stdexcept>
#include <sys/socket.h>

#include <fcntl.h>
#include <poll.h>

#include "net/socket_address.hpp"
#include "net/stream.hpp"
#include "net/tls_session.hpp"

namespace pabal::net {

namespace {

[[noreturn]] void give_up(std::string_view doing, int error_number) {
  throw std::runtime_error(std::string(doing) + ": " + std::generic_category().message(error_number));
}

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().log);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace

TestClient::TestClient(const Endpoint& to, std::chrono::milliseconds timeout) : timeout_(timeout) {
  const auto address = must(SocketAddress::of(to));
  socket_ = FileDescriptor(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket_.get(), address.get(), address.size()) != 0) give_up("connect", errno);
  ::fcntl(socket_.get(), F_SETFL, O_NONBLOCK);
  set_tcp_options(socket_.get(), to);
}

TestClient::~TestClient() = default;

std::shared_ptr<const TlsClientContext> TestClient::trusting() {
  return must(TlsClientContext::make({.verify = false, .trusted_roots = {}, .alpn = {}}));
}

void TestClient::wait(bool writing) {
  pollfd polled{.fd = socket_.get(), .events = static_cast<short>(writing ? POLLOUT : POLLIN), .revents = 0};
  const int ready = ::poll(&polled, 1, static_cast<int>(timeout_.count()));
  if (ready == 0) throw std::runtime_error("the server is silent");
  if (ready < 0 && errno != EINTR) give_up("poll", errno);
}

void TestClient::send(std::string_view octets) {
  while (!octets.empty()) {
    std::size_t sent = 0;
    bool writing = true;
    if (tls_) {
      const auto moved = must(tls_->write(octets));
      sent = moved.count;
      writing = moved.step != TlsSession::Step::want_read;
    } else {
      const auto count = ::send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
      if (count < 0 && errno != EAGAIN) give_up("send", errno);
      sent = count < 0 ? 0 : static_cast<std::size_t>(count);
    }
    octets.remove_prefix(sent);
    if (sent == 0) wait(writing);
  }
}

bool TestClient::fill() {
  char room[16384];
  while (true) {
    bool writing = false;
    if (tls_) {
      const auto moved = must(tls_->read(room));
      if (moved.step == TlsSession::Step::ended) return false;
      if (moved.step == TlsSession::Step::done) {
        input_.append(room, moved.count);
        return true;
      }
      writing = moved.step == TlsSession::Step::want_write;
    } else {
      const auto got = ::recv(socket_.get(), room, sizeof room, 0);
      if (got == 0) return false;
      if (got > 0) {
        input_.append(room, static_cast<std::size_t>(got));
        return true;
      }
      if (errno != EAGAIN) give_up("read", errno);
    }
    wait(writing);
  }
}

std::string TestClient::read_line() {
  while (true) {
    const auto end = input_.find('\n');
    if (end != std::string::npos) {
      auto line = input_.substr(0, end + 1);
      input_.erase(0, end + 1);
      return line;
    }
    if (!fill()) return std::exchange(input_, {});
  }
}

std::string TestClient::read(std::size_t count) {
  while (input_.size() < count && fill()) {
  }
  auto octets = input_.substr(0, count);
  input_.erase(0, octets.size());
  return octets;
}

std::string TestClient::read_to_end() {
  try {
    while (fill()) {
    }
  } catch (const std::runtime_error& error) {
    if (std::string_view(error.what()) == "the server is silent") throw;
  }
  return std::exchange(input_, {});
}

std::string TestClient::ask(std::string_view line) {
  send(std::string(line) + "\r\n");
  return read_line();
}

TlsInfo TestClient::start_tls(const std::shared_ptr<const TlsClientContext>& context, const std::string& peer_name) {
  auto session = must(TlsSession::client(context, peer_name, socket_.get()));
  while (true) {
    const auto step = must(session->handshake());
    if (step == TlsSession::Step::done) break;
    wait(step == TlsSession::Step::want_write);
  }
  tls_ = std::move(session);
  return tls_->info();
}

void TestClient::half_close() {
  if (tls_) tls_->say_goodbye();
  ::shutdown(socket_.get(), SHUT_WR);
}

}  // namespace pabal::net
