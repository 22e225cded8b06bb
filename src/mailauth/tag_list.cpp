#include "mailauth/tag_list.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace pabal::mailauth {
namespace {

constexpr bool is_white(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view trim_white(std::string_view text) noexcept {
  while (!text.empty() && is_white(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_white(text.back())) text.remove_suffix(1);
  return text;
}

bool is_name(std::string_view text) noexcept {
  // The grammar has no hyphen; names that nobody knows are stepped over, however they are written.
  return !text.empty() && is_alpha(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_alpha(c) || is_digit(c) || c == '_' || c == '-'; });
}

// Octets with the high bit set are let through: RFC 8616 §3 allows UTF-8 in values.
bool is_value(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return is_white(c) || (octet > 0x20 && octet != 0x7F);
  });
}

}  // namespace

Result<TagList> TagList::parse(std::string_view text) {
  TagList list;
  auto rest = text;
  while (true) {
    const auto end = rest.find(';');
    const auto piece = trim_white(rest.substr(0, end));
    const bool last = end == std::string_view::npos;
    if (piece.empty()) {
      // Not as RFC 6376 §3.2 has it, but people write `;;`, and it says nothing.
      if (last) break;
      rest.remove_prefix(end + 1);
      continue;
    }
    const auto equals = piece.find('=');
    if (equals == std::string_view::npos) return fail(ErrorKind::syntax, "a tag has no =");
    const Tag tag{.name = trim_white(piece.substr(0, equals)), .value = trim_white(piece.substr(equals + 1))};
    if (!is_name(tag.name)) return fail(ErrorKind::syntax, "a tag's name is malformed");
    if (!is_value(tag.value)) return fail(ErrorKind::syntax, "a tag's value has control characters");
    if (list.has(tag.name)) {
      return fail(ErrorKind::syntax, "the tag " + printable(tag.name, 40) + " comes twice");
    }
    if (list.tags_.size() == most_tags) return fail(ErrorKind::syntax, "there are too many tags");
    list.tags_.push_back(tag);
    if (last) break;
    rest.remove_prefix(end + 1);
  }
  if (list.tags_.empty()) return fail(ErrorKind::syntax, "there is no tag");
  return list;
}

std::optional<std::string_view> TagList::find(std::string_view name) const noexcept {
  for (const auto& tag : tags_) {
    if (tag.name == name) return tag.value;
  }
  return std::nullopt;
}

std::string without_white_space(std::string_view value) {
  std::string bare;
  bare.reserve(value.size());
  std::ranges::copy_if(value, std::back_inserter(bare), [](char c) { return !is_white(c); });
  return bare;
}

std::vector<std::string_view> split_colons(std::string_view value) {
  auto parts = split(value, ':');
  for (auto& part : parts) part = trim_white(part);
  return parts;
}

}  // namespace pabal::mailauth
