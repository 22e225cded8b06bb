// The MIME structure of a message (RFC 2045, 2046, 5322): one pass over its octets, no copy. What comes out is a tree
// of parts as offsets into the message, exact enough for IMAP's BODY[1.2.MIME] and partial fetches, and covering every
// octet.
//
// Any octets are a message: there is no error. Lines end with CRLF, a bare LF or (in old mbox files) both; offsets are
// true for the octets as they are. Beyond a limit the parser stops splitting: what is left is one part.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pabal::message {

struct MimeLimits {
  std::uint32_t max_depth = 100;  ///< multiparts and embedded messages inside one another
  std::uint32_t max_parts = 20'000;
  std::uint32_t max_header_octets = 4U << 20;  ///< of one header section; fields beyond count as body
};

enum class PartKind : std::uint8_t {
  leaf,
  multipart,  ///< its children are the parts between its boundaries
  message,    ///< message/rfc822, message/global: one child, the embedded message's own entity
};

/// One entity. Offsets count from the message's first octet.
///   boundary_begin … header_begin   the boundary line before it, in a multipart; empty elsewhere
///   header_begin … body_begin       its header section with the empty line that ends it
///   body_begin … body_end           its body, without the line end that belongs to the following boundary (RFC 2046
///                                   §5.1.1)
///   body_end … end                  that line end, or nothing
/// So a multipart's body is, without a gap: its preamble; its children, each from boundary_begin to end; the closing
/// boundary line close_begin … close_end, where there is one; its epilogue. A message part's body is its child.
/// Where an outer boundary ends an inner multipart, the line end before it belongs to that boundary, and so is behind
/// the inner one's body_end, but not behind all that is in it: close_end is behind the closing line's own line end
/// ("--inner--\r\n--outer--": body_end + 2), and the last child of one that was never closed ends where the multipart
/// itself does, at its parent's end. All within body_begin … end, and there without a gap.
struct Part {
  static constexpr std::uint32_t none = UINT32_MAX;

  std::uint64_t boundary_begin = 0;
  std::uint64_t header_begin = 0;
  std::uint64_t body_begin = 0;
  std::uint64_t body_end = 0;
  std::uint64_t end = 0;
  std::uint64_t close_begin = 0;  ///< both 0 where no closing boundary came
  std::uint64_t close_end = 0;
  std::uint32_t body_lines = 0;  ///< line ends in the body (IMAP's lines)
  PartKind kind = PartKind::leaf;
  bool truncated = false;       ///< a multipart that ended without its closing boundary, or a limit cut it
  std::uint32_t parent = none;  ///< places in MimeTree::parts
  std::uint32_t first_child = none;
  std::uint32_t next_sibling = none;
  std::uint32_t depth = 0;

  // What the header says, as views into the message; defaults (RFC 2045 §5.2, RFC 2046 §5.1.5) where it says nothing or
  // nonsense.
  std::string_view type;          ///< "text"; case as written, use equal_ignoring_case
  std::string_view subtype;       ///< "plain"
  std::string_view content_type;  ///< the whole field body, still folded; empty where there is no field
  std::string_view disposition;   ///< Content-Disposition's field body; empty where there is none
  std::string_view encoding;      ///< Content-Transfer-Encoding's token; empty where there is none
  std::string_view content_id;    ///< field body
  std::string_view description;   ///< field body
  std::string_view language;      ///< field body
  std::string_view location;      ///< field body
  std::string_view md5;           ///< field body
};

struct MimeTree {
  std::vector<Part> parts;  ///< in order of their place in the message; parts[0] is the message itself
  bool limited = false;     ///< a limit stopped the splitting somewhere

  [[nodiscard]] const Part& root() const noexcept { return parts.front(); }
};

/// The structure of `message`, which must outlive the tree. Time is linear in its size.
[[nodiscard]] MimeTree parse_mime(std::string_view message, const MimeLimits& limits = {});

/// The part that an IMAP section number names (RFC 9051 §6.4.5.1: "1.2"), e.g. {1, 2}; nothing where there is none.
[[nodiscard]] const Part* find_section(const MimeTree& tree, std::span<const std::uint32_t> numbers) noexcept;

}  // namespace pabal::message
