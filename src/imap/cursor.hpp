// The reader of IMAP's grammar (RFC 9051 §9) over the octets of one command. Inner to this folder.
//
// It keeps the first thing that was wrong; from then on every call takes nothing and gives something empty, so that a
// rule of the grammar reads as a list of what must come. Loops ask ok().
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imap/command.hpp"

namespace pabal::imap {

class Cursor {
 public:
  Cursor(std::string_view octets, const ParseRules& rules) noexcept : all_(octets), rest_(octets), rules_(rules) {}

  [[nodiscard]] bool ok() const noexcept { return !refusal_; }
  [[nodiscard]] const std::optional<Refusal>& refusal() const noexcept { return refusal_; }
  [[nodiscard]] const ParseRules& rules() const noexcept { return rules_; }
  [[nodiscard]] std::size_t position() const noexcept { return all_.size() - rest_.size(); }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

  /// BAD with these words, unless something was wrong before.
  void bad(RefusalText text);
  void refuse(Refusal refusal);

  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  [[nodiscard]] char peek() const noexcept { return !ok() || rest_.empty() ? '\0' : rest_.front(); }
  /// Takes the character where it comes next.
  [[nodiscard]] bool take(char c) noexcept;
  /// Takes the word in any case where it comes next, and nothing of a longer one (the next is no ASTRING-CHAR).
  [[nodiscard]] bool take_word(std::string_view word) noexcept;
  /// Takes the octets in any case where they come next.
  [[nodiscard]] bool take_text(std::string_view text) noexcept;
  void expect(char c);
  void space() { expect(' '); }
  /// Spaces and the end.
  void end();

  /// At least one ATOM-CHAR; a view into the command.
  [[nodiscard]] std::string_view atom();
  /// The longest run (perhaps empty) of characters for which `wanted` is true.
  template <class Wanted>
  [[nodiscard]] std::string_view run(Wanted wanted) noexcept {
    if (!ok()) return {};
    std::size_t size = 0;
    while (size < rest_.size() && wanted(rest_[size])) ++size;
    const auto text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  [[nodiscard]] std::uint64_t number(std::uint64_t max = UINT32_MAX);
  [[nodiscard]] std::uint64_t nonzero(std::uint64_t max = UINT32_MAX);
  /// mod-sequence-value: 1 to 2^63-1; with `zero`, 0 too.
  [[nodiscard]] std::uint64_t modseq(bool zero = false);

  /// A quoted string or a literal. Quoted: UTF-8 is taken always (RFC 9051 §4.3), NUL, CR and LF never.
  [[nodiscard]] std::string string();
  [[nodiscard]] std::string astring();
  [[nodiscard]] std::optional<std::string> nstring();
  /// nstring or literal8.
  [[nodiscard]] std::optional<std::string> nstring8();
  /// A string, or an atom with wildcards.
  [[nodiscard]] std::string list_mailbox();
  [[nodiscard]] bool at_string() const noexcept { return peek() == '"' || peek() == '{'; }

  [[nodiscard]] SequenceSet sequence_set();
  /// Numbers only: neither "*" nor "$".
  [[nodiscard]] NumberSet number_set();
  [[nodiscard]] PartialRange partial_range();
  /// The name of a mailbox; a refusal (NO [CANNOT]) where it can't be one.
  [[nodiscard]] std::optional<MailboxName> mailbox();
  /// The same, and nothing for "".
  [[nodiscard]] std::optional<MailboxName> mailbox_or_empty();
  [[nodiscard]] std::optional<MailboxName> name_of(std::string_view text);
  /// "(" flags ")".
  [[nodiscard]] FlagList flag_list();
  /// One flag into `flags`.
  void flag(FlagList& flags);
  /// A date-time with its quotes.
  [[nodiscard]] codec::Date date_time();

  /// "{n}" or "{n+}" with its line end comes next: how many octets, and how long this is. Nothing else.
  struct Literal {
    std::uint64_t size = 0;
    std::size_t spec = 0;  ///< octets of "{n}\r\n"
    bool binary = false;   ///< "~{n}"
    bool synchronizing = true;
  };
  [[nodiscard]] std::optional<Literal> literal_next() const noexcept;
  void skip(std::size_t octets) noexcept { rest_.remove_prefix(octets); }

 private:
  [[nodiscard]] std::string quoted();
  [[nodiscard]] std::string literal(bool binary);

  std::string_view all_;
  std::string_view rest_;
  const ParseRules& rules_;
  std::optional<Refusal> refusal_;
};

// The arguments of each command, behind the verb and its space. parse_*.cpp.
[[nodiscard]] Fetch parse_fetch(Cursor& in, bool uid);
[[nodiscard]] FetchItem parse_fetch_item(Cursor& in);
/// Items up to and with ")", each once.
void parse_fetch_items(Cursor& in, FetchItems& items);
/// `[1.2.MIME]`, with its brackets.
[[nodiscard]] Section parse_section(Cursor& in);
[[nodiscard]] Search parse_search(Cursor& in);
[[nodiscard]] Sort parse_sort(Cursor& in);
[[nodiscard]] Thread parse_thread(Cursor& in);
[[nodiscard]] std::optional<MultiSearch> parse_multi_search(Cursor& in);
/// Whether a command that can't be read whole is a search that was to save its result.
[[nodiscard]] bool was_to_save(std::string_view octets, const ParseRules& rules);
[[nodiscard]] List parse_list(Cursor& in);
[[nodiscard]] List parse_lsub(Cursor& in);
[[nodiscard]] StatusItems parse_status_items(Cursor& in);
[[nodiscard]] std::vector<std::string> parse_metadata_entries(Cursor& in);
[[nodiscard]] MailboxFilter parse_mailbox_filter(Cursor& in, bool for_search);
[[nodiscard]] Notify parse_notify(Cursor& in);
[[nodiscard]] GetMetadata parse_get_metadata(Cursor& in);
[[nodiscard]] SetMetadata parse_set_metadata(Cursor& in);

/// Tag, "UID" and verb, and the space behind them where one is. `command.tag` is set as soon as it is known.
struct Beginning {
  std::string tag;
  bool uid = false;
  std::optional<Verb> verb;
};
[[nodiscard]] Beginning parse_beginning(Cursor& in);

}  // namespace pabal::imap
