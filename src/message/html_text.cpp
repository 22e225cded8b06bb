#include "message/html_text.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

#include "base/text.hpp"
#include "message/content.hpp"
#include "message/html_entities.hpp"

namespace pabal::message {

namespace {

enum class Element : std::uint8_t {
  other,
  line,       ///< a line break before and behind
  paragraph,  ///< an empty line before and behind
  line_break,
  cell,
  pre,
  image,
  quote,
  raw,     ///< its content is no text and is not parsed: script, style
  absent,  ///< its content is parsed and left out
};

struct Known {
  std::string_view name;
  Element element;
};
constexpr Known kElements[] = {
    {"address", Element::line},     {"article", Element::paragraph}, {"aside", Element::paragraph},
    {"blockquote", Element::quote}, {"body", Element::line},         {"br", Element::line_break},
    {"caption", Element::line},     {"center", Element::line},       {"dd", Element::line},
    {"details", Element::line},     {"dir", Element::line},          {"div", Element::line},
    {"dl", Element::paragraph},     {"dt", Element::line},           {"fieldset", Element::line},
    {"figcaption", Element::line},  {"figure", Element::line},       {"footer", Element::line},
    {"form", Element::line},        {"h1", Element::paragraph},      {"h2", Element::paragraph},
    {"h3", Element::paragraph},     {"h4", Element::paragraph},      {"h5", Element::paragraph},
    {"h6", Element::paragraph},     {"header", Element::line},       {"hr", Element::line},
    {"iframe", Element::raw},       {"img", Element::image},         {"legend", Element::line},
    {"li", Element::line},          {"main", Element::line},         {"menu", Element::line},
    {"nav", Element::line},         {"noembed", Element::raw},       {"noframes", Element::raw},
    {"ol", Element::paragraph},     {"option", Element::line},       {"p", Element::paragraph},
    {"pre", Element::pre},          {"script", Element::raw},        {"section", Element::line},
    {"select", Element::absent},    {"style", Element::raw},         {"summary", Element::line},
    {"svg", Element::absent},       {"table", Element::line},        {"tbody", Element::line},
    {"td", Element::cell},          {"template", Element::absent},   {"textarea", Element::raw},
    {"tfoot", Element::line},       {"th", Element::cell},           {"thead", Element::line},
    {"title", Element::raw},        {"tr", Element::line},           {"ul", Element::paragraph},
    {"xmp", Element::raw},
};
static_assert(std::ranges::is_sorted(kElements, {}, &Known::name));

constexpr std::size_t kLongestName = 16;

bool is_white(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }

Element element_of(std::string_view lower) noexcept {
  const auto* const at = std::ranges::lower_bound(kElements, lower, {}, &Known::name);
  return at != std::end(kElements) && at->name == lower ? at->element : Element::other;
}

// Elements that have no end tag.
bool is_void(std::string_view lower) noexcept {
  constexpr std::string_view names[] = {"area",  "base", "br",   "col",   "embed",  "hr",    "img",
                                        "input", "link", "meta", "param", "source", "track", "wbr"};
  return std::ranges::find(names, lower) != std::end(names);
}

void append_utf8(std::string& out, char32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

// Text with white space collapsed and line breaks only where there is something to break.
class Sink {
 public:
  explicit Sink(std::size_t limit) : limit_(limit) {}

  void character(char32_t code) {
    switch (code) {
      case 0xA0:    // no-break space
      case 0x2007:  // figure space
      case 0x202F:
      case 0x3000:
        space();
        return;
      case 0xAD:   // soft hyphen
      case 0x34F:  // the fillers of preheaders
      case 0x200B:
      case 0x2060:
      case 0xFEFF:
        return;
      case 0x200C:  // joiners mean something within a word only
      case 0x200D:
      case 0x200E:
      case 0x200F:
        if (space_ || breaks_ > 0 || out_.empty()) return;
        break;
      default:
        break;
    }
    if (code < 0x20 || code == 0x7F) {
      if (code == '\t' || code == '\n' || code == '\r' || code == '\f') space();
      return;
    }
    settle();
    append_utf8(out_, code);
  }

  // Octets of text without any that character() would treat otherwise.
  void plain(std::string_view text) {
    settle();
    out_ += text;
  }
  void space() noexcept { space_ = true; }
  void raw_line_break() {
    settle();
    out_ += '\n';
    space_ = false;
  }
  void raw_space() {
    settle();
    out_ += ' ';
  }
  /// 1: a new line; 2: an empty line before it.
  void line_break(int lines) noexcept { breaks_ = std::max(breaks_, lines); }
  /// <br>: each one counts.
  void forced_break() noexcept { breaks_ = std::min(breaks_ + 1, 2); }

  [[nodiscard]] bool empty() const noexcept { return out_.empty(); }
  [[nodiscard]] bool full() const noexcept { return out_.size() >= limit_; }

  [[nodiscard]] std::string take() && {
    out_.resize(utf8_prefix(out_, limit_).size());
    while (!out_.empty() && is_white(out_.back())) out_.pop_back();
    return std::move(out_);
  }

 private:
  void settle() {
    if (breaks_ > 0 && !out_.empty()) {
      out_.append(static_cast<std::size_t>(breaks_), '\n');
    } else if (space_ && !out_.empty() && out_.back() != '\n') {
      out_ += ' ';
    }
    breaks_ = 0;
    space_ = false;
  }

  std::size_t limit_;
  std::string out_;
  bool space_ = false;
  int breaks_ = 0;
};

// A tag as it was read.
struct Tag {
  std::array<char, kLongestName> name_octets{};
  std::size_t name_size = 0;
  bool closing = false;
  bool self_closed = false;
  bool hidden = false;
  bool quoting = false;  ///< a known mailer's quote
  std::string_view alt;

  [[nodiscard]] std::string_view name() const noexcept { return {name_octets.data(), name_size}; }
};

// What is left out up to its end tag.
struct LeftOut {
  std::array<char, kLongestName> name_octets{};
  std::size_t name_size = 0;
  std::size_t depth = 0;  ///< open elements of this name; 0: nothing is left out

  [[nodiscard]] std::string_view name() const noexcept { return {name_octets.data(), name_size}; }
};

bool contains_ignoring_white(std::string_view text, std::string_view wanted) noexcept {
  for (std::size_t begin = 0; begin < text.size(); ++begin) {
    if (ascii_lower(text[begin]) != wanted[0]) continue;
    std::size_t at = begin;
    std::size_t matched = 0;
    const std::size_t stop = std::min(text.size(), begin + wanted.size() + 8);
    for (; at < stop && matched < wanted.size(); ++at) {
      if (is_white(text[at])) continue;
      if (ascii_lower(text[at]) != wanted[matched]) break;
      ++matched;
    }
    if (matched == wanted.size()) return true;
  }
  return false;
}

bool hides(std::string_view style) noexcept {
  style = style.substr(0, 1000);
  return contains_ignoring_white(style, "display:none") || contains_ignoring_white(style, "visibility:hidden") ||
         contains_ignoring_white(style, "mso-hide:all") || contains_ignoring_white(style, "max-height:0");
}

class Reader {
 public:
  Reader(std::string_view html, const HtmlTextOptions& options)
      : html_(html), options_(options), sink_(options.max_octets) {}

  std::string run() && {
    while (at_ < html_.size() && !sink_.full()) {
      const char c = html_[at_];
      if (c == '<') {
        markup();
      } else if (c == '&') {
        reference();
      } else if (is_white(c)) {
        white(c);
      } else {
        text();
      }
    }
    return std::move(sink_).take();
  }

 private:
  [[nodiscard]] bool left_out() const noexcept { return out_.depth > 0; }

  void white(char c) {
    ++at_;
    if (left_out()) return;
    if (pre_ == 0) {
      sink_.space();
    } else if (c == '\n') {
      sink_.raw_line_break();
    } else if (c != '\r') {
      sink_.raw_space();
    }
  }

  void reference() {
    const auto found = read_character_reference(html_.substr(at_));
    if (found.length == 0) {
      if (!left_out()) sink_.plain("&");
      ++at_;
      return;
    }
    at_ += found.length;
    if (!left_out()) sink_.character(found.code);
  }

  void text() {
    // ASCII in one run; the few other characters that mean nothing visible one by one.
    const auto begin = at_;
    while (at_ < html_.size()) {
      const auto c = static_cast<unsigned char>(html_[at_]);
      if (c <= ' ' || c == '<' || c == '&' || c == 0x7F || c == 0xC2 || c == 0xCD || c == 0xE2 || c == 0xE3 ||
          c == 0xEF) {
        break;
      }
      ++at_;
    }
    if (at_ > begin) {
      if (!left_out()) sink_.plain(html_.substr(begin, at_ - begin));
      return;
    }
    const auto c = static_cast<unsigned char>(html_[at_]);
    const std::size_t length = c < 0x80 ? 1 : c < 0xE0 ? 2 : 3;
    char32_t code = c < 0x80 ? c : c < 0xE0 ? c & 0x1FU : c & 0x0FU;
    for (std::size_t i = 1; i < length && at_ + i < html_.size(); ++i) {
      code = code << 6 | (static_cast<unsigned char>(html_[at_ + i]) & 0x3FU);
    }
    at_ = std::min(at_ + length, html_.size());
    if (!left_out()) sink_.character(code);
  }

  void markup() {
    const std::string_view rest = html_.substr(at_);
    if (rest.starts_with("<!--")) {
      comment();
    } else if (rest.size() > 1 && (rest[1] == '!' || rest[1] == '?')) {
      skip_past('>');
    } else if (rest.size() > 1 && is_alpha(rest[1])) {
      tag(false);
    } else if (rest.size() > 2 && rest[1] == '/' && is_alpha(rest[2])) {
      tag(true);
    } else if (rest.starts_with("</")) {
      skip_past('>');
    } else {
      if (!left_out()) sink_.plain("<");
      ++at_;
    }
  }

  void comment() {
    // "<!-->" and "<!--->" are whole comments.
    const auto end = html_.find("-->", at_ + 2);
    at_ = end == std::string_view::npos ? html_.size() : end + 3;
  }

  void skip_past(char c) {
    const auto end = html_.find(c, at_);
    at_ = end == std::string_view::npos ? html_.size() : end + 1;
  }

  // Where a quote is closed; npos where it never is. Looks through what has no such quote only once.
  std::size_t closing_quote(char quote, std::size_t from) noexcept {
    bool& none = quote == '"' ? no_double_quote_ : no_single_quote_;
    if (none) return std::string_view::npos;
    const auto end = html_.find(quote, from);
    none = end == std::string_view::npos;
    return end;
  }

  void tag(bool closing) {
    Tag tag;
    tag.closing = closing;
    at_ += closing ? 2 : 1;
    while (at_ < html_.size() && !is_white(html_[at_]) && html_[at_] != '>' && html_[at_] != '/') {
      // Longer names are none that we know; what is cut off of them can't make them one.
      if (tag.name_size < kLongestName) tag.name_octets[tag.name_size++] = ascii_lower(html_[at_]);
      ++at_;
    }
    while (at_ < html_.size() && html_[at_] != '>') attribute(tag);
    if (at_ < html_.size()) ++at_;
    act(tag);
  }

  void attribute(Tag& tag) {
    if (is_white(html_[at_]) || html_[at_] == '/') {
      tag.self_closed = html_[at_] == '/';
      ++at_;
      return;
    }
    const auto begin = at_;
    while (at_ < html_.size() && !is_white(html_[at_]) && html_[at_] != '=' && html_[at_] != '>' && html_[at_] != '/') {
      ++at_;
    }
    const std::string_view name = html_.substr(begin, at_ - begin);
    while (at_ < html_.size() && is_white(html_[at_])) ++at_;
    std::string_view value;
    if (at_ < html_.size() && html_[at_] == '=') {
      ++at_;
      while (at_ < html_.size() && is_white(html_[at_])) ++at_;
      value = attribute_value();
    }
    tag.self_closed = false;
    note(tag, name, value);
  }

  std::string_view attribute_value() {
    if (at_ >= html_.size()) return {};
    const char quote = html_[at_];
    if (quote == '"' || quote == '\'') {
      const auto end = closing_quote(quote, at_ + 1);
      if (end != std::string_view::npos) {
        const auto value = html_.substr(at_ + 1, end - at_ - 1);
        at_ = end + 1;
        return value;
      }
    }
    const auto begin = at_;
    while (at_ < html_.size() && !is_white(html_[at_]) && html_[at_] != '>') ++at_;
    return html_.substr(begin, at_ - begin);
  }

  static void note(Tag& tag, std::string_view name, std::string_view value) {
    if (tag.closing) return;
    switch (name.size()) {
      case 3:
        if (equal_ignoring_case(name, "alt")) tag.alt = value;
        break;
      case 5:
        if (equal_ignoring_case(name, "style")) tag.hidden = tag.hidden || hides(value);
        if (equal_ignoring_case(name, "class")) {
          tag.quoting = tag.quoting || value.substr(0, 200).find("gmail_quote") != std::string_view::npos;
        }
        break;
      case 2:
        if (equal_ignoring_case(name, "id")) tag.quoting = tag.quoting || value == "divRplyFwdMsg";
        break;
      case 6:
        if (equal_ignoring_case(name, "hidden")) tag.hidden = true;
        break;
      default:
        break;
    }
  }

  void leave_out(const Tag& tag) noexcept {
    out_.name_octets = tag.name_octets;
    out_.name_size = tag.name_size;
    out_.depth = 1;
  }

  void act(const Tag& tag) {
    const auto element = element_of(tag.name());
    const bool empty_element = is_void(tag.name());
    if (left_out()) {
      if (element == Element::raw && !tag.closing) skip_raw(tag.name());
      if (tag.name() != out_.name() || empty_element) return;
      if (!tag.closing) {
        // Paragraphs don't stand in one another: a hidden one that isn't closed ends here.
        if (element == Element::paragraph && tag.name() == "p") {
          out_.depth = 0;
          act(tag);
        } else {
          ++out_.depth;
        }
      } else {
        --out_.depth;
      }
      return;
    }
    if (!tag.closing && !empty_element) {
      const bool unwanted =
          element == Element::absent || (!options_.quotes && (element == Element::quote || tag.quoting));
      // A hidden text before all others is meant for the list of letters.
      if (unwanted || (tag.hidden && !sink_.empty() && element != Element::raw)) {
        sink_.line_break(1);
        leave_out(tag);
        return;
      }
    }
    show(tag, element);
  }

  void show(const Tag& tag, Element element) {
    switch (element) {
      case Element::other:
      case Element::absent:
        break;
      case Element::line:
        sink_.line_break(1);
        break;
      case Element::paragraph:
      case Element::quote:
        sink_.line_break(2);
        break;
      case Element::line_break:
        sink_.forced_break();
        break;
      case Element::cell:
        sink_.space();
        break;
      case Element::pre:
        sink_.line_break(2);
        if (!tag.closing) ++pre_;
        if (tag.closing && pre_ > 0) --pre_;
        break;
      case Element::image:
        sink_.space();
        if (options_.image_texts && !tag.closing) alt_text(tag.alt);
        break;
      case Element::raw:
        if (!tag.closing) skip_raw(tag.name());
        break;
    }
  }

  void alt_text(std::string_view alt) {
    while (!alt.empty()) {
      if (alt.front() == '&') {
        const auto found = read_character_reference(alt);
        if (found.length > 0) {
          sink_.character(found.code);
          alt.remove_prefix(found.length);
          continue;
        }
      }
      if (static_cast<unsigned char>(alt.front()) <= ' ') {
        sink_.space();
        alt.remove_prefix(1);
        continue;
      }
      std::size_t run = 1;
      while (run < alt.size() && alt[run] != '&' && static_cast<unsigned char>(alt[run]) > ' ') ++run;
      sink_.plain(alt.substr(0, run));
      alt.remove_prefix(run);
    }
    sink_.space();
  }

  // To behind the end tag; to the end where there is none, as browsers do.
  void skip_raw(std::string_view name) {
    while (true) {
      const auto end = html_.find("</", at_);
      if (end == std::string_view::npos) {
        at_ = html_.size();
        return;
      }
      at_ = end + 2;
      if (starts_with_ignoring_case(html_.substr(at_), name)) break;
    }
    skip_past('>');
  }

  std::string_view html_;
  const HtmlTextOptions& options_;
  Sink sink_;
  std::size_t at_ = 0;
  std::size_t pre_ = 0;
  LeftOut out_;
  bool no_double_quote_ = false;
  bool no_single_quote_ = false;
};

}  // namespace

std::string html_to_text(std::string_view html, const HtmlTextOptions& options) { return Reader(html, options).run(); }

}  // namespace pabal::message
