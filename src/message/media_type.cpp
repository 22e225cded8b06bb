#include "message/media_type.hpp"

#include "base/text.hpp"
#include "message/comments.hpp"
#include "message/field_parameters.hpp"
#include "message/parameters.hpp"

namespace pabal::message {

namespace {

constexpr std::size_t kLongestBoundary = 250;

// RFC 2045 §5.1: no tspecials; octets above 0x7F are taken as they come.
bool is_token(char c) noexcept {
  return static_cast<unsigned char>(c) > ' ' && c != 0x7F &&
         std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
}

// Takes white space and comments from the front (RFC 5322 §3.2.2).
void skip_comments(std::string_view& text) noexcept { text.remove_prefix(behind_comments(text, 0)); }

std::string_view take_token(std::string_view& text) noexcept {
  std::size_t length = 0;
  while (length < text.size() && is_token(text[length])) ++length;
  const std::string_view token = text.substr(0, length);
  text.remove_prefix(length);
  return token;
}

// A quoted string's content, or what stands there up to ';' where no quote begins it.
std::string take_value(std::string_view& text) {
  std::string value;
  if (!text.empty() && text.front() == '"') {
    std::size_t at = 1;
    for (; at < text.size() && text[at] != '"'; ++at) {
      if (text[at] == '\\' && at + 1 < text.size()) ++at;
      if (text[at] == '\r' || text[at] == '\n') continue;
      if (value.size() <= kLongestBoundary) value += text[at];
    }
    text.remove_prefix(std::min(at + 1, text.size()));
    return value;
  }
  const auto end = std::min(text.find_first_of("; \t\r\n("), text.size());
  value = text.substr(0, std::min(end, kLongestBoundary + 1));
  text.remove_prefix(end);
  return value;
}

}  // namespace

std::string_view first_token(std::string_view field_body) noexcept {
  skip_comments(field_body);
  return field_body.substr(0, field_body.find_first_of("; \t\r\n("));
}

std::optional<MediaType> read_media_type(std::string_view field_body) noexcept {
  skip_comments(field_body);
  MediaType type;
  type.type = take_token(field_body);
  skip_comments(field_body);
  if (type.type.empty() || field_body.empty() || field_body.front() != '/') return std::nullopt;
  field_body.remove_prefix(1);
  skip_comments(field_body);
  type.subtype = take_token(field_body);
  if (type.subtype.empty()) return std::nullopt;
  return type;
}

namespace {

std::optional<std::string> valid_boundary(std::string value) {
  // RFC 2046 §5.1.1: a boundary does not end with white space; the delimiter line's would be taken for padding.
  while (value.ends_with(' ') || value.ends_with('\t')) value.pop_back();
  if (value.empty() || value.size() > kLongestBoundary) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::string> boundary_of(std::string_view field_body) {
  std::string_view rest = field_body;
  while (true) {
    const auto semicolon = rest.find_first_of(";\"(");
    if (semicolon == std::string_view::npos) break;
    rest.remove_prefix(semicolon);
    if (rest.front() == '"') {
      take_value(rest);
      continue;
    }
    if (rest.front() == '(') {
      skip_comments(rest);
      continue;
    }
    rest.remove_prefix(1);
    skip_comments(rest);
    const std::string_view name = take_token(rest);
    if (starts_with_ignoring_case(name, "boundary*")) {
      const auto all = parse_parameters(field_body);
      const std::string* whole = all.find("boundary");
      if (whole == nullptr || whole->empty() || whole->size() > kLongestBoundary) return std::nullopt;
      return *whole;
    }
    if (!equal_ignoring_case(name, "boundary")) continue;
    skip_comments(rest);
    if (rest.empty() || rest.front() != '=') continue;
    rest.remove_prefix(1);
    skip_comments(rest);
    return valid_boundary(take_value(rest));
  }
  // Without the semicolon before it: `multipart/mixed boundary=b`.
  auto value = raw_parameter(field_body, "boundary");
  return value ? valid_boundary(*std::move(value)) : std::nullopt;
}

}  // namespace pabal::message
