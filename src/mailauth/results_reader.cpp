#include "mailauth/results_reader.hpp"

#include <optional>
#include <utility>

#include "base/text.hpp"

namespace pabal::mailauth {
namespace {

constexpr std::size_t kMostMethods = 100;
constexpr std::size_t kMostProperties = 50;

constexpr bool is_white(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// How many octets at the beginning are a quoted string or a comment, as far as it goes; 1 for all else.
std::size_t length_of_unit(std::string_view text) noexcept {
  if (text.front() != '"' && text.front() != '(') return 1;
  const bool quoted = text.front() == '"';
  std::size_t depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (quoted) {
      if (i > 0 && text[i] == '"') return i + 1;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')' && --depth == 0) {
      return i + 1;
    }
  }
  return text.size();
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) noexcept : text_(text) {}

  void skip() {
    while (!text_.empty()) {
      if (is_white(text_.front())) {
        text_.remove_prefix(1);
      } else if (text_.front() == '(') {
        text_.remove_prefix(length_of_unit(text_));
      } else {
        return;
      }
    }
  }
  bool take(char c) {
    skip();
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  /// Up to white space or one of `ends`; of a quoted string, what it says.
  std::string word(std::string_view ends) {
    skip();
    std::string out;
    if (text_.starts_with('"')) {
      const auto size = length_of_unit(text_);
      for (std::size_t i = 1; i < size; ++i) {
        if (text_[i] == '\\' && i + 1 < size) {
          out += text_[++i];
        } else if (i + 1 < size) {
          out += text_[i];
        }
      }
      text_.remove_prefix(size);
      return out;
    }
    while (!text_.empty() && !is_white(text_.front()) && text_.front() != '(' && !ends.contains(text_.front())) {
      out += text_.front();
      text_.remove_prefix(1);
    }
    return out;
  }
  [[nodiscard]] bool empty() {
    skip();
    return text_.empty();
  }

 private:
  std::string_view text_;
};

std::optional<ArcMethod> read_method(std::string_view text) {
  Lexer in(text);
  ArcMethod method;
  method.method = to_lower(in.word("=/"));
  if (in.take('/')) in.word("=");  // its version
  if (method.method.empty() || !in.take('=')) return std::nullopt;
  method.result = to_lower(in.word(";"));
  if (method.result.empty()) return std::nullopt;
  while (!in.empty() && method.properties.size() < kMostProperties) {
    auto name = to_lower(in.word("=."));
    if (name.empty()) break;
    if (in.take('.')) name += "." + to_lower(in.word("="));
    if (!in.take('=')) break;
    auto value = in.word(";");
    if (name == "reason") {
      method.reason = std::move(value);
    } else {
      method.properties.emplace_back(std::move(name), std::move(value));
    }
  }
  return method;
}

}  // namespace

std::vector<std::string> split_results(std::string_view body) {
  std::vector<std::string> parts(1);
  bool space = false;
  const auto add = [&parts, &space](std::string_view text) {
    if (space && !parts.back().empty()) parts.back() += ' ';
    space = false;
    parts.back() += text;
  };
  while (!body.empty()) {
    const auto size = length_of_unit(body);
    if (size > 1) {
      // Folding within it is white space like any.
      for (const char c : body.substr(0, size)) {
        if (is_white(c)) {
          space = true;
        } else {
          add({&c, 1});
        }
      }
    } else if (body.front() == ';') {
      parts.emplace_back();
      space = false;
    } else if (is_white(body.front())) {
      space = true;
    } else {
      add(body.substr(0, 1));
    }
    body.remove_prefix(size);
  }
  if (parts.size() > 1 && parts.back().empty()) parts.pop_back();
  return parts;
}

ReadResults read_results(std::string_view body) {
  ReadResults results;
  const auto parts = split_results(body);
  results.authserv_id = Lexer(parts.front()).word(";");
  for (std::size_t i = 1; i < parts.size() && results.methods.size() < kMostMethods; ++i) {
    if (auto method = read_method(parts[i])) results.methods.push_back(std::move(*method));
  }
  return results;
}

}  // namespace pabal::mailauth
