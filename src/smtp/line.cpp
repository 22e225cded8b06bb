#include "smtp/line.hpp"

#include <utility>

namespace pabal::smtp {

namespace {
constexpr std::size_t kFloodFactor = 16;
constexpr std::string_view kBdat = "BDAT";
constexpr std::uint8_t kNoMatch = 0xFF;
}  // namespace

void LineSplitter::look_through(std::string_view refused) noexcept {
  for (const char octet : refused) {
    if (octet == '\r' || octet == '\n' || octet == '\0') {
      matched_ = 0;
    } else if (matched_ < kBdat.size()) {
      const char upper = octet >= 'a' && octet <= 'z' ? static_cast<char>(octet - 'a' + 'A') : octet;
      matched_ = upper == kBdat[matched_] ? static_cast<std::uint8_t>(matched_ + 1) : kNoMatch;
      if (matched_ == kBdat.size()) bdat_seen_ = true;
    }
  }
}

LineSplitter::Event LineSplitter::refuse(Kind kind, std::size_t consumed) noexcept {
  return {.kind = kind, .text = {}, .consumed = consumed, .may_be_bdat = std::exchange(bdat_seen_, false)};
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
        matched_ = 0;
      }
      look_through(rest.substr(0, useless));
      skipped_ += useless;
      if (skipped_ > kFloodFactor * limit) kind = Kind::flood;
      if (kind == Kind::incomplete && !bdat_seen_) return {.consumed = passed + useless};
      return refuse(kind == Kind::incomplete ? Kind::bare_lf : kind, passed + useless);
    }
    const bool whole = lf > 0 && rest[lf - 1] == '\r';
    passed += lf + 1;
    if (skipping_ == Skipping::nothing) {
      const auto text = rest.substr(0, whole ? lf - 1 : lf);
      if (lf + 1 > limit) {
        if (!whole) skipping_ = Skipping::too_long;
        skipped_ = lf;
        matched_ = 0;
        look_through(rest.substr(0, lf + 1));
        return refuse(lf > kFloodFactor * limit ? Kind::flood : Kind::too_long, passed);
      }
      const bool clean =
          whole && text.find('\r') == std::string_view::npos && text.find('\0') == std::string_view::npos;
      if (clean) return {.kind = Kind::line, .text = text, .consumed = passed};
      if (!whole) {
        skipping_ = Skipping::bare_lf;
        skipped_ = 0;
      }
      matched_ = 0;
      look_through(rest.substr(0, lf + 1));
      return refuse(Kind::bare_lf, passed);
    }
    look_through(rest.substr(0, lf + 1));
    if (bdat_seen_) {
      if (whole) skipping_ = Skipping::nothing;
      return refuse(Kind::bare_lf, passed);
    }
    if (whole) {
      skipping_ = Skipping::nothing;  // the end of a refused line: go on behind it, without a word
    } else if (skipping_ == Skipping::bare_lf) {
      return {.kind = Kind::bare_lf, .text = {}, .consumed = passed};  // somebody types LFs: tell them each time
    }
  }
}

}  // namespace pabal::smtp
