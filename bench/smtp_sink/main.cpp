// smtp_sink: an SMTP server that takes every message and keeps none: what the machine could do if a mail server cost
// nothing. With a number of messages it ends when so many have come.
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <utility>

#include <fmt/format.h>

#include "support/socket.hpp"

namespace pabal::bench {

namespace {

class Session {
 public:
  explicit Session(Fd fd) : fd_(std::move(fd)) { send("220 sink.example ESMTP\r\n"); }

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] bool done() const noexcept { return done_; }
  /// Messages that came since the last call.
  [[nodiscard]] std::uint64_t take_count() noexcept { return std::exchange(count_, 0); }

  void ready() {
    std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    const auto got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      done_ = true;
      return;
    }
    in_.append(buffer.data(), static_cast<std::size_t>(got));
    std::string replies;
    std::size_t begin = 0;
    while (true) {
      const std::string_view rest = std::string_view(in_).substr(begin);
      if (data_) {
        const auto end = rest.find("\r\n.\r\n", searched_ > 4 ? searched_ - 4 : 0);
        if (end == std::string_view::npos) {
          searched_ = rest.size();
          break;
        }
        begin += end + 5;
        data_ = false;
        ++count_;
        replies += "250 2.0.0 gone\r\n";
        continue;
      }
      const auto end = rest.find("\r\n");
      if (end == std::string_view::npos) break;
      command(rest.substr(0, end), replies);
      begin += end + 2;
    }
    in_.erase(0, begin);
    if (!replies.empty()) send(replies);
  }

 private:
  void command(std::string_view line, std::string& replies) {
    if (line.starts_with("DATA")) {
      data_ = true;
      searched_ = 0;
      replies += "354 go on\r\n";
    } else if (line.starts_with("EHLO")) {
      replies += "250-sink.example\r\n250 PIPELINING\r\n";
    } else if (line.starts_with("QUIT")) {
      replies += "221 bye\r\n";
    } else {
      replies += "250 2.1.0 ok\r\n";
    }
  }

  void send(std::string_view words) {
    // Replies are small and the driver reads them: a full socket buffer is an error here.
    if (::send(fd_.get(), words.data(), words.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(words.size())) done_ = true;
  }

  Fd fd_;
  std::string in_;
  std::size_t searched_ = 0;
  std::uint64_t count_ = 0;
  bool data_ = false;
  bool done_ = false;
};

void serve(const sockaddr_in& target, std::uint64_t messages) {
  const Fd listener = listen_at(target);
  const Fd epoll = make_epoll();
  watch(epoll, listener.get(), EPOLLIN, nullptr);
  std::map<Session*, std::unique_ptr<Session>> sessions;
  std::array<epoll_event, 256> events{};
  std::uint64_t came = 0;
  while (messages == 0 || came < messages) {
    const int count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), -1);
    if (count < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < count; ++i) {
      auto* session = static_cast<Session*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (session == nullptr) {
        Fd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!fd.open()) continue;
        auto made = std::make_unique<Session>(std::move(fd));
        watch(epoll, made->fd(), EPOLLIN, made.get());
        auto* key = made.get();
        sessions.emplace(key, std::move(made));
        continue;
      }
      session->ready();
      came += session->take_count();
      if (session->done()) sessions.erase(session);
    }
  }
}

}  // namespace

}  // namespace pabal::bench

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    fmt::print(stderr, "usage: smtp_sink ADDRESS:PORT [MESSAGES]\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  pabal::bench::allow_many_files();
  pabal::bench::serve(pabal::bench::parse_target(argv[1]), argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0);
  return 0;
}
