// SEARCH (RFC 9051 §6.4.4; ESEARCH, RFC 4731; SEARCHRES, RFC 5182; PARTIAL, RFC 9394). Messages are asked in the order
// of the mailbox, cheap questions first; letters are opened only where nothing else tells.
#include <algorithm>

#include "imap/response.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/search_match.hpp"
#include "server/imap/uids.hpp"

namespace pabal::server::imap {

namespace {

using Kind = grammar::SearchKey::Kind;

constexpr std::size_t kRowsAtOnce = 1000;
constexpr std::size_t kLettersAtOnce = 16;

// A message that isn't decided yet.
struct Open {
  std::uint32_t number = 0;
  const store::MessageRow* row = nullptr;
  bool recent = false;
};

// One whose row is at hand.
struct Opened {
  Open one;
  const store::EmailRow* row = nullptr;
  std::optional<SystemTime> saved = std::nullopt;
  std::optional<message::Derived> derived = std::nullopt;
};

struct Hit {
  std::uint32_t number = 0;
  std::uint32_t uid = 0;
  std::uint64_t modseq = 0;
};

class Searcher {
 public:
  Searcher(Session& session, const grammar::SearchProgram& program, SearchTerms::Facts facts)
      : session_(&session),
        terms_(program.key, facts),
        wants_saved_(mentions(program.key, Kind::saved_before) || mentions(program.key, Kind::saved_on) ||
                     mentions(program.key, Kind::saved_since)) {}

  [[nodiscard]] Async<Result<std::vector<Hit>>> run();

 private:
  void hit(const Open& one) {
    hits_.push_back(
        {.number = one.number, .uid = one.row->uid, .modseq = static_cast<std::uint64_t>(one.row->change.value)});
  }
  [[nodiscard]] Async<Result<void>> ask_rows(std::span<const Open> some);
  [[nodiscard]] Async<Result<void>> ask_letters(const std::vector<Opened>* letters);
  [[nodiscard]] Candidate candidate(const Open& one) const {
    return {.snapshot = snapshot_.get(), .row = one.row, .number = one.number, .recent = one.recent};
  }
  [[nodiscard]] Candidate candidate(const Opened& letter) const {
    auto asked = candidate(letter.one);
    asked.email = letter.row;
    asked.derived = letter.derived ? &*letter.derived : nullptr;
    asked.saved = letter.saved;
    return asked;
  }

  Session* session_;
  SearchTerms terms_;
  bool wants_saved_;
  std::shared_ptr<const store::MailboxSnapshot> snapshot_;
  std::vector<Hit> hits_;
};

std::optional<SystemTime> saved_of(const std::vector<store::SavedDate>& dates, std::uint32_t uid) {
  const auto found = std::ranges::lower_bound(dates, uid, {}, &store::SavedDate::uid);
  if (found == dates.end() || found->uid != uid) return std::nullopt;
  return found->saved;
}

// The steps of Candidate, one after the other, for as many messages as are looked up at once.
Async<Result<std::vector<Hit>>> Searcher::run() {
  const auto& view = session_->selected()->view;
  // Nothing takes a newer one in while the command goes on.
  snapshot_ = view.pointer();
  std::vector<Open> open;
  view.visit({{1, UINT32_MAX}}, 1, [&](std::uint32_t number, const store::MessageRow& row) {
    const Open one{.number = number, .row = &row, .recent = session_->is_recent(row.uid)};
    const auto truth = matches(terms_, candidate(one));
    if (truth == Truth::yes) hit(one);
    if (truth == Truth::unknown) open.push_back(one);
    return true;
  });
  for (std::size_t from = 0; from < open.size(); from += kRowsAtOnce) {
    const auto some = std::span(open).subspan(from, std::min(kRowsAtOnce, open.size() - from));
    if (auto done = co_await ask_rows(some); !done) co_return pass(done);
  }
  std::ranges::sort(hits_, {}, &Hit::number);
  co_return std::move(hits_);
}

Async<Result<void>> Searcher::ask_rows(std::span<const Open> some) {
  const auto place = session_->user().place;
  std::vector<EmailId> emails;
  store::UidRanges uids;
  for (const auto& one : some) {
    emails.push_back(one.row->email);
    uids.push_back({.first = one.row->uid, .last = one.row->uid});
  }
  const auto rows = co_await session_->store().email_rows(place, std::move(emails));
  if (!rows) co_return pass(rows);
  std::vector<store::SavedDate> saved;
  if (wants_saved_) {
    auto dates = co_await session_->store().saved_dates(place, session_->selected()->mailbox, std::move(uids));
    if (!dates) co_return pass(dates);
    saved = std::move(*dates);
  }
  std::vector<Opened> letters;
  auto row = rows->begin();
  for (const auto& one : some) {
    // The rows come in the order asked for, without those that are gone.
    if (row == rows->end() || row->email != one.row->email) continue;
    Opened letter{.one = one, .row = &*row, .saved = saved_of(saved, one.row->uid)};
    if (row->parsed_version == message::kDerivedVersion) {
      if (auto derived = message::decode_derived(row->parsed)) letter.derived = std::move(*derived);
    }
    ++row;
    const auto truth = matches(terms_, candidate(letter));
    if (truth == Truth::yes) hit(one);
    if (truth == Truth::unknown) letters.push_back(std::move(letter));
    if (letters.size() < kLettersAtOnce) continue;
    if (auto done = co_await ask_letters(&letters); !done) co_return pass(done);
    letters.clear();
  }
  co_return co_await ask_letters(&letters);
}

Async<Result<void>> Searcher::ask_letters(const std::vector<Opened>* letters) {
  std::vector<EmailId> emails;
  for (const auto& letter : *letters) emails.push_back(letter.one.row->email);
  if (emails.empty()) co_return Result<void>();
  const auto opened = co_await session_->store().open_emails(session_->user().place, std::move(emails));
  if (!opened) co_return pass(opened);
  for (std::size_t i = 0; i < letters->size(); ++i) {
    const auto& octets = (*opened)[i];
    if (!octets) continue;
    auto whole = co_await octets->read(0, octets->size());
    if (!whole) co_return pass(whole);
    const auto& letter = (*letters)[i];
    auto asked = candidate(letter);
    asked.octets = &*whole;
    // What could not be derived at delivery is derived now.
    std::optional<message::Derived> derived;
    if (asked.derived == nullptr) {
      derived = message::derive(std::string_view(*whole).substr(letter.row->prefix_size));
      asked.derived = &*derived;
    }
    if (matches(terms_, asked) == Truth::yes) hit(letter.one);
  }
  co_return Result<void>();
}

// What "$" means from now on (RFC 5182 §2.1, §2.4: MIN and MAX alone save just these).
void save(Selected& selected, const std::vector<Hit>& hits, const grammar::SearchReturn& want) {
  std::vector<std::uint32_t> uids;
  const bool ends_only = (want.min || want.max) && !want.all && !want.count && !want.partial;
  for (const auto& one : hits) {
    const bool wanted = !ends_only || (want.min && &one == &hits.front()) || (want.max && &one == &hits.back());
    if (wanted) uids.push_back(one.uid);
  }
  selected.saved_search = grammar::NumberSet::of_sorted(uids);
}

// The old answer, without RETURN: numbers in a line.
void say_list(Session& session, const std::vector<Hit>& hits, bool uid, bool modseq) {
  std::vector<std::uint32_t> numbers;
  numbers.reserve(hits.size());
  std::uint64_t highest = 0;
  for (const auto& one : hits) {
    numbers.push_back(uid ? one.uid : one.number);
    highest = std::max(highest, one.modseq);
  }
  grammar::append_search(session.out(), "SEARCH", numbers,
                         modseq && !hits.empty() ? std::optional(highest) : std::nullopt);
}

void say_esearch(Session& session, const std::string& tag, const std::vector<Hit>& hits,
                 const grammar::SearchReturn& want, bool uid, bool modseq) {
  grammar::SearchResult result;
  const auto named = [&](const Hit& one) { return uid ? one.uid : one.number; };
  std::vector<std::uint32_t> numbers;
  numbers.reserve(hits.size());
  for (const auto& one : hits) numbers.push_back(named(one));
  std::uint64_t highest = 0;
  const auto count_in = [&](const Hit& one) { highest = std::max(highest, one.modseq); };
  if (want.min && !hits.empty()) {
    result.min = numbers.front();
    count_in(hits.front());
  }
  if (want.max && !hits.empty()) {
    result.max = numbers.back();
    count_in(hits.back());
  }
  if (want.count) result.count = hits.size();
  if (want.all) result.all = grammar::NumberSet::of_sorted(numbers);
  if (want.partial) {
    const auto places = want.partial->of(numbers.size());
    const auto part = std::span(numbers).subspan(places.begin, places.end - places.begin);
    result.partial = {.range = *want.partial, .numbers = grammar::NumberSet::of_sorted(part)};
  }
  // RFC 7162 §3.1.10: of those that the answer names.
  if (want.all || want.count || want.partial) std::ranges::for_each(hits, count_in);
  if (modseq && highest > 0) result.modseq = highest;
  grammar::append_esearch(session.out(), tag, uid, result, session.form());
}

}  // namespace

Async<Answer> search(Session* session, Command command) {
  const auto& arguments = std::get<grammar::Search>(command.arguments);
  const bool modseq = mentions(arguments.program.key, Kind::modseq);
  if (modseq) session->enabled().condstore = true;
  auto& selected = *session->selected();
  Searcher searcher(*session, arguments.program,
                    {.now = session->shared().clock->now(),
                     .messages = selected.view.exists(),
                     .largest_uid = selected.view.largest_uid(),
                     .saved = selected.saved_search});
  const auto hits = co_await searcher.run();
  if (!hits) {
    // RFC 5182 §2.1: then "$" is empty.
    if (arguments.returns.save) selected.saved_search = {};
    co_return refused(hits.error());
  }
  if (arguments.returns.save) save(selected, *hits, arguments.returns);
  const auto& want = arguments.returns;
  const bool says = want.min || want.max || want.all || want.count || want.partial;
  if (session->enabled().rev2 || want.given) {
    auto all = want;
    if (!says && !want.save) all.all = true;
    if (says || !want.save) say_esearch(*session, command.tag, *hits, all, command.uid, modseq);
  } else {
    say_list(*session, *hits, command.uid, modseq);
  }
  auto answer = ok("Done.");
  co_return answer;
}

}  // namespace pabal::server::imap
