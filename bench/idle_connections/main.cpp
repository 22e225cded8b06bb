// idle_connections: opens thousands of connections that then say nothing, and reads from /proc what each costs the
// server.
#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <sys/socket.h>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <zlib.h>

#include "support/socket.hpp"

namespace pabal::bench {

namespace {

struct Options {
  std::string target = "127.0.0.1:2525";
  std::size_t connections = 5000;
  std::size_t before = 50;  ///< opened before the first measurement, so that what is there once isn't counted
  int pid = 0;
  bool tls = false;
  std::string say = "EHLO idle.example\r\n";
  std::string until;      ///< what the last reply to `say` begins with; empty: SMTP's or POP3's way
  std::size_t users = 1;  ///< "{user}" in `say` is one of so many numbers
  bool deflate = false;   ///< IMAP: COMPRESS=DEFLATE behind all that, a listing through it, and then IDLE
  double settle = 2;
  double hold = 0;
};

using Ssl = std::unique_ptr<SSL, decltype(&SSL_free)>;
using SslContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

/// A figure of /proc/PID/smaps_rollup in KiB.
double memory_kib(int pid, const std::string& name) {
  std::ifstream file(fmt::format("/proc/{}/smaps_rollup", pid));
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string key;
    double value = 0;
    if (words >> key >> value && key == name + ":") return value;
  }
  errno = 0;
  die(fmt::format("no {} of process {}", name, pid));
}

void wait_for(int fd, short events) {
  pollfd poll{fd, events, 0};
  if (::poll(&poll, 1, 30'000) != 1) die("the server doesn't answer");
}

/// What a client that compresses says (RFC 4978): raw DEFLATE, whole on the wire.
std::string deflated(std::string words) {
  z_stream state{};
  if (deflateInit2(&state, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    die("deflateInit2");
  }
  std::string out(deflateBound(&state, words.size()) + 16, '\0');
  state.next_in = reinterpret_cast<Bytef*>(words.data());
  state.avail_in = static_cast<uInt>(words.size());
  state.next_out = reinterpret_cast<Bytef*>(out.data());
  state.avail_out = static_cast<uInt>(out.size());
  if (deflate(&state, Z_SYNC_FLUSH) != Z_OK || state.avail_in != 0) die("deflate");
  out.resize(state.total_out);
  deflateEnd(&state);
  return out;
}

/// Reads what such a server says.
class Inflater {
 public:
  Inflater() {
    if (inflateInit2(&state_, -MAX_WBITS) != Z_OK) die("inflateInit2");
  }
  ~Inflater() { inflateEnd(&state_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  void read(std::string octets, std::string& out) {
    state_.next_in = reinterpret_cast<Bytef*>(octets.data());
    state_.avail_in = static_cast<uInt>(octets.size());
    std::array<char, 16384> piece{};
    do {
      state_.next_out = reinterpret_cast<Bytef*>(piece.data());
      state_.avail_out = static_cast<uInt>(piece.size());
      const int done = inflate(&state_, Z_SYNC_FLUSH);
      if (done != Z_OK && done != Z_BUF_ERROR) die("the server sends no DEFLATE");
      out.append(piece.data(), piece.size() - state_.avail_out);
    } while (state_.avail_out == 0);
  }

 private:
  z_stream state_{};
};

class Client {
 public:
  Client(const Options& options, const sockaddr_in& target, SSL_CTX* context, std::size_t number)
      : ssl_(nullptr, SSL_free) {
    // Several local addresses, since one has too few ports for many runs.
    fd_ = begin_connect(target, fmt::format("127.0.{}.{}", 1 + number / 200 % 200, 2 + number % 200));
    if (!fd_.open()) die("connect");
    wait_for(fd_.get(), POLLOUT);
    if (options.tls) {
      ssl_.reset(SSL_new(context));
      if (!ssl_ || SSL_set_fd(ssl_.get(), fd_.get()) != 1) die("SSL_new");
      while (true) {
        const int done = SSL_connect(ssl_.get());
        if (done == 1) break;
        wait_or_die(done);
      }
    }
    read_reply();
    if (options.say.empty()) return;
    auto words = options.say;
    constexpr std::string_view kUser = "{user}";
    if (const auto at = words.find(kUser); at != std::string::npos) {
      words.replace(at, kUser.size(), std::to_string(number % options.users));
    }
    write(words);
    read_reply(options.until);
    if (options.deflate) compress();
  }

 private:
  void compress() {
    write("x COMPRESS DEFLATE\r\n");
    read_reply("x OK");
    // A listing, so that both states have something to let go of.
    write(deflated("y FETCH 1:10 (FLAGS INTERNALDATE ENVELOPE)\r\nz IDLE\r\n"));
    Inflater inflater;
    std::string in;
    while (!in.starts_with("+ ") && in.find("\r\n+ ") == std::string::npos) inflater.read(read_some(), in);
    if (in.find("\r\ny OK") == std::string::npos) die("the listing failed: " + in);
  }

  void wait_or_die(int result) {
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        wait_for(fd_.get(), POLLIN);
        break;
      case SSL_ERROR_WANT_WRITE:
        wait_for(fd_.get(), POLLOUT);
        break;
      default:
        die("TLS");
    }
  }

  void write(const std::string& words) {
    if (ssl_) {
      const int sent = SSL_write(ssl_.get(), words.data(), static_cast<int>(words.size()));
      if (sent != static_cast<int>(words.size())) die("SSL_write");
    } else if (::send(fd_.get(), words.data(), words.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(words.size())) {
      die("send");
    }
  }

  /// At least one octet.
  std::string read_some() {
    std::array<char, 4096> buffer{};
    while (true) {
      if (ssl_) {
        const int got = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
        if (got > 0) return {buffer.data(), static_cast<std::size_t>(got)};
        wait_or_die(got);
      } else {
        const auto got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
        if (got > 0) return {buffer.data(), static_cast<std::size_t>(got)};
        if (got == 0 || errno != EAGAIN) die("the server closed a connection");
        wait_for(fd_.get(), POLLIN);
      }
    }
  }

  /// Reads up to the end of a reply: a line that begins with `until`, or else one whose fourth octet is no hyphen
  /// (SMTP), or any line (POP3).
  void read_reply(const std::string& until = {}) {
    std::string in;
    while (true) {
      in += read_some();
      if (!in.ends_with("\n")) continue;
      const auto last = in.size() < 2 ? std::string::npos : in.rfind('\n', in.size() - 2);
      const auto begin = last == std::string::npos ? 0 : last + 1;
      if (until.empty() ? in.size() < begin + 4 || in[begin + 3] != '-' : in.compare(begin, until.size(), until) == 0) {
        return;
      }
    }
  }

  Fd fd_;
  Ssl ssl_;
};

void run(const Options& options) {
  const auto target = parse_target(options.target);
  const SslContext context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!context) die("SSL_CTX_new");
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  std::vector<std::unique_ptr<Client>> clients;
  const auto open_up_to = [&](std::size_t count) {
    if (clients.size() >= count) return;
    while (clients.size() < count) {
      clients.push_back(std::make_unique<Client>(options, target, context.get(), clients.size()));
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(options.settle));
  };
  open_up_to(options.before);
  const double pss = memory_kib(options.pid, "Pss");
  const double rss = memory_kib(options.pid, "Rss");
  const Moment begin = now();
  open_up_to(options.before + options.connections);
  const double seconds = seconds_since(begin) - options.settle;
  const auto each = static_cast<double>(options.connections);
  fmt::print("connections={}\nopened_per_second={:.0f}\npss_kib_each={:.2f}\nrss_kib_each={:.2f}\n",
             options.connections, each / seconds, (memory_kib(options.pid, "Pss") - pss) / each,
             (memory_kib(options.pid, "Rss") - rss) / each);
  // All that the process has, whatever it is for, shared among those that are there.
  fmt::print("process_pss_kib_each={:.2f}\n", memory_kib(options.pid, "Pss") / static_cast<double>(clients.size()));
  std::fflush(stdout);
  std::this_thread::sleep_for(std::chrono::duration<double>(options.hold));
}

}  // namespace

}  // namespace pabal::bench

int main(int argc, char** argv) {
  pabal::bench::Options options;
  CLI::App app("Opens idle connections and says what each costs the server in memory.");
  app.add_option("--target", options.target, "ADDRESS:PORT");
  app.add_option("--connections", options.connections);
  app.add_option("--before", options.before);
  app.add_option("--pid", options.pid, "the server's process")->required();
  app.add_flag("--tls", options.tls, "TLS from the first octet");
  app.add_option("--say", options.say, "a command to send before the silence; may be empty");
  app.add_option("--until", options.until, "how the last line of the reply to it begins");
  app.add_option("--users", options.users, "{user} in it is a number below this");
  app.add_flag("--deflate", options.deflate, "IMAP: then COMPRESS=DEFLATE, a listing and IDLE");
  app.add_option("--settle", options.settle, "seconds of silence before memory is read");
  app.add_option("--hold", options.hold, "seconds to keep the connections afterwards");
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  pabal::bench::allow_many_files();
  pabal::bench::run(options);
  return 0;
}
