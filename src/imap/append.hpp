// APPEND and REPLACE, whose messages are too big to be held: what a client says before, between and behind their octets
// (RFC 9051 §6.3.12; MULTIAPPEND, RFC 3502; CATENATE, RFC 4469; UTF8, RFC 6855 §4; REPLACE, RFC 8508).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "imap/command.hpp"

namespace pabal::imap {

class Cursor;

/// What stands before the octets of one message. Its text parts follow, one unless it is put together.
struct AppendMessage {
  FlagList flags;
  std::optional<codec::Date> date;
  bool catenate = false;
  bool utf8 = false;  ///< UTF8 (~{…}): headers may be UTF-8
};
/// The octets of a message, or of one text part of CATENATE: so many follow.
struct AppendText {
  std::uint64_t size = 0;
  bool binary = false;        ///< literal8: NUL may be in it (RFC 3516)
  bool synchronizing = true;  ///< the client waits to hear that it may send
};
/// A part that is fetched from a mailbox (RFC 4469 §3.2).
struct AppendUrl {
  std::string url;
};
/// The message is whole.
struct AppendMessageEnd {};

/// Reads the command's own octets, from one message's octets to the next. Inner to command_reader.hpp.
class AppendScanner {
 public:
  /// A literal that is a string, the mailbox's name or a URL, isn't here yet.
  struct NeedMore {};
  /// Mailbox and, for REPLACE, message are known: Append or Replace in the command.
  struct Begun {
    Command command;
  };
  struct Ended {};
  struct Step {
    std::variant<NeedMore, Begun, AppendMessage, AppendText, AppendUrl, AppendMessageEnd, Ended, Refusal> what;
    std::size_t used = 0;  ///< so many octets are done with
  };

  /// The next thing that `octets` say, which go from where the last step ended to a literal's spec and its line end, or
  /// to the end of the command's last line, without its line end.
  [[nodiscard]] Step step(std::string_view octets, const ParseRules& rules);

 private:
  enum class State : std::uint8_t { start, message, data, first_part, part, text_ended, utf8_ended, message_ended };

  [[nodiscard]] Step start(Cursor& in);
  [[nodiscard]] Step message(Cursor& in);
  [[nodiscard]] Step data(Cursor& in);
  [[nodiscard]] Step part(Cursor& in);
  [[nodiscard]] Step message_ended(Cursor& in);

  State state_ = State::start;
  bool replace_ = false;
  bool utf8_ = false;      ///< the present message is in UTF8 (…)
  bool catenate_ = false;  ///< … in CATENATE (…)
};

}  // namespace pabal::imap
