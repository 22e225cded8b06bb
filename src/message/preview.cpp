#include "message/preview.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "message/content.hpp"
#include "message/flowed.hpp"
#include "message/html_text.hpp"

namespace pabal::message {

namespace {

constexpr std::size_t kTextLookedAt = 4U << 10;
constexpr std::size_t kHtmlLookedAt = 16U << 10;
constexpr std::size_t kHtmlLookedAtMost = 256U << 10;  ///< where style sheets fill the beginning
constexpr std::size_t kHtmlTextWanted = 1'200;

// Code points that are shown as nothing, or as white space.
enum class Look : std::uint8_t { shown, space, nothing };

struct Decoded {
  char32_t code = 0;
  std::size_t octets = 1;
};
Decoded decode(std::string_view utf8, std::size_t at) noexcept {
  const auto first = static_cast<unsigned char>(utf8[at]);
  const std::size_t octets = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  char32_t code = octets == 1 ? first : octets == 2 ? first & 0x1FU : octets == 3 ? first & 0x0FU : first & 0x07U;
  for (std::size_t i = 1; i < octets && at + i < utf8.size(); ++i) {
    code = code << 6 | (static_cast<unsigned char>(utf8[at + i]) & 0x3FU);
  }
  return {code, std::min(octets, utf8.size() - at)};
}

Look look_of(char32_t code) noexcept {
  if (code <= 0x20 || code == 0x7F || code == 0xA0 || code == 0x3000 || (code >= 0x2000 && code <= 0x200A) ||
      code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x85) {
    return Look::space;
  }
  if (code == 0xAD || code == 0x34F || code == 0x200B || code == 0x2060 || code == 0xFEFF ||
      (code > 0x80 && code < 0xA0)) {
    return Look::nothing;
  }
  return Look::shown;
}

// Collects one line of at most 256 characters.
class Line {
 public:
  [[nodiscard]] bool full() const noexcept { return full_; }
  void append(std::string_view utf8) {
    for (std::size_t at = 0; at < utf8.size() && !full_;) {
      const auto word =
          static_cast<std::size_t>(std::ranges::find_if_not(utf8.substr(at), is_graphic) - (utf8.begin() + at));
      if (word > 0) {
        put_word(utf8.substr(at, word));
        at += word;
        continue;
      }
      const auto [code, octets] = decode(utf8, at);
      const auto look = look_of(code);
      if (look == Look::space) {
        space_ = !out_.empty();
      } else if (look == Look::shown) {
        put(code, utf8.substr(at, octets));
      }
      at += octets;
    }
    space_ = !out_.empty();
  }
  [[nodiscard]] std::string take() && { return std::move(out_); }

 private:
  static bool is_graphic(char c) noexcept { return c > 0x20 && c < 0x7F; }
  // Of ASCII, as most are.
  void put_word(std::string_view word) {
    const std::size_t before = space_ ? 1 : 0;
    const std::size_t room = kPreviewCharacters - units_;
    if (room <= before) {
      full_ = true;
      return;
    }
    if (space_) out_ += ' ';
    space_ = false;
    full_ = word.size() > room - before;
    word = word.substr(0, room - before);
    out_ += word;
    units_ += before + word.size();
  }
  void put(char32_t code, std::string_view octets) {
    const std::size_t width = code >= 0x10000 ? 2 : 1;
    if (units_ + width + (space_ ? 1 : 0) > kPreviewCharacters) {
      full_ = true;
      return;
    }
    if (space_) {
      out_ += ' ';
      ++units_;
    }
    space_ = false;
    out_ += octets;
    units_ += width;
  }

  std::string out_;
  std::size_t units_ = 0;
  bool space_ = false;
  bool full_ = false;
};

bool is_ruled(std::string_view line) noexcept {
  return line.size() >= 2 && std::ranges::all_of(line, [](char c) {
           return c == '-' || c == '=' || c == '_' || c == '*' || c == '~' || c == '#' || c == '+' || c == ' ';
         });
}

// "On Mon, 5 Jan 2026 at 10:00, Bob <bob@example.com> wrote:" before a quote.
bool introduces_quote(std::string_view line, std::string_view rest) noexcept {
  if (!line.ends_with(':')) return false;
  while (!rest.empty() && (rest.front() == '\n' || rest.front() == ' ')) rest.remove_prefix(1);
  return rest.starts_with('>');
}

bool begins_original(std::string_view line) noexcept {
  return line.starts_with("-----Original Message-----") || line.starts_with("----- Original Message -----") ||
         line.starts_with("-----원본 메시지-----") || line.starts_with("________________________________") ||
         line.starts_with("Begin forwarded message:");
}

// With or without what is quoted.
std::string collect(std::string_view text, bool quotes) {
  Line out;
  bool any = false;
  while (!text.empty() && !out.full()) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line == "-- " && any) break;
    line = trim(line);
    if (line.empty()) continue;
    if (quotes) {
      while (line.starts_with('>')) line = trim(line.substr(1));
      if (line.empty()) continue;
    } else if (line.starts_with('>') || introduces_quote(line, text)) {
      continue;
    }
    if (any && begins_original(line)) break;
    if (is_ruled(line)) continue;
    out.append(line);
    any = true;
  }
  return std::move(out).take();
}

bool is_html(const BodyPart& part) noexcept { return part.type == "text/html"; }

std::string preview_of_html(std::string_view message, const Part& part) {
  for (std::size_t looked_at = kHtmlLookedAt;; looked_at *= 4) {
    const auto source = text_of(message, part, looked_at);
    auto text = html_to_text(source.utf8, {.max_octets = kHtmlTextWanted, .quotes = false});
    if (text.empty()) text = html_to_text(source.utf8, {.max_octets = kHtmlTextWanted});
    auto preview = preview_of_text(text);
    if (!preview.empty() || !source.truncated || looked_at >= kHtmlLookedAtMost) return preview;
  }
}

std::string preview_of_part(std::string_view message, const MimeTree& tree, const BodyPart& body) {
  const Part& part = tree.parts[body.place];
  if (is_html(body)) return preview_of_html(message, part);
  const auto source = text_of(message, part, kTextLookedAt);
  const auto format = flowed_format(part);
  return preview_of_text(format.flowed ? unflow(source.utf8, format.del_sp) : source.utf8);
}

}  // namespace

std::string preview_of_text(std::string_view utf8) {
  auto preview = collect(utf8, false);
  return preview.empty() ? collect(utf8, true) : preview;
}

std::string preview_of(std::string_view message, const MimeTree& tree, const BodyStructure& body) {
  constexpr std::size_t most_parts = 4;
  for (const auto* list : {&body.text_body, &body.html_body}) {
    std::size_t looked_at = 0;
    for (const auto place : *list) {
      const BodyPart& part = body.parts[place];
      if (!part.type.starts_with("text/")) continue;
      if (looked_at++ == most_parts) break;
      auto preview = preview_of_part(message, tree, part);
      if (!preview.empty()) return preview;
    }
  }
  return {};
}

}  // namespace pabal::message
