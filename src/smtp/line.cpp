#include "smtp/line.hpp"

namespace pabal::smtp {

namespace {
constexpr std::size_t kFloodFactor = 16;
}

LineSplitter::Event LineSplitter::next(std::string_view input, std::size_t limit) noexcept {
  std::size_t passed = 0;  // octets of refused lines that are behind us
  while (true) {
    const auto rest = input.substr(passed);
    const auto lf = rest.find('\n');
    if (lf == std::string_view::npos) {
      if (skipping_ == Skipping::nothing && rest.size() < limit) return {.consumed = passed};
      // A final CR may be half of the CRLF that ends the line, and stays.
      const std::size_t useless = rest.size() - (rest.ends_with('\r') ? 1 : 0);
      Kind kind = Kind::incomplete;
      if (skipping_ == Skipping::nothing) {
        kind = Kind::too_long;
        skipping_ = Skipping::too_long;
        skipped_ = 0;
      }
      skipped_ += useless;
      if (skipped_ > kFloodFactor * limit) kind = Kind::flood;
      return {.kind = kind, .text = {}, .consumed = passed + useless};
    }
    const bool whole = lf > 0 && rest[lf - 1] == '\r';
    passed += lf + 1;
    if (skipping_ == Skipping::nothing) {
      const auto text = rest.substr(0, whole ? lf - 1 : lf);
      if (lf + 1 > limit) {
        if (!whole) skipping_ = Skipping::too_long;
        skipped_ = lf;
        return {.kind = lf > kFloodFactor * limit ? Kind::flood : Kind::too_long, .text = {}, .consumed = passed};
      }
      if (!whole) {
        skipping_ = Skipping::bare_lf;
        skipped_ = 0;
        return {.kind = Kind::bare_lf, .text = {}, .consumed = passed};
      }
      const bool clean = text.find('\r') == std::string_view::npos && text.find('\0') == std::string_view::npos;
      return {
          .kind = clean ? Kind::line : Kind::bare_lf, .text = clean ? text : std::string_view(), .consumed = passed};
    }
    if (whole) {
      skipping_ = Skipping::nothing;  // the end of a refused line: go on behind it, without a word
    } else if (skipping_ == Skipping::bare_lf) {
      return {.kind = Kind::bare_lf, .text = {}, .consumed = passed};  // somebody types LFs: tell them each time
    }
  }
}

}  // namespace pabal::smtp
