#include "message/flowed.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "message/parameters.hpp"

namespace pabal::message {

namespace {

constexpr std::size_t kWidth = 78;  // RFC 3676 §4.2
constexpr std::size_t kDeepestQuote = 60;
constexpr std::string_view kSignature = "-- ";

std::string_view take_line(std::string_view& text) noexcept {
  const auto end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

struct Character {
  std::size_t octets = 1;
  bool breakable = false;  ///< a line may end behind it although no space follows (DelSp)
};

Character character_at(std::string_view text, std::size_t at) noexcept {
  std::size_t octets = 1;
  while (at + octets < text.size() && (static_cast<unsigned char>(text[at + octets]) & 0xC0U) == 0x80U) ++octets;
  unsigned code = 0;
  if (octets == 3) {
    code = (static_cast<unsigned>(text[at]) & 0x0FU) << 12 | (static_cast<unsigned>(text[at + 1]) & 0x3FU) << 6 |
           (static_cast<unsigned>(text[at + 2]) & 0x3FU);
  }
  // Thai to Khmer without their marks' neighbours would need a dictionary; Kana, Han and their punctuation break
  // anywhere. Hangul has spaces.
  const bool ideographic = code >= 0x2E80 && code < 0xA4D0;
  const bool wide = code >= 0xF900 && code < 0xFB00;
  return {octets, ideographic || wide || octets == 4};
}

// One paragraph over as many lines as it needs.
class Writer {
 public:
  explicit Writer(bool del_sp) : del_sp_(del_sp) {}

  void write(std::uint32_t depth, std::string_view text) {
    const std::size_t marks = std::min<std::size_t>(depth, kDeepestQuote);
    const std::string prefix(marks, '>');
    const std::size_t room = kWidth - marks - 2;
    bool first = true;
    while (first || !text.empty()) {
      const auto end = text.empty() ? 0 : line_end(text, room);
      std::string_view line = text.substr(0, end);
      text.remove_prefix(end);
      out_ += prefix;
      // RFC 3676 §4.4: what would be read as a quote or a stuffed space, and what mbox files change, is stuffed; behind
      // quote marks always, because it reads better.
      const bool stuffed =
          marks > 0 ? !line.empty() : line.starts_with(' ') || line.starts_with('>') || line.starts_with("From ");
      if (stuffed) out_ += ' ';
      out_ += line;
      if (!text.empty() && (del_sp_ || !line.ends_with(' '))) out_ += ' ';
      out_ += "\r\n";
      first = false;
    }
  }

  [[nodiscard]] std::string take() && { return std::move(out_); }

 private:
  // How much of the text the next line takes; the whole where the rest fits.
  [[nodiscard]] std::size_t line_end(std::string_view text, std::size_t room) const noexcept {
    std::size_t at = 0;
    std::size_t width = 0;
    std::size_t possible = 0;
    while (at < text.size()) {
      const auto character = character_at(text, at);
      if (width >= room && possible > 0) return possible;
      at += character.octets;
      ++width;
      if (at == text.size()) break;
      // Without DelSp the next line must not begin with the space that the break is behind of: spaces stay together.
      // A line of "-- " alone would be a signature's.
      const bool behind_space = text[at - 1] == ' ' && text[at] != ' ' && text.substr(0, at) != kSignature;
      if (behind_space || (del_sp_ && (character.breakable || character_at(text, at).breakable))) possible = at;
    }
    return text.size();
  }

  bool del_sp_;
  std::string out_;
};

struct Line {
  std::uint32_t depth = 0;
  std::string_view text;
};

// Marks as unflow writes them: ">" or "> ", any number.
Line without_marks(std::string_view line) noexcept {
  Line out;
  std::size_t at = 0;
  while (at < line.size() && line[at] == '>') {
    ++out.depth;
    ++at;
    if (at < line.size() && line[at] == ' ') ++at;
  }
  out.text = line.substr(at);
  return out;
}

bool needs_del_sp(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto line = take_line(text);
    if (line.size() <= kWidth) continue;
    std::size_t run = 0;
    for (std::size_t at = 0; at < line.size();) {
      const auto character = character_at(line, at);
      run = character.breakable ? run + 1 : 0;
      if (run > kWidth / 2) return true;
      at += character.octets;
    }
  }
  return false;
}

}  // namespace

FlowedFormat flowed_format(const Part& part) {
  FlowedFormat out;
  if (!equal_ignoring_case(part.type, "text") || !equal_ignoring_case(part.subtype, "plain")) return out;
  const auto format = parameter_of(part.content_type, "format");
  out.flowed = format && equal_ignoring_case(*format, "flowed");
  if (out.flowed) {
    const auto del_sp = parameter_of(part.content_type, "delsp");
    out.del_sp = del_sp && equal_ignoring_case(*del_sp, "yes");
  }
  return out;
}

std::vector<FlowedParagraph> read_flowed(std::string_view text, bool del_sp) {
  std::vector<FlowedParagraph> out;
  bool open = false;  // the last paragraph goes on
  while (!text.empty()) {
    std::string_view line = take_line(text);
    std::uint32_t depth = 0;
    while (line.starts_with('>')) {
      ++depth;
      line.remove_prefix(1);
    }
    if (line.starts_with(' ')) line.remove_prefix(1);
    const bool signature = line == kSignature;
    const bool flowed = !signature && line.ends_with(' ');
    if (flowed && del_sp) line.remove_suffix(1);
    // RFC 3676 §4.5: a paragraph that changes its depth, or runs into a signature, was written wrongly: it ends there.
    if (open && !signature && out.back().quote_depth == depth) {
      out.back().text += line;
    } else {
      out.push_back({depth, std::string(line), signature});
    }
    open = flowed;
  }
  return out;
}

std::string unflow(std::string_view text, bool del_sp) {
  std::string out;
  out.reserve(text.size());
  for (const auto& paragraph : read_flowed(text, del_sp)) {
    for (std::uint32_t i = 0; i < paragraph.quote_depth; ++i) out += '>';
    if (paragraph.quote_depth > 0 && !paragraph.text.empty()) out += ' ';
    out += paragraph.text;
    out += '\n';
  }
  return out;
}

Flowed write_flowed(std::string_view text) {
  Flowed out;
  out.del_sp = needs_del_sp(text);
  Writer writer(out.del_sp);
  while (!text.empty()) {
    Line line = without_marks(take_line(text));
    if (line.text != kSignature) line.text = line.text.substr(0, line.text.find_last_not_of(' ') + 1);
    writer.write(line.depth, line.text);
  }
  out.text = std::move(writer).take();
  return out;
}

}  // namespace pabal::message
