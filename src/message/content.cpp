#include "message/content.hpp"

#include <algorithm>
#include <cstring>

#include "base/text.hpp"
#include "codec/charset.hpp"
#include "message/parameters.hpp"

namespace pabal::message {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool is_base64_digit(char c) noexcept { return is_alpha(c) || is_digit(c) || c == '+' || c == '/'; }

// A web page says its charset within itself where the header doesn't: <meta charset=…> or http-equiv's content.
std::string_view meta_charset(std::string_view html) noexcept {
  constexpr std::size_t looked_at = 2048;
  constexpr std::string_view wanted = "charset=";
  html = html.substr(0, looked_at);
  for (auto meta = html.find('<'); meta != std::string_view::npos; meta = html.find('<', meta + 1)) {
    if (!starts_with_ignoring_case(html.substr(meta + 1), "meta")) continue;
    const std::string_view tag = html.substr(meta, html.find('>', meta) - meta);
    for (std::size_t at = 0; at + wanted.size() < tag.size(); ++at) {
      if (!starts_with_ignoring_case(tag.substr(at), wanted)) continue;
      auto value = tag.substr(at + wanted.size());
      while (!value.empty() && (value.front() == '"' || value.front() == '\'' || value.front() == ' ')) {
        value.remove_prefix(1);
      }
      return value.substr(0, value.find_first_of("\"' />;"));
    }
  }
  return {};
}

// Sets in which ASCII octets are ASCII, whatever stands before them; most letters in them are ASCII.
bool contains_ascii(std::string_view label) noexcept {
  constexpr std::string_view beginnings[] = {"utf-8",  "us-ascii", "iso-8859-", "windows-125", "euc-", "ks_c_5601",
                                             "gb2312", "gb18030",  "big5",      "koi8-",       "cp949"};
  return std::ranges::any_of(beginnings, [&](std::string_view one) { return starts_with_ignoring_case(label, one); });
}

codec::Converted converted(std::string octets, const Part& part, std::string_view label) {
  const bool ascii = is_ascii(octets);
  if (contains_ascii(label) && ascii) return {std::move(octets), false};
  if (!label.empty()) return codec::to_utf8(octets, label);
  if (ascii && octets.find('\x1B') == std::string::npos) return {std::move(octets), false};
  if (equal_ignoring_case(part.subtype, "html")) {
    // What the page was written in may be read from it only if it can be: a UTF-16 page has no such ASCII text.
    const auto said = meta_charset(octets);
    if (!said.empty() && codec::is_known_charset(said) && !starts_with_ignoring_case(said, "utf-16")) {
      return codec::to_utf8(octets, said);
    }
  }
  // ISO-2022 texts without a label, as Korean and Japanese mailers of the nineties sent them.
  if (ascii) {
    if (octets.find("\x1B$)C") != std::string::npos) return codec::to_utf8(octets, "iso-2022-kr");
    if (octets.find("\x1B$B") != std::string::npos || octets.find("\x1B$@") != std::string::npos) {
      return codec::to_utf8(octets, "iso-2022-jp");
    }
  }
  return codec::guess_to_utf8(octets);
}

}  // namespace

std::string_view encoded_body(std::string_view message, const Part& part) noexcept {
  return message.substr(part.body_begin, part.body_end - part.body_begin);
}

// Up to a line end where possible, and never within a group of four digits.
std::size_t ContentPieces::cut_base64() const noexcept {
  for (std::size_t size = piece_octets_;; size *= 2) {
    std::size_t cut = cut_lines(size);
    if (cut == rest_.size()) return cut;
    std::size_t open = 0;
    for (const char c : rest_.substr(0, cut)) {
      if (is_base64_digit(c)) {
        open = (open + 1) & 3U;
      } else if (c == '=') {
        open = 0;
      }
    }
    for (; open > 0; --cut) {
      if (is_base64_digit(rest_[cut - 1])) --open;
    }
    if (cut > 0) return cut;  // otherwise there is no whole group in it
  }
}

std::size_t ContentPieces::cut_lines(std::size_t size) const noexcept {
  if (rest_.size() <= size) return rest_.size();
  auto end = rest_.rfind('\n', size - 1);
  // One line that is longer than a piece is taken whole.
  if (end == std::string_view::npos) end = rest_.find('\n', size);
  return end == std::string_view::npos ? rest_.size() : end + 1;
}

std::optional<std::string> ContentPieces::next() {
  if (rest_.empty()) return std::nullopt;
  std::size_t cut = std::min(rest_.size(), piece_octets_);
  if (encoding_ == codec::TransferEncoding::base64) cut = cut_base64();
  if (encoding_ == codec::TransferEncoding::quoted_printable) cut = cut_lines(piece_octets_);
  auto decoded = codec::decode_body(encoding_, rest_.substr(0, cut));
  rest_.remove_prefix(cut);
  damaged_ = damaged_ || decoded.damaged;
  return std::move(decoded.octets);
}

std::uint64_t decoded_size(std::string_view message, const Part& part) {
  const auto encoding = codec::transfer_encoding(part.encoding);
  const auto body = encoded_body(message, part);
  if (encoding == codec::TransferEncoding::identity || encoding == codec::TransferEncoding::unknown) return body.size();
  std::uint64_t size = 0;
  ContentPieces pieces(encoding, body);
  while (const auto piece = pieces.next()) size += piece->size();
  return size;
}

std::string charset_label(const Part& part) {
  return parameter_of(part.content_type, "charset").value_or(std::string());
}

std::string_view utf8_prefix(std::string_view utf8, std::size_t max_octets) noexcept {
  if (utf8.size() <= max_octets) return utf8;
  while (max_octets > 0 && (static_cast<unsigned char>(utf8[max_octets]) & 0xC0U) == 0x80U) --max_octets;
  return utf8.substr(0, max_octets);
}

void normalize_line_ends(std::string& text) {
  auto at = text.find('\r');
  if (at == std::string::npos) return;
  std::size_t out = at;
  while (at < text.size()) {
    // At a CR: it goes before an LF, which comes with the line behind it, and else becomes one.
    ++at;
    if (at == text.size() || text[at] != '\n') text[out++] = '\n';
    const auto end = std::min(text.find('\r', at), text.size());
    std::memmove(text.data() + out, text.data() + at, end - at);
    out += end - at;
    at = end;
  }
  text.resize(out);
}

PartText text_of(std::string_view message, const Part& part, std::size_t max_octets) {
  // Line ends shrink by half; few sets shrink on the way to UTF-8: UTF-16 and 32, ISO-2022 with its escapes. So much is
  // read that enough comes out, and what a cut character leaves at the end is dropped.
  const auto label = charset_label(part);
  const std::size_t most_narrow = label.empty() || contains_ascii(label) ? 2 : 8;
  const auto encoding = codec::transfer_encoding(part.encoding);
  const auto body = encoded_body(message, part);
  const std::size_t limit = max_octets < SIZE_MAX / most_narrow - 64 ? max_octets * most_narrow + 64 : SIZE_MAX;
  auto decoded = codec::decode_body(encoding, body, limit);
  const bool cut = decoded.octets.size() == limit;

  auto text = converted(std::move(decoded.octets), part, label);
  PartText result{std::move(text.utf8), text.damaged || encoding == codec::TransferEncoding::unknown, false};
  if (cut && result.utf8.ends_with(kReplacement)) {
    result.utf8.resize(result.utf8.size() - kReplacement.size());
    result.encoding_problem = result.utf8.find(kReplacement) != std::string::npos;
  }
  normalize_line_ends(result.utf8);
  const auto kept = utf8_prefix(result.utf8, max_octets).size();
  result.truncated = cut || kept < result.utf8.size();
  result.utf8.resize(kept);
  return result;
}

}  // namespace pabal::message
