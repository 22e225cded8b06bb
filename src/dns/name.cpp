#include "dns/name.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace pabal::dns {
namespace {

std::unexpected<Error> refuse(std::string_view why, std::string_view text) {
  return fail(ErrorKind::syntax, fmt::format("invalid name: {}", why),
              fmt::format("invalid name {}: {}", printable(text), why));
}

/// What can stand in a shown name as it is.
bool is_plain(char c) noexcept {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '*' || c == '/' || c == '=' || c == '+' ||
         c == ':' || c == '~' || c == '!' || c == '#' || c == '%' || c == '&' || c == '\'' || c == ',' || c == '<' ||
         c == '>' || c == '?' || c == '[' || c == ']' || c == '^' || c == '`' || c == '{' || c == '|' || c == '}';
}

/// One octet of text, escaped or not, taken from its front; nothing where the escape is none. 256: a dot that parts
/// labels.
constexpr int kDot = 256;
std::optional<int> take_octet(std::string_view& text) {
  const char first = text.front();
  text.remove_prefix(1);
  if (first == '.') return kDot;
  if (first != '\\') return static_cast<unsigned char>(first);
  if (text.empty()) return std::nullopt;
  if (!is_digit(text.front())) {
    const char escaped = text.front();
    text.remove_prefix(1);
    return static_cast<unsigned char>(escaped);
  }
  if (text.size() < 3) return std::nullopt;
  const auto number = parse_decimal(text.substr(0, 3), 255);
  text.remove_prefix(3);
  if (!number) return std::nullopt;
  return static_cast<int>(*number);
}

}  // namespace

/// A name as it grows, label by label.
class NameBuilder {
 public:
  /// What is wrong with the label; empty where nothing is.
  [[nodiscard]] std::string_view add(std::string_view label) {
    if (label.empty()) return "a label is empty";
    if (label.size() > Name::max_label_octets) return "a label is longer than 63 octets";
    if (wire_.size() + 1 + label.size() + 1 > Name::max_wire_octets) return "longer than 255 octets";
    wire_ += static_cast<char>(label.size());
    for (const char c : label) wire_ += ascii_lower(c);
    return {};
  }
  [[nodiscard]] Name end() {
    wire_ += '\0';
    return Name(std::move(wire_));
  }
  /// With all labels of another name behind it; nothing where it gets too long.
  [[nodiscard]] std::optional<Name> end(const Name& origin) {
    if (wire_.size() + origin.wire().size() > Name::max_wire_octets) return std::nullopt;
    wire_ += origin.wire();
    return Name(std::move(wire_));
  }

 private:
  std::string wire_;
};

Result<Name> Name::parse(std::string_view text) { return parse(text, Name()); }

Result<Name> Name::parse(std::string_view text, const Name& origin) {
  if (text == ".") return Name();
  if (text.empty()) return refuse("it is empty", text);
  NameBuilder builder;
  std::string label;
  bool absolute = false;
  for (auto rest = text; !rest.empty();) {
    if (static_cast<unsigned char>(rest.front()) >= 0x80) return refuse("not ASCII; its A-labels are wanted", text);
    const auto octet = take_octet(rest);
    if (!octet) return refuse("\\ without three digits up to 255 or a character behind it", text);
    absolute = *octet == kDot;
    if (!absolute) {
      label += static_cast<char>(*octet);
      if (!rest.empty()) continue;
    }
    if (const auto why = builder.add(label); !why.empty()) return refuse(why, text);
    label.clear();
  }
  if (absolute) return builder.end();
  auto made = builder.end(origin);
  if (!made) return refuse("longer than 255 octets", text);
  return std::move(*made);
}

Result<Name> Name::of_labels(const std::vector<std::string_view>& labels) {
  NameBuilder builder;
  for (const auto label : labels) {
    if (const auto why = builder.add(label); !why.empty()) return refuse(why, label);
  }
  return builder.end();
}

std::string Name::text() const {
  if (is_root()) return ".";
  std::string text;
  for (const auto label : labels()) {
    if (!text.empty()) text += '.';
    for (const char c : label) {
      if (is_plain(c)) {
        text += c;
      } else if (c > ' ' && c < 0x7f) {
        text += '\\';
        text += c;
      } else {
        fmt::format_to(std::back_inserter(text), "\\{:03}", static_cast<unsigned char>(c));
      }
    }
  }
  return text;
}

std::vector<std::string_view> Name::labels() const {
  std::vector<std::string_view> labels;
  for (std::string_view rest = wire_; rest.front() != '\0';) {
    const auto size = static_cast<unsigned char>(rest.front());
    labels.push_back(rest.substr(1, size));
    rest.remove_prefix(1U + size);
  }
  return labels;
}

Name Name::parent() const {
  if (is_root()) return *this;
  return Name(wire_.substr(1U + static_cast<unsigned char>(wire_.front())));
}

bool Name::is_within(const Name& other) const noexcept {
  if (!wire_.ends_with(other.wire_)) return false;
  // The same octets at the end may begin in the middle of a label.
  const std::size_t begin = wire_.size() - other.wire_.size();
  std::size_t at = 0;
  while (at < begin) at += 1U + static_cast<unsigned char>(wire_[at]);
  return at == begin;
}

Result<Name> Name::below(std::string_view labels) const { return parse(labels, *this); }

}  // namespace pabal::dns
