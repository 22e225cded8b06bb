#include "message/encoded_word.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

#include <fmt/ranges.h>

#include "base/text.hpp"
#include "codec/base64.hpp"
#include "codec/charset.hpp"
#include "codec/hex.hpp"
#include "codec/transfer.hpp"
#include "codec/unicode.hpp"
#include "message/fold.hpp"

namespace pabal::message {

namespace {

// RFC 2047 allows 75; mailers write much longer ones.
constexpr std::size_t kLongestRead = 4'096;

// One encoded word in raw octets, its charset not yet applied.
struct Word {
  std::string charset;
  std::string octets;
  std::size_t length = 0;  ///< of its text
};

std::string decode_q(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_') {
      out += ' ';
      continue;
    }
    if (text[i] == '=' && i + 2 < text.size()) {
      const int high = codec::hex_digit(text[i + 1]);
      const int low = codec::hex_digit(text[i + 2]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high << 4 | low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

// `=?charset?encoding?text?=` at the front (RFC 2047 §2). Spaces within the text, which are forbidden and common, are
// taken; so is a word whose `?=` is missing at the end of the field.
// `no_end_before` is how far into the text no `?=` is known to stand (of no beginning after this one either); it saves
// going through the same octets for each of many beginnings.
std::optional<Word> read_word(std::string_view text, std::size_t& no_end_before) {
  if (!text.starts_with("=?")) return std::nullopt;
  const auto charset_end = text.find('?', 2);
  if (charset_end == std::string_view::npos || charset_end == 2 || charset_end > 80) return std::nullopt;
  const std::string_view charset = text.substr(2, charset_end - 2);
  if (charset.front() == '*' || charset.find_first_of(" \t=") != std::string_view::npos) return std::nullopt;
  if (charset_end + 2 >= text.size() || text[charset_end + 2] != '?') return std::nullopt;
  const char encoding = ascii_lower(text[charset_end + 1]);
  if (encoding != 'q' && encoding != 'b') return std::nullopt;
  const std::size_t begin = charset_end + 3;
  const std::string_view window = text.substr(0, kLongestRead);
  auto end = window.find("?=", std::max(begin, no_end_before));
  if (end == std::string_view::npos) no_end_before = std::max(begin, window.size() - 1);
  // A raw '?' before an escape looks like the end: `=?utf-8?Q?why?=20not?=`. It is none if the word goes on without a
  // space.
  for (int i = 0; i < 8 && encoding == 'q' && end != std::string_view::npos && end + 4 < window.size(); ++i) {
    if (codec::hex_digit(window[end + 2]) < 0 || codec::hex_digit(window[end + 3]) < 0) break;
    const auto stop = window.find_first_of(" \t?", end + 2);
    if (stop == std::string_view::npos || window[stop] != '?' || !window.substr(stop).starts_with("?=")) break;
    end = stop;
  }
  Word word;
  std::string_view coded;
  if (end == std::string_view::npos) {
    if (text.size() > kLongestRead) return std::nullopt;
    // Cut off: believable only where nothing else follows.
    coded = text.substr(begin);
    if (coded.find_first_of(" \t") != std::string_view::npos || coded.empty()) return std::nullopt;
    if (coded.ends_with('?')) coded.remove_suffix(1);
    word.length = text.size();
  } else {
    coded = text.substr(begin, end - begin);
    word.length = end + 2;
  }
  const auto language = charset.find('*');  // RFC 2231 §5
  word.charset = charset.substr(0, language);
  word.octets = encoding == 'q' ? decode_q(coded) : codec::decode_base64_body(coded).octets;
  return word;
}

// Pieces of raw 8-bit beside encoded words.
std::string plain_text(std::string_view text) {
  while (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a byte order mark says nothing here
  return is_utf8(text) ? std::string(text) : codec::guess_to_utf8(text).utf8;
}

void append_without_controls(std::string& out, std::string_view utf8) {
  for (const char c : utf8) {
    if (c == '\t' || c == '\r' || c == '\n') {
      out += ' ';
    } else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) {
      out += c;
    }
  }
}

// What an encoded word hides of them is dropped (RFC 8621 §4.1.2.2): a folded line within one leaves its space alone.
void append_decoded(std::string& out, std::string_view utf8) {
  std::ranges::copy_if(utf8, std::back_inserter(out),
                       [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F; });
}

}  // namespace

std::string unfold(std::string_view field_body) {
  std::string out;
  out.reserve(field_body.size());
  for (std::size_t i = 0; i < field_body.size(); ++i) {
    const char c = field_body[i];
    if (c == '\r' || c == '\n') continue;
    out += c == '\0' ? ' ' : c;
  }
  const auto begin = out.find_first_not_of(" \t");
  if (begin == std::string::npos) return {};
  out.erase(out.find_last_not_of(" \t") + 1);
  out.erase(0, begin);
  return out;
}

std::string decode_words(std::string_view unfolded) {
  if (unfolded.find("=?") == std::string_view::npos) {
    std::string out;
    append_without_controls(out, plain_text(unfolded));
    while (out.starts_with("\xEF\xBB\xBF")) out.erase(0, 3);
    return is_ascii(out) ? out : codec::nfc(out);
  }
  std::string out;
  std::string pending;  // octets of neighbouring words of one charset: a character may be split over them
  std::string pending_charset;
  const auto flush = [&] {
    if (!pending_charset.empty()) append_decoded(out, codec::to_utf8(pending, pending_charset).utf8);
    pending.clear();
    pending_charset.clear();
  };
  std::size_t plain_begin = 0;
  std::size_t at = 0;
  std::size_t no_end_before = 0;
  while (at < unfolded.size()) {
    const auto start = unfolded.find("=?", at);
    if (start == std::string_view::npos) break;
    std::size_t known = no_end_before > start ? no_end_before - start : 0;
    auto word = read_word(unfolded.substr(start), known);
    no_end_before = std::max(no_end_before, start + known);
    if (!word) {
      at = start + 2;
      continue;
    }
    const std::string_view between = unfolded.substr(plain_begin, start - plain_begin);
    // RFC 2047 §6.2: white space between two encoded words is not shown.
    const bool neighbours = !pending_charset.empty() && between.find_first_not_of(" \t") == std::string_view::npos;
    if (!neighbours) {
      flush();
      append_without_controls(out, plain_text(between));
    }
    // A word that ends in ASCII by a shift of its own (ISO-2022) begins anew; its octets make no text with the next's.
    const bool shifted_back = pending.ends_with("\x1B(B") || pending.ends_with("\x1B(J");
    if (shifted_back || !equal_ignoring_case(pending_charset, word->charset)) {
      flush();
      pending_charset = word->charset;
    }
    pending += word->octets;
    at = plain_begin = start + word->length;
  }
  flush();
  append_without_controls(out, plain_text(unfolded.substr(plain_begin)));
  while (out.starts_with("\xEF\xBB\xBF")) out.erase(0, 3);
  return is_ascii(out) ? out : codec::nfc(out);
}

std::string decode_text(std::string_view field_body) { return decode_words(unfold(field_body)); }

std::string encode_text(std::string_view utf8) {
  std::string text(utf8);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  // What looks like an encoded word would be read as one.
  if (is_ascii(text) && text.find("=?") == std::string::npos) return text;
  return fmt::format("{}", fmt::join(encoded_words(text, 75), " "));
}

}  // namespace pabal::message
