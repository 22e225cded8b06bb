// SEARCH (RFC 9051 §6.4.4; ESEARCH, RFC 4731; SEARCHRES, RFC 5182; PARTIAL, RFC 9394), and COMPARATOR, which says how
// texts are compared (RFC 5255 §4.7).
#include <algorithm>

#include "imap/response.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/contexts.hpp"
#include "server/imap/message_limit.hpp"
#include "server/imap/search_filters.hpp"
#include "server/imap/search_run.hpp"

namespace pabal::server::imap {

namespace {

using Kind = grammar::SearchKey::Kind;

// The old answer, without RETURN: numbers in a line.
void say_list(Session& session, const Hits& hits, bool uid, bool modseq) {
  const auto [numbers, highest] = numbers_of(hits, uid);
  grammar::append_search(session.out(), "SEARCH", numbers,
                         modseq && !hits.empty() ? std::optional(highest) : std::nullopt);
}

// RFC 9738 §3.1: of many the last are found.
std::string keep_to_limit(const Session& session, Hits& hits) {
  const auto limit = session.limits().message_limit;
  if (limit == 0 || hits.size() <= limit) return {};
  hits.erase(hits.begin(), hits.end() - static_cast<std::ptrdiff_t>(limit));
  return limit_code(limit, hits.front().uid);
}
Answer done_within(std::string limited) {
  return limited.empty() ? ok("Done.") : ok("As many as are allowed.", std::move(limited));
}

}  // namespace

grammar::SearchResult result_of(const Hits& hits, const grammar::SearchReturn& want, bool uid, bool modseq) {
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
  return result;
}

Async<Answer> search(Session* session, Command command) {
  const auto& arguments = std::get<grammar::Search>(command.arguments);
  const auto key = co_await with_filters(session, arguments.program.key);
  if (!key) co_return key.error();
  if (arguments.returns.relevancy && !mentions(*key, Kind::fuzzy)) co_return bad("RELEVANCY is of FUZZY.");
  const auto& want = arguments.returns;
  if (want.update && is_kept(*session, command.tag)) co_return bad("The tag is in use.");
  const bool modseq = mentions(*key, Kind::modseq);
  if (modseq) session->enabled().condstore = true;
  const auto scope = scope_of(*session);
  const auto terms = terms_of(*session, *key);
  auto hits = co_await session->patiently(command.tag, find_messages(session, &scope, &terms));
  std::string limited;
  if (hits) limited = keep_to_limit(*session, *hits);
  if (auto failed = conclude(*session, hits, want)) co_return std::move(*failed);
  if (!session->enabled().rev2 && !want.given) {
    say_list(*session, *hits, command.uid, modseq);
    co_return done_within(std::move(limited));
  }
  if (const auto asked = asked_for(want)) {
    auto result = result_of(*hits, *asked, command.uid, modseq);
    if (want.relevancy) {
      const auto scores = co_await relevancies(session, scope.place, &terms, &*hits);
      if (!scores) co_return search_failed(*session, scores.error());
      const auto places = want.partial ? want.partial->of(scores->size())
                                       : grammar::PartialRange::Places{.begin = 0, .end = scores->size()};
      result.more += relevancy_item(std::span(*scores).subspan(places.begin, places.end - places.begin));
    }
    grammar::append_esearch(session->out(), command.tag, command.uid, result, session->form());
  }
  if (want.update) keep_result(*session, {.tag = command.tag, .uid = command.uid, .key = *key}, *hits);
  co_return done_within(std::move(limited));
}

Async<Answer> comparator(Session* session, Command command) {
  const auto* const wanted = std::get_if<grammar::Words>(&command.arguments);
  if (wanted != nullptr && !wanted->words.empty()) {
    std::optional<codec::Collation> found;
    for (const auto& word : wanted->words) {
      if (!found) found = codec::find_collation(word);
    }
    if (!found) co_return no("None of these is known.", "BADCOMPARATOR");
    session->collation() = *found;
  }
  session->out().append("* COMPARATOR ").append(codec::name_of(session->collation())).append("\r\n");
  co_return ok("Done.");
}

}  // namespace pabal::server::imap
