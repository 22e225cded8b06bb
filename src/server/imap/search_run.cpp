#include "server/imap/search_run.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "imap/body_section.hpp"
#include "message/header_forms.hpp"
#include "message/tnef.hpp"
#include "server/imap/uids.hpp"

namespace pabal::server::imap {

namespace {

using Kind = grammar::SearchKey::Kind;

constexpr std::size_t kRowsAtOnce = 1000;
constexpr std::size_t kLettersAtOnce = 16;
constexpr std::size_t kKeysAtOnce = 1'000'000;  ///< asked in one piece of work
constexpr std::size_t kOctetsAtOnce = 64U << 20;
constexpr std::chrono::seconds kLooksAfter{2};
constexpr std::size_t kWithoutIndex = 32;        ///< so few letters are rather opened
constexpr std::size_t kMostAnswers = 64U << 20;  ///< octets of the index's answers to one program

// A message that isn't decided yet.
struct Open {
  std::uint32_t number = 0;
  store::MessageRow row;
  bool recent = false;
};

// One whose row is at hand.
struct Opened {
  Open one;
  const store::EmailRow* row = nullptr;
  std::optional<SystemTime> saved = std::nullopt;
  std::optional<message::Derived> derived = std::nullopt;
};

std::optional<SystemTime> saved_of(const std::vector<store::SavedDate>& dates, std::uint32_t uid) {
  const auto found = std::ranges::lower_bound(dates, uid, {}, &store::SavedDate::uid);
  if (found == dates.end() || found->uid != uid) return std::nullopt;
  return found->saved;
}

std::optional<message::Derived> derived_of(const store::EmailRow& row) {
  if (row.parsed_version != message::kDerivedVersion) return std::nullopt;
  auto derived = message::decode_derived(row.parsed);
  if (!derived) return std::nullopt;
  return std::move(*derived);
}

// Of a letter: all of it, or what of it a search looks into.
using Spans = std::vector<grammar::Span>;
Spans all_of(const store::EmailOctets& octets) { return {{.begin = 0, .end = octets.size()}}; }

// What search_text() reads: an attachment's octets are as good as not there, and its part stays one without them.
Spans texts_of(const store::EmailOctets& octets, const store::EmailRow& row, const message::Derived& derived) {
  constexpr std::uint64_t least = 4096;  // less is not worth a read of its own
  Spans spans;
  std::uint64_t at = 0;
  for (const auto& part : derived.parts) {
    const bool looked_into = part.kind != message::PartKind::leaf || equal_ignoring_case(part.type, "text") ||
                             message::is_tnef_type(to_lower(part.type + "/" + part.subtype));
    if (looked_into || part.body_end < part.body_begin + least) continue;
    const auto begin = row.prefix_size + part.body_begin;
    if (begin < at || row.prefix_size + part.body_end > octets.size()) return all_of(octets);
    spans.push_back({.begin = at, .end = begin});
    at = row.prefix_size + part.body_end;
  }
  spans.push_back({.begin = at, .end = octets.size()});
  return spans;
}

std::uint64_t size_of(const Spans& spans) {
  std::uint64_t sum = 0;
  for (const auto& span : spans) sum += span.size();
  return sum;
}

// The octets of these spans; nothing where they are damaged.
Async<Result<std::optional<std::string>>> read_letter(Session* session, store::EmailOctets* octets, Spans spans) {
  std::string text;
  for (const auto& span : spans) {
    auto some = co_await octets->read(span.begin, span.size());
    if (some) {
      if (text.empty()) {
        text = std::move(*some);
      } else {
        text += *some;
      }
      continue;
    }
    if (some.error().kind != ErrorKind::damaged) co_return pass(some);
    session->log().warning("letter_not_searched", {{"why", some.error().log}});
    co_return std::nullopt;
  }
  co_return text;
}

store::SearchQuery query_of(const SearchLeaf& leaf) {
  using Field = store::SearchQuery::Field;
  store::SearchQuery query;
  switch (leaf.kind) {
    case Kind::from:
      query.field = Field::from;
      break;
    case Kind::to:
      query.field = Field::to;
      break;
    case Kind::cc:
      query.field = Field::cc;
      break;
    case Kind::bcc:
      query.field = Field::bcc;
      break;
    case Kind::subject:
      query.field = Field::subject;
      break;
    case Kind::header:
      query.field = Field::header;
      break;
    case Kind::body:
      query.field = Field::body;
      break;
    default:
      query.field = Field::text;
      break;
  }
  // The other collations are stricter: who holds a text by these holds it by this one.
  for (const auto& word : leaf.words) query.words.push_back(codec::key_of(codec::Collation::unicode_casemap, word));
  return query;
}

// What the search index says of a program's leaves.
class IndexTruths final : public LeafTruths {
 public:
  explicit IndexTruths(bool exact) : exact_(exact) {}
  void add(std::shared_ptr<const store::SearchAnswer> answer) {
    answers_.push_back(std::move(answer));
    places_.emplace_back();
  }
  /// Which message is asked about.
  void set(EmailId email) noexcept { email_ = email; }
  [[nodiscard]] Truth leaf(std::size_t leaf) const override {
    if (leaf >= answers_.size()) return Truth::unknown;
    switch (answers_[leaf]->of(email_, places_[leaf])) {
      case store::SearchAnswer::Says::no:
        return Truth::no;
      case store::SearchAnswer::Says::yes:
        return exact_ ? Truth::yes : Truth::unknown;
      default:
        return Truth::unknown;
    }
  }

 private:
  bool exact_;
  EmailId email_;
  std::vector<std::shared_ptr<const store::SearchAnswer>> answers_;
  mutable std::vector<store::SearchAnswer::Place> places_;
};

class Searcher {
 public:
  Searcher(Session& session, const SearchScope& scope, const SearchTerms& terms)
      : session_(&session),
        scope_(&scope),
        terms_(&terms),
        // Held: what the candidates point to lives as long as this.
        snapshot_(scope.view->pointer()),
        patience_(session),
        wants_saved_(terms.mentions(Kind::saved_before) || terms.mentions(Kind::saved_on) ||
                     terms.mentions(Kind::saved_since)),
        at_once_(std::max<std::size_t>(kKeysAtOnce / terms.size(), 1)) {}

  [[nodiscard]] Async<Result<Hits>> run();

 private:
  void hit(const Open& one) {
    hits_.push_back({.number = one.number,
                     .uid = one.row.uid,
                     .modseq = static_cast<std::uint64_t>(one.row.change.value),
                     .email = one.row.email,
                     .size = one.row.size()});
  }
  // Takes the truth of one into account; true where it is still open.
  [[nodiscard]] bool settle(const Open& one, const Candidate& asked) {
    const auto truth = matches(*terms_, asked);
    if (truth == Truth::yes) hit(one);
    return truth == Truth::unknown;
  }
  void ask_snapshot();
  [[nodiscard]] bool wants_index() const {
    return !index_ && !terms_->leaves().empty() && open_.size() > kWithoutIndex;
  }
  [[nodiscard]] Async<Result<void>> ask_index();
  [[nodiscard]] Async<Result<void>> ask_rows(std::span<const Open> some);
  [[nodiscard]] Async<Result<void>> ask_letters(std::vector<Opened>* letters);
  [[nodiscard]] Async<Result<void>> ask_letter(Opened* letter, const std::string* text);
  [[nodiscard]] Candidate candidate(const Open& one) {
    Candidate asked{.snapshot = snapshot_.get(), .row = &one.row, .number = one.number, .recent = one.recent};
    if (index_) {
      index_->set(one.row.email);
      asked.leaves = &*index_;
    }
    return asked;
  }
  [[nodiscard]] Candidate candidate(const Opened& letter) {
    auto asked = candidate(letter.one);
    asked.email = letter.row;
    asked.derived = letter.derived ? &*letter.derived : nullptr;
    asked.saved = letter.saved;
    return asked;
  }

  Session* session_;
  const SearchScope* scope_;
  const SearchTerms* terms_;
  std::shared_ptr<const store::MailboxSnapshot> snapshot_;
  Patience patience_;
  bool wants_saved_;
  std::size_t at_once_;  ///< messages in a piece of work
  std::uint32_t next_uid_ = 1;
  bool asked_all_ = false;
  std::vector<Open> open_;
  std::optional<IndexTruths> index_;
  Hits hits_;
};

// The first step, for as many messages as make a piece of work.
void Searcher::ask_snapshot() {
  std::size_t asked = 0;
  asked_all_ = scope_->view->visit(scope_->among, next_uid_, [&](std::uint32_t number, const auto& row) {
    if (asked == at_once_ || wants_index()) return false;
    ++asked;
    next_uid_ = row.uid + 1;
    const Open one{.number = number, .row = row, .recent = scope_->recent && scope_->view->is_recent(row.uid)};
    if (settle(one, candidate(one))) open_.push_back(one);
    return true;
  });
}

Async<Result<Hits>> Searcher::run() {
  while (!asked_all_) {
    co_await session_->store().aside([this] { ask_snapshot(); });
    if (patience_.ended()) co_return nobody_waits();
    if (!wants_index()) continue;
    if (auto asked = co_await ask_index(); !asked) co_return pass(asked);
  }
  session_->work() = {.done = scope_->view->exists() - open_.size(), .goal = scope_->view->exists()};
  for (std::size_t from = 0; from < open_.size(); from += kRowsAtOnce) {
    const auto some = std::span(open_).subspan(from, std::min(kRowsAtOnce, open_.size() - from));
    if (auto done = co_await ask_rows(some); !done) co_return pass(done);
  }
  std::ranges::sort(hits_, {}, &Hit::number);
  co_return std::move(hits_);
}

// What the search index knows of the texts that are looked for: asked once so many are open that it is worth it.
Async<Result<void>> Searcher::ask_index() {
  IndexTruths truths(terms_->collation() == codec::Collation::unicode_casemap);
  std::size_t memory = 0;
  for (const auto& leaf : terms_->leaves()) {
    auto answer = co_await session_->store().look_up(scope_->place, query_of(leaf));
    if (!answer) co_return pass(answer);
    if ((*answer)->empty()) break;
    memory += (*answer)->memory();
    if (memory > kMostAnswers) break;
    truths.add(std::move(*answer));
    if (patience_.ended()) co_return nobody_waits();
  }
  index_ = std::move(truths);
  // From the beginning, with what it knows.
  open_.clear();
  hits_.clear();
  next_uid_ = 1;
  asked_all_ = false;
  co_return Result<void>();
}

// The second step.
Async<Result<void>> Searcher::ask_rows(std::span<const Open> some) {
  std::vector<EmailId> emails;
  store::UidRanges uids;
  for (const auto& one : some) {
    emails.push_back(one.row.email);
    uids.push_back({.first = one.row.uid, .last = one.row.uid});
  }
  const auto rows = co_await session_->store().email_rows(scope_->place, std::move(emails));
  if (!rows) co_return pass(rows);
  std::vector<store::SavedDate> saved;
  if (wants_saved_) {
    auto dates = co_await session_->store().saved_dates(scope_->place, scope_->mailbox, std::move(uids));
    if (!dates) co_return pass(dates);
    saved = std::move(*dates);
  }
  std::vector<Opened> letters;
  std::size_t next = 0;
  auto row = rows->begin();
  while (next < some.size()) {
    const auto end = std::min(some.size(), next + at_once_);
    co_await session_->store().aside([&, this] {
      for (; next < end; ++next) {
        const auto& one = some[next];
        // The rows come in the order asked for, without those that are gone.
        if (row == rows->end() || row->email != one.row.email) continue;
        Opened letter{.one = one, .row = &*row, .saved = saved_of(saved, one.row.uid), .derived = derived_of(*row)};
        ++row;
        if (!settle(one, candidate(letter))) continue;
        // Many parts take much more memory than their row, of which they can be had again.
        letter.derived.reset();
        letters.push_back(std::move(letter));
      }
    });
    if (patience_.ended()) co_return nobody_waits();
  }
  session_->work().done += some.size() - letters.size();
  co_return co_await ask_letters(&letters);
}

// The third step.
Async<Result<void>> Searcher::ask_letters(std::vector<Opened>* letters) {
  for (std::size_t from = 0; from < letters->size(); from += kLettersAtOnce) {
    const auto end = std::min(letters->size(), from + kLettersAtOnce);
    std::vector<EmailId> emails;
    for (auto i = from; i < end; ++i) emails.push_back((*letters)[i].one.row.email);
    const auto opened = co_await session_->store().open_emails(scope_->place, std::move(emails));
    if (!opened) co_return pass(opened);
    for (auto i = from; i < end; ++i) {
      ++session_->work().done;
      auto* const octets = (*opened)[i - from].get();
      if (octets == nullptr) continue;
      auto& letter = (*letters)[i];
      const auto known = derived_of(*letter.row);
      auto spans = known && !known->parts.empty() ? texts_of(*octets, *letter.row, *known) : all_of(*octets);
      const auto turn = co_await session_->shared().big_letters.enter(size_of(spans));
      const auto text = co_await read_letter(session_, octets, std::move(spans));
      if (!text) co_return pass(text);
      if (!*text) continue;
      if (auto done = co_await ask_letter(&letter, &**text); !done) co_return done;
      if (patience_.ended()) co_return nobody_waits();
    }
  }
  co_return Result<void>();
}

// `text` is the whole letter, but for what is derived of it already and no key looks into.
Async<Result<void>> Searcher::ask_letter(Opened* letter, const std::string* text) {
  std::optional<LetterTexts> texts;
  for (bool all = false; !all;) {
    co_await session_->store().aside([&, this] {
      if (!texts) {
        texts.emplace(*terms_, *text);
        letter->derived = derived_of(*letter->row);
        // What could not be derived at delivery is derived now.
        if (!letter->derived)
          letter->derived = message::derive(std::string_view(*text).substr(letter->row->prefix_size));
      }
      all = texts->ask(kOctetsAtOnce);
      if (!all) return;
      auto asked = candidate(*letter);
      asked.leaves = &*texts;
      static_cast<void>(settle(letter->one, asked));
    });
    if (patience_.ended()) co_return nobody_waits();
  }
  letter->derived.reset();
  co_return Result<void>();
}

// Visits the facts of some hits.
Async<Result<void>> visit_some(Session* session, store::Place place, std::span<const Hit> some, std::size_t base,
                               FactsVisitor* visitor, const Patience* patience) {
  std::vector<EmailId> emails;
  for (const auto& one : some) emails.push_back(one.email);
  const auto rows = co_await session->store().email_rows(place, std::move(emails));
  if (!rows) co_return pass(rows);
  std::size_t next = 0;
  auto row = rows->begin();
  while (next < some.size()) {
    co_await session->store().aside([&] {
      for (; next < some.size(); ++next) {
        if (row == rows->end() || row->email != some[next].email) continue;
        const auto derived = derived_of(*row);
        if (!derived || !derived->envelope) return;  // it has to be opened
        (*visitor)(base + next, {.row = &*row, .derived = &*derived});
        ++row;
      }
    });
    if (patience->ended()) co_return nobody_waits();
    session->work().done = base + next;
    if (next == some.size()) break;
    auto opened = co_await session->store().open_email(place, some[next].email);
    std::optional<std::string> whole;
    BigLetters::Turn turn;
    if (opened) {
      turn = co_await session->shared().big_letters.enter((*opened)->size());
      auto read = co_await read_letter(session, opened->get(), all_of(**opened));
      if (!read) co_return pass(read);
      whole = std::move(*read);
    } else if (opened.error().kind != ErrorKind::not_found) {
      co_return pass(opened);
    }
    co_await session->store().aside([&] {
      std::optional<message::Derived> derived;
      if (whole) derived = message::derive(std::string_view(*whole).substr(row->prefix_size));
      (*visitor)(base + next, {.row = &*row, .derived = derived ? &*derived : nullptr});
    });
    ++row;
    ++next;
  }
  co_return Result<void>();
}

}  // namespace

Patience::Patience(Session& session) : session_(&session), begun_(session.shared().clock->steady()) {}

bool Patience::ended() const {
  if (session_->stream().interrupted()) return true;
  return session_->stream().peer_has_left() && session_->shared().clock->steady() - begun_ > kLooksAfter;
}

std::unexpected<Error> nobody_waits() { return fail(ErrorKind::closed, "stopped", "nobody waits for the answer"); }

Answer search_failed(Session& session, const Error& error) {
  if (error.kind == ErrorKind::closed && session.stream().interrupted()) return ended();
  if (error.kind == ErrorKind::closed && session.stream().peer_has_left()) return lost();
  session.log().error("search_failed", {{"why", error.log}});
  return refused(error);
}

SearchScope scope_of(Session& session) {
  const auto& selected = *session.selected();
  return {
      .place = selected.place, .mailbox = selected.mailbox, .view = &selected.view, .recent = !session.enabled().rev2};
}

SearchTerms terms_of(Session& session, const grammar::SearchKey& program, std::optional<codec::Collation> collation) {
  const auto& selected = *session.selected();
  return {program,
          {.now = session.shared().clock->now(),
           .messages = selected.view.exists(),
           .largest_uid = selected.view.largest_uid(),
           .saved = selected.saved_search,
           .collation = collation.value_or(session.collation())}};
}

Async<Result<Hits>> find_messages(Session* session, const SearchScope* scope, const SearchTerms* terms) {
  Searcher searcher(*session, *scope, *terms);
  co_return co_await searcher.run();
}

Async<Result<void>> visit_facts(Session* session, store::Place place, const Hits* hits, FactsVisitor visitor) {
  const Patience patience(*session);
  session->work() = {.done = 0, .goal = hits->size()};
  for (std::size_t from = 0; from < hits->size(); from += kRowsAtOnce) {
    const auto some = std::span(*hits).subspan(from, std::min(kRowsAtOnce, hits->size() - from));
    if (auto done = co_await visit_some(session, place, some, from, &visitor, &patience); !done) co_return done;
  }
  co_return Result<void>();
}

Async<Result<std::vector<std::uint32_t>>> relevancies(Session* session, store::Place place, const SearchTerms* terms,
                                                      const Hits* hits) {
  constexpr std::size_t least = 40;
  std::vector<std::string> words;
  for (const auto& leaf : terms->leaves()) {
    if (leaf.fuzzy) words.insert(words.end(), leaf.words.begin(), leaf.words.end());
  }
  std::ranges::sort(words);
  words.erase(std::ranges::unique(words).begin(), words.end());
  if (words.size() > kMostFuzzyWords) words.resize(kMostFuzzyWords);
  std::vector<std::uint32_t> scores(hits->size(), words.empty() ? 100 : least);
  if (words.empty()) co_return scores;
  auto visited = co_await visit_facts(
      session, place, hits, [&scores, &words, collation = terms->collation()](std::size_t hit, const Facts& facts) {
        if (facts.derived == nullptr || !facts.derived->envelope) return;
        const auto& envelope = *facts.derived->envelope;
        const auto text = codec::key_of(
            collation, fmt::format("{}\n{}", envelope.subject ? message::text_form(*envelope.subject) : std::string(),
                                   message::address_words(envelope.from)));
        const auto held = std::ranges::count_if(words, [&](const std::string& word) { return text.contains(word); });
        scores[hit] =
            static_cast<std::uint32_t>(least + ((100 - least) * static_cast<std::size_t>(held) / words.size()));
      });
  if (!visited) co_return pass(visited);
  co_return scores;
}

std::string relevancy_item(std::span<const std::uint32_t> scores) {
  std::string out;
  for (const auto score : scores) out += fmt::format("{}{}", out.empty() ? " RELEVANCY (" : " ", score);
  if (!out.empty()) out += ')';
  return out;
}

NamedHits numbers_of(const Hits& hits, bool uid) {
  NamedHits named;
  named.numbers.reserve(hits.size());
  for (const auto& one : hits) {
    named.numbers.push_back(uid ? one.uid : one.number);
    named.modseq = std::max(named.modseq, one.modseq);
  }
  return named;
}

std::optional<grammar::SearchReturn> asked_for(const grammar::SearchReturn& want) {
  const bool says = want.min || want.max || want.all || want.count || want.partial;
  if (!says && want.save) return std::nullopt;
  auto asked = want;
  if (!says && !want.update) asked.all = true;
  return asked;
}

std::optional<Answer> conclude(Session& session, const Result<Hits>& hits, const grammar::SearchReturn& want) {
  if (!hits) return search_failed(session, hits.error());
  if (!want.save) return std::nullopt;
  std::vector<std::uint32_t> uids;
  const bool ends_only = (want.min || want.max) && !want.all && !want.count && !want.partial;
  for (const auto& one : *hits) {
    const bool wanted = !ends_only || (want.min && &one == &hits->front()) || (want.max && &one == &hits->back());
    if (wanted) uids.push_back(one.uid);
  }
  std::ranges::sort(uids);
  session.selected()->saved_search = grammar::NumberSet::of_sorted(uids);
  return std::nullopt;
}

}  // namespace pabal::server::imap
