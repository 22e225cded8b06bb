#include "message/parameters.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "base/text.hpp"
#include "codec/charset.hpp"
#include "codec/hex.hpp"
#include "message/comments.hpp"
#include "message/encoded_word.hpp"
#include "message/field_parameters.hpp"

namespace pabal::message {

namespace {

constexpr std::size_t kMostSegments = 1'000;
constexpr std::size_t kLongestValue = 64 << 10;

// One `name=value` as it stands in the field.
struct Raw {
  std::string name;  ///< lower case, with RFC 2231's '*' marks
  std::string value;
};

bool is_space(char c) noexcept { return c == ' ' || c == '\t'; }

class Reader {
 public:
  explicit Reader(std::string_view text) noexcept : text_(text) {}

  [[nodiscard]] bool at_end() const noexcept { return at_ >= text_.size(); }

  void skip_comments() noexcept { at_ = behind_comments(text_, at_); }

  // "text / plain", up to the first parameter; what mailers wrote instead of ';' ends it too.
  std::string value() {
    std::string out;
    while (true) {
      skip_comments();
      if (at_end() || text_[at_] == ';') return out;
      const auto begin = at_;
      while (at_ < text_.size() && text_[at_] != ';' && text_[at_] != '(' && !is_space(text_[at_])) ++at_;
      std::string_view word = text_.substr(begin, at_ - begin);
      while (word.ends_with(',')) word.remove_suffix(1);
      // `text/plain charset=x`: a parameter without the semicolon before it.
      if (!out.empty() && word.find('=') != std::string_view::npos) {
        at_ = begin;
        return out;
      }
      if (word.size() >= 2 && word.front() == '"' && word.back() == '"') word = word.substr(1, word.size() - 2);
      out += to_lower(word);
    }
  }

  bool next(Raw& raw) {
    while (true) {
      skip_comments();
      while (at_ < text_.size() && (text_[at_] == ';' || text_[at_] == ',')) {
        ++at_;
        skip_comments();
      }
      if (at_end()) return false;
      const auto begin = at_;
      while (at_ < text_.size() && text_[at_] != '=' && text_[at_] != ';' && !is_space(text_[at_]) &&
             text_[at_] != '(' && text_[at_] != '"') {
        ++at_;
      }
      raw.name = to_lower(text_.substr(begin, at_ - begin));
      skip_comments();
      if (at_ < text_.size() && text_[at_] == '=') {
        ++at_;
        skip_comments();
        raw.value = parameter_value();
        if (!raw.name.empty()) return true;
        continue;
      }
      if (at_ == begin) ++at_;  // a stray character
    }
  }

 private:
  std::string parameter_value() {
    if (at_ < text_.size() && text_[at_] == '"') return quoted();
    // Up to the next ';'. Spaces within belong to it unless `name=` follows them: `name=my file.txt; size=1`.
    const auto begin = at_;
    auto end = begin;
    while (at_ < text_.size() && text_[at_] != ';') {
      if (is_space(text_[at_])) {
        const auto word_begin = text_.find_first_not_of(" \t", at_);
        const auto rest = word_begin == std::string_view::npos ? std::string_view() : text_.substr(word_begin, 64);
        const auto stop = rest.find_first_of(" \t;=(");
        if (rest.empty() || rest.front() == '(' || (stop != std::string_view::npos && rest[stop] == '=' && stop > 0))
          break;
        at_ = word_begin;
      } else {
        end = ++at_;
      }
    }
    at_ = std::max(at_, end);
    return std::string(text_.substr(begin, end - begin));
  }

  // A quote that is never closed ends with the text; one inside the value (`"a"b"`) is kept where no ';' follows it.
  std::string quoted() {
    std::string out;
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\\' && at_ + 1 < text_.size()) {
        // Windows mailers write paths unescaped; a backslash before another character than '"' and '\' is one.
        const char next = text_[at_ + 1];
        if (next != '"' && next != '\\') {
          out += c;
          continue;
        }
        out += next;
        ++at_;
      } else if (c == '"') {
        const auto follow = text_.find_first_not_of(" \t", at_ + 1);
        const bool ends = follow == std::string_view::npos || text_[follow] == ';' || text_[follow] == '(' ||
                          is_space(text_[at_ + 1]) || !has_quote_before_semicolon(at_ + 1);
        if (ends) {
          ++at_;
          return out;
        }
        out += c;
      } else {
        out += c;
      }
    }
    return out;
  }

  [[nodiscard]] bool has_quote_before_semicolon(std::size_t from) const noexcept {
    for (const char c : text_.substr(from, 1'000)) {
      if (c == '"') return true;
      if (c == ';') return false;
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? codec::hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 && i + 2 < text.size() ? codec::hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high << 4 | low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

struct Piece {
  std::string value;
  bool extended = false;  ///< percent-encoded, with a character set in the first
};

// One parameter in the forms that it came in, of each the first (RFC 2231 §3, §4).
struct Forms {
  std::optional<Piece> plain;             ///< name=
  std::optional<Piece> extended;          ///< name*=
  std::map<std::size_t, Piece> numbered;  ///< name*0=, name*1*=, …
  std::size_t order = 0;

  // The best goes before what is given beside it for old readers (RFC 6266 §4.3).
  [[nodiscard]] std::vector<const Piece*> pieces() const {
    if (extended) return {&*extended};
    std::vector<const Piece*> found;
    for (const auto& [number, piece] : numbered) {
      // Numbers count from 0, in some mailers from 1; a missing piece ends the value.
      if (number != found.size() + numbered.begin()->first || numbered.begin()->first > 1) break;
      found.push_back(&piece);
    }
    if (found.empty() && plain) return {&*plain};
    return found;
  }
};

FieldParameter join(const std::string& name, const Forms& forms) {
  FieldParameter out;
  out.name = name;
  std::string octets;
  std::string charset;
  bool extended = false;
  bool first_piece = true;
  for (const Piece* piece : forms.pieces()) {
    std::string_view value = piece->value;
    if (std::exchange(first_piece, false) && piece->extended) {
      const auto first = value.find('\'');
      const auto second = first == std::string_view::npos ? first : value.find('\'', first + 1);
      if (second != std::string_view::npos) {
        charset = value.substr(0, first);
        out.language = value.substr(first + 1, second - first - 1);
        value.remove_prefix(second + 1);
      }
      extended = true;
    }
    octets += piece->extended ? percent_decoded(value) : std::string(value);
    if (octets.size() > kLongestValue) break;
  }
  if (extended) {
    out.value = charset.empty() ? codec::guess_to_utf8(octets).utf8 : codec::to_utf8(octets, charset).utf8;
  } else {
    out.value = decode_words(octets);
  }
  return out;
}

}  // namespace

const std::string* ParameterizedValue::find(std::string_view name) const noexcept {
  for (const auto& parameter : parameters) {
    if (parameter.name == name) return &parameter.value;
  }
  return nullptr;
}

ParameterizedValue parse_parameters(std::string_view field_body, std::size_t max_parameters) {
  ParameterizedValue out;
  const std::string text = unfold(field_body);
  Reader reader(text);
  out.value = reader.value();

  std::map<std::string, Forms, std::less<>> found;
  std::size_t segments = 0;
  Raw raw;
  while (segments < kMostSegments && reader.next(raw)) {
    ++segments;
    std::string_view name = raw.name;
    const bool extended = name.ends_with('*');
    if (extended) name.remove_suffix(1);
    std::optional<std::uint64_t> number;
    if (const auto star = name.rfind('*'); star != std::string_view::npos) {
      number = parse_decimal(name.substr(star + 1), kMostSegments);
      if (number) name = name.substr(0, star);
    }
    if (name.empty()) continue;
    auto at = found.find(name);
    if (at == found.end()) {
      if (found.size() >= max_parameters) continue;
      at = found.emplace(name, Forms()).first;
      at->second.order = found.size();
    }
    Piece piece{std::move(raw.value), extended};
    if (number) {
      at->second.numbered.emplace(*number, std::move(piece));
    } else if (auto& whole = extended ? at->second.extended : at->second.plain; !whole) {
      whole = std::move(piece);
    }
  }
  std::vector<const std::pair<const std::string, Forms>*> ordered;
  ordered.reserve(found.size());
  for (const auto& entry : found) ordered.push_back(&entry);
  std::ranges::sort(ordered, {}, [](const auto* entry) { return entry->second.order; });
  for (const auto* entry : ordered) out.parameters.push_back(join(entry->first, entry->second));
  return out;
}

namespace {

// Somewhere in the field stands `name*`, in any case.
bool mentions_marked(std::string_view field_body, std::string_view name) noexcept {
  for (auto star = field_body.find('*'); star != std::string_view::npos; star = field_body.find('*', star + 1)) {
    if (star >= name.size() && equal_ignoring_case(field_body.substr(star - name.size(), name.size()), name)) {
      return true;
    }
  }
  return false;
}

void take_controls_out(std::string& text) {
  std::erase_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

}  // namespace

std::optional<std::string> parameter_of(std::string_view field_body, std::string_view name) {
  if (auto plain = raw_parameter(field_body, name)) return plain;
  if (!mentions_marked(field_body, name)) return std::nullopt;
  const auto parsed = parse_parameters(field_body);
  const auto* value = parsed.find(name);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<std::string> file_name(std::string_view disposition_body, std::string_view content_type_body) {
  std::string name;
  if (!disposition_body.empty()) {
    if (const auto parsed = parse_parameters(disposition_body); const auto* value = parsed.find("filename"))
      name = *value;
  }
  if (name.empty() && !content_type_body.empty()) {
    if (const auto parsed = parse_parameters(content_type_body); const auto* value = parsed.find("name")) name = *value;
  }
  take_controls_out(name);
  if (name.empty()) return std::nullopt;
  return name;
}

std::optional<std::string> safe_file_name(std::string_view suggested) {
  std::string name(suggested.substr(suggested.find_last_of("/\\") + 1));  // npos + 1 is the beginning
  take_controls_out(name);
  if (name.empty() || name == "." || name == "..") return std::nullopt;
  return name;
}

namespace {

bool is_token_text(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return c > ' ' && c < 0x7F && std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
  });
}

std::string clean(std::string_view value) {
  std::string out;
  for (const char c : value) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
  return out;
}

}  // namespace

std::string format_parameter(std::string_view name, std::string_view utf8_value, bool raw_utf8) {
  const std::string value = clean(utf8_value);
  constexpr std::size_t longest = 70;
  if (is_ascii(value) || raw_utf8) {
    std::string out = fmt::format("; {}=", name);
    if (is_token_text(value)) {
      out += value;
    } else {
      out += '"';
      for (const char c : value) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
      }
      out += '"';
    }
    if (out.size() <= longest + 6 || raw_utf8) return out;
  }
  // Percent-encoded in pieces; a character's octets are never parted, since some readers decode each piece alone.
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::vector<std::string> pieces(1);
  for (std::size_t i = 0; i < value.size();) {
    std::size_t width = 1;
    while (i + width < value.size() && (static_cast<unsigned char>(value[i + width]) & 0xC0U) == 0x80U) ++width;
    std::string encoded;
    for (const char c : std::string_view(value).substr(i, width)) {
      const bool plain =
          is_digit(c) || is_alpha(c) || std::string_view("!#$&+-.^_`|~").find(c) != std::string_view::npos;
      if (plain) {
        encoded += c;
      } else {
        encoded += {'%', digits[static_cast<unsigned char>(c) >> 4], digits[static_cast<unsigned char>(c) & 15]};
      }
    }
    const std::size_t room = longest - name.size() - 8 - (pieces.size() == 1 ? 7 : 0);
    if (pieces.back().size() + encoded.size() > room) pieces.emplace_back();
    pieces.back() += encoded;
    i += width;
  }
  if (pieces.size() == 1) return fmt::format("; {}*=utf-8''{}", name, pieces[0]);
  std::string out;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    out += fmt::format("; {}*{}*={}{}", name, i, i == 0 ? "utf-8''" : "", pieces[i]);
  }
  return out;
}

}  // namespace pabal::message
