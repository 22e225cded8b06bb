#include "imap/modified_utf7.hpp"

#include <cstdint>

namespace pabal::imap {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

constexpr bool is_direct(std::uint32_t c) noexcept { return c >= 0x20 && c <= 0x7E; }

// The code point at the start of well-formed UTF-8, which is cut off.
std::uint32_t take_code_point(std::string_view& utf8) noexcept {
  const auto lead = static_cast<unsigned char>(utf8.front());
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  std::uint32_t c = size == 1 ? lead : lead & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size && i < utf8.size(); ++i) {
    c = (c << 6) | (static_cast<unsigned char>(utf8[i]) & 0x3FU);
  }
  utf8.remove_prefix(size < utf8.size() ? size : utf8.size());
  return c;
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t octet) { out += static_cast<char>(octet); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

// Bits on their way into base64's letters.
class Encoder {
 public:
  explicit Encoder(std::string& out) : out_(out) {}
  void unit(std::uint32_t utf16) {
    bits_ = (bits_ << 16) | utf16;
    count_ += 16;
    while (count_ >= 6) {
      count_ -= 6;
      out_ += kAlphabet[(bits_ >> count_) & 0x3F];
    }
  }
  void finish() {
    if (count_ > 0) out_ += kAlphabet[(bits_ << (6 - count_)) & 0x3F];
    bits_ = 0;
    count_ = 0;
  }

 private:
  std::string& out_;
  std::uint64_t bits_ = 0;
  unsigned count_ = 0;
};

// What stands between "&" and "-"; false where it isn't the one right form.
bool decode_run(std::string_view run, std::string& out) {
  std::uint32_t bits = 0;
  unsigned count = 0;
  std::uint32_t high = 0;
  for (const char letter : run) {
    const auto value = kAlphabet.find(letter);
    if (value == std::string_view::npos) return false;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 16) continue;
    count -= 16;
    const std::uint32_t unit = (bits >> count) & 0xFFFF;
    bits &= (1U << count) - 1;
    if (high != 0) {
      if (unit < 0xDC00 || unit > 0xDFFF) return false;
      append_utf8(out, 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00));
      high = 0;
    } else if (unit >= 0xD800 && unit <= 0xDBFF) {
      high = unit;
    } else if ((unit >= 0xDC00 && unit <= 0xDFFF) || is_direct(unit)) {
      return false;
    } else {
      append_utf8(out, unit);
    }
  }
  return high == 0 && count < 6 && bits == 0;
}

}  // namespace

std::string to_modified_utf7(std::string_view utf8) {
  std::string out;
  Encoder encoder(out);
  bool in_run = false;
  while (!utf8.empty()) {
    const auto c = take_code_point(utf8);
    if (is_direct(c)) {
      if (in_run) {
        encoder.finish();
        out += '-';
        in_run = false;
      }
      out += static_cast<char>(c);
      if (c == '&') out += '-';
      continue;
    }
    if (!in_run) out += '&';
    in_run = true;
    if (c >= 0x10000) {
      encoder.unit(0xD800 + ((c - 0x10000) >> 10));
      encoder.unit(0xDC00 + ((c - 0x10000) & 0x3FF));
    } else {
      encoder.unit(c);
    }
  }
  if (in_run) {
    encoder.finish();
    out += '-';
  }
  return out;
}

std::optional<std::string> from_modified_utf7(std::string_view text) {
  std::string out;
  bool after_run = false;
  while (!text.empty()) {
    const char c = text.front();
    if (c != '&') {
      if (!is_direct(static_cast<unsigned char>(c))) return std::nullopt;
      out += c;
      text.remove_prefix(1);
      after_run = false;
      continue;
    }
    const auto end = text.find('-');
    if (end == std::string_view::npos) return std::nullopt;
    const auto run = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    if (run.empty()) {
      out += '&';
      after_run = false;
      continue;
    }
    if (after_run || !decode_run(run, out)) return std::nullopt;
    after_run = true;
  }
  return out;
}

}  // namespace pabal::imap
