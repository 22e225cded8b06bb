// What the search index says of letters, for who searches (server/imap): of each letter that a text is looked for in,
// whether it holds it. Texts are in codec::Collation::unicode_casemap's form.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "store/search_segment.hpp"

namespace pabal::store {

/// All words must stand in the field, as parts of its text (RFC 9051 §6.4.4: FROM, TEXT…).
struct SearchQuery {
  enum class Field : std::uint8_t { from, to, cc, bcc, subject, header, body, text };
  Field field = Field::text;
  std::vector<std::string> words;
};

/// The answer for all letters of an account. Never changed; any thread.
class SearchAnswer {
 public:
  enum class Says : std::uint8_t {
    no,
    yes,
    open,     ///< it may: the letter must be looked into
    unknown,  ///< it is not indexed (yet)
  };
  struct Segment {
    std::shared_ptr<const SegmentLetters> letters;
    LetterBits found;
    LetterBits open;
  };
  explicit SearchAnswer(std::vector<Segment> segments) : segments_(std::move(segments)) {}

  /// Quick where letters are asked for by rising ids, with one Place for all of these calls.
  struct Place {
    std::size_t segment = 0;
    std::size_t letter = 0;
  };
  [[nodiscard]] Says of(EmailId email, Place& place) const;
  /// Nothing is indexed.
  [[nodiscard]] bool empty() const noexcept { return segments_.empty(); }
  /// Octets in memory.
  [[nodiscard]] std::size_t memory() const noexcept;

 private:
  std::vector<Segment> segments_;  ///< by their letters
};

}  // namespace pabal::store
