// CommandReader: from the octets as they come to whole commands (RFC 9051 §2.2.1, §4.3; LITERAL+ and LITERAL-, RFC
// 7888), with bounded memory whatever comes, and back in step with the client after what it refused. The messages of
// APPEND and REPLACE are handed through as they come and never held.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "imap/append.hpp"
#include "imap/command.hpp"

namespace pabal::imap {

struct ReaderLimits {
  std::size_t line = 64U << 10;       ///< octets of one line
  std::size_t command = 1U << 20;     ///< of a command with its literals, messages aside
  std::uint64_t message = 64U << 20;  ///< of one text of a message
  std::size_t parts = 1'000;          ///< texts and URLs of one APPEND, all its messages together
  /// Octets of refused literals that are read and thrown away for one command; beyond, the connection has to end.
  std::uint64_t skip = 256U << 20;
  /// A literal that doesn't wait may have 4096 octets at most (LITERAL-), else as many as any other (LITERAL+).
  bool literal_minus = false;
  /// APPEND and REPLACE are read with their messages; false before login.
  bool messages = false;

  friend bool operator==(const ReaderLimits&, const ReaderLimits&) = default;
};

/// All input was taken; more is needed.
struct NeedInput {};
/// Tell the client that it may send its literal: a line that begins with "+ ".
struct SayContinue {};
/// The command can't be carried out; the reader is at the next one, or on its way there. `bye`: it can't get there.
struct Rejected {
  BadCommand why;
};
/// An APPEND or REPLACE, as far as its mailbox. From here to AppendEnded a Rejected ends it too: then nothing of it was
/// appended.
struct AppendBegun {
  Command command;
};
/// Octets of the present text, as they are; views into the input.
struct AppendData {
  std::string_view octets;
};
/// The text has all its octets.
struct AppendTextEnd {};
struct AppendEnded {};

using ReaderEvent = std::variant<NeedInput, SayContinue, Command, Rejected, AppendBegun, AppendMessage, AppendText,
                                 AppendData, AppendTextEnd, AppendUrl, AppendMessageEnd, AppendEnded>;

/// The order of an APPEND's events:
///   AppendBegun (AppendMessage (AppendText SayContinue? AppendData* AppendTextEnd | AppendUrl)+ AppendMessageEnd)+
///   AppendEnded
/// After any of them up to SayContinue the server may refuse(): a client that waits is not asked for the rest then.
class CommandReader {
 public:
  explicit CommandReader(ReaderLimits limits = {}, ParseRules rules = {}) : limits_(limits), rules_(rules) {}

  // They count from the next command on, or for what is still to come of the present one.
  void set_limits(ReaderLimits limits) { limits_ = limits; }
  void set_rules(ParseRules rules) { rules_ = rules; }
  [[nodiscard]] const ReaderLimits& limits() const noexcept { return limits_; }
  [[nodiscard]] const ParseRules& rules() const noexcept { return rules_; }

  /// Takes octets from the front of `input`, up to the next event; never beyond the end of a command, so that what
  /// follows STARTTLS, AUTHENTICATE, IDLE or COMPRESS is the caller's. Call it until NeedInput.
  [[nodiscard]] ReaderEvent next(std::string_view& input);

  /// The present APPEND is not wanted: its remaining octets, if the client sends them without waiting, are thrown away.
  /// The answer is the caller's. The next event may be Rejected with `bye` where that would be too much.
  void refuse();

  /// Nothing of a command has been read: no octet is held.
  [[nodiscard]] bool idle() const noexcept;
  /// Octets held.
  [[nodiscard]] std::size_t held() const noexcept { return buffer_.capacity(); }

 private:
  enum class State : std::uint8_t {
    line,             // collecting a line
    literal,          // collecting a literal into the buffer
    ask_for_literal,  // the same, but the client waits to be asked
    scan,             // a line of an APPEND stands in the buffer
    ask_for_data,
    data,          // a message's octets
    skip_line,     // throwing a line away
    skip_literal,  // … a literal
    lost,          // nothing more can be understood
  };

  [[nodiscard]] std::optional<ReaderEvent> read_line(std::string_view& input);
  [[nodiscard]] std::optional<ReaderEvent> whole_line(std::string_view line);
  [[nodiscard]] std::optional<ReaderEvent> string_literal();
  [[nodiscard]] std::optional<ReaderEvent> scan();
  [[nodiscard]] std::optional<ReaderEvent> text(const AppendText& text);
  [[nodiscard]] std::optional<ReaderEvent> read_literal(std::string_view& input);
  [[nodiscard]] ReaderEvent read_data(std::string_view& input);
  [[nodiscard]] std::optional<ReaderEvent> skip(std::string_view& input);
  [[nodiscard]] ReaderEvent reject(Refusal refusal);
  [[nodiscard]] std::optional<Refusal> too_big(std::uint64_t size, bool synchronizing, std::uint64_t limit) const;
  void skip_rest();
  void start_anew();
  [[nodiscard]] std::string tag() const;

  /// A literal that the last line announced.
  struct Announced {
    std::uint64_t size = 0;
    bool synchronizing = true;
  };
  [[nodiscard]] static std::optional<Announced> announced_by(std::string_view line) noexcept;

  ReaderLimits limits_;
  ParseRules rules_;
  State state_ = State::line;
  std::string buffer_;          ///< the command as far as it came; of an APPEND since the last message's octets
  std::size_t line_begin_ = 0;  ///< of the present line in the buffer
  std::optional<Announced> announced_;
  std::uint64_t left_ = 0;     ///< of a literal
  std::uint64_t skipped_ = 0;  ///< of literals, for the present command
  std::string tail_;           ///< of a line that is thrown away
  std::optional<AppendScanner> append_;
  std::size_t scanned_ = 0;  ///< octets of the buffer that the scanner is done with
  std::size_t parts_ = 0;
  std::string append_tag_;
  bool lost_said_ = false;
};

}  // namespace pabal::imap
