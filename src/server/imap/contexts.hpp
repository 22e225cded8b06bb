// Results that are kept up to date (RFC 5267 §4.3): a SEARCH, SORT or ESEARCH with UPDATE, whose client is told by
// ADDTO and REMOVEFROM what comes to its result and what leaves it, wherever changes of the mailbox are told.
//
// What leaves is told before the removals themselves and what comes behind the arrivals, so that numbers are right
// (§4.3.3, §4.3.4). A program is asked again only of messages that came or were changed; the others stay as they were.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "imap/response.hpp"
#include "server/imap/search_run.hpp"

namespace pabal::server::imap {

inline constexpr std::size_t kMostContexts = 16;  ///< of a session
/// Octets of all results and programs of a session together; one result may be of any size (§4.3.1: a client can have
/// at least one).
inline constexpr std::size_t kMostContextOctets = 8U << 20;

/// What is to be kept up to date.
struct KeptSearch {
  std::string tag;
  bool uid = false;
  grammar::SearchKey key;                                         ///< with its filters in their place
  std::optional<std::vector<grammar::SortCriterion>> criteria{};  ///< of a SORT
  std::optional<grammar::SearchedMailbox> where{};                ///< of an ESEARCH
  codec::Collation collation{};  ///< by which its texts are compared, whatever COMPARATOR says later
};

/// The tag stands for a result that is kept up to date.
[[nodiscard]] bool is_kept(Session& session, std::string_view tag);
/// From now on the result, `hits` in the order of the answer, is kept up to date; or `* NO [NOUPDATE …]`: there are too
/// many, or it changes by the passing of time alone.
void keep_result(Session& session, KeptSearch search, const Hits& hits);

/// The results of the open mailbox.
class Contexts {
 public:
  explicit Contexts(const View& view) : known_(view) {}

  // Both around the telling of changes, with the view's snapshot the same in both.
  /// Takes out what isn't there any more. Before the removals are told.
  [[nodiscard]] Async<bool> tell_gone(Session* session);
  /// Puts in what came, and takes out what doesn't match any more. False: the connection is lost. Where the store fails
  /// it is tried again with the next change.
  [[nodiscard]] Async<bool> tell_changed(Session* session);

  struct Context {
    KeptSearch search;                   ///< its message numbers are UIDs
    bool by_flags = false;               ///< a change of flags may change the result
    grammar::NumberSet members;          ///< UIDs
    std::vector<std::uint32_t> order{};  ///< of a SORT: the same in their order
    grammar::NumberSet pending{};        ///< to be asked again
    std::size_t program_octets = 0;
  };
  [[nodiscard]] std::vector<Context>& all() noexcept { return all_; }

 private:
  [[nodiscard]] Async<Result<void>> ask_again(Session* session, Context* context);

  View known_;  ///< the mailbox as the results are of
  std::vector<Context> all_;
};

}  // namespace pabal::server::imap
