#include "store/search_rows.hpp"

#include <xxhash.h>

#include "store/mailbox_rows.hpp"

namespace pabal::store {

namespace {

constexpr std::int64_t kChunksAtOnce = 32;  ///< removed by one write

std::unexpected<Error> damaged(AccountId account, std::int64_t segment, std::string_view what) {
  return fail(ErrorKind::damaged, "local error",
              fmt::format("search index of account {}, segment {}: {}", account.value, segment, what));
}

std::int64_t sum_of(std::string_view octets) {
  return static_cast<std::int64_t>(XXH3_64bits(octets.data(), octets.size()));
}

Result<void> drop_count(Result<std::int64_t> result) {
  if (!result) return pass(result);
  return {};
}

}  // namespace

Result<SearchState> read_search_state(db::Connection& connection, AccountId account) {
  SearchState state;
  auto read = each_row(connection, "SELECT done, next_segment, version FROM search_state WHERE account_id = $1",
                       {account.value}, [&](const db::Rows& row) -> Result<void> {
                         state.next_segment = row.integer(1);
                         if (row.integer(2) == kSearchVersion) state.done = EmailId{row.integer(0)};
                         return {};
                       });
  if (!read) return pass(read);
  return state;
}

Result<void> write_search_state(db::Connection& connection, AccountId account, const SearchState& state) {
  return drop_count(connection.run(
      "INSERT INTO search_state (account_id, done, next_segment, version) VALUES ($1, $2, $3, $4) ON CONFLICT "
      "(account_id) DO UPDATE SET done = excluded.done, next_segment = excluded.next_segment, version = "
      "excluded.version",
      {account.value, state.done.value, state.next_segment, kSearchVersion}));
}

Result<std::vector<SearchSegment>> read_segments(db::Connection& connection, AccountId account) {
  std::vector<SearchSegment> rows;
  auto read = each_row(connection,
                       "SELECT segment, first_email, level, letters FROM search_segment WHERE account_id = $1 AND "
                       "version = $2 ORDER BY first_email, segment",
                       {account.value, kSearchVersion}, [&](const db::Rows& row) -> Result<void> {
                         rows.push_back({.segment = row.integer(0),
                                         .first = EmailId{row.integer(1)},
                                         .level = row.integer(2),
                                         .letters = row.integer(3)});
                         return {};
                       });
  if (!read) return pass(read);
  return rows;
}

Result<bool> remove_segment(db::Connection& connection, AccountId account, std::int64_t segment) {
  auto row =
      connection.run("DELETE FROM search_segment WHERE account_id = $1 AND segment = $2", {account.value, segment});
  if (!row) return pass(row);
  struct Place {
    std::int64_t part = 0;
    std::int64_t number = 0;
  };
  std::vector<Place> places;
  auto read =
      each_row(connection, "SELECT part, number FROM search_data WHERE account_id = $1 AND segment = $2 LIMIT $3",
               {account.value, segment, kChunksAtOnce}, [&](const db::Rows& columns) -> Result<void> {
                 places.push_back({columns.integer(0), columns.integer(1)});
                 return {};
               });
  if (!read) return pass(read);
  for (const auto& place : places) {
    auto gone =
        connection.run("DELETE FROM search_data WHERE account_id = $1 AND segment = $2 AND part = $3 AND number = $4",
                       {account.value, segment, place.part, place.number});
    if (!gone) return pass(gone);
  }
  return places.size() == static_cast<std::size_t>(kChunksAtOnce);
}

Result<bool> remove_search_rows(db::Connection& connection, AccountId account) {
  auto state = connection.run("UPDATE search_state SET done = 0 WHERE account_id = $1", {account.value});
  if (!state) return pass(state);
  auto segments = connection.run("DELETE FROM search_segment WHERE account_id = $1", {account.value});
  if (!segments) return pass(segments);
  auto left = connection.number("SELECT segment FROM search_data WHERE account_id = $1 LIMIT 1", {account.value});
  if (!left) return pass(left);
  if (!*left) return false;
  auto removed = remove_segment(connection, account, **left);
  if (!removed) return pass(removed);
  return true;
}

Result<void> insert_chunks(db::Connection& connection, AccountId account, std::int64_t segment,
                           std::vector<SearchChunk>& chunks) {
  for (const auto& chunk : chunks) {
    auto inserted = connection.run(
        "INSERT INTO search_data (account_id, segment, part, number, checksum, octets) VALUES ($1, $2, $3, $4, $5, $6)",
        {account.value, segment, static_cast<std::int64_t>(chunk.part), chunk.number, sum_of(chunk.octets),
         db::Octets{chunk.octets}});
    if (!inserted) return pass(inserted);
  }
  return {};
}

Result<void> insert_segment(db::Connection& connection, AccountId account, const SearchSegment& row) {
  return drop_count(connection.run(
      "INSERT INTO search_segment (account_id, segment, version, first_email, level, letters) VALUES ($1, $2, $3, $4, "
      "$5, $6)",
      {account.value, row.segment, kSearchVersion, row.first.value, row.level, row.letters}));
}

void Chunker::take(SearchPart part, std::string_view octets) {
  auto& open = open_[static_cast<std::size_t>(part)];
  while (!octets.empty()) {
    const auto some = octets.substr(0, kSearchChunk - open.octets.size());
    open.octets += some;
    octets.remove_prefix(some.size());
    if (open.octets.size() < kSearchChunk) continue;
    ready_.push_back({.part = part, .number = open.next++, .octets = std::move(open.octets)});
    open.octets = std::string();
  }
}

void Chunker::finish() {
  for (std::size_t i = 0; i < open_.size(); ++i) {
    auto& open = open_[i];
    if (open.octets.empty()) continue;
    ready_.push_back({.part = static_cast<SearchPart>(i), .number = open.next++, .octets = std::move(open.octets)});
    open.octets = std::string();
  }
}

SearchCache::Value SearchCache::find(const Key& key) {
  auto state = state_.lock();
  const auto found = state->kept.find(key);
  if (found == state->kept.end()) return nullptr;
  state->by_use.erase(found->second.used);
  found->second.used = ++state->clock;
  state->by_use.emplace(found->second.used, key);
  return found->second.value;
}

void SearchCache::keep(const Key& key, Value value, std::size_t octets) {
  auto state = state_.lock();
  if (octets > most_ || state->kept.contains(key)) return;
  state->kept.emplace(key, Kept{.value = std::move(value), .octets = octets, .used = ++state->clock});
  state->by_use.emplace(state->clock, key);
  state->octets += octets;
  while (state->octets > most_) {
    const auto oldest = state->kept.find(state->by_use.begin()->second);
    state->octets -= oldest->second.octets;
    state->by_use.erase(state->by_use.begin());
    state->kept.erase(oldest);
  }
}

void SearchCache::forget(AccountId account, std::int64_t segment) {
  auto state = state_.lock();
  auto one = state->kept.lower_bound({.account = account, .segment = segment, .part = SearchPart::letters});
  while (one != state->kept.end() && one->first.account == account && one->first.segment == segment) {
    state->octets -= one->second.octets;
    state->by_use.erase(one->second.used);
    one = state->kept.erase(one);
  }
}

Result<std::string> StoredSegment::chunk(SearchPart part, std::int64_t number) {
  std::string octets;
  bool right = false;
  auto read = each_row(*connection_,
                       "SELECT checksum, octets FROM search_data WHERE account_id = $1 AND segment = $2 AND part = $3 "
                       "AND number = $4",
                       {account_.value, segment_, static_cast<std::int64_t>(part), number},
                       [&](const db::Rows& row) -> Result<void> {
                         octets = row.octets(1);
                         right = sum_of(octets) == row.integer(0);
                         return {};
                       });
  if (!read) return pass(read);
  if (!right) return damaged(account_, segment_, "a chunk is missing or wrong");
  return octets;
}

Result<std::shared_ptr<const std::string>> StoredSegment::part(SearchPart part) {
  const SearchCache::Key key{.account = account_, .segment = segment_, .part = part};
  if (cache_ != nullptr) {
    if (auto known = cache_->find(key)) return std::static_pointer_cast<const std::string>(known);
  }
  auto whole = std::make_shared<std::string>();
  std::int64_t next = 0;
  auto read = each_row(
      *connection_,
      "SELECT number, checksum, octets FROM search_data WHERE account_id = $1 AND segment = $2 AND part = $3 ORDER BY "
      "number",
      {account_.value, segment_, static_cast<std::int64_t>(part)}, [&](const db::Rows& row) -> Result<void> {
        const auto octets = row.octets(2);
        const bool whole_before = whole->size() == static_cast<std::size_t>(next) * kSearchChunk;
        if (row.integer(0) != next++ || !whole_before || sum_of(octets) != row.integer(1)) {
          return damaged(account_, segment_, "a chunk is missing or wrong");
        }
        whole->append(octets);
        return {};
      });
  if (!read) return pass(read);
  if (cache_ != nullptr) cache_->keep(key, whole, whole->size() + 128);
  return whole;
}

Result<void> StoredSegment::entries(std::uint64_t begin, std::size_t size, std::string& out) {
  while (size > 0) {
    const auto number = static_cast<std::int64_t>(begin / kSearchChunk);
    const auto at = static_cast<std::size_t>(begin % kSearchChunk);
    if (number != at_hand_) {
      auto read = chunk(SearchPart::entries, number);
      if (!read) return pass(read);
      octets_ = std::move(*read);
      at_hand_ = number;
    }
    const auto some = std::min(size, kSearchChunk - at);
    if (at + some > octets_.size()) return damaged(account_, segment_, "an entry goes past the end");
    out.append(octets_, at, some);
    begin += some;
    size -= some;
  }
  return {};
}

// Decoded forms stand in the cache at the place of the part that nobody keeps as it is.
Result<std::shared_ptr<const SegmentLetters>> StoredSegment::letters() {
  const SearchCache::Key key{.account = account_, .segment = segment_, .part = SearchPart::letters};
  if (auto known = cache_->find(key)) return std::static_pointer_cast<const SegmentLetters>(known);
  StoredSegment bare(*connection_, account_, segment_, nullptr);
  auto octets = bare.part(SearchPart::letters);
  if (!octets) return pass(octets);
  auto decoded = SegmentLetters::decode(**octets);
  if (!decoded) return pass(decoded);
  auto made = std::make_shared<const SegmentLetters>(std::move(*decoded));
  cache_->keep(key, made, made->emails.size() * 9 + 128);
  return made;
}

Result<std::shared_ptr<const SegmentWords>> StoredSegment::words() {
  const SearchCache::Key key{.account = account_, .segment = segment_, .part = SearchPart::entries};
  if (auto known = cache_->find(key)) return std::static_pointer_cast<const SegmentWords>(known);
  auto opened = SegmentWords::open(*this);
  if (!opened) return pass(opened);
  auto made = std::make_shared<const SegmentWords>(std::move(*opened));
  cache_->keep(key, made, made->memory() + 128);
  return made;
}

}  // namespace pabal::store
