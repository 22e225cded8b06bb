// What we say (RFC 9051 §7): lines and their pieces, appended to the octets that go out. No value that came from a peer
// or a letter can end a line or begin another one here: texts are cleaned, strings are quoted or literals.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "imap/flags.hpp"
#include "imap/mailbox_name.hpp"
#include "imap/refusal.hpp"
#include "imap/sequence_set.hpp"
#include "message/imap_forms.hpp"

namespace pabal::imap {

using message::ImapForm;

enum class Condition : std::uint8_t { ok, no, bad, bye, preauth };

/// `* OK [CODE] text`. `code` is empty where there is none; both are cleaned of what can't be in a line. A text that
/// begins like a code gets none by mistake.
void append_untagged(std::string& out, Condition condition, std::string_view code, std::string_view text);
/// `tag OK [CODE] text`; an empty tag is "*" (BAD for what has no tag).
void append_tagged(std::string& out, std::string_view tag, Condition condition, std::string_view code,
                   std::string_view text);
void append_refusal(std::string& out, std::string_view tag, const Refusal& refusal);
/// With its text in another language.
void append_refusal(std::string& out, std::string_view tag, const Refusal& refusal, std::string_view text);
/// `+ text`.
void append_continue(std::string& out, std::string_view text);

/// Quoted where it can be, else a literal; NUL is left out (a literal can't hold it).
void append_string(std::string& out, std::string_view text, ImapForm form);
/// NIL for nothing.
void append_nstring(std::string& out, const std::optional<std::string>& text, ImapForm form);
/// As an atom where it can be.
void append_astring(std::string& out, std::string_view text, ImapForm form);
/// The announcement of octets that follow: `{n}`, or `~{n}` for those with NUL (BINARY), and the line end.
void append_literal_size(std::string& out, std::uint64_t size, bool binary = false);
void append_number(std::string& out, std::uint64_t number);
/// The name as an astring, in UTF-8 or modified UTF-7.
void append_mailbox(std::string& out, const MailboxName& name, ImapForm form);
void append_mailbox(std::string& out, std::string_view utf8_name, ImapForm form);
/// `(\Seen $Junk)`.
void append_flag_list(std::string& out, SystemFlags system, std::span<const std::string> keywords, bool recent = false);
/// `"17-Jul-1996 02:44:25 -0700"`, with its quotes.
void append_date_time(std::string& out, SystemTime time, int offset_minutes = 0);

/// `* SEARCH 1 2 3`, or SORT; with the highest modseq where MODSEQ was searched for (RFC 7162 §3.1.5).
void append_search(std::string& out, std::string_view name, std::span<const std::uint32_t> numbers,
                   std::optional<std::uint64_t> modseq = {});

/// ESEARCH's data (RFC 9051 §7.3.4).
struct SearchResult {
  std::optional<std::uint32_t> min;
  std::optional<std::uint32_t> max;
  std::optional<std::uint64_t> count;
  std::optional<NumberSet> all;  ///< nothing is said where it is empty
  struct Part {
    PartialRange range;
    NumberSet numbers;  ///< NIL where it is empty (RFC 9394 §3.1)
  };
  std::optional<Part> partial;
  std::optional<std::uint64_t> modseq;
  std::string more;  ///< further items, each with a space before it (RELEVANCY, SORT's lists that are in no order)
};
/// The mailbox that an answer of MULTISEARCH is about (RFC 7377 §2.1).
struct SearchedMailbox {
  MailboxName name;
  std::uint32_t uid_validity = 0;
};
void append_esearch(std::string& out, std::string_view tag, bool uid, const SearchResult& result, ImapForm form,
                    const SearchedMailbox* mailbox = nullptr);
/// Numbers in their own order, for ESORT and THREAD-like results: `4:6,2,9`, runs that rise by one drawn together.
void append_ordered(std::string& out, std::span<const std::uint32_t> numbers);

/// `* LIST (attributes) "/" name`; `attributes` are ours, `extended` is what follows with a space before it.
void append_list(std::string& out, std::string_view response, std::string_view attributes, std::string_view utf8_name,
                 std::string_view extended, ImapForm form);
/// `* STATUS name (items)`; `items` are ours.
void append_status(std::string& out, const MailboxName& name, std::string_view items, ImapForm form);
/// `* VANISHED (EARLIER) 1:3`; nothing for the empty set.
void append_vanished(std::string& out, const NumberSet& uids, bool earlier = false);
/// `* n EXISTS` and its like.
void append_count(std::string& out, std::uint64_t number, std::string_view what);

// Codes.
[[nodiscard]] std::string append_uid_code(std::uint32_t uid_validity, const NumberSet& uids);
[[nodiscard]] std::string copy_uid_code(std::uint32_t uid_validity, std::string_view from, std::string_view to);

}  // namespace pabal::imap
