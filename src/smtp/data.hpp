// TextDecoder: the message text of DATA (RFC 5321 §4.5.2) and of BDAT (RFC 3030), decoded in one pass without a copy
// per line.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pabal::smtp {

/// How the text is framed.
enum class Framing : std::uint8_t {
  dots,     ///< DATA: a leading dot is doubled, a lone dot ends
  counted,  ///< BDAT with text: the caller knows where it ends
};
/// What becomes of a CR or LF that is not part of a CRLF.
enum class BareNewlines : std::uint8_t {
  refuse,     ///< a fault
  normalise,  ///< each becomes CRLF, so that what is kept never mixes line ends; it never ends the data nor hides a dot
};

/// What is wrong with the text. The first fault counts; decoding goes on to the true end, so that nothing of the text
/// is ever taken for commands.
enum class TextFault : std::uint8_t { bare_cr, bare_lf, nul, long_line };

struct TextRules {
  Framing framing = Framing::dots;
  BareNewlines bare_newlines = BareNewlines::refuse;
  std::size_t max_line = 0;  ///< longest line with its CRLF, before dots are taken away; 0: any
};

class TextDecoder {
 public:
  explicit TextDecoder(TextRules rules) noexcept : rules_(rules) {}

  /// Takes octets from the front of `input` and returns the next run of decoded ones (a view into `input` or to a
  /// constant; may be empty). Call it until `input` is empty or ended(). The runs together do not depend on how the
  /// input was cut. Only CRLF . CRLF ends the text (the first CRLF may be the one that ended the DATA command): none of
  /// LF . LF, CR . CR, LF . CRLF or CRLF . LF does.
  [[nodiscard]] std::string_view decode(std::string_view& input) noexcept;
  /// Framing::dots: the end was seen. What is left of the input is the next command.
  [[nodiscard]] bool ended() const noexcept { return state_ == State::ended; }
  /// Framing::counted: no more will come. Returns what is still owed: the CRLF that the last line lacks, if it does.
  [[nodiscard]] std::string_view finish() noexcept;

  [[nodiscard]] std::optional<TextFault> fault() const noexcept { return fault_; }

 private:
  enum class State : std::uint8_t { line_start, middle, cr, dot, dot_cr, ended };

  [[nodiscard]] std::string_view scan(std::string_view& input) noexcept;
  [[nodiscard]] std::string_view bare(TextFault fault) noexcept;
  void note(TextFault fault) noexcept {
    if (!fault_) fault_ = fault;
  }
  void count_line(std::size_t octets) noexcept;

  TextRules rules_;
  State state_ = State::line_start;
  std::optional<TextFault> fault_;
  std::size_t line_octets_ = 0;  ///< of the line that is not ended yet, where max_line is set
};

}  // namespace pabal::smtp
