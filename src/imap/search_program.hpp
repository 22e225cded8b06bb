// What SEARCH, SORT, THREAD and ESEARCH ask for: the program as a tree and what is to be returned (RFC 9051 §6.4.4, RFC
// 3501, 4731, 5032, 5182, 5256, 5267, 5466, 6203, 7162, 7377, 8474, 8514, 9394).
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "imap/sequence_set.hpp"

namespace pabal::imap {

inline constexpr std::size_t kDeepestSearch = 50;       ///< NOT, OR, FUZZY and parentheses inside one another
inline constexpr std::size_t kMostSearchKeys = 10'000;  ///< of one program

struct SearchKey {
  enum class Kind : std::uint8_t {
    all,
    sequence,     ///< `set`, message numbers; "$" names the saved result
    uid,          ///< `set`, UIDs; "$" too
    flag,         ///< `text`: "\Seen" in its usual spelling, or a keyword as written. UNSEEN is not_ of it
    recent,       ///< \Recent; NEW is and_ of it and not \Seen, OLD not_ of it
    before,       ///< INTERNALDATE's day, as the next two; `day`
    on,           //
    since,        //
    sent_before,  ///< the Date field's day, as the next two
    sent_on,
    sent_since,
    saved_before,  ///< RFC 8514; without a save date INTERNALDATE counts
    saved_on,
    saved_since,
    save_date_supported,
    older,    ///< RFC 5032; `number` seconds
    younger,  //
    larger,   ///< `number` octets
    smaller,
    from,  ///< `text` in the field, as the next four
    to,
    cc,
    bcc,
    subject,
    header,  ///< `name`d field holds `text`; "" means that it is there
    body,    ///< `text`
    text,    ///< `text`, headers and body
    modseq,  ///< RFC 7162 §3.1.5: changed at `number` or later; `name` and its type are read and don't matter
    email_id,
    thread_id,
    filter,  ///< RFC 5466: the program named `name`
    fuzzy,   ///< RFC 6203: children[0], inexactly
    not_,    ///< children[0]
    or_,     ///< children[0] and [1]
    and_,    ///< all children; at least one
  };
  Kind kind = Kind::all;
  std::string text;  ///< UTF-8, whatever the charset was; never unescaped or folded
  std::string name;
  std::uint64_t number = 0;
  std::chrono::sys_days day;
  SequenceSet set;
  std::vector<SearchKey> children;
};

/// True if a key of this kind stands anywhere in it.
[[nodiscard]] bool mentions(const SearchKey& program, SearchKey::Kind kind) noexcept;

/// RETURN (…) of RFC 4731 and what was added to it.
struct SearchReturn {
  bool given = false;  ///< the answer is ESEARCH, not SEARCH or SORT; "RETURN ()" means all
  bool min = false;
  bool max = false;
  bool all = false;
  bool count = false;
  bool save = false;       ///< RFC 5182
  bool update = false;     ///< RFC 5267
  bool context = false;    ///< RFC 5267
  bool relevancy = false;  ///< RFC 6203
  std::optional<PartialRange> partial;
};

struct SearchProgram {
  SearchKey key;
  /// In upper case as given ("UTF-8", "EUC-KR"); empty where none was. The texts are converted already.
  std::string charset;
};

/// A criterion of SORT (RFC 5256 §3, 5957, 6203).
struct SortCriterion {
  enum class Key : std::uint8_t { arrival, cc, date, from, size, subject, to, display_from, display_to, relevancy };
  Key key = Key::arrival;
  bool reverse = false;
  friend bool operator==(const SortCriterion&, const SortCriterion&) = default;
};

enum class ThreadAlgorithm : std::uint8_t { ordered_subject, references, refs };

}  // namespace pabal::imap
