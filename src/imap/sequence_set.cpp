#include "imap/sequence_set.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace pabal::imap {

namespace {

void append_number(std::string& out, std::uint32_t number) {
  char digits[10];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

// A number of the grammar's nz-number: no leading zero.
std::optional<std::uint32_t> nz_number(std::string_view text) noexcept {
  if (text.empty() || text.front() == '0') return std::nullopt;
  const auto number = parse_decimal(text, UINT32_MAX);
  if (!number) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

}  // namespace

NumberSet NumberSet::of_sorted(std::span<const std::uint32_t> numbers) {
  NumberSet set;
  for (const auto number : numbers) set.add(number);
  return set;
}

NumberSet NumberSet::of_ranges(std::vector<NumberRange> ranges) {
  std::ranges::sort(ranges, {}, &NumberRange::first);
  NumberSet set;
  for (const auto& range : ranges) set.add(range);
  return set;
}

void NumberSet::add(NumberRange range) {
  if (ranges_.empty() || range.first > ranges_.back().last) {
    if (!ranges_.empty() && range.first - 1 == ranges_.back().last) {
      ranges_.back().last = range.last;
    } else {
      ranges_.push_back(range);
    }
    return;
  }
  // The first that it touches, and the one behind the last.
  const auto from =
      std::ranges::partition_point(ranges_, [&](const NumberRange& known) { return known.last < range.first - 1; });
  auto to = from;
  while (to != ranges_.end() && to->first - 1 <= range.last) {
    range.first = std::min(range.first, to->first);
    range.last = std::max(range.last, to->last);
    ++to;
  }
  if (to == from) {
    ranges_.insert(from, range);
    return;
  }
  *from = range;
  ranges_.erase(from + 1, to);
}

std::uint64_t NumberSet::count() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& range : ranges_) sum += range.size();
  return sum;
}

bool NumberSet::contains(std::uint32_t number) const noexcept {
  const auto found =
      std::ranges::partition_point(ranges_, [&](const NumberRange& range) { return range.last < number; });
  return found != ranges_.end() && found->first <= number;
}

NumberSet NumberSet::intersect(const NumberSet& other) const {
  NumberSet out;
  auto a = ranges_.begin();
  auto b = other.ranges_.begin();
  while (a != ranges_.end() && b != other.ranges_.end()) {
    const auto first = std::max(a->first, b->first);
    const auto last = std::min(a->last, b->last);
    if (first <= last) out.ranges_.push_back({first, last});
    if (a->last < b->last) {
      ++a;
    } else {
      ++b;
    }
  }
  return out;
}

NumberSet NumberSet::unite(const NumberSet& other) const {
  std::vector<NumberRange> all;
  all.reserve(ranges_.size() + other.ranges_.size());
  std::ranges::merge(ranges_, other.ranges_, std::back_inserter(all), {}, &NumberRange::first, &NumberRange::first);
  NumberSet out;
  for (const auto& range : all) out.add(range);
  return out;
}

NumberSet NumberSet::without(const NumberSet& other) const {
  NumberSet out;
  auto b = other.ranges_.begin();
  for (auto left : ranges_) {
    while (b != other.ranges_.end() && b->last < left.first) ++b;
    bool rest = true;
    for (auto c = b; c != other.ranges_.end() && c->first <= left.last; ++c) {
      if (c->first > left.first) out.ranges_.push_back({left.first, c->first - 1});
      if (c->last >= left.last) {
        rest = false;
        break;
      }
      left.first = c->last + 1;
      b = c;
    }
    if (rest) out.ranges_.push_back(left);
  }
  return out;
}

void NumberSet::append_text(std::string& out) const {
  bool first = true;
  for (const auto& range : ranges_) {
    if (!first) out += ',';
    first = false;
    append_number(out, range.first);
    if (range.last == range.first) continue;
    out += ':';
    append_number(out, range.last);
  }
}

std::string NumberSet::text() const {
  std::string out;
  append_text(out);
  return out;
}

std::optional<SequenceSet> SequenceSet::parse(std::string_view text, std::size_t max_ranges) {
  SequenceSet set;
  if (text == "$") {
    set.saved_ = true;
    return set;
  }
  const auto number = [&](std::string_view word) -> std::optional<std::uint32_t> {
    if (word == "*") {
      set.has_star_ = true;
      return 0;
    }
    const auto found = nz_number(word);
    if (found) set.largest_ = std::max(set.largest_, *found);
    return found;
  };
  while (true) {
    const auto comma = std::min(text.find(','), text.size());
    const auto piece = text.substr(0, comma);
    const auto colon = piece.find(':');
    const auto first = number(piece.substr(0, colon));
    const auto last = colon == std::string_view::npos ? first : number(piece.substr(colon + 1));
    if (!first || !last || set.ranges_.size() == max_ranges) return std::nullopt;
    set.ranges_.push_back({*first, *last});
    if (comma == text.size()) return set;
    text.remove_prefix(comma + 1);
  }
}

SequenceSet SequenceSet::of(NumberSet numbers) {
  SequenceSet set;
  for (const auto& range : numbers.ranges()) set.ranges_.push_back({range.first, range.last});
  if (!numbers.empty()) set.largest_ = numbers.max();
  return set;
}

NumberSet SequenceSet::resolve(std::uint32_t largest) const {
  std::vector<NumberRange> ranges;
  ranges.reserve(ranges_.size());
  for (auto [first, last] : ranges_) {
    if (first == 0) first = largest;
    if (last == 0) last = largest;
    // Nothing is in use: "*" is no number, and so is no range with it.
    if (first == 0 || last == 0) continue;
    ranges.push_back({std::min(first, last), std::max(first, last)});
  }
  return NumberSet::of_ranges(std::move(ranges));
}

std::string SequenceSet::text() const {
  if (saved_) return "$";
  std::string out;
  const auto number = [&](std::uint32_t value) {
    if (value == 0) {
      out += '*';
    } else {
      append_number(out, value);
    }
  };
  for (const auto& range : ranges_) {
    if (!out.empty()) out += ',';
    number(range.first);
    if (range.last == range.first) continue;
    out += ':';
    number(range.last);
  }
  return out;
}

std::optional<PartialRange> PartialRange::parse(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto first = text.substr(0, colon);
  auto last = text.substr(colon + 1);
  PartialRange range;
  range.from_end = first.starts_with('-');
  if (range.from_end != last.starts_with('-')) return std::nullopt;
  if (range.from_end) {
    first.remove_prefix(1);
    last.remove_prefix(1);
  }
  const auto a = nz_number(first);
  const auto b = nz_number(last);
  if (!a || !b) return std::nullopt;
  range.first = std::min(*a, *b);
  range.last = std::max(*a, *b);
  return range;
}

PartialRange::Places PartialRange::of(std::uint64_t count) const noexcept {
  const std::uint64_t skip = std::min<std::uint64_t>(first - 1, count);
  const std::uint64_t upto = std::min<std::uint64_t>(last, count);
  if (from_end) return {count - upto, count - skip};
  return {skip, upto};
}

std::string PartialRange::text() const {
  std::string out;
  if (from_end) out += '-';
  append_number(out, first);
  out += from_end ? ":-" : ":";
  append_number(out, last);
  return out;
}

}  // namespace pabal::imap
