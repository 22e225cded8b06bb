#include "message/field_parameters.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "message/comments.hpp"

namespace pabal::message {

namespace {

bool is_white(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Goes through `; name=value` in place.
class Reader {
 public:
  explicit Reader(std::string_view text) noexcept : text_(text) {}

  /// To behind the first ';' (the value that the parameters belong to is before it).
  void skip_value() noexcept {
    bool word = false;
    while (at_ < text_.size() && text_[at_] != ';') {
      if (text_[at_] == '(') {
        at_ = std::min(comment_end(text_, at_), text_.size());
      } else if (is_white(text_[at_])) {
        skip_white();
        if (word && parameter_begins()) return;  // `text/plain charset=x`
      } else {
        word = true;
        ++at_;
      }
    }
  }

  bool next(std::string_view& name, std::string_view& value, bool& quoted) noexcept {
    while (at_ < text_.size()) {
      skip_white();
      if (at_ >= text_.size()) return false;
      if (text_[at_] == ';' || text_[at_] == ',') {
        ++at_;
        continue;
      }
      const auto begin = at_;
      while (at_ < text_.size() && text_[at_] != '=' && text_[at_] != ';' && text_[at_] != '(' && text_[at_] != '"' &&
             !is_white(text_[at_])) {
        ++at_;
      }
      name = text_.substr(begin, at_ - begin);
      skip_white();
      if (at_ >= text_.size() || text_[at_] != '=') {
        if (at_ == begin) ++at_;  // a stray character
        continue;
      }
      ++at_;
      skip_white();
      quoted = at_ < text_.size() && text_[at_] == '"';
      value = quoted ? quoted_value() : plain_value();
      if (!name.empty()) return true;
    }
    return false;
  }

 private:
  void skip_white() noexcept { at_ = behind_comments(text_, at_); }

  // A short word and '=' come next.
  [[nodiscard]] bool parameter_begins() const noexcept {
    const auto window = text_.substr(at_, 64);
    const auto stop = window.find_first_of(" \t\r\n;=(\"");
    return stop != std::string_view::npos && stop > 0 && window[stop] == '=';
  }

  std::string_view plain_value() noexcept {
    const auto begin = at_;
    auto end = at_;
    while (at_ < text_.size() && text_[at_] != ';') {
      if (is_white(text_[at_])) {
        while (at_ < text_.size() && is_white(text_[at_])) ++at_;
        if (at_ >= text_.size() || text_[at_] == '(' || parameter_begins()) break;
      } else {
        end = ++at_;
      }
    }
    return text_.substr(begin, end - begin);
  }

  std::string_view quoted_value() noexcept {
    const auto begin = ++at_;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_, text_.size());
    const auto value = text_.substr(begin, at_ - begin);
    if (at_ < text_.size()) ++at_;
    return value;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string cleaned(std::string_view value, bool quoted) {
  std::string out;
  out.reserve(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    char c = value[i];
    // Windows mailers write paths unescaped: a backslash is one unless it guards '"' or itself.
    if (quoted && c == '\\' && i + 1 < value.size() && (value[i + 1] == '"' || value[i + 1] == '\\')) c = value[++i];
    if (c == '\r' || c == '\n' || c == '\0') continue;
    out += c;
  }
  return out;
}

}  // namespace

std::vector<RawParameter> raw_parameters(std::string_view field_body, std::size_t max_parameters) {
  std::vector<RawParameter> out;
  Reader reader(field_body);
  reader.skip_value();
  std::string_view name;
  std::string_view value;
  bool quoted = false;
  while (out.size() < max_parameters && reader.next(name, value, quoted)) {
    out.push_back({std::string(name), cleaned(value, quoted)});
  }
  return out;
}

std::optional<std::string> raw_parameter(std::string_view field_body, std::string_view name) {
  Reader reader(field_body);
  reader.skip_value();
  std::string_view found;
  std::string_view value;
  bool quoted = false;
  while (reader.next(found, value, quoted)) {
    if (equal_ignoring_case(found, name)) return cleaned(value, quoted);
  }
  return std::nullopt;
}

}  // namespace pabal::message
