// SORT and THREAD (RFC 5256, 5957; ESORT, RFC 5267 §3): what is found is put into order by the facts beside the rows.
// Reading, sorting and threading are done on the store's pool.
#include <algorithm>

#include "imap/response.hpp"
#include "imap/threading.hpp"
#include "message/address_list.hpp"
#include "message/base_subject.hpp"
#include "message/header_forms.hpp"
#include "server/imap/commands.hpp"
#include "server/imap/contexts.hpp"
#include "server/imap/search_filters.hpp"
#include "server/imap/sort_keys.hpp"
#include "server/imap/sort_run.hpp"

namespace pabal::server::imap {

namespace {

using Kind = grammar::SearchKey::Kind;
using SortKey = grammar::SortCriterion::Key;

constexpr std::size_t kMostReferences = 100;  ///< of one letter: the first, and the last

// What a THREAD algorithm needs to know of a message.
class ThreadFacts {
 public:
  ThreadFacts(bool uid, codec::Collation collation) : uid_(uid), collation_(collation) {}

  void add(const Hit& hit, const Facts& facts) {
    grammar::ThreadMessage one{.number = uid_ ? hit.uid : hit.number};
    const auto received = facts.row->received;
    one.received = std::chrono::floor<std::chrono::seconds>(received).time_since_epoch().count();
    one.sent = sent_seconds(facts.derived, received);
    if (facts.derived != nullptr && facts.derived->envelope) add_envelope(one, *facts.derived->envelope);
    input.messages.push_back(one);
  }

  grammar::ThreadInput input;

 private:
  [[nodiscard]] static std::uint64_t hash_of(std::string_view text) noexcept {
    const auto hash = std::uint64_t{std::hash<std::string_view>{}(text)};
    return hash == 0 ? 1 : hash;
  }
  // RFC 5256 §3: <"a"@b> and <a@b> are one identifier.
  [[nodiscard]] static std::uint64_t id_of(std::string_view id) {
    if (!id.starts_with('"')) return hash_of(id);
    std::string plain;
    for (std::size_t i = 1; i < id.size(); ++i) {
      if (id[i] == '"') return hash_of(plain.append(id.substr(i + 1)));
      if (id[i] == '\\' && i + 1 < id.size()) ++i;
      plain += id[i];
    }
    return hash_of(id);
  }
  [[nodiscard]] static std::vector<std::string> ids_of(const std::optional<std::string>& field) {
    return field ? message::parse_message_ids(*field, 1'000) : std::vector<std::string>();
  }
  void add_envelope(grammar::ThreadMessage& one, const message::Envelope& envelope) {
    if (const auto ids = ids_of(envelope.message_id); !ids.empty()) one.id = id_of(ids.front());
    if (envelope.subject) {
      const auto base = message::base_subject(message::text_form(*envelope.subject));
      if (!base.text.empty()) one.subject = hash_of(codec::key_of(collation_, base.text));
      one.reply = base.reply_or_forward;
    }
    const auto before = input.references.size();
    if (envelope.references) {
      const auto& all = *envelope.references;
      for (std::size_t i = 0; i < all.size(); ++i) {
        if (i == 0 || i + kMostReferences > all.size()) input.references.push_back(id_of(all[i]));
      }
    }
    // RFC 5256 §3, REFERENCES step 1.
    if (input.references.size() == before) {
      if (const auto ids = ids_of(envelope.in_reply_to); !ids.empty()) input.references.push_back(id_of(ids.front()));
    }
    one.references = static_cast<std::uint32_t>(input.references.size() - before);
  }

  bool uid_;
  codec::Collation collation_;
};

// The answer with RETURN: "first" and "last" are the sorted ones (RFC 5267 §3).
void say_esort(Session& session, const Command& command, const Hits& sorted, const grammar::SearchReturn& want,
               bool modseq, std::span<const std::uint32_t> scores) {
  grammar::SearchResult result;
  const auto [numbers, highest] = numbers_of(sorted, command.uid);
  if (want.min && !numbers.empty()) result.min = numbers.front();
  if (want.max && !numbers.empty()) result.max = numbers.back();
  if (want.count) result.count = numbers.size();
  if (want.all && !numbers.empty()) {
    result.more += " ALL ";
    grammar::append_ordered(result.more, numbers);
  }
  if (want.partial) {
    const auto places = want.partial->of(numbers.size());
    result.more += fmt::format(" PARTIAL ({} ", want.partial->text());
    const auto part = std::span(numbers).subspan(places.begin, places.end - places.begin);
    if (part.empty()) result.more += "NIL";
    grammar::append_ordered(result.more, part);
    result.more += ')';
  }
  if (want.relevancy) {
    const auto places = want.partial ? want.partial->of(scores.size())
                                     : grammar::PartialRange::Places{.begin = 0, .end = scores.size()};
    result.more += relevancy_item(scores.subspan(places.begin, places.end - places.begin));
  }
  if (modseq && highest > 0) result.modseq = highest;
  grammar::append_esearch(session.out(), command.tag, command.uid, result, session.form());
}

// RFC 9738: an order of some of them is the order of none.
bool is_too_much(const Session& session, const Hits& hits) {
  const auto limit = session.limits().message_limit;
  return limit != 0 && hits.size() > limit;
}
Answer too_much(const Session& session) {
  return no("Too many messages.", fmt::format("MESSAGELIMIT {}", session.limits().message_limit));
}

}  // namespace

Async<Answer> sort(Session* session, Command command) {
  const auto& arguments = std::get<grammar::Sort>(command.arguments);
  const auto key = co_await with_filters(session, arguments.program.key);
  if (!key) co_return key.error();
  const auto by_relevancy = [](const grammar::SortCriterion& one) { return one.key == SortKey::relevancy; };
  // RFC 6203 §4 and §5.
  if ((arguments.returns.relevancy || std::ranges::any_of(arguments.criteria, by_relevancy)) &&
      !mentions(*key, Kind::fuzzy)) {
    co_return bad("RELEVANCY is of FUZZY.");
  }
  const auto& want = arguments.returns;
  if (want.update && is_kept(*session, command.tag)) co_return bad("The tag is in use.");
  const bool modseq = mentions(*key, Kind::modseq);
  if (modseq) session->enabled().condstore = true;
  const auto scope = scope_of(*session);
  const auto terms = terms_of(*session, *key);
  auto hits = co_await session->patiently(command.tag, find_messages(session, &scope, &terms));
  if (hits && is_too_much(*session, *hits)) co_return too_much(*session);
  if (hits) {
    auto in_order = sorted(session, scope.place, std::move(*hits), &arguments.criteria, &terms);
    hits = co_await session->patiently(command.tag, std::move(in_order));
  }
  if (auto failed = conclude(*session, hits, want)) co_return std::move(*failed);
  if (!want.given) {
    const auto [numbers, highest] = numbers_of(*hits, command.uid);
    grammar::append_search(session->out(), "SORT", numbers, modseq ? std::optional(highest) : std::nullopt);
    co_return ok("Done.");
  }
  std::vector<std::uint32_t> scores;
  if (want.relevancy) {
    auto scored = co_await relevancies(session, scope.place, &terms, &*hits);
    if (!scored) co_return search_failed(*session, scored.error());
    scores = std::move(*scored);
  }
  if (const auto asked = asked_for(want)) say_esort(*session, command, *hits, *asked, modseq, scores);
  if (want.update) {
    keep_result(*session, {.tag = command.tag, .uid = command.uid, .key = *key, .criteria = arguments.criteria}, *hits);
  }
  co_return ok("Done.");
}

Async<Answer> thread(Session* session, Command command) {
  const auto& arguments = std::get<grammar::Thread>(command.arguments);
  const auto key = co_await with_filters(session, arguments.program.key);
  if (!key) co_return key.error();
  const auto scope = scope_of(*session);
  const auto terms = terms_of(*session, *key);
  const auto hits = co_await session->patiently(command.tag, find_messages(session, &scope, &terms));
  if (!hits) co_return search_failed(*session, hits.error());
  if (is_too_much(*session, *hits)) co_return too_much(*session);
  ThreadFacts known(command.uid, session->collation());
  auto visit = visit_facts(session, scope.place, &*hits,
                           [&known, &hits](std::size_t hit, const Facts& facts) { known.add((*hits)[hit], facts); });
  auto visited = co_await session->patiently(command.tag, std::move(visit));
  if (!visited) co_return search_failed(*session, visited.error());
  std::optional<grammar::Threads> threads;
  co_await session->store().aside([&] { threads.emplace(grammar::Threads::make(arguments.algorithm, known.input)); });
  session->out().append("* THREAD");
  if (!known.input.messages.empty()) session->out().append(" ");
  while (!threads->print(session->out(), session->shared().limits.window_bytes)) {
    if (!co_await session->drain()) co_return lost();
  }
  session->out().append("\r\n");
  co_return ok("Done.");
}

}  // namespace pabal::server::imap
