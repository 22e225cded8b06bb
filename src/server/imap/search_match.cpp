#include "server/imap/search_match.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "imap/date.hpp"
#include "message/header.hpp"
#include "message/header_forms.hpp"
#include "server/imap/flags.hpp"

namespace pabal::server::imap {

namespace {

using Kind = pabal::imap::SearchKey::Kind;
using Node = SearchTerms::Node;

Truth truth(bool value) noexcept { return value ? Truth::yes : Truth::no; }
Truth opposite(Truth value) noexcept {
  return value == Truth::unknown ? value : value == Truth::yes ? Truth::no : Truth::yes;
}

bool holds(std::string_view text, std::string_view words) { return text.find(words) != std::string_view::npos; }
bool holds_all(std::string_view text, const SearchLeaf& leaf) {
  return std::ranges::all_of(leaf.words, [&](const std::string& word) { return holds(text, word); });
}

// The place of a field's text among five.
std::optional<std::size_t> field_of(Kind kind) noexcept {
  switch (kind) {
    case Kind::from:
      return 0;
    case Kind::to:
      return 1;
    case Kind::cc:
      return 2;
    case Kind::bcc:
      return 3;
    case Kind::subject:
      return 4;
    default:
      return std::nullopt;
  }
}
bool is_leaf(Kind kind) noexcept {
  return field_of(kind) || kind == Kind::header || kind == Kind::body || kind == Kind::text;
}

std::chrono::sys_days day_of(SystemTime time) { return std::chrono::floor<std::chrono::days>(time); }

class Asker {
 public:
  Asker(const SearchTerms& terms, const Candidate& candidate) : terms_(&terms), c_(&candidate) {}

  [[nodiscard]] Truth ask(const Node& node) const {
    switch (node.kind) {
      case Kind::all:
      case Kind::save_date_supported:
        return Truth::yes;
      case Kind::sequence:
        if (node.saved) return truth(terms_->saved().contains(c_->row->uid));
        return truth(node.set.contains(node.by_uid ? c_->row->uid : c_->number));
      case Kind::uid:
        return truth((node.saved ? terms_->saved() : node.set).contains(c_->row->uid));
      case Kind::flag:
        return flag(node);
      case Kind::recent:
        return truth(c_->recent);
      case Kind::larger:
        return truth(c_->row->size() > node.key->number);
      case Kind::smaller:
        return truth(c_->row->size() < node.key->number);
      case Kind::modseq:
        return truth(static_cast<std::uint64_t>(c_->row->change.value) >= node.key->number);
      case Kind::email_id:
        return truth(node.key->text == fmt::format("M{}", c_->row->email.value));
      case Kind::before:
      case Kind::on:
      case Kind::since:
      case Kind::older:
      case Kind::younger:
      case Kind::thread_id:
        return c_->email == nullptr ? Truth::unknown : received(node);
      case Kind::saved_before:
      case Kind::saved_on:
      case Kind::saved_since:
        if (!c_->saved) return Truth::unknown;
        return day(node.kind, day_of(*c_->saved), node.key->day, Kind::saved_before, Kind::saved_on);
      case Kind::sent_before:
      case Kind::sent_on:
      case Kind::sent_since:
        return sent(node);
      case Kind::from:
      case Kind::to:
      case Kind::cc:
      case Kind::bcc:
      case Kind::subject:
        return field(node);
      case Kind::header:
      case Kind::body:
      case Kind::text:
        return c_->leaves == nullptr ? Truth::unknown : c_->leaves->leaf(node.leaf);
      case Kind::filter:
        return Truth::no;
      case Kind::fuzzy:
        return ask(node.children.front());
      case Kind::not_:
        return opposite(ask(node.children.front()));
      case Kind::or_:
        return any(node);
      case Kind::and_:
        return every(node);
    }
    return Truth::no;
  }

 private:
  [[nodiscard]] Truth every(const Node& node) const {
    auto result = Truth::yes;
    for (const auto& child : node.children) {
      const auto one = ask(child);
      if (one == Truth::no) return one;
      if (one == Truth::unknown) result = one;
    }
    return result;
  }
  [[nodiscard]] Truth any(const Node& node) const {
    auto result = Truth::no;
    for (const auto& child : node.children) {
      const auto one = ask(child);
      if (one == Truth::yes) return one;
      if (one == Truth::unknown) result = one;
    }
    return result;
  }
  [[nodiscard]] Truth flag(const Node& node) const {
    if (node.flag != 0) return truth((c_->row->flags() & node.flag) != 0);
    const auto same = [&](const std::string& name) { return equal_ignoring_case(name, node.key->text); };
    return truth(std::ranges::any_of(c_->snapshot->keywords(*c_->row), same));
  }
  [[nodiscard]] static Truth day(Kind kind, std::chrono::sys_days its, std::chrono::sys_days asked, Kind before,
                                 Kind on) {
    if (kind == before) return truth(its < asked);
    if (kind == on) return truth(its == asked);
    return truth(its >= asked);
  }
  [[nodiscard]] Truth received(const Node& node) const {
    const auto time = c_->email->received;
    if (node.kind == Kind::thread_id) return truth(node.key->text == fmt::format("T{}", c_->email->thread.value));
    if (node.kind == Kind::older || node.kind == Kind::younger) {
      const auto within = time + std::chrono::seconds(node.key->number) >= terms_->now();
      return truth(within == (node.kind == Kind::younger));
    }
    return day(node.kind, arrival_day(), node.key->day, Kind::before, Kind::on);
  }
  // In the zone that it is told in: "disregarding time and timezone" (RFC 9051 §6.4.4).
  [[nodiscard]] std::chrono::sys_days arrival_day() const {
    return pabal::imap::day_of(c_->email->received, c_->email->zone_minutes);
  }
  // RFC 9051 §6.4.4: the Date field's day in its own zone. Without one the arrival counts.
  [[nodiscard]] Truth sent(const Node& node) const {
    if (c_->derived == nullptr) return Truth::unknown;
    const auto its = c_->derived->sent
                         ? pabal::imap::day_of(SystemTime(std::chrono::seconds(c_->derived->sent->seconds)),
                                               c_->derived->sent->offset_minutes)
                         : arrival_day();
    return day(node.kind, its, node.key->day, Kind::sent_before, Kind::sent_on);
  }
  [[nodiscard]] Truth field(const Node& node) const {
    if (c_->leaves != nullptr) {
      if (const auto known = c_->leaves->leaf(node.leaf); known != Truth::unknown) return known;
    }
    if (c_->derived == nullptr || !c_->derived->envelope) return Truth::unknown;
    auto& text = c_->fields[*field_of(node.kind)];
    if (!text) text = codec::key_of(terms_->collation(), words_of(node.kind, *c_->derived->envelope));
    return truth(holds_all(*text, terms_->leaves()[node.leaf]));
  }
  [[nodiscard]] static std::string words_of(Kind kind, const message::Envelope& envelope) {
    if (kind == Kind::subject) return envelope.subject ? message::text_form(*envelope.subject) : std::string();
    return message::address_words(kind == Kind::from ? envelope.from
                                  : kind == Kind::to ? envelope.to
                                  : kind == Kind::cc ? envelope.cc
                                                     : envelope.bcc);
  }

  const SearchTerms* terms_;
  const Candidate* c_;
};

}  // namespace

std::vector<std::string> fuzzy_words(std::string_view utf8) {
  constexpr std::string_view between = " \t\r\n.,;:!?\"'()<>[]{}/\\|*";
  std::vector<std::string> words;
  while (true) {
    const auto begin = utf8.find_first_not_of(between);
    if (begin == std::string_view::npos) return words;
    utf8.remove_prefix(begin);
    const auto end = std::min(utf8.find_first_of(between), utf8.size());
    words.emplace_back(utf8.substr(0, end));
    utf8.remove_prefix(end);
  }
}

SearchTerms::SearchTerms(const pabal::imap::SearchKey& program, const Facts& facts)
    : program_(&program),
      now_(facts.now),
      collation_(facts.collation),
      saved_(facts.saved),
      root_(make(program, facts, false)) {}

void SearchTerms::add_leaf(const pabal::imap::SearchKey& key, bool fuzzy) {
  SearchLeaf leaf{.kind = key.kind, .key = &key, .words = {}, .fuzzy = fuzzy};
  if (fuzzy) {
    for (const auto& word : fuzzy_words(key.text)) leaf.words.push_back(codec::key_of(collation_, word));
    // Inexact is inexact: each word is looked for in whole letters.
    std::ranges::sort(leaf.words);
    leaf.words.erase(std::ranges::unique(leaf.words).begin(), leaf.words.end());
    if (leaf.words.size() > kMostFuzzyWords) leaf.words.resize(kMostFuzzyWords);
  }
  if (leaf.words.empty()) leaf.words.push_back(codec::key_of(collation_, key.text));
  leaves_.push_back(std::move(leaf));
}

Node SearchTerms::make(const pabal::imap::SearchKey& key, const Facts& facts, bool fuzzy) {
  ++size_;
  Node node{
      .kind = key.kind, .key = &key, .set = {}, .by_uid = false, .saved = false, .flag = 0, .leaf = 0, .children = {}};
  if (key.kind == Kind::sequence || key.kind == Kind::uid) {
    if (key.set.is_saved_result()) {
      // Big, and named as often as somebody likes.
      node.saved = true;
    } else {
      node.set = key.set.resolve(key.kind == Kind::uid ? facts.largest_uid : facts.messages);
    }
  }
  if (key.kind == Kind::flag) {
    pabal::imap::FlagList list;
    if (pabal::imap::add_flag(list, key.text)) {
      node.flag = flags_of(list).flags;
      for (const auto& name : list.keywords) node.flag |= store::flag_of_keyword(name);
    }
  }
  if (is_leaf(key.kind)) {
    node.leaf = leaves_.size();
    add_leaf(key, fuzzy);
  }
  node.children.reserve(key.children.size());
  for (const auto& child : key.children) {
    node.children.push_back(make(child, facts, fuzzy || key.kind == Kind::fuzzy));
  }
  return node;
}

LetterTexts::LetterTexts(const SearchTerms& terms, std::string_view octets)
    : terms_(&terms), truths_(terms.leaves().size(), Truth::unknown) {
  const auto fold = [&](std::string_view text) { return codec::key_of(terms.collation(), text); };
  auto text = message::search_text(octets, SIZE_MAX);
  fields_ = {fold(text.from), fold(text.to), fold(text.cc), fold(text.bcc), fold(text.subject)};
  all_header_ = fold(text.header);
  text.header = std::string();
  body_ = fold(text.body);
  if (!terms.mentions(Kind::header)) return;
  // A letter may have millions of fields.
  std::set<std::string> asked;
  for (const auto& leaf : terms.leaves()) {
    if (leaf.kind == Kind::header) asked.insert(to_lower(leaf.key->name));
  }
  message::HeaderReader fields(octets);
  while (const auto field = fields.next()) {
    auto name = to_lower(field->name);
    if (asked.contains(name)) header_.emplace_back(std::move(name), fold(message::text_form(field->body)));
  }
}

bool LetterTexts::ask_leaf(const SearchLeaf& leaf, std::size_t& looked) const {
  const auto in = [&](const std::string& text) {
    looked += text.size() * leaf.words.size();
    return holds_all(text, leaf);
  };
  if (const auto field = field_of(leaf.kind)) return in(fields_[*field]);
  if (leaf.kind == Kind::header) {
    const auto name = to_lower(leaf.key->name);
    looked += header_.size();
    return std::ranges::any_of(header_, [&](const auto& one) { return one.first == name && in(one.second); });
  }
  if (leaf.kind == Kind::body) return in(body_);
  looked += (all_header_.size() + body_.size()) * leaf.words.size();
  return std::ranges::all_of(leaf.words,
                             [&](const std::string& word) { return holds(all_header_, word) || holds(body_, word); });
}

bool LetterTexts::ask(std::size_t octets) {
  constexpr std::size_t for_a_leaf = 100;
  for (std::size_t looked = 0; next_ < truths_.size() && looked < octets; ++next_) {
    looked += for_a_leaf;
    truths_[next_] = truth(ask_leaf(terms_->leaves()[next_], looked));
  }
  return next_ == truths_.size();
}

Truth matches(const SearchTerms& terms, const Candidate& candidate) {
  return Asker(terms, candidate).ask(terms.root());
}

}  // namespace pabal::server::imap
