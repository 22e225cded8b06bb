// The maildrop: a folder that every user of this machine may put letters into (pabal sendmail does where it can't reach
// the server), and that the server empties into the mailboxes at its start and while it runs.
//
// The folder belongs to the server's user and has mode 3733: anybody may make files in it, nobody else may list it or
// touch those of others, and files get the folder's group, so that the server may read them. What lies there was
// written by strangers, and is believed no more than what comes over a socket.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <thread>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/log.hpp"

namespace pabal::app {

/// A letter as it lies in the folder: a line of JSON {"sender":"a@b" or "","recipients":["c@d"…]}, then the message.
struct DroppedLetter {
  json::object request;
  std::string message;  ///< lines end with CRLF
  uid_t owner = 0;      ///< whose file it is
};

[[nodiscard]] std::string dropped_text(const json::object& request, std::string_view message);
/// The other way round; `owner` stays 0. Errors: syntax.
[[nodiscard]] Result<DroppedLetter> parse_dropped(std::string_view octets);

/// Makes the folder with its mode, where it isn't there; true if it was made.
[[nodiscard]] Result<bool> make_maildrop(const std::string& folder);

/// Puts a letter there under its id. After success it survives a power loss.
[[nodiscard]] Result<void> drop_letter(const std::string& folder, const std::string& id, std::string_view text);

/// Whether a file of this name is a letter (and not one that is still written, or was held).
[[nodiscard]] bool is_dropped_name(std::string_view name) noexcept;

/// Reads one. `policy` where it is no plain file of its owner alone, `limit` where it is bigger than `most` octets.
[[nodiscard]] Result<DroppedLetter> read_dropped(const std::string& folder, const std::string& id, std::uint64_t most);

/// Empties the folder from a thread of its own.
class MaildropReader {
 public:
  /// Delivers one letter; blocking. The id is the same each time that a letter is tried, also after a crash.
  using Deliver = std::function<Result<void>(const std::string& id, DroppedLetter letter)>;

  /// A letter that can't be delivered for good, or can't be read, is renamed to held-ID and named in the log; one that
  /// can't be for the moment is tried again every `retry`.
  MaildropReader(std::string folder, std::uint64_t most_octets, Deliver deliver, Log log,
                 std::chrono::milliseconds look_every = std::chrono::seconds(1),
                 std::chrono::milliseconds retry = std::chrono::minutes(1));
  /// Ends once the letter at hand is done.
  ~MaildropReader() = default;
  MaildropReader(const MaildropReader&) = delete;
  MaildropReader& operator=(const MaildropReader&) = delete;

 private:
  void run(const std::stop_token& stop);
  [[nodiscard]] bool empty_once(const std::stop_token& stop);
  [[nodiscard]] bool hold(const std::string& id, const Error& why);

  std::string folder_;
  std::uint64_t most_octets_;
  Deliver deliver_;
  Log log_;
  std::chrono::milliseconds look_every_;
  std::chrono::milliseconds retry_;
  std::string unreadable_;  ///< why the folder could not be listed the last time, told once
  std::jthread thread_;     ///< last: it uses all of the above
};

}  // namespace pabal::app
