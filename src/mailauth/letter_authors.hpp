// LetterAuthors: whom a letter's header names as its authors, for DMARC. Programs differ in how they read a From field
// that isn't as RFC 5322 wants it, so one that can be read in two ways names nobody for sure, and says so.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pabal::mailauth {

/// Why it isn't clear who the author is.
enum class AuthorFault : std::uint8_t {
  none,
  broken_header,   ///< the header breaks off, and fields that readers look at stand behind the break
  no_field,        ///< there is no From field
  several_fields,  ///< there is more than one (RFC 5322 §3.6)
  nobody,          ///< it has no address with a domain in it: "<>", "MAILER-DAEMON", "undisclosed:;"
  unreadable,      ///< it can't be read as mailboxes (RFC 5322 §3.4)
};
/// "none", "broken-header", "no-field", "several-fields", "nobody", "unreadable".
[[nodiscard]] std::string_view name_of(AuthorFault fault) noexcept;

struct LetterAuthors {
  /// Every address in every From field, as the strict reader and as the lenient one finds them; empty texts stand for
  /// what can't be read.
  std::vector<std::string> addresses;
  std::size_t fields = 0;  ///< From fields
  bool too_many = false;   ///< more addresses than anybody reads
  AuthorFault fault = AuthorFault::none;
  bool has_list_id = false;
};

/// `header`: the octets up to the first empty line, or the letter's end. Linear time.
[[nodiscard]] LetterAuthors authors_of_letter(std::string_view header);

}  // namespace pabal::mailauth
