#include "message/address_list.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "codec/charset.hpp"
#include "message/comments.hpp"
#include "message/encoded_word.hpp"

namespace pabal::message {

namespace {

// Encoded words longer than this that hold specials are read as what they look like, not as a word: it bounds the
// search for their end. RFC 2047 allows 75.
constexpr std::size_t kLongestWord = 512;
// RFC 5321 §4.5.3.1.2.
constexpr std::size_t kLongestLiteral = 255;
// Of one item, between separators; what follows is not kept. A token takes twenty times the octets that make it.
constexpr std::size_t kMostTokens = 100'000;

bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool is_special(char c) noexcept {
  return is_space(c) || c == '(' || c == '"' || c == '<' || c == '>' || c == ',' || c == ';' || c == ':' || c == '@' ||
         c == '\\';
}

// A lexical piece between separators.
struct Token {
  std::string text{};  ///< unquoted
  bool at = false;     ///< the '@' of an address
  bool quoted = false;
  bool spaced = false;  ///< white space or a comment before it
};

std::string as_utf8(std::string octets) {
  std::string out = is_utf8(octets) ? std::move(octets) : codec::guess_to_utf8(octets).utf8;
  std::erase_if(out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  return out;
}

class ListReader {
 public:
  ListReader(std::string_view text, std::size_t limit, NameForm names)
      : text_(text), limit_(limit), written_(names == NameForm::written) {}

  std::vector<AddressGroup> run() && {
    while (at_ < text_.size() && count_ < limit_) step();
    finish_item();
    return std::move(groups_);
  }

 private:
  void step() {
    switch (text_[at_]) {
      case ' ':
      case '\t':
      case '\r':
      case '\n':
        spaced_ = true;
        ++at_;
        break;
      case '(':
        take_comment();
        break;
      case '"':
        take_quoted();
        break;
      case '<':
        take_angle();
        break;
      case '>':
        ++at_;  // of a pair too many: <<a@b>>
        break;
      case ',':
        finish_item();
        ++at_;
        break;
      case ';':
        // A group's end, or what Outlook's users type between addresses.
        finish_item();
        in_group_ = false;
        ++at_;
        break;
      case ':':
        take_colon();
        break;
      case '@':
        push({.text = "@", .at = true});
        at_seen_ = true;
        ++at_;
        if (at_ < text_.size() && text_[at_] == '[') take_literal();
        break;
      case '\\':
        ++at_;
        if (at_ < text_.size()) push({.text = std::string(1, text_[at_++])});
        break;
      default:
        take_atom();
    }
  }

  void push(Token token) {
    token.spaced = std::exchange(spaced_, false);
    if (tokens_.size() < kMostTokens) tokens_.push_back(std::move(token));
  }

  void take_comment() {
    const std::size_t size = comments_.size_at(text_, at_);
    if (size == 0) {
      push({.text = "("});
      ++at_;
      return;
    }
    if (comment_.empty()) {
      comment_ = comment_text(text_.substr(at_, size));
      if (written_) comment_ = encode_text(comment_);
    }
    at_ += size;
    spaced_ = true;
  }

  // The content of a quoted string at at_, which is moved behind it; nothing where no quote ends it.
  std::optional<std::string> quoted_string() {
    if (quotes_open_) return std::nullopt;
    std::string out;
    for (std::size_t i = at_ + 1; i < text_.size(); ++i) {
      const char c = text_[i];
      if (c == '"') {
        at_ = i + 1;
        return out;
      }
      if (c == '\\' && i + 1 < text_.size()) {
        out += text_[++i];
      } else if (c != '\r' && c != '\n') {
        out += c;
      }
    }
    quotes_open_ = true;  // no later one is closed either; not looked for again
    return std::nullopt;
  }

  void take_quoted() {
    if (auto text = quoted_string()) {
      push({.text = std::move(*text), .quoted = true});
    } else {
      ++at_;  // never closed: as if it weren't there
    }
  }

  // A domain literal behind '@' (RFC 5322 §3.4.1).
  void take_literal() {
    const std::string_view window = text_.substr(at_, kLongestLiteral);
    const auto end = window.find_first_of("]<>,\"");
    if (end == std::string_view::npos || window[end] != ']') return;
    push({.text = std::string(window.substr(0, end + 1))});
    at_ += end + 1;
  }

  void take_atom() {
    const std::size_t begin = at_;
    if (text_.substr(at_).starts_with("=?")) at_ += encoded_word_size();
    while (at_ < text_.size() && !is_special(text_[at_])) ++at_;
    push({.text = std::string(text_.substr(begin, at_ - begin))});
  }

  // RFC 2047 §5 forbids specials in an encoded word of a phrase; mailers write them: =?utf-8?Q?Kim,_Alice?=
  [[nodiscard]] std::size_t encoded_word_size() const noexcept {
    const std::string_view window = text_.substr(at_, kLongestWord);
    const auto charset_end = window.find('?', 2);
    if (charset_end == std::string_view::npos || charset_end + 2 >= window.size() || window[charset_end + 2] != '?') {
      return 2;
    }
    if (std::ranges::any_of(window.substr(2, charset_end - 2), is_special)) return 2;
    const auto end = window.find_first_of("? \t\r\n", charset_end + 3);
    if (end == std::string_view::npos || !window.substr(end).starts_with("?=")) return 2;
    return end + 2;
  }

  void take_colon() {
    ++at_;
    const bool mailto = !angle_ && tokens_.size() == 1 && equal_ignoring_case(tokens_[0].text, "mailto");
    if (mailto) {
      tokens_.clear();
      return;
    }
    if (tokens_.empty()) return;
    if (in_group_ || angle_ || at_seen_) {
      push({.text = ":"});
      return;
    }
    groups_.push_back({.named = true, .name = phrase(0, tokens_.size()), .mailboxes = {}});
    ++count_;
    in_group_ = true;
    clear_item();
  }

  // <route:local@domain> (RFC 5322 §3.4, §4.4). A bracket that is missing ends at the next separator.
  void take_angle() {
    ++at_;
    MailboxSpec found;
    std::vector<Token> outer = std::move(tokens_);
    tokens_.clear();
    spaced_ = false;
    bool route = false;
    bool done = false;
    while (!done && at_ < text_.size()) {
      const char c = text_[at_];
      switch (c) {
        case '>':
          ++at_;
          done = true;
          break;
        case '<':
          ++at_;
          break;
        case ',':
        case ';':
          route = !tokens_.empty() && tokens_.front().at;
          if (c == ';' || !route) {
            done = true;
          } else {
            push({.text = ","});
            ++at_;
          }
          break;
        case ':':
          if (!tokens_.empty() && tokens_.front().at && found.route.empty()) {
            for (const auto& token : tokens_) found.route += token.text;
            tokens_.clear();
          } else if (tokens_.size() == 1 && equal_ignoring_case(tokens_[0].text, "mailto")) {
            tokens_.clear();
          } else {
            push({.text = ":"});
          }
          ++at_;
          break;
        default:
          step();
      }
    }
    const auto at = find_last_at(0, tokens_.size());
    found.local_part = joined(0, at, true);
    if (at < tokens_.size()) found.domain = joined(at + 1, tokens_.size(), false);
    found.route = as_utf8(std::move(found.route));
    tokens_ = std::move(outer);
    if (angle_) {
      // <a@b> Name <c@d>: the separator is missing; the words between are the second one's.
      std::vector<Token> between(
          std::make_move_iterator(tokens_.begin() + static_cast<std::ptrdiff_t>(words_before_angle_)),
          std::make_move_iterator(tokens_.end()));
      tokens_.resize(words_before_angle_);
      finish_item();
      tokens_ = std::move(between);
    }
    words_before_angle_ = tokens_.size();
    angle_ = std::move(found);
    spaced_ = true;
  }

  // The last '@' among tokens, or `end`.
  [[nodiscard]] std::size_t find_last_at(std::size_t begin, std::size_t end) const noexcept {
    for (std::size_t i = end; i-- > begin;) {
      if (tokens_[i].at) return i;
    }
    return end;
  }

  // Tokens of an address without the white space that the obsolete syntax allows around dots; elsewhere in a local
  // part it is kept.
  [[nodiscard]] std::string joined(std::size_t begin, std::size_t end, bool keep_spaces) const {
    std::string out;
    for (std::size_t i = begin; i < end; ++i) {
      const std::string& text = tokens_[i].text;
      if (keep_spaces && tokens_[i].spaced && !out.empty() && !out.ends_with('.') && !text.starts_with('.')) out += ' ';
      out += text;
    }
    return as_utf8(std::move(out));
  }

  // A display name: encoded words decoded, inside of quotes too, as everybody writes them.
  [[nodiscard]] std::string phrase(std::size_t begin, std::size_t end) const {
    std::string out;
    for (std::size_t i = begin; i < end; ++i) {
      if (i > begin && tokens_[i].spaced) out += ' ';
      out += tokens_[i].text;
    }
    return std::string(trim(written_ ? as_utf8(std::move(out)) : decode_words(out)));
  }

  void finish_item() {
    if (angle_) {
      // Name <a@b>, or, from some mailers, <a@b> Name.
      angle_->name = words_before_angle_ > 0 ? phrase(0, words_before_angle_) : phrase(0, tokens_.size());
      add(*std::move(angle_));
    } else if (!tokens_.empty()) {
      finish_words();
    }
    clear_item();
  }

  void clear_item() {
    tokens_.clear();
    angle_.reset();
    words_before_angle_ = 0;
    comment_.clear();
    at_seen_ = false;
    spaced_ = false;
  }

  // Words without angle brackets: addresses as they are, with names before them where the brackets are missing.
  void finish_words() {
    std::size_t name_begin = 0;
    const std::size_t last_at = find_last_at(0, tokens_.size());
    for (std::size_t run = 0; run < tokens_.size() && count_ < limit_;) {
      std::size_t end = run + 1;
      bool at_seen = tokens_[run].at;
      for (; end < tokens_.size() && belongs_together(end, at_seen); ++end) at_seen |= tokens_[end].at;
      const auto at = find_last_at(run, end);
      if (at < end) {
        MailboxSpec found;
        found.local_part = joined(run, at, true);
        found.domain = joined(at + 1, end, false);
        std::size_t name_end = run;
        std::size_t next = end;
        // a@b Name: the name is behind where none is before and no other address follows.
        if (name_begin == run && last_at < end) {
          name_begin = end;
          name_end = next = tokens_.size();
        }
        found.name = phrase(name_begin, name_end);
        add(std::move(found));
        name_begin = next;
        end = next;
      }
      run = end;
    }
    if (name_begin == tokens_.size() || count_ >= limit_) return;
    if (name_begin > 0 && last_ != nullptr && last_->name.empty()) {
      last_->name = phrase(name_begin, tokens_.size());
      return;
    }
    if (name_begin > 0) return;
    // No address: a lone word is a local name ("root"), several are somebody's.
    MailboxSpec found;
    if (tokens_.size() == 1 && !tokens_[0].quoted && !tokens_[0].text.starts_with("=?")) {
      found.local_part = joined(0, 1, true);
    } else {
      found.name = phrase(0, tokens_.size());
    }
    add(std::move(found));
  }

  // RFC 5322 §4.4: white space may stand around the dots and the '@' of an address.
  [[nodiscard]] bool belongs_together(std::size_t i, bool at_seen) const noexcept {
    const Token& before = tokens_[i - 1];
    const Token& token = tokens_[i];
    if (!token.spaced || token.at || before.at) return true;
    if (token.quoted || before.quoted) return false;
    if (at_seen) return token.text.starts_with('.') || before.text == ".";
    return (token.text.starts_with('.') || before.text.ends_with('.')) && find_at_soon(i);
  }

  // "J. Smith" is no address, "j. smith @ b" is: is there an '@' a few words on?
  [[nodiscard]] bool find_at_soon(std::size_t i) const noexcept {
    for (std::size_t n = 0; n < 8 && i < tokens_.size(); ++i, ++n) {
      if (tokens_[i].at) return true;
      if (i + 1 < tokens_.size() && tokens_[i + 1].spaced && !tokens_[i + 1].at && !tokens_[i].text.ends_with('.') &&
          !tokens_[i + 1].text.starts_with('.')) {
        return false;
      }
    }
    return false;
  }

  void add(MailboxSpec found) {
    if (found.name.empty()) found.name = comment_;
    if (count_ >= limit_ || (found.name.empty() && found.local_part.empty() && found.domain.empty())) return;
    if (groups_.empty() || groups_.back().named != in_group_) groups_.emplace_back();
    auto& mailboxes = groups_.back().mailboxes;
    mailboxes.push_back(std::move(found));
    last_ = &mailboxes.back();
    ++count_;
  }

  std::string_view text_;
  std::size_t limit_;
  bool written_;
  std::size_t at_ = 0;
  std::size_t count_ = 0;
  std::vector<AddressGroup> groups_;
  MailboxSpec* last_ = nullptr;  ///< the mailbox added last
  std::vector<Token> tokens_;    ///< of the item at hand
  std::optional<MailboxSpec> angle_;
  std::size_t words_before_angle_ = 0;
  std::string comment_;  ///< the item's first, decoded
  CommentSizes comments_;
  bool quotes_open_ = false;
  bool in_group_ = false;
  bool at_seen_ = false;  ///< in the item at hand
  bool spaced_ = false;
};

bool is_atom_character(char c) noexcept {
  return static_cast<unsigned char>(c) >= 0x80 || is_digit(c) || is_alpha(c) ||
         std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

// RFC 5322 §3.2.3, with RFC 6532's UTF-8.
bool is_dot_atom(std::string_view text) noexcept {
  if (text.empty() || text.front() == '.' || text.back() == '.' || text.find("..") != std::string_view::npos) {
    return false;
  }
  return std::ranges::all_of(text, [](char c) { return c == '.' || is_atom_character(c); });
}

// The obsolete syntax lets them stand within an identifier (RFC 5322 §4.5.4), though not within its quotes.
std::string without_comments(std::string_view id) {
  if (id.find('(') == std::string_view::npos) return std::string(id);
  std::string out;
  CommentSizes comments;
  bool quoted = false;
  for (std::size_t at = 0; at < id.size(); ++at) {
    if (id[at] == '"') quoted = !quoted;
    const auto size = id[at] == '(' && !quoted ? comments.size_at(id, at) : 0;
    if (size == 0) {
      out += id[at];
    } else {
      at += size - 1;
    }
  }
  return out;
}

}  // namespace

std::string MailboxSpec::address() const {
  std::string out;
  if (is_dot_atom(local_part) || (local_part.empty() && domain.empty())) {
    out = local_part;
  } else {
    out = '"';
    for (const char c : local_part) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  if (!domain.empty()) out.append("@").append(domain);
  return out;
}

std::vector<AddressGroup> parse_address_list(std::string_view field_body, std::size_t max_addresses, NameForm names) {
  return ListReader(field_body, max_addresses, names).run();
}

std::vector<std::string> parse_message_ids(std::string_view field_body, std::size_t max_ids) {
  std::vector<std::string_view> bracketed;
  std::vector<std::string_view> bare;
  CommentSizes comments;
  std::size_t at = 0;
  while (at < field_body.size()) {
    const char c = field_body[at];
    if (is_space(c) || c == ',' || c == '>') {
      ++at;
    } else if (c == '(') {
      at += std::max<std::size_t>(comments.size_at(field_body, at), 1);
    } else if (c == '<') {
      const auto end = std::min(field_body.find_first_of("<>", at + 1), field_body.size());
      auto id = field_body.substr(at + 1, end - at - 1);
      // Without its '>', it ends where white space does.
      if (end == field_body.size() || field_body[end] == '<') id = id.substr(0, id.find_first_of(" \t\r\n"));
      if (!id.empty()) bracketed.push_back(id);
      at = end;
    } else {
      const auto end = std::min(field_body.find_first_of("<>(, \t\r\n", at), field_body.size());
      bare.push_back(field_body.substr(at, end - at));
      at = end;
    }
  }
  // Without brackets they are identifiers if each looks like one. In-Reply-To of old mailers is a sentence
  // ("fred@a.example's message of Monday"): the address in it names a person, and would join all that was ever answered
  // to her.
  if (bracketed.empty()) {
    const bool identifiers = bare.size() == 1 || std::ranges::all_of(bare, [](std::string_view word) {
                               return word.find('@') != std::string_view::npos;
                             });
    if (identifiers) bracketed = std::move(bare);
  }
  const std::size_t first = bracketed.size() > max_ids ? bracketed.size() - max_ids : 0;
  std::vector<std::string> ids;
  ids.reserve(bracketed.size() - first);
  for (std::size_t i = first; i < bracketed.size(); ++i) {
    std::string id = without_comments(bracketed[i]);
    std::erase_if(id, is_space);  // folded by a mailer that shouldn't have
    id = as_utf8(std::move(id));
    if (!id.empty()) ids.push_back(std::move(id));
  }
  return ids;
}

}  // namespace pabal::message
