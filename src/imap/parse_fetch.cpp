// FETCH's arguments (RFC 9051 §9: fetch, fetch-att, section).
#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "imap/characters.hpp"
#include "imap/cursor.hpp"

namespace pabal::imap {

namespace {

using Kind = FetchItem::Kind;

struct Word {
  std::string_view text;
  Kind kind;
};
// Those that are one word. RFC822.HEADER does not set \Seen (RFC 3501 §6.4.5).
constexpr std::array<Word, 14> kWords = {{
    {"FLAGS", Kind::flags},
    {"INTERNALDATE", Kind::internal_date},
    {"ENVELOPE", Kind::envelope},
    {"BODYSTRUCTURE", Kind::body_structure},
    {"BODY", Kind::body},
    {"UID", Kind::uid},
    {"RFC822.SIZE", Kind::rfc822_size},
    {"RFC822", Kind::rfc822},
    {"RFC822.HEADER", Kind::rfc822_header},
    {"RFC822.TEXT", Kind::rfc822_text},
    {"MODSEQ", Kind::modseq},
    {"EMAILID", Kind::email_id},
    {"THREADID", Kind::thread_id},
    {"SAVEDATE", Kind::save_date},
}};

struct SectionWord {
  std::string_view text;
  Section::Text kind;
};
constexpr std::array<SectionWord, 5> kSectionWords = {{
    {"HEADER.FIELDS.NOT", Section::Text::header_fields_not},
    {"HEADER.FIELDS", Section::Text::header_fields},
    {"HEADER", Section::Text::header},
    {"TEXT", Section::Text::text},
    {"MIME", Section::Text::mime},
}};

void field_names(Cursor& in, Section& section) {
  in.space();
  in.expect('(');
  while (in.ok()) {
    section.fields.push_back(in.astring());
    if (in.take(')')) return;
    in.space();
  }
}

// "1.2." of "1.2.MIME"; true where a word must follow.
bool section_numbers(Cursor& in, Section& section) {
  while (in.ok() && is_digit(in.peek())) {
    section.part.push_back(static_cast<std::uint32_t>(in.nonzero()));
    if (section.part.size() > kMostSectionNumbers) in.bad("a section is too deep");
    if (!in.take('.')) return false;
  }
  return !section.part.empty();
}

// Between "[" and "]". BINARY's has numbers alone by the grammar; Dovecot takes all of BODY's, and ImapTest asks for
// them.
Section section_spec(Cursor& in) {
  Section section;
  in.expect('[');
  const bool word = section_numbers(in, section);
  const bool may = section.part.empty() ? in.peek() != ']' : word;
  if (may && in.ok()) {
    const auto found =
        std::ranges::find_if(kSectionWords, [&](const SectionWord& known) { return in.take_text(known.text); });
    if (found == kSectionWords.end()) {
      in.bad("not a section");
    } else {
      section.text = found->kind;
      if (found->kind == Section::Text::mime && section.part.empty()) in.bad("MIME needs a part");
      if (found->kind == Section::Text::header_fields || found->kind == Section::Text::header_fields_not) {
        field_names(in, section);
      }
    }
  }
  in.expect(']');
  return section;
}

std::optional<Partial> partial(Cursor& in) {
  if (!in.take('<')) return std::nullopt;
  Partial range;
  range.offset = in.number(INT64_MAX);
  // Without a count it goes to the end: not in the grammar, but taken by other servers and asked for by ImapTest.
  range.count = in.take('.') ? in.nonzero(INT64_MAX) : INT64_MAX;
  in.expect('>');
  return range;
}

FetchItem with_section(Cursor& in, Kind kind, bool peek) {
  FetchItem item{.kind = kind, .peek = peek, .lazy = false, .section = {}, .partial = {}};
  item.section = section_spec(in);
  // BINARY.SIZE has no partial form (RFC 9051 §9, fetch-att).
  if (kind != Kind::binary_size) item.partial = partial(in);
  return item;
}

FetchItem of(Kind kind) { return {.kind = kind, .peek = false, .lazy = false, .section = {}, .partial = {}}; }

FetchItem preview(Cursor& in) {
  auto item = of(Kind::preview);
  if (!in.take_text(" (")) return item;
  // RFC 8970 §3: LAZY is the only modifier.
  item.lazy = in.take_word("LAZY");
  if (!item.lazy) in.bad("unknown modifier of PREVIEW");
  in.expect(')');
  return item;
}

void add(Cursor& in, FetchItems& items, FetchItem item) {
  // Each twice would be said twice; once is enough.
  if (std::ranges::find(items, item) != items.end()) return;
  if (items.size() == kMostFetchItems) in.refuse({Refusal::Status::no, "LIMIT", "too many items"});
  if (in.ok()) items.push_back(std::move(item));
}

// ALL, FAST and FULL stand alone (RFC 9051 §6.4.5).
bool macro(Cursor& in, FetchItems& items) {
  const bool all = in.take_word("ALL");
  const bool full = !all && in.take_word("FULL");
  if (!all && !full && !in.take_word("FAST")) return false;
  items = {of(Kind::flags), of(Kind::internal_date), of(Kind::rfc822_size)};
  if (all || full) items.push_back(of(Kind::envelope));
  if (full) items.push_back(of(Kind::body));
  return true;
}

// Behind " (".
void modifiers(Cursor& in, FetchModifiers& out) {
  while (in.ok()) {
    if (in.take_word("CHANGEDSINCE")) {
      in.space();
      out.changed_since = in.modseq(true);
    } else if (in.take_word("VANISHED")) {
      out.vanished = true;
    } else if (in.take_word("PARTIAL")) {
      in.space();
      out.partial = in.partial_range();
    } else {
      in.bad("unknown modifier");
    }
    if (in.take(')')) return;
    in.space();
  }
}

}  // namespace

FetchItem parse_fetch_item(Cursor& in) {
  // What has a section is told from the word alone by its bracket.
  const auto bracketed = [&](std::string_view word) {
    const auto rest = in.rest();
    if (!in.ok() || !starts_with_ignoring_case(rest, word) || !rest.substr(word.size()).starts_with('[')) return false;
    in.skip(word.size());
    return true;
  };
  if (bracketed("BODY")) return with_section(in, Kind::section, false);
  if (bracketed("BODY.PEEK")) return with_section(in, Kind::section, true);
  if (bracketed("BINARY")) return with_section(in, Kind::binary, false);
  if (bracketed("BINARY.PEEK")) return with_section(in, Kind::binary, true);
  if (bracketed("BINARY.SIZE")) return with_section(in, Kind::binary_size, false);
  for (const auto& word : kWords) {
    if (in.take_word(word.text)) return of(word.kind);
  }
  if (in.take_word("PREVIEW")) return preview(in);
  in.bad("unknown item of FETCH");
  return of(Kind::flags);
}

void parse_fetch_items(Cursor& in, FetchItems& items) {
  while (in.ok()) {
    add(in, items, parse_fetch_item(in));
    if (in.take(')')) return;
    in.space();
  }
}

Fetch parse_fetch(Cursor& in, bool uid) {
  Fetch fetch;
  fetch.set = in.sequence_set();
  in.space();
  if (in.take('(')) {
    parse_fetch_items(in, fetch.items);
  } else if (!macro(in, fetch.items)) {
    add(in, fetch.items, parse_fetch_item(in));
  }
  if (in.take_text(" (")) modifiers(in, fetch.modifiers);
  if (fetch.modifiers.vanished && (!uid || !fetch.modifiers.changed_since)) {
    in.bad("VANISHED needs UID FETCH and CHANGEDSINCE");
  }
  return fetch;
}

Section parse_section(Cursor& in) { return section_spec(in); }

}  // namespace pabal::imap
