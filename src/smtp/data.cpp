#include "smtp/data.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace pabal::smtp {

namespace {

constexpr std::string_view kCrlf = "\r\n";
constexpr std::size_t kBlock = 64;

/// Where in a block of 64 octets each of the octets stands that matter; bit n for octet n.
struct Marks {
  std::uint64_t cr = 0;
  std::uint64_t lf = 0;
  std::uint64_t dot = 0;
  std::uint64_t nul = 0;
};

#if defined(__SSE2__)
std::uint64_t equal_in(const __m128i (&part)[4], char wanted) noexcept {
  const __m128i all = _mm_set1_epi8(wanted);
  std::uint64_t bits = 0;
  for (unsigned i = 0; i < 4; ++i) {
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(part[i], all)));
    bits |= static_cast<std::uint64_t>(mask) << (16 * i);
  }
  return bits;
}

Marks marks_of(const char* block) noexcept {
  __m128i part[4];
  std::memcpy(part, block, kBlock);
  return {
      .cr = equal_in(part, '\r'), .lf = equal_in(part, '\n'), .dot = equal_in(part, '.'), .nul = equal_in(part, '\0')};
}
#else
Marks marks_of(const char* block) noexcept {
  Marks marks;
  for (unsigned i = 0; i < kBlock; ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    if (block[i] == '\r') marks.cr |= bit;
    if (block[i] == '\n') marks.lf |= bit;
    if (block[i] == '.') marks.dot |= bit;
    if (block[i] == '\0') marks.nul |= bit;
  }
  return marks;
}
#endif

}  // namespace

void TextDecoder::count_line(std::size_t octets) noexcept {
  line_octets_ += octets;
  if (rules_.max_line != 0 && line_octets_ > rules_.max_line) note(TextFault::long_line);
}

std::string_view TextDecoder::bare(TextFault fault) noexcept {
  if (rules_.bare_newlines == BareNewlines::refuse) note(fault);
  count_line(1);
  // Either way the line goes on as far as dots and the end of data are concerned: only CRLF begins a new one.
  state_ = State::middle;
  return kCrlf;
}

std::string_view TextDecoder::decode(std::string_view& input) noexcept {
  while (!input.empty()) {
    const char c = input.front();
    switch (state_) {
      case State::line_start:
        state_ = State::middle;
        if (c == '.' && rules_.framing == Framing::dots) {
          input.remove_prefix(1);
          count_line(1);
          state_ = State::dot;
        }
        break;
      case State::dot:
        // RFC 5321 §4.5.2: the first dot of a line goes, whatever follows it.
        state_ = State::middle;
        if (c == '\r') {
          input.remove_prefix(1);
          state_ = State::dot_cr;
        }
        break;
      case State::dot_cr:
        if (c != '\n') return bare(TextFault::bare_cr);
        input.remove_prefix(1);
        state_ = State::ended;
        return {};
      case State::cr:
        if (c != '\n') return bare(TextFault::bare_cr);
        input.remove_prefix(1);
        count_line(2);
        line_octets_ = 0;
        state_ = State::line_start;
        return kCrlf;
      case State::middle:
        return scan(input);
      case State::ended:
        return {};
    }
  }
  return {};
}

// In the middle of a line, and the octet before was no CR: runs to the next octet that needs a decision.
std::string_view TextDecoder::scan(std::string_view& input) noexcept {
  const std::string_view whole = input;
  std::uint64_t after_cr = 0;    // 1: the last octet of the block before was a CR
  std::uint64_t after_crlf = 0;  // 1: it was the LF of a CRLF
  std::size_t line_from = 0;     // where in `whole` the line goes on that line_octets_ counts
  const std::uint64_t dots_matter = rules_.framing == Framing::dots ? ~std::uint64_t{0} : 0;

  for (std::size_t at = 0; at < whole.size(); at += kBlock) {
    const std::size_t length = std::min(kBlock, whole.size() - at);
    Marks marks;
    if (length == kBlock) {
      marks = marks_of(whole.data() + at);
    } else {
      char block[kBlock];
      std::memset(block, 'x', kBlock);
      std::memcpy(block, whole.data() + at, length);
      marks = marks_of(block);
    }
    const std::uint64_t valid = length == kBlock ? ~std::uint64_t{0} : (std::uint64_t{1} << length) - 1;
    const std::uint64_t follows_cr = (marks.cr << 1) | after_cr;
    const std::uint64_t line_ends = marks.lf & follows_cr;
    const std::uint64_t line_begins = (line_ends << 1) | after_crlf;
    const std::uint64_t bare_lf = marks.lf & ~follows_cr;
    const std::uint64_t bare_cr = follows_cr & ~marks.lf & valid;  // marks the octet behind the CR
    const std::uint64_t dot = marks.dot & line_begins & dots_matter;
    const std::uint64_t events = bare_lf | bare_cr | dot | marks.nul;
    const auto first = static_cast<std::size_t>(std::countr_zero(events));

    if (rules_.max_line != 0) {
      const std::uint64_t before = events == 0 ? ~std::uint64_t{0} : (std::uint64_t{1} << first) - 1;
      for (std::uint64_t ends = line_ends & before; ends != 0; ends &= ends - 1) {
        const std::size_t end = at + static_cast<std::size_t>(std::countr_zero(ends)) + 1;
        count_line(end - line_from);
        line_octets_ = 0;
        line_from = end;
      }
    }
    if (events == 0) {
      after_cr = length == kBlock ? marks.cr >> 63 : (marks.cr >> (length - 1)) & 1;
      after_crlf = length == kBlock ? line_ends >> 63 : (line_ends >> (length - 1)) & 1;
      continue;
    }

    const std::uint64_t bit = std::uint64_t{1} << first;
    const std::size_t stop = at + first;
    if ((bare_cr & bit) != 0) {
      // The CR itself is held back: decode() puts what belongs in its place.
      count_line(stop - 1 - line_from);
      input.remove_prefix(stop);
      state_ = State::cr;
      return whole.substr(0, stop - 1);
    }
    if ((dot & bit) != 0) {
      input.remove_prefix(stop);
      state_ = State::line_start;
      return whole.substr(0, stop);
    }
    if ((marks.nul & bit) != 0) {
      note(TextFault::nul);  // RFC 5321 §4.5.2 knows characters 1 to 127 only; 8BITMIME adds 128 to 255
      count_line(stop + 1 - line_from);
      input.remove_prefix(stop + 1);
      return whole.substr(0, stop + 1);
    }
    // A bare LF: what stands before it goes out first, then the line end in its place.
    input.remove_prefix(stop == 0 ? 1 : stop);
    if (stop == 0) return bare(TextFault::bare_lf);
    count_line(stop - line_from);
    return whole.substr(0, stop);
  }

  input.remove_prefix(whole.size());
  const std::size_t held = after_cr;
  if (after_crlf != 0) {
    state_ = State::line_start;
    line_octets_ = 0;
  } else {
    count_line(whole.size() - held - line_from);
    if (held != 0) state_ = State::cr;
  }
  return whole.substr(0, whole.size() - held);
}

std::string_view TextDecoder::finish() noexcept {
  if (state_ == State::cr) {
    note(TextFault::bare_cr);
    return {};
  }
  if (state_ != State::middle) return {};
  state_ = State::line_start;
  return kCrlf;
}

}  // namespace pabal::smtp
