// SEARCH's arguments (RFC 9051 §9: search, search-program, search-key), and those of SORT, THREAD and ESEARCH, which
// end with the same.
#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "codec/charset.hpp"
#include "imap/cursor.hpp"
#include "imap/date.hpp"

namespace pabal::imap {

namespace {

using Kind = SearchKey::Kind;

// What follows a key's name.
enum class Form : std::uint8_t {
  plain,
  flag,      // a system flag: `flag`
  not_flag,  // its contrary
  keyword,
  not_keyword,
  text,
  header,
  date,
  number,
  interval,
  uid,
  uid_after,  // RFC 9738 §3.2
  uid_before,
  object_id,
  name,
  modseq,
  new_,
  old,
};
struct Key {
  std::string_view name;
  Form form;
  Kind kind;
  std::string_view flag = {};
};
constexpr std::array<Key, 48> kKeys = {{
    {"ALL", Form::plain, Kind::all},
    {"ANSWERED", Form::flag, Kind::flag, "\\Answered"},
    {"BCC", Form::text, Kind::bcc},
    {"BEFORE", Form::date, Kind::before},
    {"BODY", Form::text, Kind::body},
    {"CC", Form::text, Kind::cc},
    {"DELETED", Form::flag, Kind::flag, "\\Deleted"},
    {"DRAFT", Form::flag, Kind::flag, "\\Draft"},
    {"EMAILID", Form::object_id, Kind::email_id},
    {"FILTER", Form::name, Kind::filter},
    {"FLAGGED", Form::flag, Kind::flag, "\\Flagged"},
    {"FROM", Form::text, Kind::from},
    {"HEADER", Form::header, Kind::header},
    {"KEYWORD", Form::keyword, Kind::flag},
    {"LARGER", Form::number, Kind::larger},
    {"MODSEQ", Form::modseq, Kind::modseq},
    {"NEW", Form::new_, Kind::recent},
    {"OLD", Form::old, Kind::recent},
    {"OLDER", Form::interval, Kind::older},
    {"ON", Form::date, Kind::on},
    {"RECENT", Form::plain, Kind::recent},
    {"SAVEDATESUPPORTED", Form::plain, Kind::save_date_supported},
    {"SAVEDBEFORE", Form::date, Kind::saved_before},
    {"SAVEDON", Form::date, Kind::saved_on},
    {"SAVEDSINCE", Form::date, Kind::saved_since},
    {"SEEN", Form::flag, Kind::flag, "\\Seen"},
    {"SENTBEFORE", Form::date, Kind::sent_before},
    {"SENTON", Form::date, Kind::sent_on},
    {"SENTSINCE", Form::date, Kind::sent_since},
    {"SINCE", Form::date, Kind::since},
    {"SMALLER", Form::number, Kind::smaller},
    {"SUBJECT", Form::text, Kind::subject},
    {"TEXT", Form::text, Kind::text},
    {"THREADID", Form::object_id, Kind::thread_id},
    {"TO", Form::text, Kind::to},
    {"UID", Form::uid, Kind::uid},
    {"UIDAFTER", Form::uid_after, Kind::uid},
    {"UIDBEFORE", Form::uid_before, Kind::uid},
    {"UNANSWERED", Form::not_flag, Kind::flag, "\\Answered"},
    {"UNDELETED", Form::not_flag, Kind::flag, "\\Deleted"},
    {"UNDRAFT", Form::not_flag, Kind::flag, "\\Draft"},
    {"UNFLAGGED", Form::not_flag, Kind::flag, "\\Flagged"},
    {"UNKEYWORD", Form::not_keyword, Kind::flag},
    {"UNSEEN", Form::not_flag, Kind::flag, "\\Seen"},
    {"YOUNGER", Form::interval, Kind::younger},
    {"NOT", Form::plain, Kind::not_},
    {"OR", Form::plain, Kind::or_},
    {"FUZZY", Form::plain, Kind::fuzzy},
}};

SearchKey of(Kind kind) {
  SearchKey key;
  key.kind = kind;
  return key;
}

SearchKey negated(SearchKey inner) {
  auto key = of(Kind::not_);
  key.children.push_back(std::move(inner));
  return key;
}

class ProgramParser {
 public:
  ProgramParser(Cursor& in, std::string_view charset) : in_(in), charset_(charset) {}

  // search-key *(SP search-key), to the end of the command or the ")".
  SearchKey keys(std::size_t depth) {
    auto all = of(Kind::and_);
    while (in_.ok()) {
      all.children.push_back(key(depth));
      // Spaces behind the last key don't matter.
      if (in_.peek() != ' ' || in_.rest().find_first_not_of(' ') == std::string_view::npos) break;
      in_.space();
    }
    if (all.children.size() != 1) return all;
    auto only = std::move(all.children.front());
    return only;
  }

 private:
  SearchKey key(std::size_t depth) {
    if (depth > kDeepestSearch) in_.bad("a search nested too deeply");
    if (++count_ > kMostSearchKeys) in_.bad("too many search keys");
    if (!in_.ok()) return {};
    if (in_.take('(')) {
      auto inner = keys(depth + 1);
      in_.expect(')');
      return inner;
    }
    const char c = in_.peek();
    if (is_digit(c) || c == '*' || c == '$') return numbers(Kind::sequence);
    for (const auto& known : kKeys) {
      if (in_.take_word(known.name)) return arguments(known, depth);
    }
    in_.bad("unknown search key");
    return {};
  }

  SearchKey numbers(Kind kind) {
    auto key = of(kind);
    key.set = in_.sequence_set();
    // RFC 9586 §3.5; "$" names UIDs there.
    if (kind == Kind::sequence && in_.rules().uid_only && !key.set.is_saved_result()) {
      in_.refuse({Refusal::Status::bad, "UIDREQUIRED", "message numbers are off (UIDONLY)"});
    }
    return key;
  }

  // All UIDs above this one, or below it; where there are none, no message.
  static SearchKey beside(std::uint32_t uid, bool above) {
    if (above ? uid == UINT32_MAX : uid <= 1) return negated(of(Kind::all));
    auto key = of(Kind::uid);
    const auto range = above ? NumberRange{uid + 1, UINT32_MAX} : NumberRange{1, uid - 1};
    key.set = SequenceSet::of(NumberSet{range});
    return key;
  }

  SearchKey child(std::size_t depth) {
    in_.space();
    return key(depth + 1);
  }

  SearchKey arguments(const Key& known, std::size_t depth) {
    auto key = of(known.kind);
    switch (known.form) {
      case Form::plain:
        if (known.kind == Kind::not_ || known.kind == Kind::fuzzy || known.kind == Kind::or_) {
          key.children.push_back(child(depth));
          if (known.kind == Kind::or_) key.children.push_back(child(depth));
        }
        return key;
      case Form::flag:
      case Form::not_flag:
        key.text = known.flag;
        return known.form == Form::flag ? key : negated(std::move(key));
      case Form::keyword:
      case Form::not_keyword:
        key = keyword();
        return known.form == Form::keyword ? key : negated(std::move(key));
      case Form::text:
        in_.space();
        key.text = text();
        return key;
      case Form::header:
        in_.space();
        key.name = in_.astring();
        in_.space();
        key.text = text();
        return key;
      case Form::date:
        in_.space();
        key.day = date();
        return key;
      case Form::number:
        in_.space();
        key.number = in_.number(INT64_MAX);
        return key;
      case Form::interval:
        in_.space();
        key.number = in_.nonzero();
        return key;
      case Form::uid:
        in_.space();
        return numbers(Kind::uid);
      case Form::uid_after:
      case Form::uid_before:
        in_.space();
        return beside(static_cast<std::uint32_t>(in_.nonzero()), known.form == Form::uid_after);
      case Form::object_id:
        in_.space();
        key.text = object_id();
        return key;
      case Form::name:
        in_.space();
        key.name = in_.astring();
        return key;
      case Form::modseq:
        modseq(key);
        return key;
      case Form::old:
        return negated(std::move(key));
      case Form::new_:
        return recent_unseen();
    }
    return key;
  }

  // RFC 3501 §6.4.4: NEW is RECENT UNSEEN.
  static SearchKey recent_unseen() {
    auto seen = of(Kind::flag);
    seen.text = "\\Seen";
    auto both = of(Kind::and_);
    both.children.push_back(of(Kind::recent));
    both.children.push_back(negated(std::move(seen)));
    return both;
  }

  SearchKey keyword() {
    in_.space();
    FlagList flags;
    if (in_.peek() == '\\') in_.bad("a keyword is missing");
    in_.flag(flags);
    auto key = of(Kind::flag);
    if (!flags.keywords.empty()) {
      key.text = std::move(flags.keywords.front());
    } else {
      append_flags(key.text, flags.system, {});
    }
    return key;
  }

  // An astring in the charset, as UTF-8.
  std::string text() {
    auto octets = in_.astring();
    if (!in_.ok()) return {};
    if (charset_.empty() || equal_ignoring_case(charset_, "UTF-8") || equal_ignoring_case(charset_, "US-ASCII")) {
      if (!is_utf8(octets)) in_.bad("search text that is not in its charset");
      return octets;
    }
    auto converted = codec::to_utf8(octets, charset_);
    if (converted.damaged) in_.bad("search text that is not in its charset");
    return std::move(converted.utf8);
  }

  std::chrono::sys_days date() {
    const auto word = in_.peek() == '"' ? in_.string() : std::string(in_.atom());
    const auto day = parse_date(word);
    if (!day) in_.bad("not a date");
    return day.value_or(std::chrono::sys_days{});
  }

  // RFC 8474 §7: 1 to 255 of letters, digits, "_" and "-".
  std::string object_id() {
    auto id = in_.astring();
    const bool right = !id.empty() && id.size() <= 255 && std::ranges::all_of(id, [](char c) {
      return is_alpha(c) || is_digit(c) || c == '_' || c == '-';
    });
    if (!right) in_.bad("not an object id");
    return id;
  }

  // RFC 7162 §3.1.5: "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer.
  void modseq(SearchKey& key) {
    in_.space();
    if (in_.peek() == '"') {
      key.name = in_.string();
      in_.space();
      if (!in_.take_word("priv") && !in_.take_word("shared") && !in_.take_word("all")) in_.bad("priv, shared or all");
      in_.space();
    }
    key.number = in_.modseq(true);
  }

  Cursor& in_;
  std::string_view charset_;
  std::size_t count_ = 0;
};

// search-return-opts behind "RETURN ".
SearchReturn return_options(Cursor& in) {
  SearchReturn out;
  out.given = true;
  in.expect('(');
  if (in.take(')')) {
    out.all = true;
    return out;
  }
  while (in.ok()) {
    if (in.take_word("MIN")) {
      out.min = true;
    } else if (in.take_word("MAX")) {
      out.max = true;
    } else if (in.take_word("ALL")) {
      out.all = true;
    } else if (in.take_word("COUNT")) {
      out.count = true;
    } else if (in.take_word("SAVE")) {
      out.save = true;
    } else if (in.take_word("UPDATE")) {
      out.update = true;
    } else if (in.take_word("CONTEXT")) {
      out.context = true;
    } else if (in.take_word("RELEVANCY")) {
      out.relevancy = true;
    } else if (in.take_word("PARTIAL")) {
      in.space();
      out.partial = in.partial_range();
    } else {
      in.bad("unknown result option");
    }
    if (in.take(')')) break;
    in.space();
  }
  // RFC 5267 §4.4, RFC 9394 §3.1.
  if (out.partial && out.all) in.bad("PARTIAL and ALL exclude each other");
  return out;
}

SearchReturn maybe_return(Cursor& in) {
  if (!in.take_word("RETURN")) return {};
  in.space();
  auto out = return_options(in);
  in.space();
  return out;
}

void known_charset(Cursor& in, std::string_view charset) {
  if (in.ok() && !codec::is_known_charset(charset)) {
    in.refuse({Refusal::Status::no, "BADCHARSET (UTF-8 US-ASCII)", "unknown charset"});
  }
}

// With a charset that came already (SORT, THREAD), or the optional one of SEARCH.
SearchProgram program(Cursor& in, std::string charset) {
  SearchProgram out;
  out.charset = to_upper(charset);
  ProgramParser parser(in, out.charset);
  out.key = parser.keys(0);
  in.end();
  return out;
}

SearchProgram program_with_charset(Cursor& in) {
  std::string charset;
  if (in.take_word("CHARSET")) {
    in.space();
    charset = in.astring();
    known_charset(in, charset);
    in.space();
  }
  return program(in, std::move(charset));
}

SearchProgram program_behind_charset(Cursor& in) {
  auto charset = in.astring();
  known_charset(in, charset);
  in.space();
  return program(in, std::move(charset));
}

std::vector<SortCriterion> criteria(Cursor& in) {
  using SortKey = SortCriterion::Key;
  constexpr std::array<std::pair<std::string_view, SortKey>, 10> words = {{
      {"ARRIVAL", SortKey::arrival},
      {"CC", SortKey::cc},
      {"DATE", SortKey::date},
      {"FROM", SortKey::from},
      {"SIZE", SortKey::size},
      {"SUBJECT", SortKey::subject},
      {"TO", SortKey::to},
      {"DISPLAYFROM", SortKey::display_from},
      {"DISPLAYTO", SortKey::display_to},
      {"RELEVANCY", SortKey::relevancy},
  }};
  std::vector<SortCriterion> out;
  in.expect('(');
  while (in.ok()) {
    SortCriterion criterion;
    if (in.take_word("REVERSE")) {
      criterion.reverse = true;
      in.space();
    }
    const auto found = std::ranges::find_if(words, [&](const auto& word) { return in.take_word(word.first); });
    if (found == words.end()) {
      in.bad("unknown sort criterion");
      return out;
    }
    criterion.key = found->second;
    // The same again decides nothing.
    const auto same = [&](const SortCriterion& known) { return known.key == criterion.key; };
    if (std::ranges::none_of(out, same)) out.push_back(criterion);
    if (in.take(')')) return out;
    in.space();
  }
  return out;
}

}  // namespace

bool mentions(const SearchKey& program, SearchKey::Kind kind) noexcept {
  return program.kind == kind ||
         std::ranges::any_of(program.children, [&](const SearchKey& child) { return mentions(child, kind); });
}

Search parse_search(Cursor& in) {
  Search search;
  search.returns = maybe_return(in);
  search.program = program_with_charset(in);
  return search;
}

Sort parse_sort(Cursor& in) {
  Sort sort;
  sort.returns = maybe_return(in);
  sort.criteria = criteria(in);
  in.space();
  sort.program = program_behind_charset(in);
  return sort;
}

Thread parse_thread(Cursor& in) {
  Thread thread;
  if (in.take_word("ORDEREDSUBJECT")) {
    thread.algorithm = ThreadAlgorithm::ordered_subject;
  } else if (in.take_word("REFERENCES")) {
    thread.algorithm = ThreadAlgorithm::references;
  } else if (in.take_word("REFS")) {
    thread.algorithm = ThreadAlgorithm::refs;
  } else {
    in.bad("unknown threading algorithm");
  }
  in.space();
  thread.program = program_behind_charset(in);
  return thread;
}

namespace {

std::vector<MailboxFilter> maybe_sources(Cursor& in) {
  std::vector<MailboxFilter> sources;
  if (!in.take_word("IN")) return sources;
  in.space();
  in.expect('(');
  // RFC 7377 §2.2: scope options would follow in parentheses; none is defined.
  while (in.ok()) {
    sources.push_back(parse_mailbox_filter(in, true));
    if (in.take(')')) break;
    in.space();
  }
  in.space();
  return sources;
}

}  // namespace

bool was_to_save(std::string_view octets, const ParseRules& rules) {
  Cursor in(octets, rules);
  const auto verb = parse_beginning(in).verb;
  if (verb != Verb::search && verb != Verb::sort && verb != Verb::esearch) return false;
  in.space();
  if (verb == Verb::esearch) static_cast<void>(maybe_sources(in));
  const auto returns = maybe_return(in);
  return in.ok() && returns.save;
}

std::optional<MultiSearch> parse_multi_search(Cursor& in) {
  MultiSearch search;
  search.sources = maybe_sources(in);
  search.returns = maybe_return(in);
  search.program = program_with_charset(in);
  if (!in.ok()) return std::nullopt;
  return search;
}

}  // namespace pabal::imap
