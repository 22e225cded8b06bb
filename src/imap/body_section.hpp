// Which octets of a message BODY[…] and BINARY[…] name (RFC 9051 §6.4.5, §6.4.5.1; RFC 3516), from the structure that
// delivery derived; and the header fields of HEADER.FIELDS, taken out of octets that come a window at a time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imap/fetch_items.hpp"
#include "message/derived.hpp"

namespace pabal::imap {

/// Octets of the message, from `begin` to before `end`.
struct SectionOctets {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  /// HEADER.FIELDS: the octets are the whole header section, and go through a HeaderFieldsFilter.
  bool filtered = false;
  /// The part whose body this is, as a place in the parts: BINARY decodes it by its `encoding`. Nothing for headers and
  /// TEXT.
  std::optional<std::size_t> part;

  [[nodiscard]] std::uint64_t size() const noexcept { return end - begin; }
};

/// Nothing where there is no such section: NIL is said then. `parts` are Derived::parts, not empty; `size` is the
/// message's. A message that is no multipart has one part, 1, whose MIME header is the message's own; behind a message
/// part (message/rfc822, message/global) the numbers and HEADER and TEXT are of the message in it.
[[nodiscard]] std::optional<SectionOctets> find_octets(const std::vector<message::DerivedPart>& parts,
                                                       std::uint64_t size, const Section& section);

/// The place of the part that the numbers name; 0 without numbers.
[[nodiscard]] std::optional<std::size_t> find_part(const std::vector<message::DerivedPart>& parts,
                                                   const std::vector<std::uint32_t>& numbers);

/// "<offset.count>" of a thing of `size` octets: begin and end within it. An offset behind the end gives nothing.
struct Span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  [[nodiscard]] std::uint64_t size() const noexcept { return end - begin; }
  friend bool operator==(const Span&, const Span&) = default;
};
[[nodiscard]] Span part_of(std::uint64_t size, const std::optional<Partial>& partial) noexcept;

/// The name of an item as its answer has it: `BODY[1.2]<0>`, `BINARY.SIZE[1]`, `RFC822.SIZE`.
void append_item_name(std::string& out, const FetchItem& item);

/// HEADER.FIELDS and HEADER.FIELDS.NOT: passes on the fields that are wanted, folded lines with them, in their order.
/// Memory is bounded: a name that is longer than any sensible one is not among those named.
class HeaderFieldsFilter {
 public:
  explicit HeaderFieldsFilter(const Section& section);

  /// Appends to `out` what of the window belongs to the answer. The window is cut anywhere.
  void write(std::string_view window, std::string& out);
  /// The empty line, which the answer always ends with.
  void finish(std::string& out);

 private:
  enum class State : std::uint8_t { line_start, name, copy, drop, ended };
  [[nodiscard]] bool wanted(std::string_view name) const;
  void decide(bool is_field, std::string& out);

  std::vector<std::string> names_;  // lower case, sorted
  bool named_are_wanted_ = true;
  State state_ = State::line_start;
  bool copying_ = false;  // the field that a folded line would go on with is wanted
  std::string begun_;     // of a line, as far as it isn't decided
};

}  // namespace pabal::imap
