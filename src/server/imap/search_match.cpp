#include "server/imap/search_match.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "codec/unicode.hpp"
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

bool holds(std::string_view text, const Node& node) { return folded(text).find(node.text) != std::string::npos; }

std::chrono::sys_days day_of(SystemTime time) { return std::chrono::floor<std::chrono::days>(time); }

// What an address field says, names decoded.
std::string words_of(const message::Envelope::Addresses& addresses) {
  std::string out;
  if (!addresses) return out;
  for (const auto& group : *addresses) {
    if (group.named) out.append(message::text_form(group.name)).append("\n");
    for (const auto& mailbox : group.mailboxes) {
      if (!mailbox.name.empty()) out.append(message::text_form(mailbox.name)).append(" ");
      out.append("<").append(message::email_of(mailbox)).append(">\n");
    }
  }
  return out;
}

class Asker {
 public:
  Asker(const SearchTerms& terms, const Candidate& candidate) : terms_(&terms), c_(&candidate) {}

  [[nodiscard]] Truth ask(const Node& node) const {
    switch (node.kind) {
      case Kind::all:
      case Kind::save_date_supported:
        return Truth::yes;
      case Kind::sequence:
        return truth(node.set.contains(node.by_uid ? c_->row->uid : c_->number));
      case Kind::uid:
        return truth(node.set.contains(c_->row->uid));
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
        return c_->octets == nullptr ? Truth::unknown : header(node);
      case Kind::body:
        return c_->octets == nullptr ? Truth::unknown : truth(text().body.find(node.text) != std::string::npos);
      case Kind::text:
        return c_->octets == nullptr ? Truth::unknown : whole(node);
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
    return day(node.kind, day_of(time), node.key->day, Kind::before, Kind::on);
  }
  // RFC 9051 §6.4.4: the Date field's day in its own zone. Without one the arrival counts.
  [[nodiscard]] Truth sent(const Node& node) const {
    if (c_->derived == nullptr) return Truth::unknown;
    const auto its = c_->derived->sent
                         ? pabal::imap::day_of(SystemTime(std::chrono::seconds(c_->derived->sent->seconds)),
                                               c_->derived->sent->offset_minutes)
                         : day_of(c_->email->received);
    return day(node.kind, its, node.key->day, Kind::sent_before, Kind::sent_on);
  }
  [[nodiscard]] Truth field(const Node& node) const {
    if (c_->derived == nullptr || !c_->derived->envelope) {
      if (c_->octets == nullptr) return Truth::unknown;
      const auto& words = text();
      const auto& its = node.kind == Kind::from  ? words.from
                        : node.kind == Kind::to  ? words.to
                        : node.kind == Kind::cc  ? words.cc
                        : node.kind == Kind::bcc ? words.bcc
                                                 : words.subject;
      return truth(its.find(node.text) != std::string::npos);
    }
    const auto& envelope = *c_->derived->envelope;
    if (node.kind == Kind::subject) {
      return truth(envelope.subject && holds(message::text_form(*envelope.subject), node));
    }
    const auto& addresses = node.kind == Kind::from ? envelope.from
                            : node.kind == Kind::to ? envelope.to
                            : node.kind == Kind::cc ? envelope.cc
                                                    : envelope.bcc;
    return truth(addresses && holds(words_of(addresses), node));
  }
  [[nodiscard]] Truth header(const Node& node) const {
    message::HeaderReader fields(*c_->octets);
    while (const auto field = fields.next()) {
      if (!equal_ignoring_case(field->name, node.key->name)) continue;
      if (node.text.empty() || holds(message::text_form(field->body), node)) return Truth::yes;
    }
    return Truth::no;
  }
  [[nodiscard]] Truth whole(const Node& node) const {
    message::HeaderReader fields(*c_->octets);
    while (const auto field = fields.next()) {
      if (holds(fmt::format("{}: {}", field->name, message::text_form(field->body)), node)) return Truth::yes;
    }
    return truth(text().body.find(node.text) != std::string::npos);
  }
  [[nodiscard]] const message::SearchText& text() const {
    if (!c_->text) {
      auto text = message::search_text(*c_->octets, SIZE_MAX);
      for (auto* part : {&text.subject, &text.from, &text.to, &text.cc, &text.bcc, &text.body}) *part = folded(*part);
      c_->text = std::move(text);
    }
    return *c_->text;
  }

  const SearchTerms* terms_;
  const Candidate* c_;
};

}  // namespace

std::string folded(std::string_view utf8) { return codec::fold_for_search(utf8); }

SearchTerms::SearchTerms(const pabal::imap::SearchKey& program, const Facts& facts)
    : now_(facts.now), root_(make(program, facts)) {}

Node SearchTerms::make(const pabal::imap::SearchKey& key, const Facts& facts) {
  Node node{
      .kind = key.kind, .key = &key, .text = folded(key.text), .set = {}, .by_uid = false, .flag = 0, .children = {}};
  if (key.kind == Kind::sequence || key.kind == Kind::uid) {
    if (key.set.is_saved_result()) {
      node.set = facts.saved;
      node.by_uid = true;
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
  node.children.reserve(key.children.size());
  for (const auto& child : key.children) node.children.push_back(make(child, facts));
  return node;
}

Truth matches(const SearchTerms& terms, const Candidate& candidate) {
  return Asker(terms, candidate).ask(terms.root());
}

}  // namespace pabal::server::imap
