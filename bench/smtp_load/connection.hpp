// One persistent SMTP connection of the load driver.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "smtp_load/run.hpp"
#include "support/socket.hpp"

namespace pabal::bench {

class Connection {
 public:
  Connection(Run& run, const Fd& epoll, std::size_t number) : run_(run), epoll_(epoll), number_(number) {}

  /// Opens the connection; also again after it was lost.
  void connect(const sockaddr_in& target);
  /// Epoll says that something can be done.
  void ready(std::uint32_t events);
  /// True once QUIT has been answered, or the connection was lost and isn't to come again.
  [[nodiscard]] bool done() const noexcept { return done_; }
  /// When to connect or to send again, if it waits for that.
  [[nodiscard]] std::optional<Moment> wakes_at() const noexcept { return wakes_at_; }
  void wake(const sockaddr_in& target);

 private:
  enum class Expect : std::uint8_t { banner, ehlo, auth, mail, rcpt, data, chunk, final, rset, quit };

  /// 1 to 250: which host of the network it claims to come from.
  [[nodiscard]] std::size_t host_number() const noexcept { return 1 + (number_ % 250); }
  void read_all();
  void on_line(std::string_view line);
  void on_reply(Expect expect, int code, const std::string& words);
  void on_data_reply(int code, const std::string& words);
  void begin_letter();
  void begin_next_or_quit();
  void send_commands(const Letter& letter);
  void send_chunks(Letter& letter);
  void send(std::string_view octets);
  void flush();
  void lost();

  Run& run_;
  const Fd& epoll_;
  std::size_t number_;
  Fd fd_;
  std::string in_;
  std::string out_;
  std::size_t sent_ = 0;
  bool wants_write_ = false;
  bool ended_ = false;  ///< the driver has asked for no more letters
  bool done_ = false;
  std::deque<Expect> expects_;
  std::deque<Letter> letters_;  ///< those whose commands were sent; front: the one that replies belong to
  std::size_t recipient_ = 0;   ///< next RCPT reply's index in the front letter that has none yet
  std::size_t front_ = 0;       ///< which letter MAIL, RCPT and DATA replies belong to
  std::optional<Moment> wakes_at_;
};

}  // namespace pabal::bench
