// Address fields (RFC 5322 §3.4 and §4.4): mailboxes and groups with their names, as strictly as needed and as
// leniently as real mail demands. mailboxes.hpp beside this is the strict reader for what submitters claim to be.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pabal::message {

struct MailboxSpec {
  std::string name;        ///< display name, decoded UTF-8; empty where there is none (a trailing comment stands in)
  std::string local_part;  ///< unquoted; as found, even when no server could take it
  std::string domain;      ///< as found, comments and spaces taken away; empty where there is no '@'
  std::string route;       ///< obsolete source route (RFC 5322 obs-route), for IMAP's ENVELOPE; mostly empty

  /// local_part@domain, quoted where needed.
  [[nodiscard]] std::string address() const;
};

struct AddressGroup {
  bool named = false;  ///< a group; otherwise the mailboxes that stand outside of any
  std::string name;    ///< decoded; only for groups
  std::vector<MailboxSpec> mailboxes;
};

/// How display names are given: decoded, or as they stand in the field (quotes and folding taken off, raw 8-bit made
/// UTF-8, encoded words left), which is what IMAP's ENVELOPE shows.
enum class NameForm : std::uint8_t { decoded, written };

/// All groups and runs of mailboxes in order. Any octets give something: unquoted specials, unclosed quotes, `;` as
/// separator, raw 8-bit, missing brackets. At most `max_addresses`, and 100,000 words and marks between two
/// separators; linear time.
[[nodiscard]] std::vector<AddressGroup> parse_address_list(std::string_view field_body,
                                                           std::size_t max_addresses = 10'000,
                                                           NameForm names = NameForm::decoded);

/// Message-IDs in a field (Message-ID, In-Reply-To, References): without angle brackets, in order, comments skipped;
/// broken ones as found where they have no spaces. At most `max_ids` (the last ones, as threading needs).
[[nodiscard]] std::vector<std::string> parse_message_ids(std::string_view field_body, std::size_t max_ids = 1'000);

}  // namespace pabal::message
