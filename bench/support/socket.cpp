#include "support/socket.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace pabal::bench {

void die(std::string_view what) {
  const std::string reason = errno != 0 ? std::strerror(errno) : "";
  fmt::print(stderr, "{}{}{}\n", what, reason.empty() ? "" : ": ", reason);
  std::exit(2);
}

Fd::~Fd() {
  if (number_ >= 0) ::close(number_);
}

sockaddr_in parse_target(const std::string& text) {
  errno = 0;
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) die("want ADDRESS:PORT, got " + text);
  sockaddr_in target{};
  target.sin_family = AF_INET;
  std::uint16_t port = 0;
  const auto* end = text.data() + text.size();
  if (const auto [at, error] = std::from_chars(text.data() + colon + 1, end, port); error != std::errc() || at != end) {
    die("no port in " + text);
  }
  target.sin_port = htons(port);
  if (::inet_pton(AF_INET, text.substr(0, colon).c_str(), &target.sin_addr) != 1) die("no IPv4 address in " + text);
  return target;
}

Fd begin_connect(const sockaddr_in& target) { return begin_connect(target, ""); }

Fd begin_connect(const sockaddr_in& target, const std::string& from) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.open()) die("socket");
  const int on = 1;
  if (::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) die("TCP_NODELAY");
  if (!from.empty()) {
    sockaddr_in local{};
    local.sin_family = AF_INET;
    if (::inet_pton(AF_INET, from.c_str(), &local.sin_addr) != 1) die("no IPv4 address: " + from);
    if (::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0)
      die("IP_BIND_ADDRESS_NO_PORT");
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0) die("bind " + from);
  }
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0 && errno != EINPROGRESS) {
    return {};
  }
  return fd;
}

Fd listen_at(const sockaddr_in& target) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.open()) die("socket");
  const int on = 1;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) die("SO_REUSEADDR");
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) die("bind");
  if (::listen(fd.get(), 1024) != 0) die("listen");
  return fd;
}

Fd make_epoll() {
  Fd fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!fd.open()) die("epoll_create1");
  return fd;
}

namespace {
void control(const Fd& epoll, int operation, int fd, std::uint32_t events, void* data) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = data;
  if (::epoll_ctl(epoll.get(), operation, fd, &event) != 0) die("epoll_ctl");
}
}  // namespace

void watch(const Fd& epoll, int fd, std::uint32_t events, void* data) {
  control(epoll, EPOLL_CTL_ADD, fd, events, data);
}

void change_watch(const Fd& epoll, int fd, std::uint32_t events, void* data) {
  control(epoll, EPOLL_CTL_MOD, fd, events, data);
}

double own_cpu_seconds() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) die("getrusage");
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void print_percentiles(std::string_view prefix, std::vector<std::uint32_t> micros) {
  if (micros.empty()) return;
  std::ranges::sort(micros);
  fmt::print("{0}_p50_us={1}\n{0}_p99_us={2}\n{0}_max_us={3}\n", prefix, micros[micros.size() / 2],
             micros[micros.size() * 99 / 100], micros.back());
}

void allow_many_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) die("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) die("setrlimit");
}

}  // namespace pabal::bench
