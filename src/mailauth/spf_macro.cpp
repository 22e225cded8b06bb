#include "mailauth/spf_macro.hpp"

#include <algorithm>
#include <ranges>
#include <vector>

#include <fmt/format.h>

#include "base/text.hpp"

namespace pabal::mailauth {
namespace {

constexpr std::size_t most_name_octets = 253;
/// Only the last 253 octets of a name count, so that no more need be kept while it grows.
constexpr std::size_t name_kept = 4096;

constexpr bool is_delimiter(char c) noexcept { return std::string_view(".-+,/_=").contains(c); }

/// One macro, or the literal text before the next one.
struct Piece {
  enum class Kind : std::uint8_t { literal, macro, percent, space, url_space, wrong } kind = Kind::wrong;
  std::string_view text{};  ///< of a literal
  char letter = 0;          ///< as written
  std::size_t parts = 0;    ///< 0: all of them
  bool reverse = false;
  std::string_view delimiters{};
};

/// Takes `{` … `}` of a macro from the front.
Piece take_braces(std::string_view& rest) {
  Piece piece{.kind = Piece::Kind::wrong};
  const auto end = rest.find('}');
  if (end == std::string_view::npos || end < 2) return piece;
  auto inside = rest.substr(1, end - 1);
  rest.remove_prefix(end + 1);
  piece.letter = inside.front();
  inside.remove_prefix(1);
  const bool has_digits = !inside.empty() && is_digit(inside.front());
  while (!inside.empty() && is_digit(inside.front())) {
    piece.parts = std::min<std::size_t>(piece.parts * 10 + static_cast<std::size_t>(inside.front() - '0'), 1'000'000);
    inside.remove_prefix(1);
  }
  if (has_digits && piece.parts == 0) return piece;
  if (!inside.empty() && ascii_lower(inside.front()) == 'r') {
    piece.reverse = true;
    inside.remove_prefix(1);
  }
  if (!std::ranges::all_of(inside, is_delimiter)) return piece;
  piece.delimiters = inside;
  piece.kind = Piece::Kind::macro;
  return piece;
}

/// The next piece of a text that isn't empty, taken from its front.
Piece take(std::string_view& rest) {
  if (rest.front() != '%') {
    const auto end = std::min(rest.find('%'), rest.size());
    const Piece piece{.kind = Piece::Kind::literal, .text = rest.substr(0, end)};
    rest.remove_prefix(end);
    return piece;
  }
  rest.remove_prefix(1);
  if (rest.empty()) return {};
  const char second = rest.front();
  if (second == '{') return take_braces(rest);
  rest.remove_prefix(1);
  switch (second) {
    case '%':
      return {.kind = Piece::Kind::percent};
    case '_':
      return {.kind = Piece::Kind::space};
    case '-':
      return {.kind = Piece::Kind::url_space};
    default:
      return {};
  }
}

bool is_letter(char letter, MacroUse use) noexcept {
  const auto lower = ascii_lower(letter);
  return std::string_view("slodiphv").contains(lower) ||
         (use == MacroUse::explanation && std::string_view("crt").contains(lower));
}

/// §7.3: what isn't in RFC 3986's unreserved set is escaped.
std::string escape(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (is_alpha(c) || is_digit(c) || std::string_view("-._~").contains(c)) {
      escaped += c;
    } else {
      fmt::format_to(std::back_inserter(escaped), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return escaped;
}

/// §7.3, %{i}: dotted, by octets or by nibbles.
std::string dotted(const IpAddress& address) {
  if (!address.is_v6()) return address.text();
  std::string text;
  for (const auto octet : address.octets()) {
    fmt::format_to(std::back_inserter(text), "{}{:X}.{:X}", text.empty() ? "" : ".", octet >> 4, octet & 15);
  }
  return text;
}

std::string value_of(char letter, const MacroValues& values) {
  switch (ascii_lower(letter)) {
    case 's':
      return fmt::format("{}@{}", values.local_part, values.sender_domain);
    case 'l':
      return std::string(values.local_part);
    case 'o':
      return std::string(values.sender_domain);
    case 'd':
      return std::string(values.domain);
    case 'i':
      return dotted(values.address);
    case 'p':
      return std::string(values.validated);
    case 'v':
      return values.address.is_v6() ? "ip6" : "in-addr";
    case 'h':
      return std::string(values.helo);
    case 'c':
      return values.address.text();
    case 'r':
      return values.receiver.empty() ? "unknown" : std::string(values.receiver);
    case 't':
      return fmt::format("{}", std::chrono::floor<std::chrono::seconds>(values.now.time_since_epoch()).count());
    default:
      return {};
  }
}

std::string transformed(const Piece& macro, const MacroValues& values) {
  auto value = value_of(macro.letter, values);
  if (macro.parts > 0 || macro.reverse || !macro.delimiters.empty()) {
    const auto delimiters = macro.delimiters.empty() ? std::string_view(".") : macro.delimiters;
    std::vector<std::string_view> parts;
    std::string_view rest(value);
    for (auto at = rest.find_first_of(delimiters); at != std::string_view::npos; at = rest.find_first_of(delimiters)) {
      parts.push_back(rest.substr(0, at));
      rest.remove_prefix(at + 1);
    }
    parts.push_back(rest);
    if (macro.reverse) std::ranges::reverse(parts);
    const auto first = macro.parts == 0 || macro.parts >= parts.size() ? 0 : parts.size() - macro.parts;
    std::string joined;
    for (std::size_t i = first; i < parts.size(); ++i) {
      if (i > first) joined += '.';
      joined += parts[i];
    }
    value = std::move(joined);
  }
  return macro.letter == ascii_lower(macro.letter) ? value : escape(value);
}

std::string expanded(const Piece& piece, const MacroValues& values) {
  switch (piece.kind) {
    case Piece::Kind::literal:
      return std::string(piece.text);
    case Piece::Kind::macro:
      return transformed(piece, values);
    case Piece::Kind::percent:
      return "%";
    case Piece::Kind::space:
      return " ";
    case Piece::Kind::url_space:
      return "%20";
    case Piece::Kind::wrong:
      break;
  }
  return {};
}

/// RFC 7208 §7.1 toplabel.
bool is_top_label(std::string_view label) noexcept {
  const auto is_plain = [](char c) { return is_alpha(c) || is_digit(c); };
  if (label.empty() || !is_plain(label.front()) || !is_plain(label.back())) return false;
  if (!std::ranges::all_of(label, [&](char c) { return is_plain(c) || c == '-'; })) return false;
  return label.contains('-') || std::ranges::any_of(label, is_alpha);
}

}  // namespace

Result<void> check_macros(std::string_view text, MacroUse use) {
  for (auto rest = text; !rest.empty();) {
    const auto piece = take(rest);
    if (piece.kind == Piece::Kind::wrong) return fail(ErrorKind::syntax, "a % begins no macro");
    if (piece.kind == Piece::Kind::macro && !is_letter(piece.letter, use)) {
      return fail(ErrorKind::syntax, fmt::format("there is no macro %{{{}}} here", printable({&piece.letter, 1})));
    }
    const bool visible = std::ranges::all_of(
        piece.text, [use](char c) { return (c > ' ' && c < 0x7f) || (use == MacroUse::explanation && c == ' '); });
    if (!visible) return fail(ErrorKind::syntax, "there are characters that may not stand there");
  }
  return {};
}

Result<void> check_domain_spec(std::string_view text) {
  if (text.empty()) return fail(ErrorKind::syntax, "the domain is missing");
  if (auto checked = check_macros(text, MacroUse::name); !checked) return checked;
  Piece last;
  for (auto rest = text; !rest.empty();) last = take(rest);
  if (last.kind != Piece::Kind::literal) return {};
  auto tail = last.text;
  if (tail.ends_with('.')) tail.remove_suffix(1);
  const auto dot = tail.rfind('.');
  if (dot == std::string_view::npos || !is_top_label(tail.substr(dot + 1))) {
    return fail(ErrorKind::syntax, fmt::format("{} is no whole domain name", printable(text, 80)));
  }
  return {};
}

bool wants_validated_name(std::string_view text) noexcept {
  for (auto rest = text; !rest.empty();) {
    const auto piece = take(rest);
    if (piece.kind == Piece::Kind::macro && ascii_lower(piece.letter) == 'p') return true;
  }
  return false;
}

std::optional<std::string> expand_explanation(std::string_view text, const MacroValues& values) {
  std::string out;
  for (auto rest = text; !rest.empty();) {
    out += expanded(take(rest), values);
    if (out.size() > explanation_limit) return std::nullopt;
  }
  return out;
}

std::string expand_domain_spec(std::string_view text, const MacroValues& values) {
  std::string out;
  for (auto rest = text; !rest.empty();) {
    out += expanded(take(rest), values);
    if (out.size() > 2 * name_kept) out.erase(0, out.size() - name_kept);
  }
  if (out.ends_with('.')) out.pop_back();
  while (out.size() > most_name_octets) {
    const auto dot = out.find('.', out.size() - most_name_octets - 1);
    if (dot == std::string::npos) return out;
    out.erase(0, dot + 1);
  }
  return out;
}

}  // namespace pabal::mailauth
