// pop3_load: N connections that fetch every message of their mailbox again and again, in one thread.
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "support/socket.hpp"

namespace pabal::bench {

namespace {

struct Options {
  std::string target = "127.0.0.1:2110";
  std::size_t connections = 10;
  double seconds = 3;
  std::string user = "user{}@load.example";
  std::string password = "secret";
};

class Reader {
 public:
  Reader(const Options& options, std::size_t number, const Fd& epoll)
      : options_(options), user_(options.user), fd_(begin_connect(parse_target(options.target))) {
    if (!fd_.open()) die("connect");
    if (const auto at = user_.find("{}"); at != std::string::npos) user_.replace(at, 2, std::to_string(number));
    watch(epoll, fd_.get(), EPOLLIN, this);
  }

  void ready() {
    const std::size_t before = in_.size();
    in_.resize(before + 65536);
    const auto got = ::recv(fd_.get(), in_.data() + before, 65536, 0);
    if (got < 0 && errno == EAGAIN) {
      in_.resize(before);
      return;
    }
    if (got <= 0) die("the server closed the connection of " + user_);
    in_.resize(before + static_cast<std::size_t>(got));
    const std::string_view all = in_;
    if (!all.ends_with("\r\n")) return;
    if (!all.starts_with("+OK")) {
      errno = 0;
      die(user_ + ": " + in_);
    }
    // Only one command is ever under way, and stuffing keeps this sequence out of a message.
    if (phase_ == Phase::retrieve && !all.ends_with("\r\n.\r\n")) return;
    answered();
    in_.clear();
  }

  [[nodiscard]] bool reading() const noexcept { return phase_ == Phase::retrieve; }
  [[nodiscard]] std::uint64_t count() const noexcept { return retrieved_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  enum class Phase : std::uint8_t { greeting, user, pass, stat, waiting, retrieve };

  void answered() {
    switch (phase_) {
      case Phase::greeting:
        say(Phase::user, fmt::format("USER {}\r\n", user_));
        break;
      case Phase::user:
        say(Phase::pass, fmt::format("PASS {}\r\n", options_.password));
        break;
      case Phase::pass:
        say(Phase::stat, "STAT\r\n");
        break;
      case Phase::stat:
        messages_ = std::strtoull(in_.c_str() + 4, nullptr, 10);
        if (messages_ == 0) {
          errno = 0;
          die(user_ + " has no messages");
        }
        phase_ = Phase::waiting;
        break;
      case Phase::waiting:
        break;
      case Phase::retrieve:
        ++retrieved_;
        bytes_ += in_.size();
        retrieve();
        break;
    }
  }

  void say(Phase next, std::string_view words) {
    phase_ = next;
    if (::send(fd_.get(), words.data(), words.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(words.size())) die("send");
  }

 public:
  /// Begins, once all are logged in.
  void retrieve() {
    at_ = at_ % messages_ + 1;
    std::array<char, 32> command{};
    const auto end = fmt::format_to_n(command.data(), command.size(), "RETR {}\r\n", at_);
    say(Phase::retrieve, std::string_view(command.data(), end.size));
  }
  [[nodiscard]] bool waiting() const noexcept { return phase_ == Phase::waiting; }

 private:
  const Options& options_;
  std::string user_;
  Fd fd_;
  Phase phase_ = Phase::greeting;
  std::string in_;
  std::uint64_t messages_ = 0;
  std::uint64_t at_ = 0;
  std::uint64_t retrieved_ = 0;
  std::uint64_t bytes_ = 0;
};

void run(const Options& options) {
  const Fd epoll = make_epoll();
  std::vector<std::unique_ptr<Reader>> readers;
  readers.reserve(options.connections);
  for (std::size_t i = 0; i < options.connections; ++i) readers.push_back(std::make_unique<Reader>(options, i, epoll));
  std::array<epoll_event, 256> events{};
  std::optional<Moment> begin;
  double cpu = 0;
  const Moment start = now();
  while (!begin || seconds_since(*begin) < options.seconds) {
    const int count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), 1000);
    if (count < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < count; ++i) static_cast<Reader*>(events[static_cast<std::size_t>(i)].data.ptr)->ready();
    if (!begin && std::ranges::all_of(readers, [](const auto& reader) { return reader->waiting(); })) {
      begin = now();
      cpu = own_cpu_seconds();
      for (const auto& reader : readers) reader->retrieve();
    }
    if (!begin && seconds_since(start) > 120) {
      errno = 0;
      die("logging in took too long");
    }
  }
  const double seconds = seconds_since(*begin);
  std::uint64_t retrieved = 0;
  std::uint64_t bytes = 0;
  for (const auto& reader : readers) {
    retrieved += reader->count();
    bytes += reader->bytes();
  }
  fmt::print("retrieved={}\nbytes={}\nrate={:.0f}\nclient_cpu_us={:.1f}\n", retrieved, bytes,
             static_cast<double>(retrieved) / seconds,
             (own_cpu_seconds() - cpu) * 1e6 / static_cast<double>(std::max<std::uint64_t>(retrieved, 1)));
}

}  // namespace

}  // namespace pabal::bench

int main(int argc, char** argv) {
  pabal::bench::Options options;
  CLI::App app("Fetches messages over POP3 and says how fast they came.");
  app.add_option("--target", options.target, "ADDRESS:PORT");
  app.add_option("--connections", options.connections);
  app.add_option("--seconds", options.seconds);
  app.add_option("--user", options.user, "login name; {} is the connection's number");
  app.add_option("--password", options.password);
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  pabal::bench::allow_many_files();
  pabal::bench::run(options);
  return 0;
}
