// What the load drivers share: sockets as values, the clock, and a loud end where the driver itself can't go on.
#pragma once
#include <chrono>
#include <cstdint>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pabal::bench {

/// Ends the program with status 2, what was tried and errno's words on stderr.
[[noreturn]] void die(std::string_view what);

/// A file descriptor with one owner.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int number) noexcept : number_(number) {}
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd();

  [[nodiscard]] int get() const noexcept { return number_; }
  [[nodiscard]] bool open() const noexcept { return number_ >= 0; }

 private:
  int number_ = -1;
};

/// "127.0.0.1:2525" as a socket address; ends the program where it is none.
[[nodiscard]] sockaddr_in parse_target(const std::string& text);

/// A non-blocking TCP connection under way, or closed where it failed at once.
[[nodiscard]] Fd begin_connect(const sockaddr_in& target);

/// The same with a local address of its own: one loopback address has about 28,000 ports to connect from.
[[nodiscard]] Fd begin_connect(const sockaddr_in& target, const std::string& from);

/// A listening, non-blocking TCP socket.
[[nodiscard]] Fd listen_at(const sockaddr_in& target);

/// Epoll's descriptor, and adding to it.
[[nodiscard]] Fd make_epoll();
void watch(const Fd& epoll, int fd, std::uint32_t events, void* data);
void change_watch(const Fd& epoll, int fd, std::uint32_t events, void* data);

using Moment = std::chrono::steady_clock::time_point;
[[nodiscard]] inline Moment now() noexcept { return std::chrono::steady_clock::now(); }
[[nodiscard]] inline double seconds_since(Moment start) noexcept {
  return std::chrono::duration<double>(now() - start).count();
}

/// CPU seconds that this process has used, user and system.
[[nodiscard]] double own_cpu_seconds();

/// Prints p50, p99 and the greatest of a list of microseconds, as "PREFIX_p50_us=…".
void print_percentiles(std::string_view prefix, std::vector<std::uint32_t> micros);

/// Lifts the limit of open files to the greatest allowed one.
void allow_many_files();

}  // namespace pabal::bench
