#include "message/fold.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "codec/base64.hpp"
#include "codec/unicode.hpp"

namespace pabal::message {

namespace {

constexpr std::size_t kWordLine = 76;     // RFC 2047 §2: of a line with an encoded word
constexpr std::size_t kLongestWord = 75;  // and of the word itself
constexpr std::size_t kWordFrame = 12;    // =?utf-8?Q??=
constexpr std::size_t kLongestPiece = 900;
constexpr std::size_t kMostSpaces = 20;  // runs of spaces that are longer go into encoded words

bool is_q_safe(char c) noexcept {
  return is_digit(c) || is_alpha(c) || c == '!' || c == '*' || c == '+' || c == '-' || c == '/';
}

std::size_t q_width(std::string_view text) noexcept {
  std::size_t width = 0;
  for (const char c : text) width += c == ' ' || is_q_safe(c) ? 1 : 3;
  return width;
}

std::size_t character_width(std::string_view text) noexcept {
  std::size_t width = 1;
  while (width < text.size() && (static_cast<unsigned char>(text[width]) & 0xC0U) == 0x80U) ++width;
  return width;
}

std::string encoded_word(std::string_view utf8, bool q) {
  if (!q) return "=?utf-8?B?" + codec::base64(utf8) + "?=";
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out = "=?utf-8?Q?";
  for (const char c : utf8) {
    if (c == ' ') {
      out += '_';
    } else if (is_q_safe(c)) {
      out += c;
    } else {
      out += {'=', digits[static_cast<unsigned char>(c) >> 4], digits[static_cast<unsigned char>(c) & 15]};
    }
  }
  return out += "?=";
}

// How much of the text makes a word of at most `room` characters; at least one character.
std::size_t fitting(std::string_view text, std::size_t room, bool q) noexcept {
  std::size_t taken = 0;
  std::size_t q_octets = 0;
  while (taken < text.size()) {
    const std::size_t width = character_width(text.substr(taken));
    const std::size_t coded = q_octets + q_width(text.substr(taken, width));
    if (kWordFrame + (q ? coded : (taken + width + 2) / 3 * 4) > room && taken > 0) break;
    q_octets = coded;
    taken += width;
  }
  return taken;
}

bool needs_encoding(std::string_view word, HeaderStyle style) noexcept {
  // What looks like an encoded word would be read as one.
  return (style == HeaderStyle::ascii && !is_ascii(word)) || word.find("=?") != std::string_view::npos ||
         word.size() > kLongestPiece;
}

bool is_phrase_of_atoms(std::string_view text) noexcept {
  for (const char c : text) {
    const bool atom = is_digit(c) || is_alpha(c) ||
                      std::string_view("!#$%&'*+-/=?^_`{|}~ ").find(c) != std::string_view::npos ||
                      static_cast<unsigned char>(c) >= 0x80;
    if (!atom) return false;
  }
  return text.find("  ") == std::string_view::npos;
}

}  // namespace

std::string clean_text(std::string_view utf8) {
  std::string out = is_ascii(utf8) ? std::string(utf8) : codec::nfc(utf8);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  // A byte order mark at the beginning of an encoded word would be taken for one, and lost.
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  if (out.find(mark) != std::string::npos) {
    std::string without;
    for (std::size_t at = 0; at < out.size();) {
      const std::size_t next = std::min(out.find(mark, at), out.size());
      without.append(out, at, next - at);
      at = next + mark.size();
    }
    out = codec::nfc(without);
  }
  const auto end = out.find_last_not_of(' ');
  out.resize(end == std::string::npos ? 0 : end + 1);
  out.erase(0, out.find_first_not_of(' '));
  return out;
}

std::string quoted_string(std::string_view clean) {
  std::string out = "\"";
  for (const char c : clean) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

std::vector<std::string> encoded_words(std::string_view utf8, std::size_t longest) {
  const bool q = q_width(utf8) <= (utf8.size() + 2) / 3 * 4;
  std::vector<std::string> words;
  while (!utf8.empty()) {
    const std::size_t taken = fitting(utf8, std::min(longest, kLongestWord), q);
    words.push_back(encoded_word(utf8.substr(0, taken), q));
    utf8.remove_prefix(taken);
  }
  return words;
}

std::string plain_phrase(std::string_view clean, HeaderStyle style) {
  if (clean.empty() || needs_encoding(clean, style)) return {};
  if (is_phrase_of_atoms(clean)) return std::string(clean);
  std::string quoted = quoted_string(clean);
  // A quoted string can be folded, but few readers expect it.
  if (quoted.size() > FieldFolder::soft_limit - 2) quoted.clear();
  return quoted;
}

FieldFolder::FieldFolder(std::string& out, std::string_view name) : out_(&out), column_(name.size() + 1) {
  out.append(name).append(":");
}

void FieldFolder::piece(std::string_view text, std::string_view space) {
  const std::size_t size = space.size() + text.size();
  // On the line of the name alone a fold is worth it only if it helps.
  const bool helps = !fresh_ || size <= soft_limit;
  if (!space.empty() && (break_ || (column_ + size > soft_limit && helps) || column_ + size > hard_limit)) {
    out_->append("\r\n");
    column_ = 0;
  }
  out_->append(space).append(text);
  column_ += size;
  fresh_ = break_ = false;
}

void FieldFolder::encoded(std::string_view utf8) {
  const bool q = q_width(utf8) <= (utf8.size() + 2) / 3 * 4;
  while (!utf8.empty()) {
    // Room for the space before it and a comma behind.
    std::size_t room = column_ + kWordFrame + 2 < kWordLine ? kWordLine - column_ - 2 : 0;
    // A line's rest that would take only a few characters is left empty.
    if (break_ || (room < 40 && fitting(utf8, room, q) < utf8.size()) ||
        (room < kWordFrame + 16 && kWordFrame + (q ? q_width(utf8) : (utf8.size() + 2) / 3 * 4) > room)) {
      out_->append("\r\n");
      column_ = 0;
      room = kWordLine - 2;
    }
    const std::size_t taken = fitting(utf8, std::min(room, kLongestWord), q);
    const std::string word = encoded_word(utf8.substr(0, taken), q);
    out_->append(" ").append(word);
    column_ += 1 + word.size();
    fresh_ = break_ = false;
    utf8.remove_prefix(taken);
  }
}

void FieldFolder::text(std::string_view clean, HeaderStyle style) {
  std::string_view space = " ";
  while (!clean.empty()) {
    const std::size_t end = std::min(clean.find(' '), clean.size());
    const std::size_t next = std::min(clean.find_first_not_of(' ', end), clean.size());
    if (!needs_encoding(clean.substr(0, end), style) && next - end <= kMostSpaces) {
      piece(clean.substr(0, end), space);
      space = clean.substr(end, next - end);
      clean.remove_prefix(next);
      continue;
    }
    // As far as the words need it, with the spaces between them, which would not be shown otherwise.
    std::size_t run = end;
    std::size_t after = next;
    while (after < clean.size()) {
      const std::size_t word_end = std::min(clean.find(' ', after), clean.size());
      const std::size_t word_next = std::min(clean.find_first_not_of(' ', word_end), clean.size());
      const bool joined = after - run > kMostSpaces;
      if (!joined && !needs_encoding(clean.substr(after, word_end - after), style) &&
          word_next - word_end <= kMostSpaces)
        break;
      run = word_end;
      after = word_next;
    }
    // The space before an encoded word is not part of it; more than one are written before it.
    if (space.size() > 1) {
      piece("", space.substr(1));
      encoded(clean.substr(0, run));
    } else {
      encoded(clean.substr(0, run));
    }
    space = clean.substr(run, after - run);
    clean.remove_prefix(after);
  }
}

void FieldFolder::phrase(std::string_view clean, HeaderStyle style) {
  const std::string plain = plain_phrase(clean, style);
  if (plain.empty()) {
    encoded(clean);
  } else if (plain.starts_with('"')) {
    piece(plain);
  } else {
    text(plain, style);
  }
}

void FieldFolder::end() {
  out_->append("\r\n");
  column_ = 0;
}

}  // namespace pabal::message
