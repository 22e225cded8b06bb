// Putting what was found into order, for SORT (RFC 5256, 5957, 6203) and for results that are kept up to date (RFC
// 5267): each message has a key of octets, and keys compare as the messages stand.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "server/imap/search_run.hpp"

namespace pabal::server::imap {

/// The keys of hits, one behind the other.
class SortedKeys {
 public:
  explicit SortedKeys(std::size_t hits) : places_(hits) {}
  /// More octets than one SORT may have; nothing more is added then.
  [[nodiscard]] bool full() const noexcept;
  /// `append` puts the key behind the string that it is given.
  template <class Append>
  void add(std::size_t hit, Append append) {
    const auto begin = octets_.size();
    append(octets_);
    places_[hit] = {.begin = begin, .size = octets_.size() - begin, .there = true};
  }
  /// False: the message was gone before its key could be made.
  [[nodiscard]] bool has(std::size_t hit) const noexcept { return places_[hit].there; }
  [[nodiscard]] std::string_view key(std::size_t hit) const {
    return std::string_view(octets_).substr(places_[hit].begin, places_[hit].size);
  }
  /// The hits that have keys, in their order; the mailbox's where keys are the same.
  [[nodiscard]] std::vector<std::uint32_t> order() const;

 private:
  struct Place {
    std::size_t begin = 0;
    std::size_t size = 0;
    bool there = false;
  };
  std::string octets_;
  std::vector<Place> places_;
};

/// Of each hit that is still there, by the terms' collation. `limit`: they are too many. All pointers must outlive it.
[[nodiscard]] Async<Result<SortedKeys>> sort_keys(Session* session, store::Place place, const Hits* hits,
                                                  const std::vector<grammar::SortCriterion>* criteria,
                                                  const SearchTerms* terms);
/// The hits in order, without those that are gone.
[[nodiscard]] Async<Result<Hits>> sorted(Session* session, store::Place place, Hits hits,
                                         const std::vector<grammar::SortCriterion>* criteria, const SearchTerms* terms);

}  // namespace pabal::server::imap
