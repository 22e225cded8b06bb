// Sets of message numbers and UIDs: as clients write them (sequence-set, RFC 9051 §9; "$" of RFC 5182) and as we hold
// them, sorted ranges that are never expanded: 1:4294967295 is one range.
#pragma once
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pabal::imap {

/// `first` <= `last`, neither 0.
struct NumberRange {
  std::uint32_t first = 1;
  std::uint32_t last = 1;
  [[nodiscard]] std::uint64_t size() const noexcept { return std::uint64_t{last} - first + 1; }
  friend bool operator==(const NumberRange&, const NumberRange&) = default;
};

/// Numbers as ranges in rising order that neither overlap nor touch.
class NumberSet {
 public:
  NumberSet() = default;
  NumberSet(std::initializer_list<NumberRange> ranges) {
    for (const auto& range : ranges) add(range);
  }

  /// From numbers in rising order (repeated ones count once).
  [[nodiscard]] static NumberSet of_sorted(std::span<const std::uint32_t> numbers);
  /// From ranges in any order.
  [[nodiscard]] static NumberSet of_ranges(std::vector<NumberRange> ranges);

  /// At the end in constant time when it lies behind all others, else in linear time.
  void add(NumberRange range);
  void add(std::uint32_t number) { add(NumberRange{number, number}); }

  [[nodiscard]] bool empty() const noexcept { return ranges_.empty(); }
  /// How many numbers.
  [[nodiscard]] std::uint64_t count() const noexcept;
  [[nodiscard]] const std::vector<NumberRange>& ranges() const noexcept { return ranges_; }
  [[nodiscard]] std::uint32_t min() const noexcept { return ranges_.front().first; }  ///< not of an empty set
  [[nodiscard]] std::uint32_t max() const noexcept { return ranges_.back().last; }    ///< not of an empty set
  [[nodiscard]] bool contains(std::uint32_t number) const noexcept;                   ///< logarithmic

  // Linear in the number of ranges.
  [[nodiscard]] NumberSet intersect(const NumberSet& other) const;
  [[nodiscard]] NumberSet unite(const NumberSet& other) const;
  [[nodiscard]] NumberSet without(const NumberSet& other) const;

  /// "1:3,5"; empty for the empty set, for which IMAP has no words.
  [[nodiscard]] std::string text() const;
  void append_text(std::string& out) const;

  friend bool operator==(const NumberSet&, const NumberSet&) = default;

 private:
  std::vector<NumberRange> ranges_;
};

/// What a client wrote. "*" is kept until it is known what the largest number is.
class SequenceSet {
 public:
  /// Nothing unless the whole text is one. At most `max_ranges` ranges; 0 and numbers beyond 32 bits are refused.
  [[nodiscard]] static std::optional<SequenceSet> parse(std::string_view text, std::size_t max_ranges = 100'000);
  [[nodiscard]] static SequenceSet of(NumberSet numbers);

  /// "$": the result of the last search with SAVE.
  [[nodiscard]] bool is_saved_result() const noexcept { return saved_; }
  /// It names a "*".
  [[nodiscard]] bool has_star() const noexcept { return has_star_; }
  /// The largest number that is named itself; 0 where there is none.
  [[nodiscard]] std::uint32_t largest_named() const noexcept { return largest_; }

  /// The numbers meant where `largest` is the largest in use (0: nothing is, then "*" names nothing). Not for "$".
  /// "n:*" names the largest number also when n is above it (RFC 9051 §9, seq-range), so a range is turned round where
  /// need be. Numbers that aren't in use stay: who names one by number is refused, one by UID is passed over.
  [[nodiscard]] NumberSet resolve(std::uint32_t largest) const;

  /// As it would be written.
  [[nodiscard]] std::string text() const;

 private:
  struct Range {
    std::uint32_t first = 0;  ///< 0: "*"
    std::uint32_t last = 0;
  };
  std::vector<Range> ranges_;
  bool saved_ = false;
  bool has_star_ = false;
  std::uint32_t largest_ = 0;
};

/// PARTIAL's range (RFC 9394 §3.1; RFC 5267 §4.4 without the signs): places in a result counted from 1, or from its
/// end.
struct PartialRange {
  std::uint32_t first = 1;
  std::uint32_t last = 1;  ///< not less than first
  bool from_end = false;   ///< "-1:-100": the last hundred
  friend bool operator==(const PartialRange&, const PartialRange&) = default;

  [[nodiscard]] static std::optional<PartialRange> parse(std::string_view text);
  /// Which places, counted from 0, of `count` results: begin and end; the same where none are.
  struct Places {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  [[nodiscard]] Places of(std::uint64_t count) const noexcept;
  /// As the answer repeats it.
  [[nodiscard]] std::string text() const;
};

}  // namespace pabal::imap
