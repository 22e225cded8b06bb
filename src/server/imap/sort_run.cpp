#include "server/imap/sort_run.hpp"

#include <algorithm>

#include "server/imap/sort_keys.hpp"

namespace pabal::server::imap {

namespace {

using SortKey = grammar::SortCriterion::Key;

constexpr std::size_t kMostKeyOctets = 256U << 20;  ///< of all messages of one SORT

bool asks_facts(const grammar::SortCriterion& criterion) {
  return criterion.key != SortKey::size && criterion.key != SortKey::relevancy;
}

// A key's first octets, which decide mostly.
std::uint64_t head_of(std::string_view key) noexcept {
  std::uint64_t head = 0;
  for (std::size_t i = 0; i < 8; ++i) head = (head << 8) | (i < key.size() ? static_cast<unsigned char>(key[i]) : 0);
  return head;
}

}  // namespace

bool SortedKeys::full() const noexcept { return octets_.size() > kMostKeyOctets; }

std::vector<std::uint32_t> SortedKeys::order() const {
  struct Entry {
    std::uint64_t head;
    std::uint32_t hit;
  };
  std::vector<Entry> entries;
  entries.reserve(places_.size());
  for (std::uint32_t i = 0; i < places_.size(); ++i) {
    if (places_[i].there) entries.push_back({head_of(key(i)), i});
  }
  std::ranges::sort(entries, [&](const Entry& a, const Entry& b) {
    if (a.head != b.head) return a.head < b.head;
    if (const auto compared = key(a.hit).compare(key(b.hit)); compared != 0) return compared < 0;
    return a.hit < b.hit;
  });
  std::vector<std::uint32_t> hits(entries.size());
  std::ranges::transform(entries, hits.begin(), &Entry::hit);
  return hits;
}

Async<Result<SortedKeys>> sort_keys(Session* session, store::Place place, const Hits* hits,
                                    const std::vector<grammar::SortCriterion>* criteria, const SearchTerms* terms) {
  SortedKeys keys(hits->size());
  std::vector<std::uint32_t> scores(hits->size(), 0);
  if (std::ranges::find(*criteria, SortKey::relevancy, &grammar::SortCriterion::key) != criteria->end()) {
    auto scored = co_await relevancies(session, place, terms, hits);
    if (!scored) co_return pass(scored);
    scores = std::move(*scored);
  }
  const auto add = [&keys, hits, &scores, criteria, collation = terms->collation()](std::size_t hit,
                                                                                    const Facts& facts) {
    if (keys.full()) return;
    const SortFacts its{.received = facts.row == nullptr ? SystemTime() : facts.row->received,
                        .size = (*hits)[hit].size,
                        .relevancy = scores[hit],
                        .derived = facts.derived};
    keys.add(hit, [&](std::string& out) { append_sort_key(out, *criteria, collation, its); });
  };
  if (std::ranges::any_of(*criteria, asks_facts)) {
    auto visited = co_await visit_facts(session, place, hits, add);
    if (!visited) co_return pass(visited);
  } else {
    co_await session->store().aside([&] {
      for (std::size_t i = 0; i < hits->size(); ++i) add(i, {});
    });
  }
  if (keys.full())
    co_return fail(ErrorKind::limit, "Too much to be sorted at once.", "the keys of a SORT are too many");
  co_return keys;
}

Async<Result<Hits>> sorted(Session* session, store::Place place, Hits hits,
                           const std::vector<grammar::SortCriterion>* criteria, const SearchTerms* terms) {
  const auto keys = co_await sort_keys(session, place, &hits, criteria, terms);
  if (!keys) co_return pass(keys);
  Hits out;
  co_await session->store().aside([&] {
    for (const auto hit : keys->order()) out.push_back(hits[hit]);
  });
  co_return out;
}

}  // namespace pabal::server::imap
