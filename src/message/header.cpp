#include "message/header.hpp"

#include <algorithm>
#include <array>
#include <ranges>

#include "base/text.hpp"

namespace pabal::message {

namespace {

// RFC 5322 §2.2: a field's name is printable ASCII without the colon.
constexpr auto kNameCharacters = [] {
  std::array<bool, 256> is{};
  for (std::size_t c = '!'; c <= '~'; ++c) is[c] = c != ':';
  return is;
}();

bool is_white(char c) noexcept { return c == ' ' || c == '\t'; }

// How long the line end is that an empty line at `at` consists of; 0 where there is none. CR CR LF is what some
// gateways make of CRLF.
std::size_t blank_line(std::string_view octets, std::size_t at) noexcept {
  if (octets[at] == '\n') return 1;
  if (octets[at] != '\r') return 0;
  const auto line = octets.substr(at, 3);
  if (line.starts_with("\r\n")) return 2;
  return line == "\r\r\n" ? 3 : 0;
}

}  // namespace

std::optional<std::size_t> header_size(std::string_view octets, std::size_t from) noexcept {
  if (octets.starts_with("\r\n")) return 2;
  const auto end = octets.find("\r\n\r\n", from);
  if (end == std::string_view::npos) return std::nullopt;
  return end + 4;
}

std::size_t field_colon(std::string_view line) noexcept {
  std::size_t at = 0;
  while (at < line.size() && kNameCharacters[static_cast<unsigned char>(line[at])]) ++at;
  if (at == 0) return std::string_view::npos;
  while (at < line.size() && is_white(line[at])) ++at;
  return at < line.size() && line[at] == ':' ? at : std::string_view::npos;
}

HeaderStep header_step(std::string_view octets, std::size_t at) noexcept {
  HeaderStep step{.next = at};
  if (at >= octets.size()) return step;
  if (const auto blank = blank_line(octets, at); blank != 0) {
    step.kind = HeaderStep::Kind::blank;
    step.next = at + blank;
    return step;
  }
  // The field's end is the first line end with no white space behind it.
  std::size_t end = octets.find('\n', at);
  while (end != std::string_view::npos && end + 1 < octets.size() && is_white(octets[end + 1])) {
    end = octets.find('\n', end + 1);
  }
  const std::size_t next = end == std::string_view::npos ? octets.size() : end + 1;
  std::string_view field = octets.substr(at, std::min(end, octets.size()) - at);
  while (field.ends_with('\r')) field.remove_suffix(1);

  const std::size_t colon = field_colon(field);
  if (colon != std::string_view::npos) {
    std::string_view name = field.substr(0, colon);
    while (is_white(name.back())) name.remove_suffix(1);
    step.kind = HeaderStep::Kind::field;
    step.field = {.name = name, .body = field.substr(colon + 1), .begin = at, .end = next};
    step.next = next;
    return step;
  }
  const bool mbox_line = at == 0 && (field.starts_with("From ") || field.starts_with(">From "));
  if (mbox_line || is_white(octets[at]) || field_colon(octets.substr(next)) != std::string_view::npos) {
    step.kind = HeaderStep::Kind::rubbish;
    step.next = next;
  }
  return step;
}

std::optional<HeaderField> HeaderReader::next() noexcept {
  while (!ended_) {
    HeaderStep step = header_step(octets_, at_);
    malformed_ |= step.kind == HeaderStep::Kind::rubbish;
    malformed_ |= step.kind == HeaderStep::Kind::body && at_ < octets_.size();
    ended_ = step.kind == HeaderStep::Kind::blank || step.kind == HeaderStep::Kind::body;
    at_ = step.next;
    if (step.kind == HeaderStep::Kind::field) {
      step.field.begin += base_;
      step.field.end += base_;
      return step.field;
    }
  }
  return std::nullopt;
}

HeaderFields::HeaderFields(std::string_view octets, std::uint64_t base, std::size_t max_fields) {
  HeaderReader reader(octets, base);
  while (fields_.size() < max_fields) {
    const auto field = reader.next();
    if (!field) break;
    fields_.push_back(*field);
  }
  malformed_ = reader.malformed();
}

const HeaderField* HeaderFields::first(std::string_view name) const noexcept {
  const auto at =
      std::ranges::find_if(fields_, [name](const HeaderField& field) { return equal_ignoring_case(field.name, name); });
  return at == fields_.end() ? nullptr : &*at;
}

const HeaderField* HeaderFields::last(std::string_view name) const noexcept {
  for (const auto& field : std::views::reverse(fields_)) {
    if (equal_ignoring_case(field.name, name)) return &field;
  }
  return nullptr;
}

std::vector<const HeaderField*> HeaderFields::every(std::string_view name) const {
  std::vector<const HeaderField*> found;
  for (const auto& field : fields_) {
    if (equal_ignoring_case(field.name, name)) found.push_back(&field);
  }
  return found;
}

std::string_view HeaderFields::body(std::string_view name) const noexcept {
  const HeaderField* field = first(name);
  return field == nullptr ? std::string_view() : field->body;
}

}  // namespace pabal::message
