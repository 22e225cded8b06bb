#include "message/trace_fields.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "codec/charset.hpp"
#include "message/encoded_word.hpp"
#include "message/field_lexer.hpp"

namespace pabal::message {

namespace {

constexpr std::size_t kMostComments = 50;
constexpr std::size_t kMostResults = 1'000;
constexpr std::size_t kMostProperties = 100;
// Words of a clause beyond this are rubbish.
constexpr std::size_t kLongestClause = 1'000;

using Kind = FieldToken::Kind;

struct Clause {
  std::string_view keyword;
  std::string Received::* words;
  std::string Received::* comment;  ///< may be null
};
constexpr Clause kClauses[] = {
    {"from", &Received::from, &Received::from_comment},
    {"by", &Received::by, &Received::by_comment},
    {"via", &Received::via, nullptr},
    {"with", &Received::with, nullptr},
    {"id", &Received::id, nullptr},
    {"for", &Received::recipient, nullptr},
};

const Clause* clause_of(std::string_view word) noexcept {
  const auto* const at = std::ranges::find_if(
      kClauses, [word](const Clause& clause) { return equal_ignoring_case(clause.keyword, word); });
  return at == std::end(kClauses) ? nullptr : at;
}

std::string without_brackets(std::string text) {
  if (text.starts_with('<') && text.ends_with('>')) return text.substr(1, text.size() - 2);
  return text;
}

// Reads `method=result reason="x" type.name=value …; …` (RFC 8601 §2.2).
class ResultsReader {
 public:
  explicit ResultsReader(std::string_view body) noexcept : lexer_(body, kNameMarks) {}

  AuthenticationResults run() {
    bool first = true;
    do {
      segment(first);
      first = found_.instance.has_value() && found_.authserv_id.empty() && found_.results.empty();
    } while (found_.results.size() < kMostResults && !at_end_);
    return std::move(found_);
  }

 private:
  static constexpr std::string_view kNameMarks = ";=";
  static constexpr std::string_view kValueMarks = ";";

  // The next token that is no comment.
  FieldToken token() {
    while (true) {
      FieldToken token = lexer_.next();
      if (token.kind != Kind::comment) {
        at_end_ = token.kind == Kind::end;
        return token;
      }
      if (!found_.results.empty() && in_result_ && found_.results.back().comment.empty()) {
        found_.results.back().comment = std::move(token.text);
      }
    }
  }

  static bool is_mark(const FieldToken& token, char mark) noexcept {
    return token.kind == Kind::mark && token.text[0] == mark;
  }

  // Up to and with the next ';'.
  void segment(bool may_be_id) {
    in_result_ = false;
    std::string name;  // words before '=', a dot or stroke between them belongs to the grammar
    std::vector<std::string> words;
    while (true) {
      FieldToken next = token();
      if (at_end_ || is_mark(next, ';')) break;
      if (!is_mark(next, '=')) {
        words.push_back(std::move(next.text));
        if (words.size() > 8) words.erase(words.begin());
        continue;
      }
      name = name_of(words);
      lexer_.set_marks(kValueMarks);
      next = token();
      lexer_.set_marks(kNameMarks);
      if (at_end_ || is_mark(next, ';')) break;
      take(name, value_of(std::move(next)));
    }
    if (may_be_id && !in_result_ && !words.empty() && found_.authserv_id.empty()) {
      found_.authserv_id = to_lower(words[0]);
      if (words.size() > 1) found_.version = words[1];
    }
  }

  // "smtp . mailfrom" is one name (CFWS may stand around the dot and the stroke).
  static std::string name_of(std::vector<std::string>& words) {
    std::string name;
    while (!words.empty()) {
      const bool glue = !name.empty() && (name.front() == '.' || name.front() == '/' || words.back().ends_with('.') ||
                                          words.back().ends_with('/'));
      if (!name.empty() && !glue) break;
      name.insert(0, words.back());
      words.pop_back();
    }
    words.clear();
    return to_lower(name);
  }

  // A value is one word or quoted string; "local"@domain is both.
  std::string value_of(FieldToken first) {
    std::string value = std::move(first.text);

    if (first.kind == Kind::quoted && lexer_.rest().starts_with('@')) {
      lexer_.set_marks(kValueMarks);
      value += token().text;
      lexer_.set_marks(kNameMarks);
    }
    return value;
  }

  void take(std::string_view name, std::string value) {
    if (name.empty()) return;
    if (!in_result_) {
      if (name == "i" && found_.results.empty() && found_.authserv_id.empty()) {
        if (const auto number = parse_decimal(value, 1'000)) found_.instance = static_cast<std::uint32_t>(*number);
        return;
      }
      const auto stroke = name.find('/');
      if (stroke == 0) return;
      AuthenticationResult& result = found_.results.emplace_back();
      result.method = name.substr(0, stroke);
      if (stroke != std::string_view::npos) result.method_version = name.substr(stroke + 1);
      result.result = to_lower(value);
      in_result_ = true;
      return;
    }
    AuthenticationResult& result = found_.results.back();
    if (name == "reason") {
      if (result.reason.empty()) result.reason = std::move(value);
      return;
    }
    const auto dot = name.find('.');
    if (dot == std::string_view::npos || result.properties.size() >= kMostProperties) return;
    result.properties.push_back(
        {std::string(name.substr(0, dot)), std::string(name.substr(dot + 1)), std::move(value)});
  }

  FieldLexer lexer_;
  AuthenticationResults found_;
  bool at_end_ = false;
  bool in_result_ = false;
};

}  // namespace

Received parse_received(std::string_view field_body) {
  Received out;
  const Clause* clause = nullptr;
  bool taking = false;  // the clause's words; not those of a second one alike
  std::string_view date;
  FieldLexer lexer(field_body, ";");
  for (FieldToken token = lexer.next(); token.kind != Kind::end; token = lexer.next()) {
    if (token.kind == Kind::mark) {
      // The date stands behind the last semicolon; some servers write others before it.
      date = lexer.rest();
      continue;
    }
    if (token.kind == Kind::comment) {
      if (!date.empty()) continue;
      std::string* const place = clause != nullptr && clause->comment != nullptr ? &(out.*clause->comment) : nullptr;
      if (place != nullptr && place->empty()) {
        *place = std::move(token.text);
      } else if (out.comments.size() < kMostComments) {
        out.comments.push_back(std::move(token.text));
      }
      continue;
    }
    const Clause* next = token.kind == Kind::word ? clause_of(token.text) : nullptr;
    if (next != nullptr && date.empty()) {
      clause = next;
      taking = (out.*clause->words).empty();
      continue;
    }
    if (clause == nullptr || !taking || !date.empty()) continue;
    std::string& words = out.*clause->words;
    if (words.size() + token.text.size() > kLongestClause) continue;
    if (!words.empty()) words += ' ';
    words += token.text;
  }
  out.recipient = without_brackets(std::move(out.recipient));
  if (!date.empty()) out.date = codec::parse_any_date(date);
  return out;
}

std::string_view AuthenticationResult::property(std::string_view type, std::string_view name) const noexcept {
  for (const auto& property : properties) {
    if (property.type == type && property.name == name) return property.value;
  }
  return {};
}

AuthenticationResults parse_authentication_results(std::string_view field_body) {
  return ResultsReader(field_body).run();
}

std::vector<std::string> parse_list_urls(std::string_view field_body, std::size_t limit) {
  std::vector<std::string> urls;
  FieldLexer lexer(field_body, "<");
  for (FieldToken token = lexer.next(); token.kind != Kind::end && urls.size() < limit; token = lexer.next()) {
    if (token.kind != Kind::mark) continue;
    // Octet by octet up to the end: a URL may hold what elsewhere begins a comment or a quoted string.
    const auto size = lexer.rest().find('>');
    if (size == std::string_view::npos) break;
    std::string url(lexer.rest().substr(0, size));
    std::erase_if(url, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7F; });
    if (!is_utf8(url)) url = codec::guess_to_utf8(url).utf8;
    if (!url.empty()) urls.push_back(std::move(url));
    lexer.skip(size + 1);
  }
  return urls;
}

ListId parse_list_id(std::string_view field_body) {
  ListId out;
  const auto open = field_body.rfind('<');
  if (open == std::string_view::npos) {
    std::string text = decode_text(field_body);
    if (text.find(' ') == std::string::npos) {
      out.id = std::move(text);
    } else {
      out.description = std::move(text);
    }
    return out;
  }
  const auto close = field_body.find('>', open);
  out.id = decode_text(field_body.substr(open + 1, close == std::string_view::npos ? close : close - open - 1));
  std::erase(out.id, ' ');
  std::string before = unfold(field_body.substr(0, open));
  if (before.size() >= 2 && before.starts_with('"') && before.ends_with('"')) {
    FieldLexer lexer(before, "");
    before = lexer.next().text;
  }
  out.description = decode_words(before);
  return out;
}

}  // namespace pabal::message
