// Header fields written the one right way (RFC 5322 §3.6, RFC 2045 §3, RFC 6532). Values come as what they mean, never
// as header text, so that none can end a line and begin a field of its own: controls in text become spaces, and what
// has no safe form is an Error.
#pragma once
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "address/email_address.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "message/fold.hpp"
#include "message/header.hpp"
#include "message/parameters.hpp"

namespace pabal {
class Random;
}

namespace pabal::message {

/// A mailbox as it is written: `name <address>`, or the address alone.
struct Correspondent {
  std::string name;  ///< UTF-8; may be empty
  EmailAddress address;
  friend bool operator==(const Correspondent&, const Correspondent&) = default;
};

/// `name: mailbox, mailbox;`
struct CorrespondentGroup {
  std::string name;
  std::vector<Correspondent> members;
  friend bool operator==(const CorrespondentGroup&, const CorrespondentGroup&) = default;
};

using Recipient = std::variant<Correspondent, CorrespondentGroup>;

/// Whether the fields may name it: one to 76 printable ASCII octets without a colon (RFC 5322 §2.2).
[[nodiscard]] bool is_field_name(std::string_view name) noexcept;

/// Whether it can stand between '<' and '>' in Message-ID and the like: no spaces, brackets or controls, ASCII but for
/// SMTPUTF8's letters, at most 900 octets. Laxer than RFC 5322's msg-id, since answers must quote the ids of others.
[[nodiscard]] bool is_message_id(std::string_view id, HeaderStyle style = HeaderStyle::ascii) noexcept;

/// An id that no other message has: time and randomness at our own name, without the brackets.
[[nodiscard]] std::string make_message_id(SystemTime now, Random& random, std::string_view host);

/// What an answer's References field holds (RFC 5322 §3.6.4): the parent's, and the parent itself. Ids that can't be
/// written are left out; of more than 100 the first and the last ones stay.
[[nodiscard]] std::vector<std::string> references_for_answer(std::span<const std::string> parent_references,
                                                             std::string_view parent_id);

/// The header section of one entity. Every setter writes a field at its end or gives an Error (`syntax`: the value has
/// no safe form; `exists`: a second one of a field that may stand only once, RFC 5322 §3.6; `unsupported`: only
/// HeaderStyle::utf8 could carry it) and writes nothing.
class HeaderWriter {
 public:
  explicit HeaderWriter(HeaderStyle style = HeaderStyle::ascii) noexcept : style_(style) {}

  /// Unstructured text (Subject, Comments, any X-): UTF-8.
  Result<void> text(std::string_view name, std::string_view utf8);
  /// From, To and the like. Nothing is written for an empty list. Domains are A-labels in style ascii, U-labels in
  /// utf8.
  Result<void> addresses(std::string_view name, std::span<const Recipient> list);
  Result<void> address(std::string_view name, const Correspondent& one);
  Result<void> date(std::string_view name, SystemTime time, int offset_minutes = 0);
  /// Message-ID, In-Reply-To, References, Content-ID: ids without brackets. Nothing for an empty list.
  Result<void> message_ids(std::string_view name, std::span<const std::string> ids);
  Result<void> message_id(std::string_view name, const std::string& id);
  /// A token and parameters: Content-Type, Content-Disposition. `value` is tokens with '/' between them.
  Result<void> parameterized(std::string_view name, std::string_view value, std::span<const FieldParameter> parameters);
  /// Content-Type with a file's name in `name` (nothing where it is empty), as old Outlooks and web mailers read it
  /// alone: an encoded word in a quoted string, which RFC 2047 §5 forbids and all of them understand. The right form
  /// (RFC 2231) stands in Content-Disposition's `filename*`, which Apple Mail, Gmail and the others read first. Writing
  /// both forms of one parameter side by side would confuse more readers than it helps.
  Result<void> content_type(std::string_view value, std::span<const FieldParameter> parameters,
                            std::string_view file_name);
  /// Structured text in the field's own grammar, which the caller knows (Auto-Submitted, List-*, DSN fields):
  /// printable, folded at its spaces.
  Result<void> structured(std::string_view name, std::string_view value);
  /// A field of another message, folded as it was there: only lines that are right (at most 998 octets, continued by
  /// white space, no bare CR or LF, no NUL, ASCII in style ascii).
  Result<void> copy(const HeaderField& field);

  [[nodiscard]] HeaderStyle style() const noexcept { return style_; }
  /// True if a field of this name was written.
  [[nodiscard]] bool has(std::string_view name) const;
  /// The names of all, in lower case.
  [[nodiscard]] const std::set<std::string>& names() const noexcept { return names_; }
  /// The fields, each with its CRLF; without the empty line.
  [[nodiscard]] const std::string& fields() const noexcept { return out_; }

 private:
  [[nodiscard]] Result<void> begin(std::string_view name);
  [[nodiscard]] Result<void> check(std::string_view name, std::string_view value,
                                   std::span<const FieldParameter> parameters) const;

  HeaderStyle style_;
  std::string out_;
  std::set<std::string> names_;  ///< lower case
};

}  // namespace pabal::message
