#include "imap/cursor.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "imap/characters.hpp"
#include "imap/date.hpp"

namespace pabal::imap {

namespace {
constexpr std::size_t kMostKeywords = 500;  // of one command's list
}  // namespace

void Cursor::bad(RefusalText text) { refuse({Refusal::Status::bad, {}, text}); }

void Cursor::refuse(Refusal refusal) {
  if (!refusal_) refusal_ = std::move(refusal);
}

bool Cursor::take(char c) noexcept {
  if (peek() != c || at_end()) return false;
  rest_.remove_prefix(1);
  return true;
}

bool Cursor::take_text(std::string_view text) noexcept {
  if (!ok() || !starts_with_ignoring_case(rest_, text)) return false;
  rest_.remove_prefix(text.size());
  return true;
}

bool Cursor::take_word(std::string_view word) noexcept {
  if (!ok() || !starts_with_ignoring_case(rest_, word)) return false;
  if (rest_.size() > word.size() && is_astring_char(rest_[word.size()])) return false;
  rest_.remove_prefix(word.size());
  return true;
}

void Cursor::expect(char c) {
  if (take(c)) return;
  if (c == ' ') {
    bad(at_end() ? RefusalText("arguments are missing") : RefusalText("a space is missing"));
  } else {
    bad(RefusalText::worded(fmt::format("\"{}\" is missing", c), "a character is missing"));
  }
}

void Cursor::end() {
  const auto spaces = run([](char c) { return c == ' '; });
  if (ok() && !at_end()) bad(spaces.empty() ? RefusalText("wrong arguments") : RefusalText("too many arguments"));
}

std::string_view Cursor::atom() {
  const auto text = run(is_atom_char);
  if (text.empty()) bad("a word is missing");
  return text;
}

std::uint64_t Cursor::number(std::uint64_t max) {
  const auto digits = run(is_digit);
  const auto value = parse_decimal(digits, max);
  if (!value) bad(digits.empty() ? RefusalText("a number is missing") : RefusalText("a number is too large"));
  return value.value_or(0);
}

std::uint64_t Cursor::nonzero(std::uint64_t max) {
  const auto value = number(max);
  if (value == 0) bad("0 can't be meant");
  return value;
}

std::uint64_t Cursor::modseq(bool zero) { return zero ? number(INT64_MAX) : nonzero(INT64_MAX); }

std::optional<Cursor::Literal> Cursor::literal_next() const noexcept {
  if (!ok()) return std::nullopt;
  auto text = rest_;
  Literal found;
  if (text.starts_with('~')) {
    found.binary = true;
    text.remove_prefix(1);
  }
  if (!text.starts_with('{')) return std::nullopt;
  const auto close = text.substr(0, 24).find('}');
  if (close == std::string_view::npos) return std::nullopt;
  auto digits = text.substr(1, close - 1);
  if (digits.ends_with('+')) {
    found.synchronizing = false;
    digits.remove_suffix(1);
  }
  const auto size = parse_decimal(digits, INT64_MAX);
  if (!size) return std::nullopt;
  found.size = *size;
  text.remove_prefix(close + 1);
  if (text.starts_with('\r')) text.remove_prefix(1);
  if (!text.starts_with('\n')) return std::nullopt;
  text.remove_prefix(1);
  found.spec = rest_.size() - text.size();
  return found;
}

std::string Cursor::literal(bool binary) {
  const auto found = literal_next();
  if (!found || (found->binary && !binary)) {
    bad("a string is missing");
    return {};
  }
  const auto behind = rest_.substr(found->spec);
  if (found->size > behind.size()) {
    bad("a literal is not whole");
    return {};
  }
  std::string text(behind.substr(0, static_cast<std::size_t>(found->size)));
  if (!found->binary && text.find('\0') != std::string::npos) {
    bad("NUL in a literal");
    return {};
  }
  rest_.remove_prefix(found->spec + text.size());
  return text;
}

std::string Cursor::quoted() {
  std::string text;
  std::size_t at = 1;
  while (true) {
    const auto stop = rest_.find_first_of(std::string_view("\"\\\r\n\0", 5), at);
    if (stop == std::string_view::npos) break;
    text.append(rest_, at, stop - at);
    if (rest_[stop] == '"') {
      if (!is_utf8(text)) {
        bad("a quoted string is not UTF-8");
        return {};
      }
      rest_.remove_prefix(stop + 1);
      return text;
    }
    // RFC 9051 §9: only these two are escaped.
    const char escaped = rest_[stop] == '\\' && stop + 1 < rest_.size() ? rest_[stop + 1] : '\0';
    if (escaped != '"' && escaped != '\\') break;
    text += escaped;
    at = stop + 2;
  }
  bad("a quoted string is wrong");
  return {};
}

std::string Cursor::string() {
  if (!ok()) return {};
  return peek() == '"' ? quoted() : literal(false);
}

std::string Cursor::astring() {
  if (!ok()) return {};
  if (at_string()) return string();
  const auto text = run(is_astring_char);
  if (text.empty()) bad("a word or string is missing");
  return std::string(text);
}

std::optional<std::string> Cursor::nstring() {
  if (take_word("NIL")) return std::nullopt;
  return string();
}

std::optional<std::string> Cursor::nstring8() {
  if (peek() == '~') return literal(true);
  return nstring();
}

std::string Cursor::list_mailbox() {
  if (!ok()) return {};
  if (at_string()) return string();
  // Octets beyond ASCII are for UTF-8 names of careless clients.
  const auto text = run([](char c) { return is_list_char(c); });
  if (text.empty()) bad("a pattern is missing");
  return std::string(text);
}

SequenceSet Cursor::sequence_set() {
  const auto text = run([](char c) { return is_digit(c) || c == ':' || c == ',' || c == '*' || c == '$'; });
  auto set = SequenceSet::parse(text);
  if (!set) bad("not a set of messages");
  return set ? std::move(*set) : SequenceSet();
}

NumberSet Cursor::number_set() {
  const auto set = sequence_set();
  if (ok() && (set.has_star() || set.is_saved_result())) bad("only numbers may be in this set");
  return ok() ? set.resolve(0) : NumberSet();
}

PartialRange Cursor::partial_range() {
  const auto text = run([](char c) { return is_digit(c) || c == ':' || c == '-'; });
  const auto range = PartialRange::parse(text);
  if (!range) bad("not a range");
  return range.value_or(PartialRange{});
}

std::optional<MailboxName> Cursor::name_of(std::string_view text) {
  if (!ok()) return std::nullopt;
  auto name = MailboxName::from_client(text, rules_.utf8);
  if (!name) {
    refuse({Refusal::Status::no, "CANNOT", RefusalText::worded(name.error().peer, "not a mailbox name")});
    return std::nullopt;
  }
  return std::move(*name);
}

std::optional<MailboxName> Cursor::mailbox() {
  const auto text = astring();
  return name_of(text);
}

std::optional<MailboxName> Cursor::mailbox_or_empty() {
  const auto text = astring();
  if (text.empty()) return std::nullopt;
  return name_of(text);
}

void Cursor::flag(FlagList& flags) {
  const bool backslash = take('\\');
  std::string text(backslash ? "\\" : "");
  text.append(atom());
  // Each is compared with those before it.
  if (flags.keywords.size() >= kMostKeywords) refuse({Refusal::Status::no, "LIMIT", "too many keywords"});
  if (ok() && !add_flag(flags, text)) bad("a flag that can't be set");
}

FlagList Cursor::flag_list() {
  FlagList flags;
  expect('(');
  if (take(')')) return flags;
  while (ok()) {
    flag(flags);
    if (take(')')) return flags;
    space();
  }
  return flags;
}

codec::Date Cursor::date_time() {
  const auto text = peek() == '"' ? quoted() : std::string();
  const auto date = parse_date_time(text);
  if (!date) bad("not a date");
  return date.value_or(codec::Date{});
}

}  // namespace pabal::imap
