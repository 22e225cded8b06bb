// The commands of POP3 (RFC 1939 §3, RFC 2449 §4): a keyword of three or four letters and its arguments, one line each.
// Floor 3: octets in, a Command out; no sockets.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace pabal::pop3 {

enum class Verb : std::uint8_t {
  apop,
  auth,
  capa,
  dele,
  lang,
  list,
  noop,
  pass,
  quit,
  retr,
  rset,
  stat,
  stls,
  top,
  uidl,
  user,
  utf8,
};
inline constexpr std::size_t kVerbs = static_cast<std::size_t>(Verb::utf8) + 1;

/// What is known of a command before anyone has sent it.
struct VerbInfo {
  Verb verb;
  std::string_view name;      ///< as it is written
  bool before_login = false;  ///< valid in the AUTHORIZATION state
  bool after_login = false;   ///< valid in the TRANSACTION state
};
[[nodiscard]] const VerbInfo& info(Verb verb) noexcept;
/// All of them, by name.
[[nodiscard]] const std::array<VerbInfo, kVerbs>& all_verbs() noexcept;

/// A command that is well formed; whether it may be given now is rules.hpp's affair.
struct Command {
  Verb verb = Verb::noop;
  /// USER's name and PASS's password to the end of the line, LANG's tag, AUTH's mechanism in upper case. May be empty.
  std::string argument;
  /// AUTH's initial response, still in base64 (RFC 5034 §4); "=" is an empty one.
  std::optional<std::string> initial_response;
  /// The message that LIST, UIDL, RETR, TOP or DELE names; 0 is well formed and names none.
  std::optional<std::uint64_t> message;
  /// TOP's count of body lines.
  std::uint64_t lines = 0;
};

/// `line` without its line end. `syntax`: known keyword, wrong arguments, or octets that no command may hold (controls;
/// what is not UTF-8). `unsupported`: no such keyword. Spaces behind the last argument don't matter, except in PASS,
/// where every octet counts.
[[nodiscard]] Result<Command> parse_command(std::string_view line);
/// Overwrites what may be a password (base/wiped.hpp): the argument and the initial response.
void wipe(Result<Command>& command) noexcept;

/// How long a line may be, its line end included, as far as its beginning tells.
struct LineLimits {
  std::size_t command = 255;  ///< RFC 2449 §4
  std::size_t authentication =
      12288;  ///< AUTH with an initial response, and each response (RFC 4954 §4 has the figure)
};

/// The next line at the start of `input`.
struct Line {
  enum class State : std::uint8_t {
    incomplete,  ///< wait for more
    whole,       ///< text is the line without its end, size what to take away
    too_long,    ///< longer than allowed: take `size` away and go on with skip_line until its end
  };
  State state = State::incomplete;
  std::string_view text;
  std::size_t size = 0;
};
/// A line ends with LF, usually CRLF: unlike SMTP there is nobody behind us who could read it otherwise, and people who
/// type commands by hand send LF alone. `response` is true while a SASL response is awaited.
[[nodiscard]] Line next_line(std::string_view input, bool response, const LineLimits& limits) noexcept;

/// How much of `input` belongs to a line that was too long; `ended` when its line end is among it.
struct Skipped {
  std::size_t size = 0;
  bool ended = false;
};
[[nodiscard]] Skipped skip_line(std::string_view input) noexcept;

}  // namespace pabal::pop3
