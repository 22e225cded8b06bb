// imap_logins: clients that connect, log in and go, one after the other on each of some threads: how many a second.
#include <array>
#include <atomic>
#include <csignal>
#include <string>
#include <sys/socket.h>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <poll.h>

#include "support/socket.hpp"

namespace pabal::bench {

namespace {

struct Options {
  std::string target = "127.0.0.1:1143";
  std::string domain = "load.example";
  std::string password;
  std::size_t users = 1;
  std::size_t threads = 4;
  std::size_t logins = 0;  ///< so many and no more; 0: as many as `seconds` allow
  double seconds = 4;
};

void wait_for(int fd, short events) {
  pollfd poll{fd, events, 0};
  if (::poll(&poll, 1, 60'000) != 1) die("the server doesn't answer");
}

/// Reads up to a line that begins with `word`.
void read_up_to(const Fd& fd, std::string_view word) {
  std::string in;
  std::array<char, 4096> buffer{};
  while (true) {
    const auto got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EAGAIN) {
      wait_for(fd.get(), POLLIN);
      continue;
    }
    if (got <= 0) die("the server closed a connection");
    in.append(buffer.data(), static_cast<std::size_t>(got));
    if (!in.ends_with("\n")) continue;
    const auto last = in.size() < 2 ? std::string::npos : in.rfind('\n', in.size() - 2);
    if (in.compare(last == std::string::npos ? 0 : last + 1, word.size(), word) == 0) return;
  }
}

void log_in(const Options& options, const sockaddr_in& target, std::size_t number) {
  const auto fd = begin_connect(target, fmt::format("127.0.{}.{}", 1 + number / 200 % 200, 2 + number % 200));
  if (!fd.open()) die("connect");
  wait_for(fd.get(), POLLOUT);
  read_up_to(fd, "* OK");
  const auto words =
      fmt::format("a LOGIN user{}@{} \"{}\"\r\n", number % options.users, options.domain, options.password);
  if (::send(fd.get(), words.data(), words.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(words.size())) die("send");
  read_up_to(fd, "a OK");
}

void run(const Options& options) {
  const auto target = parse_target(options.target);
  std::atomic<std::size_t> done = 0;
  const Moment begin = now();
  std::vector<std::jthread> threads;
  threads.reserve(options.threads);
  for (std::size_t i = 0; i < options.threads; ++i) {
    threads.emplace_back([&] {
      while (options.logins == 0 ? seconds_since(begin) < options.seconds : done < options.logins) {
        log_in(options, target, done++);
      }
    });
  }
  threads.clear();
  const double seconds = seconds_since(begin);
  fmt::print("logins={}\nrate={:.0f}\nclient_cpu_us={:.1f}\n", done.load(), static_cast<double>(done) / seconds,
             own_cpu_seconds() * 1e6 / static_cast<double>(done));
}

}  // namespace

}  // namespace pabal::bench

int main(int argc, char** argv) {
  pabal::bench::Options options;
  CLI::App app("Logs in over IMAP again and again and says how often a second.");
  app.add_option("--target", options.target, "ADDRESS:PORT");
  app.add_option("--domain", options.domain, "of the users user0, user1, …");
  app.add_option("--password", options.password)->required();
  app.add_option("--users", options.users);
  app.add_option("--threads", options.threads);
  app.add_option("--logins", options.logins, "how many; else for --seconds");
  app.add_option("--seconds", options.seconds);
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  pabal::bench::run(options);
  return 0;
}
