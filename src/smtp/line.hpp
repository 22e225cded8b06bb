// LineSplitter: the lines of the command phase. Only CRLF ends a line (RFC 5321 §2.3.8).
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pabal::smtp {

/// Cuts command lines out of what was received. The outcome depends on the octets alone, never on how the network cut
/// them into pieces.
///
/// What stands on one line with an error is never run as a command: after a bare LF or a line that is too long, all up
/// to the next CRLF is thrown away. (SMTP smuggling: a peer must not get a command past a relay before us that took it
/// for part of something else.)
class LineSplitter {
 public:
  enum class Kind : std::uint8_t {
    incomplete,  ///< more input is needed; `consumed` octets can go
    line,        ///< a line; `text` is without its CRLF
    bare_lf,     ///< a LF without CR, or a line with a CR or NUL in it: an error to be told once
    too_long,    ///< longer than the limit: an error to be told once
    flood,       ///< far longer than the limit and still no end: not worth talking to
  };
  struct Event {
    Kind kind = Kind::incomplete;
    std::string_view text = {};  ///< a view into the input
    std::size_t consumed = 0;    ///< how much of the input to take away, once `text` was used
    /// In what was refused a line began with BDAT, by anybody's rule of where lines begin: what follows is a chunk, of
    /// a size that nobody knows, and must not be read as commands.
    bool may_be_bdat = false;
  };

  /// `limit` is the longest line with its CRLF, in octets.
  [[nodiscard]] Event next(std::string_view input, std::size_t limit) noexcept;

 private:
  /// Why what comes up to the next CRLF is thrown away.
  enum class Skipping : std::uint8_t { nothing, bare_lf, too_long };
  /// Looks through refused octets for a BDAT; they may come in pieces.
  void look_through(std::string_view refused) noexcept;
  [[nodiscard]] Event refuse(Kind kind, std::size_t consumed) noexcept;

  Skipping skipping_ = Skipping::nothing;
  std::size_t skipped_ = 0;
  std::uint8_t matched_ = 0;  ///< how much of BDAT stands at the beginning of the refused line
  bool bdat_seen_ = false;
};

}  // namespace pabal::smtp
