#include "message/field_lexer.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "codec/charset.hpp"

namespace pabal::message {

namespace {

bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string as_utf8(std::string octets) {
  std::string out = is_utf8(octets) ? std::move(octets) : codec::guess_to_utf8(octets).utf8;
  std::erase_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  return out;
}

// A quoted string at the front: its content, and in `size` how many octets it takes with its quotes; nothing where the
// closing one is missing.
std::optional<std::string> quoted_at_front(std::string_view text, std::size_t& size) {
  std::string out;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      size = i + 1;
      return out;
    }
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return std::nullopt;
}

}  // namespace

FieldToken FieldLexer::next() {
  while (!rest_.empty()) {
    const char c = rest_.front();
    if (is_space(c)) {
      rest_.remove_prefix(1);
      continue;
    }
    if (c == '(' || c == '"') {
      if (auto token = enclosed()) return *std::move(token);
      rest_.remove_prefix(1);  // without an end: as if it weren't there
      continue;
    }
    if (marks_.find(c) != std::string_view::npos) {
      rest_.remove_prefix(1);
      return {FieldToken::Kind::mark, std::string(1, c)};
    }
    const auto end = std::ranges::find_if(rest_, [this](char d) {
      return is_space(d) || d == '(' || d == '"' || marks_.find(d) != std::string_view::npos;
    });
    const auto word = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(word.size());
    return {FieldToken::Kind::word, as_utf8(std::string(word))};
  }
  return {};
}

std::optional<FieldToken> FieldLexer::enclosed() {
  std::size_t size = 0;
  FieldToken token;
  if (rest_.front() == '(') {
    size = comments_.size_at(rest_, 0);
    if (size == 0) return std::nullopt;
    token = {FieldToken::Kind::comment, comment_text(rest_.substr(0, size))};
  } else {
    if (quotes_open_) return std::nullopt;
    auto text = quoted_at_front(rest_, size);
    if (!text) {
      quotes_open_ = true;
      return std::nullopt;
    }
    token = {FieldToken::Kind::quoted, as_utf8(*std::move(text))};
  }
  rest_.remove_prefix(size);
  return token;
}

}  // namespace pabal::message
