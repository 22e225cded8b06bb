#include "message/header.hpp"

#include <algorithm>

namespace pabal::message {

namespace {
// RFC 5322 §2.2: printable ASCII without the colon.
bool is_field_name(std::string_view name) noexcept {
  return !name.empty() && std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~' && c != ':'; });
}

bool is_white(char c) noexcept { return c == ' ' || c == '\t'; }
}  // namespace

std::optional<std::size_t> header_size(std::string_view octets, std::size_t from) noexcept {
  if (octets.starts_with("\r\n")) return 2;
  const auto end = octets.find("\r\n\r\n", from);
  if (end == std::string_view::npos) return std::nullopt;
  return end + 4;
}

std::optional<HeaderField> HeaderReader::next() noexcept {
  while (!rest_.empty() && !rest_.starts_with("\r\n")) {
    // The field's end is the first line end with no white space behind it.
    std::size_t end = rest_.find('\n');
    while (end != std::string_view::npos && end + 1 < rest_.size() && is_white(rest_[end + 1])) {
      end = rest_.find('\n', end + 1);
    }
    std::string_view field = rest_.substr(0, end);
    rest_.remove_prefix(std::min(field.size() + 1, rest_.size()));
    if (field.ends_with('\r')) field.remove_suffix(1);

    const auto colon = field.find(':');
    std::string_view name = field.substr(0, colon == std::string_view::npos ? 0 : colon);
    while (!name.empty() && is_white(name.back())) name.remove_suffix(1);
    if (is_field_name(name)) return HeaderField{.name = name, .body = field.substr(colon + 1)};
    malformed_ = true;
  }
  return std::nullopt;
}

}  // namespace pabal::message
