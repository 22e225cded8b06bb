// ClientReply and ReplyReader: what a server says to us as its client (RFC 5321 §4.2), read from a peer that may say
// anything: lone LFs, no text, codes without a space behind, lines without end. Replies that we give are smtp::Reply.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace pabal::smtp {

/// One whole reply.
struct ClientReply {
  int code = 0;        ///< 200 to 599; of several lines the last one's counts
  std::string status;  ///< the enhanced status code, "5.1.1" (RFC 2034, 3463); empty where there is none that fits
  std::string text;    ///< what stands behind the code, lines separated by '\n', the status code still in it; what is
                       ///< neither printable ASCII nor UTF-8 as \xNN
  bool cut = false;    ///< more was said than is kept

  [[nodiscard]] bool is_positive() const noexcept { return code >= 200 && code < 300; }
  [[nodiscard]] bool is_intermediate() const noexcept { return code >= 300 && code < 400; }
  [[nodiscard]] bool is_passing() const noexcept { return code >= 400 && code < 500; }
  [[nodiscard]] bool is_lasting() const noexcept { return code >= 500; }
  /// RFC 5321 §3.8: the server ends the connection after it.
  [[nodiscard]] bool says_goodbye() const noexcept { return code == 421; }

  /// "550 5.1.1 No such user", in one line, for traces and the Diagnostic-Code of a notice (RFC 3464 §2.3.6).
  [[nodiscard]] std::string line() const;
  friend bool operator==(const ClientReply&, const ClientReply&) = default;
};

/// The enhanced status code at the beginning of `text`, if there is one of the reply code's class (RFC 2034 §4); of
/// three numbers, the latter two of three digits at most (RFC 3463 §2).
[[nodiscard]] std::optional<std::string_view> enhanced_status(std::string_view text, int code) noexcept;

struct ReplyLimits {
  std::size_t max_line = 2048;           ///< octets of a line that are kept; RFC 5321 §4.5.3.1.5 has 512
  std::size_t max_kept = 16UL << 10;     ///< octets of a reply that are kept
  std::size_t max_octets = 128UL << 10;  ///< more, and the peer is no mail server
  std::size_t max_lines = 1000;          ///< likewise
};

/// Cuts replies out of what a server sends. The outcome depends on the octets alone, never on how the network cut them
/// into pieces. Memory is bounded by the limits.
class ReplyReader {
 public:
  explicit ReplyReader(ReplyLimits limits = {}) noexcept : limits_(limits) {}

  /// Takes octets off the front of `input`, up to the end of the first reply in it; all of them while there is none.
  /// Nothing: more input is needed. Errors: `syntax` where a reply does not begin with a code, `limit` where it has no
  /// end; nothing that follows can be trusted then, and every further call fails likewise.
  ///
  /// A line ends with LF, with or without CR before it. Within a reply of several lines, one without a code is text: it
  /// can't end the reply.
  [[nodiscard]] Result<std::optional<ClientReply>> next(std::string_view& input);
  /// Whether part of a reply has come.
  [[nodiscard]] bool in_reply() const noexcept { return octets_ > 0; }

 private:
  [[nodiscard]] Result<bool> end_line();
  void keep_text(std::string_view text);

  ReplyLimits limits_;
  std::optional<Error> failed_;
  ClientReply reply_;
  std::string line_;        ///< what is kept of the line at hand
  bool line_cut_ = false;   ///< it is longer than that
  std::size_t lines_ = 0;   ///< of the reply at hand
  std::size_t octets_ = 0;  ///< likewise
};

}  // namespace pabal::smtp
