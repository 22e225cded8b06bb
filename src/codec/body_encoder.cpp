#include "codec/body_encoder.hpp"

#include <algorithm>
#include <cstring>

namespace pabal::codec {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Two characters for each twelve bits.
struct Pairs {
  std::array<std::array<char, 2>, 4096> text{};
  constexpr Pairs() {
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = {kAlphabet[i >> 6], kAlphabet[i & 63]};
  }
};
constexpr Pairs kPairs;

constexpr unsigned octet(char c) noexcept { return static_cast<unsigned char>(c); }

// A whole line of 57 octets into 76 characters and CRLF.
void encode_line(const char* in, char* out) noexcept {
  for (int group = 0; group < 19; ++group, in += 3, out += 4) {
    const unsigned bits = octet(in[0]) << 16 | octet(in[1]) << 8 | octet(in[2]);
    std::memcpy(out, kPairs.text[bits >> 12].data(), 2);
    std::memcpy(out + 2, kPairs.text[bits & 4095].data(), 2);
  }
  out[0] = '\r';
  out[1] = '\n';
}

}  // namespace

void Base64Encoder::encode(std::string_view octets, std::string& out) {
  if (pending_size_ > 0) {
    const std::size_t taken = std::min(kLine - pending_size_, octets.size());
    std::memcpy(pending_.data() + pending_size_, octets.data(), taken);
    pending_size_ += taken;
    octets.remove_prefix(taken);
    if (pending_size_ < kLine) return;
    const std::size_t at = out.size();
    out.resize(at + 78);
    encode_line(pending_.data(), out.data() + at);
    pending_size_ = 0;
  }
  const std::size_t lines = octets.size() / kLine;
  const std::size_t at = out.size();
  out.resize_and_overwrite(at + lines * 78, [&](char* text, std::size_t /*size*/) noexcept {
    for (std::size_t line = 0; line < lines; ++line) encode_line(octets.data() + line * kLine, text + at + line * 78);
    return at + lines * 78;
  });
  octets.remove_prefix(lines * kLine);
  if (!octets.empty()) std::memcpy(pending_.data(), octets.data(), octets.size());
  pending_size_ = octets.size();
}

void Base64Encoder::finish(std::string& out) {
  if (pending_size_ == 0) return;
  std::string_view rest(pending_.data(), pending_size_);
  for (; rest.size() >= 3; rest.remove_prefix(3)) {
    const unsigned bits = octet(rest[0]) << 16 | octet(rest[1]) << 8 | octet(rest[2]);
    out.append(kPairs.text[bits >> 12].data(), 2).append(kPairs.text[bits & 4095].data(), 2);
  }
  if (!rest.empty()) {
    const unsigned bits = octet(rest[0]) << 16 | (rest.size() == 2 ? octet(rest[1]) << 8 : 0U);
    out.append(kPairs.text[bits >> 12].data(), 2);
    out += rest.size() == 2 ? kAlphabet[bits >> 6 & 63] : '=';
    out += '=';
  }
  out.append("\r\n");
  pending_size_ = 0;
}

namespace {
constexpr std::size_t kLongest = 75;  // and the '=' of a soft line break
constexpr std::string_view kFrom = "From ";
constexpr std::size_t kAhead = kFrom.size() - 1;  ///< octets that an octet's coding may hang on

constexpr bool is_plain(char c) noexcept { return c > ' ' && c < 0x7F && c != '='; }
}  // namespace

// One octet that is no line end; `from` is true where "From " begins.
void QuotedPrintableEncoder::put(char c, bool last_of_line, bool from, std::string& out) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  const bool space = c == ' ' || c == '\t';
  const bool plain = is_plain(c) || (space && !last_of_line);
  if (column_ + (plain ? 1 : 3) > kLongest) {
    out.append("=\r\n");
    column_ = 0;
  }
  // "From " and a lone dot at the start of a line are what mbox files and careless relays change.
  const bool guarded = column_ == 0 && (from || (c == '.' && last_of_line));
  if (plain && !guarded) {
    out += c;
    column_ += 1;
  } else {
    out += {'=', digits[octet(c) >> 4], digits[octet(c) & 15]};
    column_ += 3;
  }
}

std::size_t QuotedPrintableEncoder::take(std::string_view text, bool at_end, std::string& out) {
  const std::size_t end = at_end ? text.size() : text.size() - std::min(text.size(), kAhead);
  std::size_t i = 0;
  while (i < end) {
    if (column_ > 0) {
      // Plain characters within a line, which are most of all text.
      const std::size_t limit = std::min(end, i + kLongest - column_);
      std::size_t run = i;
      while (run < limit && is_plain(text[run])) ++run;
      if (run > i) {
        out.append(text.substr(i, run - i));
        column_ += run - i;
        i = run;
        continue;
      }
    }
    const std::string_view rest = text.substr(i);
    if (!binary_ && rest.starts_with("\r\n")) {
      out.append("\r\n");
      column_ = 0;
      i += 2;
      continue;
    }
    const bool last = rest.size() == 1 || (!binary_ && rest.substr(1).starts_with("\r\n"));
    put(rest[0], last, rest.starts_with(kFrom), out);
    ++i;
  }
  return i;
}

void QuotedPrintableEncoder::encode(std::string_view octets, std::string& out) {
  if (!pending_.empty()) {
    // Just enough of the new octets to judge the old ones.
    const std::size_t old = pending_.size();
    const std::size_t joined = std::min(octets.size(), kAhead);
    pending_.append(octets.substr(0, joined));
    const std::size_t taken = take(pending_, false, out);
    if (taken < old) {
      pending_.erase(0, taken);
      return;  // all of `octets` is shorter than what is looked ahead, and is pending now
    }
    octets.remove_prefix(taken - old);
    pending_.clear();
  }
  const std::size_t taken = take(octets, false, out);
  pending_.assign(octets.substr(taken));
}

void QuotedPrintableEncoder::finish(std::string& out) {
  const std::size_t taken = take(pending_, true, out);
  pending_.erase(0, taken);
  if (column_ > 0) out.append("=\r\n");
  column_ = 0;
}

}  // namespace pabal::codec
