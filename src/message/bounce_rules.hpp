// The table by which bounces that are no RFC 3464 are known, one line a form.
#pragma once
#include <span>
#include <string_view>

#include "message/bounce.hpp"

namespace pabal::message {

/// Where a form names its recipients.
enum class RecipientStyle : std::uint8_t {
  line,   ///< an address at the beginning of a line (brackets, quotes, bullets before it), its reason behind and below
  label,  ///< behind a label, which stands anywhere in a line; the reason is the text around
  transcript,  ///< "550 <a@x>... reason" and the like: lines that begin with a reply code
};

/// All that is said must be so; an empty string asks nothing. Compared without case.
struct BounceRule {
  std::string_view name;
  std::string_view from;     ///< in From
  std::string_view subject;  ///< in the decoded Subject
  std::string_view header;   ///< "Name:" or "Name: text" of a field
  std::string_view body;     ///< in the text before the returned message
  std::string_view begin;    ///< recipients stand behind this; empty: anywhere
  RecipientStyle style;
  std::string_view label;  ///< for style label
  BounceKind kind = BounceKind::failure;
};

[[nodiscard]] std::span<const BounceRule> bounce_rules() noexcept;

/// Beginnings of lines behind which the returned message stands.
[[nodiscard]] std::span<const std::string_view> returned_message_marks() noexcept;

}  // namespace pabal::message
