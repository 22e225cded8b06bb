#include "net/listener.hpp"

#include <cerrno>
#include <cstdlib>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/text.hpp"
#include "net/socket_address.hpp"

namespace pabal::net {

namespace {

constexpr int kFirstActivated = 3;  // sd_listen_fds(3)
constexpr int kBacklog = 4096;

Result<Endpoint> endpoint_of(const ListenerOptions& options) {
  constexpr std::string_view kUnix = "unix:";
  if (options.address.starts_with(kUnix)) {
    if (options.address.size() == kUnix.size()) return fail(ErrorKind::syntax, "'unix:' without a path");
    return Endpoint::unix_socket(options.address.substr(kUnix.size()));
  }
  boost::system::error_code failed;
  const auto address = boost::asio::ip::make_address(options.address, failed);
  if (failed) {
    return fail(ErrorKind::syntax,
                fmt::format("'{}' is neither an IP address nor unix:PATH", printable(options.address)));
  }
  return Endpoint::of(address, options.port);
}

Result<FileDescriptor> open_tcp(const Endpoint& at, bool shared) {
  const auto address = SocketAddress::of(at);
  if (!address) return pass(address);
  FileDescriptor socket(::socket(address->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("open a socket for", at.text(), errno);
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (shared && ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
    return fail_errno("share the port of", at.text(), errno);
  }
  if (address->family() == AF_INET6) {
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  set_tcp_options(socket.get(), at);
  if (::bind(socket.get(), address->get(), address->size()) != 0) return fail_errno("bind to", at.text(), errno);
  if (::listen(socket.get(), kBacklog) != 0) return fail_errno("listen on", at.text(), errno);
  return socket;
}

/// Whether a server answers on a Unix socket.
bool somebody_answers(const SocketAddress& address) {
  const FileDescriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!probe) return true;
  return ::connect(probe.get(), address.get(), address.size()) == 0 || errno == EAGAIN || errno == EINPROGRESS;
}

/// Makes the socket's file; 0 or the error.
int bind_unix(int socket, const SocketAddress& address, std::optional<unsigned> mode) {
  const mode_t before = mode ? ::umask(0777U & ~*mode) : 0;
  const int failed = ::bind(socket, address.get(), address.size()) == 0 ? 0 : errno;
  if (mode) ::umask(before);
  return failed;
}

Result<FileDescriptor> open_unix(const Endpoint& at, std::optional<unsigned> mode) {
  const auto address = SocketAddress::of(at);
  if (!address) return pass(address);
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("open a socket for", at.text(), errno);
  int failed = bind_unix(socket.get(), *address, mode);
  if (failed == EADDRINUSE) {
    struct stat status{};
    if (::lstat(at.path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode)) {
      return fail(ErrorKind::exists, "local error",
                  fmt::format("bind to {}: a file that is no socket is there", at.text()));
    }
    if (somebody_answers(*address)) {
      return fail(ErrorKind::exists, "local error", fmt::format("bind to {}: another server answers there", at.text()));
    }
    // What an earlier run left behind when it was killed.
    if (::unlink(at.path.c_str()) != 0) return fail_errno("remove the old", at.text(), errno);
    failed = bind_unix(socket.get(), *address, mode);
  }
  if (failed != 0) return fail_errno("bind to", at.text(), failed);
  if (::listen(socket.get(), kBacklog) != 0) return fail_errno("listen on", at.text(), errno);
  return socket;
}

bool is_listening(int socket) {
  int listening = 0;
  socklen_t size = sizeof listening;
  return ::getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0;
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (number_ >= 0) ::close(number_);
}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    if (number_ >= 0) ::close(number_);
    number_ = other.release();
  }
  return *this;
}

ActivatedSockets ActivatedSockets::take() {
  ActivatedSockets taken;
  const char* process = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  const auto pid = process == nullptr ? std::nullopt : parse_decimal(process);
  const auto number = count == nullptr ? std::nullopt : parse_decimal(count, 1000);
  if (pid == static_cast<std::uint64_t>(::getpid()) && number) {
    for (int descriptor = kFirstActivated; descriptor < kFirstActivated + static_cast<int>(*number); ++descriptor) {
      const int flags = ::fcntl(descriptor, F_GETFL);
      if (flags < 0 || !is_listening(descriptor)) continue;
      ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
      ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
      taken.sockets_.push_back(
          {.descriptor = FileDescriptor(descriptor), .bound = SocketAddress::local_of(descriptor).endpoint()});
    }
  }
  ::unsetenv("LISTEN_PID");
  ::unsetenv("LISTEN_FDS");
  ::unsetenv("LISTEN_FDNAMES");
  return taken;
}

FileDescriptor ActivatedSockets::find(const ListenerOptions& options) {
  const auto wanted = endpoint_of(options);
  if (!wanted) return {};
  for (auto socket = sockets_.begin(); socket != sockets_.end(); ++socket) {
    if (socket->bound != *wanted) continue;
    auto found = std::move(socket->descriptor);
    sockets_.erase(socket);
    return found;
  }
  return {};
}

std::vector<std::string> ActivatedSockets::unused() const {
  std::vector<std::string> all;
  all.reserve(sockets_.size());
  for (const auto& socket : sockets_) all.push_back(socket.bound.text());
  return all;
}

Result<BoundListener> bind_listener(ListenerOptions options, std::size_t sockets, ActivatedSockets& activated) {
  auto at = endpoint_of(options);
  if (!at) return pass(at);
  BoundListener bound{.options = std::move(options), .local = *at, .sockets = {}, .unlink_at_end = {}};
  if (auto given = activated.find(bound.options)) {
    set_tcp_options(given.get(), *at);
    bound.sockets.push_back(std::move(given));
    return bound;
  }
  if (!at->address) {
    auto socket = open_unix(*at, bound.options.unix_mode);
    if (!socket) return pass(socket);
    bound.sockets.push_back(std::move(*socket));
    bound.unlink_at_end = at->path;
    return bound;
  }
  if (sockets > 1 && at->port != 0) {
    // A second server would get its share of a shared port without an error; alone on it, it hears of the first.
    if (const auto probe = open_tcp(*at, false); !probe) return pass(probe);
  }
  for (std::size_t i = 0; i < std::max<std::size_t>(sockets, 1); ++i) {
    auto socket = open_tcp(bound.local, sockets > 1);
    if (!socket) return pass(socket);
    // Where any port will do, the first one decides for all.
    if (i == 0) bound.local = SocketAddress::local_of(socket->get()).endpoint();
    bound.sockets.push_back(std::move(*socket));
  }
  return bound;
}

}  // namespace pabal::net
