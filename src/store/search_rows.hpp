// The rows of the search index (schema.cpp): segments with their parts in chunks, and how far each account is indexed.
// The index is derived: what is missing or damaged of it is read in the letters, and made anew.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/guarded.hpp"
#include "db/database.hpp"
#include "store/search_segment.hpp"

namespace pabal::store {

/// How far an account's letters are indexed.
struct SearchState {
  EmailId done;                   ///< all emails up to this one are in segments, or are gone
  std::int64_t next_segment = 1;  ///< numbers are given once
};
/// Of another version than kSearchVersion: as if there were none.
[[nodiscard]] Result<SearchState> read_search_state(db::Connection& connection, AccountId account);
[[nodiscard]] Result<void> write_search_state(db::Connection& connection, AccountId account, const SearchState& state);

struct SearchSegment {
  std::int64_t segment = 0;
  EmailId first;
  std::int64_t level = 0;  ///< how often it was merged
  std::int64_t letters = 0;
};
/// Those that are whole, by their letters.
[[nodiscard]] Result<std::vector<SearchSegment>> read_segments(db::Connection& connection, AccountId account);
/// Removes some rows of an account's index that is to be made anew, or that goes with the account; false when none are
/// left.
[[nodiscard]] Result<bool> remove_search_rows(db::Connection& connection, AccountId account);
/// Removes a segment and some of its chunks; false when none are left.
[[nodiscard]] Result<bool> remove_segment(db::Connection& connection, AccountId account, std::int64_t segment);

inline constexpr std::size_t kSearchChunk = 256 << 10;
/// A chunk of a part: all but the last have kSearchChunk octets.
struct SearchChunk {
  SearchPart part{};
  std::int64_t number = 0;
  std::string octets;
};
[[nodiscard]] Result<void> insert_chunks(db::Connection& connection, AccountId account, std::int64_t segment,
                                         std::vector<SearchChunk>& chunks);
/// The segment is whole and counts from now on.
[[nodiscard]] Result<void> insert_segment(db::Connection& connection, AccountId account, const SearchSegment& row);

/// Cuts what a segment's maker gives into chunks.
class Chunker {
 public:
  void take(SearchPart part, std::string_view octets);
  /// The rest too.
  void finish();
  [[nodiscard]] std::vector<SearchChunk>& ready() noexcept { return ready_; }

 private:
  struct Open {
    std::string octets;
    std::int64_t next = 0;
  };
  std::array<Open, kSearchParts> open_;
  std::vector<SearchChunk> ready_;
};

/// What was read of segments and is kept for the next search, the parts that were used longest ago going first.
class SearchCache {
 public:
  explicit SearchCache(std::size_t most) : most_(most) {}
  struct Key {
    AccountId account;
    std::int64_t segment = 0;
    SearchPart part{};
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  using Value = std::shared_ptr<const void>;
  [[nodiscard]] Value find(const Key& key);
  void keep(const Key& key, Value value, std::size_t octets);
  /// All of a segment.
  void forget(AccountId account, std::int64_t segment);

 private:
  struct Kept {
    Value value;
    std::size_t octets = 0;
    std::uint64_t used = 0;
  };
  struct State {
    std::map<Key, Kept> kept;
    std::map<std::uint64_t, Key> by_use;
    std::size_t octets = 0;
    std::uint64_t clock = 0;
  };
  std::size_t most_;
  Guarded<State> state_;
};

/// A segment that is read from its rows.
class StoredSegment final : public SegmentSource {
 public:
  /// All must outlive it. Without a cache parts are read each time.
  StoredSegment(db::Connection& connection, AccountId account, std::int64_t segment, SearchCache* cache)
      : connection_(&connection), account_(account), segment_(segment), cache_(cache) {}
  [[nodiscard]] Result<std::shared_ptr<const std::string>> part(SearchPart part) override;
  [[nodiscard]] Result<void> entries(std::uint64_t begin, std::size_t size, std::string& out) override;
  /// The decoded letters and words, kept in the cache.
  [[nodiscard]] Result<std::shared_ptr<const SegmentLetters>> letters();
  [[nodiscard]] Result<std::shared_ptr<const SegmentWords>> words();

 private:
  [[nodiscard]] Result<std::string> chunk(SearchPart part, std::int64_t number);

  db::Connection* connection_;
  AccountId account_;
  std::int64_t segment_;
  SearchCache* cache_;
  std::int64_t at_hand_ = -1;  ///< the chunk of entries that was read last
  std::string octets_;
};

}  // namespace pabal::store
