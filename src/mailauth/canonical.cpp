#include "mailauth/canonical.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace pabal::mailauth {
namespace {

constexpr std::size_t kBuffer = 4096;
constexpr std::string_view kCrlf = "\r\n";

constexpr bool is_wsp(char c) noexcept { return c == ' ' || c == '\t'; }

// Whether the relaxed form of a line is the line. Written so that compilers make vectors of it: most lines of most
// letters are such.
bool is_relaxed(std::string_view line) noexcept {
  if (is_wsp(line.back())) return false;
  unsigned found = line.front() == '\t' ? 1 : 0;
  for (std::size_t i = 1; i < line.size(); ++i) {
    const auto tab = static_cast<unsigned>(line[i] == '\t');
    const auto two = static_cast<unsigned>(line[i] == ' ') & static_cast<unsigned>(line[i - 1] == ' ');
    found |= tab | two;
  }
  return found == 0;
}

void relaxed_field(std::string_view field, std::string& out) {
  const auto colon = field.find(':');
  auto name = field.substr(0, colon);
  while (!name.empty() && is_wsp(name.back())) name.remove_suffix(1);
  for (const char c : name) out += ascii_lower(c);
  out += ':';
  bool space = false;
  bool begun = false;
  const auto value = colon == std::string_view::npos ? std::string_view() : field.substr(colon + 1);
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\r' && value.substr(i + 1).starts_with('\n')) {
      ++i;
    } else if (is_wsp(value[i])) {
      space = true;
    } else {
      if (space && begun) out += ' ';
      out += value[i];
      space = false;
      begun = true;
    }
  }
  out += kCrlf;
}

}  // namespace

std::string_view name_of(Canonicalization form) noexcept {
  return form == Canonicalization::relaxed ? "relaxed" : "simple";
}

void canonical_field(Canonicalization form, std::string_view field, std::string& out) {
  if (form == Canonicalization::relaxed) {
    relaxed_field(field, out);
    return;
  }
  out += field;
  if (!field.ends_with(kCrlf)) out += kCrlf;
}

CanonicalBody::CanonicalBody(Canonicalization form, Sink sink) : form_(form), sink_(std::move(sink)) {}

void CanonicalBody::flush() {
  if (!buffer_.empty()) sink_(buffer_);
  buffer_.clear();
}

void CanonicalBody::put(std::string_view octets) {
  wrote_ = true;
  if (buffer_.size() + octets.size() > kBuffer) flush();
  if (octets.size() > kBuffer / 4) {
    flush();
    sink_(octets);
  } else {
    buffer_ += octets;
  }
}

void CanonicalBody::put_empty_lines() {
  for (; empty_lines_ > 0; --empty_lines_) put(kCrlf);
}

void CanonicalBody::plain(std::string_view text) {
  if (text.empty()) return;
  put_empty_lines();
  if (space_) put(" ");
  space_ = false;
  put(text);
  line_begun_ = true;
}

void CanonicalBody::spaced(std::string_view text) {
  if (form_ == Canonicalization::simple) {
    plain(text);
    return;
  }
  while (!text.empty()) {
    const auto* const white = std::ranges::find_if(text, is_wsp);
    plain({text.begin(), white});
    const auto* const next = std::find_if_not(white, text.end(), is_wsp);
    space_ |= next != white;
    text = {next, text.end()};
  }
}

// A part of a line. A CR at its end may belong to the line's end, and waits.
void CanonicalBody::content(std::string_view text) {
  if (text.empty()) return;
  if (cr_) plain("\r");
  cr_ = text.ends_with('\r');
  if (cr_) text.remove_suffix(1);
  spaced(text);
}

void CanonicalBody::end_line() {
  cr_ = false;
  space_ = false;
  if (line_begun_) {
    put(kCrlf);
  } else {
    ++empty_lines_;
  }
  line_begun_ = false;
}

// Takes as many lines as are in their canonical form already, at the beginning of one, and says how many octets that
// were.
std::size_t CanonicalBody::take_clean_lines(std::string_view octets) {
  std::size_t at = 0;
  std::size_t written = 0;
  std::uint64_t empty = 0;
  while (true) {
    const auto end = octets.find('\n', at);
    if (end == std::string_view::npos || end == at || octets[end - 1] != '\r') break;
    const auto line = octets.substr(at, end - 1 - at);
    if (line.empty()) {
      ++empty;
    } else if (form_ == Canonicalization::relaxed && !is_relaxed(line)) {
      break;
    } else {
      written = end + 1;
      empty = 0;
    }
    at = end + 1;
  }
  if (written > 0) {
    put_empty_lines();
    put(octets.substr(0, written));
  }
  empty_lines_ += empty;
  return at;
}

void CanonicalBody::take(std::string_view octets) {
  while (!octets.empty()) {
    if (!line_begun_ && !space_ && !cr_) octets.remove_prefix(take_clean_lines(octets));
    const auto end = octets.find('\n');
    content(octets.substr(0, end));
    if (end == std::string_view::npos) return;
    end_line();
    octets.remove_prefix(end + 1);
  }
}

void CanonicalBody::end() {
  if (cr_) plain("\r");
  // White space without a line end behind it stands at the end of no line.
  if (space_) {
    put_empty_lines();
    put(" ");
    line_begun_ = true;
  }
  if (line_begun_) put(kCrlf);
  // RFC 6376 §3.4.3: a body of nothing is one line end in the simple form, and nothing in the relaxed one.
  if (form_ == Canonicalization::simple && !wrote_) put(kCrlf);
  flush();
}

}  // namespace pabal::mailauth
