#include "smtp_load/connection.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <fmt/format.h>

namespace pabal::bench {

using namespace std::chrono_literals;

void Connection::connect(const sockaddr_in& target) {
  wakes_at_.reset();
  expects_.clear();
  letters_.clear();
  front_ = 0;
  recipient_ = 0;
  in_.clear();
  out_.clear();
  sent_ = 0;
  wants_write_ = false;
  fd_ = begin_connect(target);
  if (!fd_.open()) {
    lost();
    return;
  }
  expects_.push_back(Expect::banner);
  if (const auto& network = run_.options().proxy; !network.empty()) {
    out_ = fmt::format("PROXY TCP4 {0}.{1} {0}.254 {2} 25\r\n", network, host_number(), 1024 + (number_ % 60'000));
    wants_write_ = true;
  }
  watch(epoll_, fd_.get(), wants_write_ ? EPOLLIN | EPOLLOUT : EPOLLIN, this);
}

void Connection::wake(const sockaddr_in& target) {
  wakes_at_.reset();
  if (!fd_.open()) {
    if (run_.over()) {
      done_ = true;
    } else {
      connect(target);
    }
    return;
  }
  begin_next_or_quit();
  flush();
}

void Connection::lost() {
  fd_ = Fd();
  if (!run_.options().reconnect) {
    if (!ended_) {
      errno = 0;
      die("the server closed the connection");
    }
    done_ = true;
    return;
  }
  run_.lost_connection();
  done_ = run_.over();
  wakes_at_ = now() + 20ms;
}

void Connection::ready(std::uint32_t events) {
  if (!fd_.open()) return;
  if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) read_all();
  if (fd_.open() && !done_) flush();
}

void Connection::read_all() {
  std::array<char, 16384> buffer{};
  const auto got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    lost();
    return;
  }
  in_.append(buffer.data(), static_cast<std::size_t>(got));
  std::size_t begin = 0;
  for (auto end = in_.find('\n'); end != std::string::npos && fd_.open() && !done_; end = in_.find('\n', begin)) {
    std::string_view line(in_.data() + begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    begin = end + 1;
    on_line(line);
  }
  if (fd_.open()) in_.erase(0, begin);
}

void Connection::on_line(std::string_view line) {
  if (line.size() < 3) die("no SMTP reply: " + std::string(line));
  if (line.size() > 3 && line[3] == '-') return;
  const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
  const std::string words(line);
  if (code == 421 && run_.options().reconnect) {
    lost();
    return;
  }
  if (expects_.empty()) die("a reply to nothing: " + words);
  const Expect expect = expects_.front();
  expects_.pop_front();
  on_reply(expect, code, words);
}

void Connection::on_reply(Expect expect, int code, const std::string& words) {
  const bool good = code >= 200 && code < 400;
  switch (expect) {
    case Expect::banner:
      if (!good) die("greeting: " + words);
      send(run_.options().proxy.empty() ? "EHLO load.example\r\n"
                                        : fmt::format("EHLO m{}.hosts.example\r\n", host_number()));
      expects_.push_back(Expect::ehlo);
      break;
    case Expect::ehlo:
      if (!good) die("EHLO: " + words);
      if (run_.options().login.empty()) {
        begin_next_or_quit();
      } else {
        send(fmt::format("AUTH PLAIN {}\r\n", run_.options().login));
        expects_.push_back(Expect::auth);
      }
      break;
    case Expect::auth:
      if (!good) die("AUTH: " + words);
      begin_next_or_quit();
      break;
    case Expect::mail:
      recipient_ = 0;
      if (!good) letters_[front_].refused = true;
      if (run_.options().pipelining == Pipelining::none) {
        const auto& letter = letters_[front_];
        for (const auto user : letter.users) {
          send(fmt::format("RCPT TO:<user{}@{}>\r\n", user, run_.domain_of(letter)));
          expects_.push_back(Expect::rcpt);
        }
      }
      break;
    case Expect::rcpt: {
      Letter& letter = letters_[front_];
      letter.accepted[recipient_++] = good;
      if (!good && recipient_ == 1) letter.refused = true;
      const bool last = recipient_ == letter.users.size();
      if (last && letter.chunked) {
        send_chunks(letter);
      } else if (last && run_.options().pipelining == Pipelining::none) {
        send("DATA\r\n");
        expects_.push_back(Expect::data);
      }
      break;
    }
    case Expect::data:
      on_data_reply(code, words);
      break;
    case Expect::chunk:
      if (!good) {
        letters_.front().refused = true;
        if (letters_.front().why.empty()) letters_.front().why = words;
      }
      break;
    case Expect::final: {
      const Letter letter = std::move(letters_.front());
      letters_.pop_front();
      --front_;
      if (good) {
        run_.promised(letter);
      } else {
        run_.refused(letter, letter.why.empty() ? words : letter.why);
      }
      if (!good && letter.chunked) {
        send("RSET\r\n");
        expects_.push_back(Expect::rset);
      } else if (letters_.empty()) {
        begin_next_or_quit();
      }
      break;
    }
    case Expect::rset:
      wakes_at_ = now() + 20ms;
      break;
    case Expect::quit:
      done_ = true;
      fd_ = Fd();
      break;
  }
}

void Connection::on_data_reply(int code, const std::string& words) {
  Letter& letter = letters_[front_];
  if (code != 354) {
    run_.refused(letter, words);
    if (!run_.options().reconnect) die("DATA: " + words);
    letters_.erase(letters_.begin() + static_cast<std::ptrdiff_t>(front_));
    send("RSET\r\n");
    expects_.push_back(Expect::rset);
    return;
  }
  run_.append_message(letter, out_);
  expects_.push_back(Expect::final);
  ++front_;
  if (run_.options().pipelining == Pipelining::full) begin_letter();
}

void Connection::begin_letter() {
  auto letter = run_.next();
  if (!letter) return;
  send_commands(*letter);
  letters_.push_back(std::move(*letter));
}

void Connection::begin_next_or_quit() {
  begin_letter();
  if (!letters_.empty()) return;
  ended_ = true;
  send("QUIT\r\n");
  expects_.push_back(Expect::quit);
}

void Connection::send_commands(const Letter& letter) {
  const auto& options = run_.options();
  auto to = std::back_inserter(out_);
  fmt::format_to(to, "MAIL FROM:<{}>\r\n", run_.sender_of(letter));
  expects_.push_back(Expect::mail);
  if (options.pipelining == Pipelining::none) return;
  for (const auto user : letter.users) {
    fmt::format_to(to, "RCPT TO:<user{}@{}>\r\n", user, run_.domain_of(letter));
    expects_.push_back(Expect::rcpt);
  }
  if (letter.chunked) return;
  out_ += "DATA\r\n";
  expects_.push_back(Expect::data);
}

void Connection::send_chunks(Letter& letter) {
  if (std::ranges::none_of(letter.accepted, [](bool yes) { return yes; })) {
    run_.refused(letter, "no recipient accepted");
    letters_.erase(letters_.begin() + static_cast<std::ptrdiff_t>(front_));
    send("RSET\r\n");
    expects_.push_back(Expect::rset);
    return;
  }
  std::string wire;
  run_.append_message(letter, wire);
  // Back from DATA's form: no closing dot, no stuffing.
  wire.resize(wire.size() - 3);
  std::string plain;
  plain.reserve(wire.size());
  bool at_start = true;
  for (const char c : wire) {
    if (!(at_start && c == '.')) plain += c;
    at_start = c == '\n';
  }
  std::string_view rest = plain;
  const std::size_t piece = 1 + (plain.size() / 3);
  while (rest.size() > piece) {
    send(fmt::format("BDAT {}\r\n", piece));
    send(rest.substr(0, piece));
    expects_.push_back(Expect::chunk);
    rest.remove_prefix(piece);
  }
  send(fmt::format("BDAT {} LAST\r\n", rest.size()));
  send(rest);
  expects_.push_back(Expect::final);
  ++front_;
}

void Connection::send(std::string_view octets) { out_ += octets; }

void Connection::flush() {
  while (sent_ < out_.size()) {
    const auto sent = ::send(fd_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == ENOTCONN)) break;
    if (sent < 0) {
      lost();
      return;
    }
    sent_ += static_cast<std::size_t>(sent);
  }
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = 0;
  }
  const bool wants = !out_.empty();
  if (wants != wants_write_) {
    wants_write_ = wants;
    change_watch(epoll_, fd_.get(), wants ? EPOLLIN | EPOLLOUT : EPOLLIN, this);
  }
}

}  // namespace pabal::bench
