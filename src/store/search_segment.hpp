// A segment of the search index: some letters of one account, and for each word which of them have it. A segment is
// made once, of letters or of other segments, and never changed. It consists of parts, each a run of octets:
//
//   letters   which emails, rising, and of which the words are not all there
//   from …    five texts of the header of each letter, each behind a NUL, in the form that is compared
//   words     the words, each behind a NUL, in the order of their octets
//   lengths   of each word's entry in the next part
//   entries   for each word the letters that have it: differences of their places, shifted to make room for where
//
// so that "which words hold this text" is a search for octets in one run of memory, however big the mailbox. No I/O:
// the parts come from and go to somewhere else (search_rows.hpp). What a damaged segment says is an error, never a
// fault.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "base/ids.hpp"

namespace pabal::store {

inline constexpr std::int64_t kSearchVersion = 1;  ///< of the form; others are thrown away and made anew
inline constexpr std::size_t kSearchFields = 5;    ///< from, to, cc, bcc, subject

enum class SearchPart : std::uint8_t { letters, from, to, cc, bcc, subject, words, lengths, entries };
inline constexpr std::size_t kSearchParts = 9;

/// Where a word stands, as bits.
using WordPlaces = std::uint8_t;
inline constexpr WordPlaces kInHeader = 1;
inline constexpr WordPlaces kInBody = 2;

/// A letter's texts in the form that is compared.
struct SearchLetter {
  EmailId email;
  std::array<std::string, kSearchFields> fields;
  std::string header;
  std::string body;
};
/// What is kept of a letter at most; one with more is looked into itself where its words say no.
inline constexpr std::size_t kMostFieldOctets = 4 << 10;
inline constexpr std::size_t kMostHeaderOctets = 256 << 10;
inline constexpr std::size_t kMostBodyOctets = 4 << 20;

/// Takes a part's octets in their order.
using SearchSink = std::move_only_function<Result<void>(SearchPart part, std::string_view octets)>;

/// Gathers letters for a segment in memory.
class SegmentMaker {
 public:
  /// By rising email.
  void add(const SearchLetter& letter);
  [[nodiscard]] std::size_t letters() const noexcept { return emails_.size(); }
  /// About.
  [[nodiscard]] std::size_t memory() const noexcept { return memory_; }
  [[nodiscard]] Result<void> finish(SearchSink& sink);

 private:
  struct Entry {
    std::string octets;
    std::uint32_t letter = UINT32_MAX;  ///< the last one
    std::size_t at = 0;                 ///< where that begins
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view word) const noexcept { return std::hash<std::string_view>{}(word); }
  };
  void add_words(std::string_view text, WordPlaces where);

  std::vector<std::int64_t> emails_;
  std::vector<bool> partial_;
  std::array<std::string, kSearchFields> fields_;
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> words_;
  std::size_t memory_ = 0;
};

/// Where a segment's parts are read.
class SegmentSource {
 public:
  virtual ~SegmentSource() = default;
  [[nodiscard]] virtual Result<std::shared_ptr<const std::string>> part(SearchPart part) = 0;
  /// `size` octets of the entries from `begin` on, appended.
  [[nodiscard]] virtual Result<void> entries(std::uint64_t begin, std::size_t size, std::string& out) = 0;
};

/// Part `letters`.
struct SegmentLetters {
  std::vector<std::int64_t> emails;  ///< rising
  std::vector<bool> partial;
  [[nodiscard]] static Result<SegmentLetters> decode(std::string_view octets);
};

/// Which letters of a segment.
class LetterBits {
 public:
  explicit LetterBits(std::size_t letters) : size_(letters), bits_((letters + 63) / 64) {}
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  void set(std::size_t letter) noexcept { bits_[letter / 64] |= std::uint64_t{1} << (letter % 64); }
  [[nodiscard]] bool has(std::size_t letter) const noexcept { return ((bits_[letter / 64] >> (letter % 64)) & 1) != 0; }
  void keep(const LetterBits& other) noexcept {
    for (std::size_t i = 0; i < bits_.size(); ++i) bits_[i] &= other.bits_[i];
  }

 private:
  std::size_t size_;
  std::vector<std::uint64_t> bits_;
};

/// The words of a segment, ready to be looked through. Holds the parts.
class SegmentWords {
 public:
  [[nodiscard]] static Result<SegmentWords> open(SegmentSource& source);
  /// Sets the letters that have, at one of these places, a word that holds `piece`.
  [[nodiscard]] Result<void> find(SegmentSource& source, std::string_view piece, WordPlaces where,
                                  LetterBits& found) const;
  /// What it takes beside the parts themselves.
  [[nodiscard]] std::size_t memory() const noexcept { return marks_.size() * sizeof(Mark); }

 private:
  // Every kMarkEvery words.
  struct Mark {
    std::uint64_t word = 0;    ///< where it begins: its NUL
    std::uint64_t length = 0;  ///< where its length stands
    std::uint64_t entry = 0;   ///< where its entry begins
  };
  std::shared_ptr<const std::string> words_;
  std::shared_ptr<const std::string> lengths_;
  std::vector<Mark> marks_;
};

/// Sets the letters whose field holds all of `words`, and in `open` those that may, because more was there than is
/// kept.
[[nodiscard]] Result<void> find_in_field(std::string_view part, std::span<const std::string> words, std::size_t letters,
                                         LetterBits& found, LetterBits& open);

/// Makes one segment of several, whose emails follow each other, without letters for which `lives` says no.
[[nodiscard]] Result<std::size_t> merge_segments(std::span<SegmentSource* const> sources,
                                                 const std::function<bool(std::int64_t email)>& lives,
                                                 SearchSink& sink);

}  // namespace pabal::store
