// One run of the SMTP load driver: what all its connections share.
#pragma once
#include <cstdint>
#include <cstdio>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "support/load_message.hpp"
#include "support/prepared_letters.hpp"
#include "support/socket.hpp"

namespace pabal::bench {

/// How much of a transaction goes out before replies are waited for.
enum class Pipelining : std::uint8_t {
  none,      ///< each command waits for its reply, as smtp-source does
  commands,  ///< MAIL, RCPT and DATA together, as Postfix's client does
  full,      ///< and behind the closing dot the next message's commands (RFC 2920 allows it)
};

struct Options {
  std::string target = "127.0.0.1:2525";
  std::size_t connections = 1;
  std::uint64_t messages = 0;  ///< 0: until `seconds` are over
  double seconds = 0;
  std::size_t size = 10240;   ///< octets of a message
  std::size_t size_from = 0;  ///< with it, sizes are spread from here to `size`, small ones more often
  std::size_t users = 100;    ///< recipients are user0 … user(N-1) at `domain`
  std::string domain = "load.example";
  std::uint64_t domains = 0;  ///< recipients are at d0 to d(N-1) below the domain; 0: at itself
  std::string sender = "load@sender.example";
  std::size_t recipients = 1;  ///< at most, for each message
  Pipelining pipelining = Pipelining::commands;
  std::string log;  ///< what was tried and what was promised; messages are random ones then
  std::uint64_t seed = 1;
  std::uint64_t first = 1;  ///< number of the first message
  bool reconnect = false;   ///< go on when the server goes away or says 4xx
  bool chunking = false;    ///< every other message with BDAT, in pieces
  std::string letters;      ///< a file of prepared letters, sent one after the other; empty: made here
  std::string proxy;        ///< a network as "192.0.2": each connection begins with a PROXY header; empty: with none
  std::string login;        ///< base64 for AUTH PLAIN; empty: no login
};

/// A message under way.
struct Letter {
  std::uint64_t number = 0;
  std::vector<std::size_t> users;
  std::vector<bool> accepted;
  std::string hash;
  bool chunked = false;
  bool refused = false;
  std::string why;  ///< what a refused chunk was answered; the last one of the message hears only that all is over
  Moment begin;
};

class Run {
 public:
  explicit Run(Options options);

  [[nodiscard]] std::string domain_of(const Letter& letter) const {
    if (options_.domains == 0) return options_.domain;
    return fmt::format("d{}.{}", letter.number % options_.domains, options_.domain);
  }
  [[nodiscard]] const std::string& sender_of(const Letter& letter) const {
    return prepared_.empty() ? options_.sender : prepared_[letter.number % prepared_.size()].sender;
  }
  /// The next letter to send, or nothing when the run is over.
  [[nodiscard]] std::optional<Letter> next();
  /// Appends the wire form of a letter's message, and notes in the log that it is tried from now on.
  void append_message(Letter& letter, std::string& out);
  void promised(const Letter& letter);
  void refused(const Letter& letter, const std::string& reply);
  void lost_connection() { ++reconnects_; }
  void stop() noexcept { stopped_ = true; }

  [[nodiscard]] bool over() const;
  [[nodiscard]] const Options& options() const noexcept { return options_; }
  void print_figures(double seconds, double cpu_seconds) const;
  [[nodiscard]] std::uint64_t promised_count() const noexcept { return promised_; }
  [[nodiscard]] std::uint64_t refused_count() const noexcept { return refused_; }

 private:
  Options options_;
  FastMessages fast_;
  std::vector<PreparedLetter> prepared_;
  Mixer mixer_;
  std::FILE* log_ = nullptr;
  Moment begin_ = now();
  std::uint64_t begun_ = 0;
  std::uint64_t promised_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t reconnects_ = 0;
  std::string first_refusal_;
  std::vector<std::uint32_t> latencies_;
  bool stopped_ = false;
};

}  // namespace pabal::bench
