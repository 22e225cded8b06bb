#include "imap/body_section.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "imap/response.hpp"

namespace pabal::imap {

namespace {

using message::DerivedPart;
using message::PartKind;

constexpr std::size_t kLongestName = 1'000;  // a line's octets, RFC 5322 §2.1.1

// The place behind a part and all within it.
std::size_t behind(const std::vector<DerivedPart>& parts, std::size_t place) noexcept {
  std::size_t wanted = 1;
  for (; wanted > 0 && place < parts.size(); ++place) wanted = wanted - 1 + parts[place].children;
  return place;
}

// The entity in a message part.
std::optional<std::size_t> embedded(const std::vector<DerivedPart>& parts, std::size_t place) noexcept {
  if (parts[place].kind != PartKind::message || parts[place].children == 0 || place + 1 >= parts.size()) {
    return std::nullopt;
  }
  return place + 1;
}

}  // namespace

std::optional<std::size_t> find_part(const std::vector<DerivedPart>& parts, const std::vector<std::uint32_t>& numbers) {
  // The entity that the next number counts in, as message::find_section does it.
  std::optional<std::size_t> container = 0;
  std::size_t found = 0;
  for (const auto number : numbers) {
    if (!container || number == 0) return std::nullopt;
    found = *container;
    if (parts[found].kind == PartKind::multipart) {
      if (number > parts[found].children) return std::nullopt;
      std::size_t place = found + 1;
      for (auto left = number; left > 1; --left) place = behind(parts, place);
      if (place >= parts.size()) return std::nullopt;
      found = place;
    } else if (number != 1) {
      return std::nullopt;
    }
    container = parts[found].kind == PartKind::multipart ? std::optional(found) : embedded(parts, found);
  }
  return found;
}

std::optional<SectionOctets> find_octets(const std::vector<DerivedPart>& parts, std::uint64_t size,
                                         const Section& section) {
  const auto place = find_part(parts, section.part);
  if (!place) return std::nullopt;
  const auto& part = parts[*place];
  const bool whole = section.part.empty();
  using Text = Section::Text;
  if (section.text == Text::none) {
    if (whole) return SectionOctets{0, size, false, 0};
    return SectionOctets{part.body_begin, part.body_end, false, place};
  }
  if (section.text == Text::mime) return SectionOctets{part.header_begin, part.body_begin, false, {}};
  // RFC 9051 §6.4.5.1: behind numbers the message in that part is meant.
  const auto entity = whole ? std::optional<std::size_t>(0) : embedded(parts, *place);
  if (!entity) return std::nullopt;
  const auto& inner = parts[*entity];
  if (section.text == Text::text) {
    return SectionOctets{inner.body_begin, whole ? size : part.body_end, false, {}};
  }
  return SectionOctets{inner.header_begin, inner.body_begin, section.text != Text::header, {}};
}

Span part_of(std::uint64_t size, const std::optional<Partial>& partial) noexcept {
  if (!partial) return {0, size};
  const auto begin = std::min(partial->offset, size);
  return {begin, begin + std::min(partial->count, size - begin)};
}

void append_item_name(std::string& out, const FetchItem& item) {
  using Kind = FetchItem::Kind;
  constexpr std::array<std::string_view, 18> names = {
      "FLAGS",       "INTERNALDATE", "ENVELOPE",      "BODYSTRUCTURE", "BODY",     "UID",
      "RFC822.SIZE", "RFC822",       "RFC822.HEADER", "RFC822.TEXT",   "BODY",     "BINARY",
      "BINARY.SIZE", "MODSEQ",       "PREVIEW",       "EMAILID",       "THREADID", "SAVEDATE"};
  out += names[static_cast<std::size_t>(item.kind)];
  if (item.kind != Kind::section && item.kind != Kind::binary && item.kind != Kind::binary_size) return;
  out += '[';
  append_section(out, item.section);
  out += ']';
  if (item.partial) {
    out += '<';
    append_number(out, item.partial->offset);
    out += '>';
  }
}

HeaderFieldsFilter::HeaderFieldsFilter(const Section& section)
    : named_are_wanted_(section.text == Section::Text::header_fields) {
  names_.reserve(section.fields.size());
  for (const auto& field : section.fields) names_.push_back(to_lower(field));
  std::ranges::sort(names_);
}

bool HeaderFieldsFilter::wanted(std::string_view name) const {
  return std::ranges::binary_search(names_, to_lower(trim(name))) == named_are_wanted_;
}

// What the line is, is known: its beginning goes out or is forgotten. What is no field isn't among the named.
void HeaderFieldsFilter::decide(bool is_field, std::string& out) {
  copying_ = is_field ? wanted(begun_) : !named_are_wanted_;
  if (copying_) out += begun_;
  begun_.clear();
  state_ = copying_ ? State::copy : State::drop;
}

void HeaderFieldsFilter::write(std::string_view window, std::string& out) {
  while (!window.empty() && state_ != State::ended) {
    if (state_ == State::line_start) {
      const char c = window.front();
      if (c == '\n' || c == '\r') {
        // The empty line; finish() writes it.
        state_ = State::ended;
      } else if (c == ' ' || c == '\t') {
        state_ = copying_ ? State::copy : State::drop;
      } else {
        state_ = State::name;
      }
      continue;
    }
    if (state_ == State::name) {
      const auto stop = std::min(window.find_first_of(":\n"), window.size());
      begun_.append(window.substr(0, stop));
      window.remove_prefix(stop);
      if (!window.empty()) {
        decide(window.front() == ':', out);
      } else if (begun_.size() > kLongestName) {
        decide(false, out);
      }
      continue;
    }
    const auto end = window.find('\n');
    const auto line = window.substr(0, end == std::string_view::npos ? end : end + 1);
    if (state_ == State::copy) out += line;
    window.remove_prefix(line.size());
    if (end != std::string_view::npos) state_ = State::line_start;
  }
}

void HeaderFieldsFilter::finish(std::string& out) {
  if (state_ == State::name) decide(false, out);
  // A last line without its end, in a message that has no body.
  if (state_ == State::copy) out += "\r\n";
  state_ = State::ended;
  out += "\r\n";
}

}  // namespace pabal::imap
