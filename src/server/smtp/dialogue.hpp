// Dialogue scripts: a session with the real server, written down as a mail admin would. Tests only.
//
//   # a comment
//   Given: protocol=submission starttls=on tls=on peer=127.0.0.1 max_recipients=2 …    before the first line of talk
//   C: MAIL FROM:<a@b.example>          the client says a line; consecutive ones go out in one piece
//   C! text\r\nmore\n\0                 octets with escapes and no line end of their own
//   C*100: line                         the line a hundred times
//   S: 250 2.1.0 Ok                     one line from the server, * stands for anything
//   S: ...                              the rest of the reply whose first lines were named
//   Closed:                             the server has hung up
//   Interrupt:                          the server is told to stop
//   Delivered: from=<a@b.example> to=<bob@busan.example>     the next letter that the MDA took; `Delivered: none`: no
//   more Stored: Subject: x                  the next line of that letter's content, * stands for anything Origin:
//   ESMTPS *                    where the letter says it came from New connection:                     begins anew,
//   with the same server
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/smtp/test_world.hpp"

namespace pabal::server::smtp {

/// One connection to a World's server that is driven step by step.
class Conversation {
 public:
  Conversation(World& world, net::MemoryStreamOptions options) : stream_(with_open_end(std::move(options))) {
    asio::co_spawn(io_.get_executor(), world.serve(stream_), [this](std::exception_ptr thrown) {
      over_ = true;
      failed_ = thrown != nullptr;
    });
    work();
  }
  ~Conversation() {
    stream_.end();
    work();
  }
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  void send(std::string octets) {
    stream_.feed(std::move(octets));
    work();
  }
  /// The next line from the server without CRLF; nothing if it says no more.
  [[nodiscard]] std::optional<std::string> read_line() {
    said_ += stream_.take_written();
    const auto end = said_.find("\r\n");
    if (end == std::string::npos) return std::nullopt;
    std::string line = said_.substr(0, end);
    said_.erase(0, end + 2);
    return line;
  }
  [[nodiscard]] bool over() const noexcept { return over_; }
  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] net::MemoryStream& stream() noexcept { return stream_; }
  void work() {
    io_.restart();
    io_.poll();
  }

 private:
  static net::MemoryStreamOptions with_open_end(net::MemoryStreamOptions options) {
    options.ends = false;
    return options;
  }
  asio::io_context io_{1};
  net::MemoryStream stream_;
  std::string said_;
  bool over_ = false;
  bool failed_ = false;
};

/// True if `text` fits `pattern`, in which * stands for any run of characters.
[[nodiscard]] inline bool fits(std::string_view text, std::string_view pattern) {
  std::size_t at = 0;
  std::size_t next = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_at = 0;
  while (at < text.size()) {
    if (next < pattern.size() && pattern[next] == '*') {
      star = next++;
      star_at = at;
    } else if (next < pattern.size() && pattern[next] == text[at]) {
      ++next;
      ++at;
    } else if (star != std::string_view::npos) {
      next = star + 1;
      at = ++star_at;
    } else {
      return false;
    }
  }
  while (next < pattern.size() && pattern[next] == '*') ++next;
  return next == pattern.size();
}

/// Runs one script. Returns what was not as written, each with its line number; empty if all was. `step` cuts what the
/// client sends into pieces of so many octets.
[[nodiscard]] std::vector<std::string> run_dialogue(std::string_view script, std::size_t step = SIZE_MAX);

}  // namespace pabal::server::smtp
