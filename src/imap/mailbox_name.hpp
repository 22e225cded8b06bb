// Names of mailboxes (RFC 9051 §5.1, RFC 3501 §5.1.3, RFC 6855 §3): levels with "/" between them, in UTF-8 and
// normalisation form C inside, modified UTF-7 for clients that didn't ask for UTF-8; and the patterns of LIST.
#pragma once
#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace pabal::imap {

inline constexpr char kHierarchy = '/';
inline constexpr std::size_t kLongestMailboxName = 1'000;  ///< octets of UTF-8
inline constexpr std::size_t kMostMailboxLevels = 50;

class MailboxName {
 public:
  /// From UTF-8. INBOX in any case is "INBOX", and so is a first level of that name. Kind `syntax`: it is empty, isn't
  /// UTF-8, has an empty level or one that is "." or "..", controls (also C1, U+2028 and U+2029), or is too long or
  /// deep. What is unassigned or unwise but harmless is allowed: a name that another program made must be reachable.
  [[nodiscard]] static Result<MailboxName> parse(std::string_view utf8);
  /// As it came from a client: UTF-8 if `utf8` (IMAP4rev2 or UTF8=ACCEPT is enabled), else modified UTF-7.
  [[nodiscard]] static Result<MailboxName> from_client(std::string_view text, bool utf8);

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  /// As the client wants it; not quoted yet.
  [[nodiscard]] std::string for_client(bool utf8) const;

  [[nodiscard]] bool is_inbox() const noexcept { return text_ == "INBOX"; }
  /// May one be made of this name? Not with "%" or "*", which LIST could not name (RFC 9051 §5.1), nor "#", a
  /// namespace's mark, in front.
  [[nodiscard]] bool may_be_created() const noexcept;
  /// "a/b" of "a/b/c"; nothing at the top.
  [[nodiscard]] std::optional<MailboxName> parent() const;
  [[nodiscard]] std::string_view last_level() const noexcept;
  [[nodiscard]] bool is_below(const MailboxName& other) const noexcept;

  friend auto operator<=>(const MailboxName&, const MailboxName&) = default;

 private:
  explicit MailboxName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// A pattern of LIST or LSUB (RFC 9051 §6.3.9) behind its reference: "*" is anything, "%" anything without "/". INBOX
/// is found in any case. In linear space; time is at most pattern times name.
class MailboxPattern {
 public:
  /// Reference and pattern as they came from the client; both are put together as they stand, but a pattern that begins
  /// with "/" takes no reference. Nothing where they aren't valid in their encoding: such a pattern finds nothing.
  [[nodiscard]] static std::optional<MailboxPattern> from_client(std::string_view reference, std::string_view pattern,
                                                                 bool utf8);
  /// From UTF-8.
  explicit MailboxPattern(std::string_view utf8);

  [[nodiscard]] bool matches(std::string_view name) const;
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  /// No wildcard: it names one mailbox.
  [[nodiscard]] bool is_literal() const noexcept { return text_.find_first_of("*%") == std::string::npos; }

 private:
  std::string text_;
};

}  // namespace pabal::imap
