// What a letter's octets ask of the way to its reader: a line-oriented one takes neither NUL nor a CR or LF that stands
// alone (RFC 1939 §3, RFC 2045 §2.8), a client that did not say UTF8 no header section beyond ASCII (RFC 6856 §1).
#pragma once
#include <cstdint>
#include <string_view>

namespace pabal::pop3 {

/// Looks at pieces of any size, a few octets a cycle.
class OctetSurvey {
 public:
  void take(std::string_view octets) noexcept;

  /// After the last piece: no NUL, and CR and LF only as pairs.
  [[nodiscard]] bool line_oriented() const noexcept {
    return !nul_ && carriage_returns_ == pairs_ && line_feeds_ == pairs_;
  }
  [[nodiscard]] bool ascii() const noexcept { return ascii_; }

 private:
  std::uint64_t carriage_returns_ = 0;
  std::uint64_t line_feeds_ = 0;
  std::uint64_t pairs_ = 0;
  bool nul_ = false;
  bool ascii_ = true;
  bool after_carriage_return_ = false;
};

}  // namespace pabal::pop3
