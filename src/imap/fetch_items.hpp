// What FETCH asks for (RFC 9051 §6.4.5; BINARY: RFC 3516; RFC 7162, 8474, 8514, 8970), and its modifiers (RFC 4466,
// 7162, 9394).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "imap/sequence_set.hpp"

namespace pabal::imap {

inline constexpr std::size_t kMostSectionNumbers = 100;

/// What stands between the brackets of BODY[…].
struct Section {
  enum class Text : std::uint8_t {
    none,    ///< the part itself; the whole message where there is no number
    header,  ///< of the message, or of the message in the part
    header_fields,
    header_fields_not,
    text,
    mime,  ///< the part's own header section; only behind numbers
  };
  std::vector<std::uint32_t> part;  ///< "1.2": {1, 2}; none is 0
  Text text = Text::none;
  std::vector<std::string> fields;  ///< names as written, in their order

  friend bool operator==(const Section&, const Section&) = default;
};

/// `1.2.HEADER.FIELDS (Subject "odd name")`, as the answer repeats it.
void append_section(std::string& out, const Section& section);

/// "<0.1000>": from that octet at most so many.
struct Partial {
  std::uint64_t offset = 0;
  std::uint64_t count = 0;  ///< not 0
  friend bool operator==(const Partial&, const Partial&) = default;
};

struct FetchItem {
  enum class Kind : std::uint8_t {
    flags,
    internal_date,
    envelope,
    body_structure,
    body,  ///< BODY alone: the structure without extension data
    uid,
    rfc822_size,
    rfc822,  ///< rev1; as BODY[], under this name; sets \Seen
    rfc822_header,
    rfc822_text,
    section,  ///< BODY[…]; sets \Seen unless `peek`
    binary,   ///< BINARY[…]; sets \Seen unless `peek`
    binary_size,
    modseq,
    preview,
    email_id,
    thread_id,
    save_date,
  };
  Kind kind = Kind::flags;
  bool peek = false;
  bool lazy = false;  ///< PREVIEW (LAZY)
  Section section;    ///< of section, binary and binary_size
  std::optional<Partial> partial;

  /// Fetching it sets \Seen.
  [[nodiscard]] bool sets_seen() const noexcept;
  friend bool operator==(const FetchItem&, const FetchItem&) = default;
};

/// Each kind once, except those with a section; macros (ALL, FAST, FULL) are spelled out.
using FetchItems = std::vector<FetchItem>;
/// Of one command: each is read and said for each message. Parts of letters that have more are asked for in turns.
inline constexpr std::size_t kMostFetchItems = 1000;

struct FetchModifiers {
  std::optional<std::uint64_t> changed_since;  ///< RFC 7162 §3.1.4.1
  bool vanished = false;                       ///< RFC 7162 §3.2.6; only with UID FETCH and changed_since
  std::optional<PartialRange> partial;         ///< RFC 9394 §3.3
  friend bool operator==(const FetchModifiers&, const FetchModifiers&) = default;
};

}  // namespace pabal::imap
