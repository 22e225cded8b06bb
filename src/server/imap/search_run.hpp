// Finding the messages of a mailbox that match a program, for SEARCH, SORT, THREAD and ESEARCH. Messages are asked in
// the order of the mailbox, cheap questions first; letters are opened only where nothing else tells. The work is done
// on the store's pool, in pieces of some milliseconds, and ends where nobody waits for it any more.
#pragma once
#include <memory>
#include <vector>

#include "server/imap/search_match.hpp"
#include "server/imap/session.hpp"

namespace pabal::server::imap {

/// A message that was found.
struct Hit {
  std::uint32_t number = 0;
  std::uint32_t uid = 0;
  std::uint64_t modseq = 0;
  EmailId email;
  std::uint64_t size = 0;
};
using Hits = std::vector<Hit>;

/// What is searched. The view must not change meanwhile.
struct SearchScope {
  store::Place place;
  MailboxId mailbox;
  const View* view = nullptr;
  bool recent = false;                                         ///< the view says which are \Recent; else none is
  grammar::NumberSet among{{.first = 1, .last = UINT32_MAX}};  ///< UIDs; no others are looked at
};
[[nodiscard]] SearchScope scope_of(Session& session);
/// Texts are compared as the session does now, or by `collation`.
[[nodiscard]] SearchTerms terms_of(Session& session, const grammar::SearchKey& program,
                                   std::optional<codec::Collation> collation = std::nullopt);

/// By their numbers. Letters that are damaged match nothing that only their octets tell. A `closed` error where nobody
/// waits for the answer any more. Both must outlive it.
[[nodiscard]] Async<Result<Hits>> find_messages(Session* session, const SearchScope* scope, const SearchTerms* terms);

/// The answer to a search that failed.
[[nodiscard]] Answer search_failed(Session& session, const Error& error);

/// For work that may take long: says whether anybody still waits for it. Looks only after a while, since a client may
/// well have ended its side after its last command.
class Patience {
 public:
  explicit Patience(Session& session);
  [[nodiscard]] bool ended() const;

 private:
  Session* session_;
  SteadyTime begun_;
};
[[nodiscard]] std::unexpected<Error> nobody_waits();

/// What is known of a message without opening it, or after.
struct Facts {
  const store::EmailRow* row = nullptr;
  const message::Derived* derived = nullptr;  ///< with its envelope; null only where the letter is damaged
};
using FactsVisitor = std::move_only_function<void(std::size_t hit, const Facts& facts)>;
/// Calls back for each hit that is still there, in their order, on the pool, never twice at once. Letters are opened
/// only where there are no facts beside them. `hits` must outlive it.
[[nodiscard]] Async<Result<void>> visit_facts(Session* session, store::Place place, const Hits* hits,
                                              FactsVisitor visitor);

/// How well each hit fits what was searched for inexactly (RFC 6203 §4), 1 to 100: words count more where subject and
/// sender have them. `hits` must outlive it.
[[nodiscard]] Async<Result<std::vector<std::uint32_t>>> relevancies(Session* session, store::Place place,
                                                                    const SearchTerms* terms, const Hits* hits);
/// RELEVANCY's item for an answer that names these scores; nothing for none.
[[nodiscard]] std::string relevancy_item(std::span<const std::uint32_t> scores);

/// ESEARCH's data for hits in the order of the mailbox.
[[nodiscard]] grammar::SearchResult result_of(const Hits& hits, const grammar::SearchReturn& want, bool uid,
                                              bool modseq);

/// Numbers or UIDs, in the order of the answer, and the highest modseq of all.
struct NamedHits {
  std::vector<std::uint32_t> numbers;
  std::uint64_t modseq = 0;
};
[[nodiscard]] NamedHits numbers_of(const Hits& hits, bool uid);

/// What an ESEARCH answer has to say; nothing where only the saving of the result was asked for. RFC 4731 §3.1: without
/// an option that is all; RFC 5267: CONTEXT alone is none, UPDATE alone asks for what comes and not for what is there.
[[nodiscard]] std::optional<grammar::SearchReturn> asked_for(const grammar::SearchReturn& want);

/// What "$" means from now on (RFC 5182 §2.1, §2.4: MIN and MAX alone save just these), if it is to be saved; that it
/// is empty after a search that failed is the session's affair. `hits` in the order of the answer. The answer to a
/// search that failed.
[[nodiscard]] std::optional<Answer> conclude(Session& session, const Result<Hits>& hits,
                                             const grammar::SearchReturn& want);

}  // namespace pabal::server::imap
