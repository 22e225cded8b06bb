// Lines that are no commands: a client's answers while it authenticates, and the DONE of IDLE.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pabal::imap {

class LineReader {
 public:
  enum class State : std::uint8_t {
    incomplete,  ///< all input was taken, more is needed
    whole,       ///< `text` is the line without its line end
    too_long,    ///< the line was longer than the limit; it was thrown away to its end
  };
  struct Line {
    State state = State::incomplete;
    std::string_view text;  ///< into the input, or into the reader until its next call
  };
  /// Takes a line, or all there is of it, from the front of `input`. It ends with CRLF or LF.
  [[nodiscard]] Line next(std::string_view& input, std::size_t limit);

 private:
  std::string held_;
  bool returned_ = false;  ///< held_ was handed out and is done with
  bool skipping_ = false;
};

}  // namespace pabal::imap
