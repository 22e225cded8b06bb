// The header fields that lists of letters show, and that IMAP calls the envelope (RFC 9051 §7.5.2), read in one pass;
// and what a header says about the kind of letter.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "message/address_list.hpp"

namespace pabal::message {

/// A field that is missing is nothing, one that is empty is empty. Where a field comes several times the last one
/// counts (RFC 8621 §4.1.3). Texts are unfolded and well-formed UTF-8, encoded words are left as written.
struct Envelope {
  using Addresses = std::optional<std::vector<AddressGroup>>;  ///< names as written

  std::optional<std::string> date;
  std::optional<std::string> subject;
  Addresses from;
  Addresses sender;
  Addresses reply_to;
  Addresses to;
  Addresses cc;
  Addresses bcc;
  std::optional<std::string> in_reply_to;
  std::optional<std::string> message_id;
  std::optional<std::vector<std::string>> references;  ///< identifiers without brackets
};

/// Bits of what a message is, for rules, lists and automatic answers.
enum class Mark : std::uint32_t {
  attachment = 1U << 0,           ///< JMAP hasAttachment
  list = 1U << 1,                 ///< List-Id or List-Post (RFC 2919, 2369)
  bulk = 1U << 2,                 ///< Precedence: bulk, list or junk
  auto_submitted = 1U << 3,       ///< Auto-Submitted other than "no" (RFC 3834)
  delivery_report = 1U << 4,      ///< RFC 3464
  disposition_report = 1U << 5,   ///< MDN, RFC 8098
  feedback_report = 1U << 6,      ///< ARF, RFC 5965
  wants_disposition = 1U << 7,    ///< Disposition-Notification-To
  important = 1U << 8,            ///< Importance: high, X-Priority 1 or 2
  is_signed = 1U << 9,            ///< multipart/signed, S/MIME signed-data
  encrypted = 1U << 10,           ///< multipart/encrypted, S/MIME enveloped-data
  calendar = 1U << 11,            ///< has a text/calendar part
  suppresses_answers = 1U << 12,  ///< X-Auto-Response-Suppress
  limited = 1U << 13,             ///< a limit of the MIME parser stopped it
};
using Marks = std::uint32_t;
[[nodiscard]] constexpr bool has(Marks marks, Mark mark) noexcept {
  return (marks & static_cast<std::uint32_t>(mark)) != 0;
}

struct HeaderFacts {
  Envelope envelope;
  Marks marks = 0;  ///< those that the header alone tells
};

/// Reads a header section. At most `max_addresses` in a field. Linear.
[[nodiscard]] HeaderFacts read_header_facts(std::string_view header_section, std::size_t max_addresses = 10'000);

/// By what a letter is put into a thread (RFC 8621 §3).
struct ThreadKeys {
  std::string subject;           ///< thread_subject()
  std::vector<std::string> ids;  ///< its own Message-ID first, then In-Reply-To, then References from the last on
};
/// At most `max_ids`: the own one, and the nearest relations.
[[nodiscard]] ThreadKeys thread_keys(const Envelope& envelope, std::size_t max_ids = 8);

}  // namespace pabal::message
