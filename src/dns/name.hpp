// Name: a domain name of the DNS (RFC 1035 §3.1), valid once it exists. Not the same as a mail Domain: any octet may
// stand in a label ("_25._tcp.mx.example", "a\.b.example").
#pragma once
#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace pabal::dns {

/// An absolute name in its canonical form: lower case (RFC 4343: of ASCII letters alone), at most 255 octets on the
/// wire, labels of 1 to 63 octets. Cheap to compare and to hash.
class Name {
 public:
  static constexpr std::size_t max_wire_octets = 255;
  static constexpr std::size_t max_label_octets = 63;

  /// The root.
  Name() : wire_(1, '\0') {}

  /// From text as people and zone files write it (RFC 1035 §5.1), with or without the last dot: `\X` stands for X, and
  /// `\DDD` for the octet with that decimal number; "." is the root. Names that are not ASCII are refused: their
  /// A-labels are what the DNS knows (address::Domain gives them). Errors: syntax.
  [[nodiscard]] static Result<Name> parse(std::string_view text);
  /// The same, of a name that is relative to `origin` where it has no last dot.
  [[nodiscard]] static Result<Name> parse(std::string_view text, const Name& origin);
  /// From labels, which are octets, first the leftmost. Errors: syntax.
  [[nodiscard]] static Result<Name> of_labels(const std::vector<std::string_view>& labels);

  /// As it is shown: without the last dot, what is odd escaped; "." for the root.
  [[nodiscard]] std::string text() const;
  /// As it goes into a packet, uncompressed (RFC 1035 §3.1), with the root's empty label.
  [[nodiscard]] const std::string& wire() const noexcept { return wire_; }

  [[nodiscard]] bool is_root() const noexcept { return wire_.size() == 1; }
  /// Views into this name, without the root's.
  [[nodiscard]] std::vector<std::string_view> labels() const;
  /// Without its first label; the root's is the root.
  [[nodiscard]] Name parent() const;
  /// Whether it is `other` or stands below it.
  [[nodiscard]] bool is_within(const Name& other) const noexcept;
  /// With labels before it, as text without a last dot: `_25._tcp`. Errors: syntax, where it gets too long, too.
  [[nodiscard]] Result<Name> below(std::string_view labels) const;
  /// Whether its first label is `*` (RFC 4592).
  [[nodiscard]] bool is_wildcard() const noexcept { return wire_.starts_with("\1*"); }

  friend bool operator==(const Name&, const Name&) noexcept = default;
  friend auto operator<=>(const Name&, const Name&) noexcept = default;

 private:
  friend class NameBuilder;
  explicit Name(std::string wire) : wire_(std::move(wire)) {}
  std::string wire_;
};

}  // namespace pabal::dns

template <>
struct std::hash<pabal::dns::Name> {
  std::size_t operator()(const pabal::dns::Name& name) const noexcept { return std::hash<std::string>{}(name.wire()); }
};
