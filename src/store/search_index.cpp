// The search index of a shard's accounts. It follows in the background: letters that have come are put into a segment,
// many at once, and segments of one level are merged, so that there are few. Whoever searches reads the letters that
// are in no segment. It is derived: an account whose index is damaged, or of another version, gets a new one.
#include <algorithm>

#include "codec/collation.hpp"
#include "message/search_text.hpp"
#include "store/mailbox_rows.hpp"
#include "store/search.hpp"
#include "store/search_words.hpp"
#include "store/shard.hpp"
#include "store/stored_email.hpp"

namespace pabal::store {

namespace {

constexpr std::int64_t kLettersAtOnce = 4096;  ///< in a new segment
constexpr std::size_t kOpenAtOnce = 32;
constexpr std::size_t kMakerMemory = 64 << 20;
constexpr std::uint64_t kOctetsAtOnce = 64 << 20;
constexpr std::size_t kChunksAWrite = 4;
constexpr std::size_t kMergeAtOnce = 8;
constexpr std::int64_t kAccountsAtOnce = 1000;
constexpr std::uint64_t kBusyDeliveries = 50;  ///< in the time between two rounds
constexpr std::chrono::milliseconds kWorkAtOnce{300};
constexpr std::chrono::seconds kWaitAtMost{60};

std::string folded(std::string_view text) { return codec::key_of(codec::Collation::unicode_casemap, text); }

SearchLetter letter_of(EmailId email, std::string_view octets) {
  const auto text = message::search_text(octets, SIZE_MAX);
  return {.email = email,
          .fields = {folded(text.from), folded(text.to), folded(text.cc), folded(text.bcc), folded(text.subject)},
          .header = folded(text.header),
          .body = folded(text.body)};
}

struct Unindexed {
  EmailId email;
  std::uint64_t size = 0;
};
struct Waiting {
  bool there = false;  ///< the account
  SearchState state;
  std::vector<Unindexed> emails;
};
Result<Waiting> waiting_letters(db::Connection& connection, AccountId account) {
  Waiting waiting;
  auto lives = connection.number("SELECT state FROM account WHERE account_id = $1", {account.value});
  if (!lives) return pass(lives);
  waiting.there = lives->has_value() && **lives == static_cast<std::int64_t>(AccountState::normal);
  if (!waiting.there) return waiting;
  auto state = read_search_state(connection, account);
  if (!state) return pass(state);
  waiting.state = *state;
  auto read = each_row(
      connection, "SELECT email_id, size FROM email WHERE account_id = $1 AND email_id > $2 ORDER BY email_id LIMIT $3",
      {account.value, state->done.value, kLettersAtOnce}, [&](const db::Rows& row) -> Result<void> {
        waiting.emails.push_back({EmailId{row.integer(0)}, static_cast<std::uint64_t>(row.integer(1))});
        return {};
      });
  if (!read) return pass(read);
  return waiting;
}

// Chunks of segments that don't count: a crash left them, or another version. False when there are none.
Result<bool> remove_stray_chunks(db::Connection& connection, AccountId account) {
  auto outdated = connection.run("DELETE FROM search_segment WHERE account_id = $1 AND version <> $2",
                                 {account.value, kSearchVersion});
  if (!outdated) return pass(outdated);
  for (std::int64_t behind = 0;;) {
    auto segment = connection.number(
        "SELECT segment FROM search_data WHERE account_id = $1 AND segment > $2 ORDER BY segment LIMIT 1",
        {account.value, behind});
    if (!segment) return pass(segment);
    if (!*segment) return false;
    behind = **segment;
    auto known = connection.number("SELECT segment FROM search_segment WHERE account_id = $1 AND segment = $2",
                                   {account.value, behind});
    if (!known) return pass(known);
    if (*known) continue;
    auto removed = remove_segment(connection, account, behind);
    if (!removed) return pass(removed);
    return true;
  }
}

WordPlaces places_of(SearchQuery::Field field) noexcept {
  switch (field) {
    case SearchQuery::Field::header:
      return kInHeader;
    case SearchQuery::Field::body:
      return kInBody;
    default:
      return kInHeader | kInBody;
  }
}

// Of the words of a segment.
Result<void> look_in_words(StoredSegment& segment, const SearchQuery& query, SearchAnswer::Segment& answer) {
  auto words = segment.words();
  if (!words) return pass(words);
  const auto letters = answer.letters->emails.size();
  LetterBits all(letters);
  for (std::size_t i = 0; i < letters; ++i) all.set(i);
  // HEADER names a field, which the words don't tell.
  bool exact = query.field != SearchQuery::Field::header;
  for (const auto& word : query.words) {
    const auto sought = sought_words(word);
    exact = exact && (sought.exact || word.empty());
    for (const auto& piece : sought.pieces) {
      LetterBits found(letters);
      auto done = (*words)->find(segment, piece, places_of(query.field), found);
      if (!done) return done;
      all.keep(found);
    }
  }
  for (std::size_t i = 0; i < letters; ++i) {
    if (all.has(i)) (exact ? answer.found : answer.open).set(i);
    if (!all.has(i) && answer.letters->partial[i]) answer.open.set(i);
  }
  return {};
}

Result<SearchAnswer::Segment> look_in_segment(StoredSegment& segment, const SearchQuery& query) {
  auto letters = segment.letters();
  if (!letters) return pass(letters);
  const auto count = (*letters)->emails.size();
  SearchAnswer::Segment answer{.letters = *letters, .found = LetterBits(count), .open = LetterBits(count)};
  if (query.field >= SearchQuery::Field::header) {
    if (auto done = look_in_words(segment, query, answer); !done) return pass(done);
    return answer;
  }
  const auto field = static_cast<std::size_t>(SearchPart::from) + static_cast<std::size_t>(query.field);
  auto part = segment.part(static_cast<SearchPart>(field));
  if (!part) return pass(part);
  if (auto done = find_in_field(**part, query.words, count, answer.found, answer.open); !done) return pass(done);
  return answer;
}

}  // namespace

SearchAnswer::Says SearchAnswer::of(EmailId email, Place& place) const {
  const auto says = [&](std::size_t letter) {
    const auto& segment = segments_[place.segment];
    place.letter = letter;
    if (segment.found.has(letter)) return Says::yes;
    return segment.open.has(letter) ? Says::open : Says::no;
  };
  // Mostly it is the one behind the last.
  if (place.segment < segments_.size()) {
    const auto& emails = segments_[place.segment].letters->emails;
    for (const auto near : {place.letter, place.letter + 1}) {
      if (near < emails.size() && emails[near] == email.value) return says(near);
    }
  }
  const auto behind = std::ranges::upper_bound(segments_, email.value, {}, [](const Segment& segment) {
    return segment.letters->emails.empty() ? std::int64_t{0} : segment.letters->emails.front();
  });
  if (behind == segments_.begin()) return Says::unknown;
  const auto segment = static_cast<std::size_t>(behind - segments_.begin()) - 1;
  const auto& emails = segments_[segment].letters->emails;
  const auto found = std::ranges::lower_bound(emails, email.value);
  if (found == emails.end() || *found != email.value) return Says::unknown;
  place.segment = segment;
  return says(static_cast<std::size_t>(found - emails.begin()));
}

std::size_t SearchAnswer::memory() const noexcept {
  std::size_t octets = 0;
  for (const auto& segment : segments_) octets += segment.letters->emails.size() / 4;
  return octets;
}

void Shard::to_index(AccountId account) { to_index_.lock()->insert(account); }

Result<std::shared_ptr<const SearchAnswer>> Shard::look_up(AccountId account, const SearchQuery& query) {
  auto answer = readers_.read([&](db::Connection& connection) -> Result<std::shared_ptr<const SearchAnswer>> {
    auto rows = read_segments(connection, account);
    if (!rows) return pass(rows);
    std::vector<SearchAnswer::Segment> segments;
    for (const auto& row : *rows) {
      if (row.letters == 0) continue;
      StoredSegment segment(connection, account, row.segment, &search_cache_);
      auto found = look_in_segment(segment, query);
      if (!found) return pass(found);
      segments.push_back(std::move(*found));
    }
    return std::make_shared<const SearchAnswer>(std::move(segments));
  });
  if (answer || answer.error().kind != ErrorKind::damaged) return answer;
  // Then there is none, and a new one is made.
  around_.log.error("search_index_damaged", {{"account", account.value}, {"why", answer.error().log}});
  to_rebuild_.lock()->insert(account);
  to_index(account);
  return std::make_shared<const SearchAnswer>(std::vector<SearchAnswer::Segment>());
}

// After a start nobody knows who has letters that aren't indexed.
Result<void> Shard::find_unindexed() {
  std::vector<AccountId> accounts;
  auto read = readers_.read([&](db::Connection& connection) -> Result<void> {
    return each_row(connection, "SELECT account_id FROM account WHERE account_id > $1 ORDER BY account_id LIMIT $2",
                    {indexing_.scanned.value, kAccountsAtOnce}, [&](const db::Rows& row) -> Result<void> {
                      accounts.push_back(AccountId{row.integer(0)});
                      return {};
                    });
  });
  if (!read) return read;
  for (const auto account : accounts) {
    to_index(account);
    to_pack(account, kUnknown);
  }
  indexing_.scanned_all = accounts.size() < static_cast<std::size_t>(kAccountsAtOnce);
  if (!accounts.empty()) indexing_.scanned = accounts.back();
  return {};
}

// Where somebody has read since the last call, no more than a fifth of the time is worked: a core may be all that there
// is for those who wait.
void Shard::give_way_to_readers() {
  constexpr std::chrono::milliseconds most{20};
  const auto reads = reads_.load(std::memory_order_relaxed);
  if (reads != std::exchange(reads_seen_, reads)) {
    const auto worked = around_.clock->steady() - works_since_;
    std::this_thread::sleep_for(std::min<SteadyTime::duration>(worked * 4, most));
  }
  works_since_ = around_.clock->steady();
}

// Deliveries come first: while many come the index waits, but not for ever. `all`: tests want it done.
Result<void> Shard::index_letters(bool all) {
  const auto now = around_.clock->steady();
  const auto delivered = deliveries_.load(std::memory_order_relaxed);
  const bool busy = delivered - indexing_.delivered > kBusyDeliveries;
  indexing_.delivered = delivered;
  if (!busy || indexing_.calm == SteadyTime{}) indexing_.calm = now;
  if (busy && !all && now - indexing_.calm < kWaitAtMost) return {};
  if (all) {
    // Also those whose few letters were left waiting for company.
    indexing_.scanned = {};
    indexing_.scanned_all = false;
  }
  do {
    if (indexing_.scanned_all) break;
    if (auto found = find_unindexed(); !found) return found;
  } while (all);
  while (!stopping()) {
    AccountId account;
    {
      auto waiting = to_index_.lock();
      if (waiting->empty()) return {};
      account = *waiting->begin();
      waiting->erase(waiting->begin());
    }
    auto more = index_account(account, all);
    if (!more && more.error().kind == ErrorKind::damaged) {
      to_rebuild_.lock()->insert(account);
      more = true;
    }
    if (!more || *more) to_index(account);
    if (!more) return pass(more);
    if (!all && around_.clock->steady() - now > kWorkAtOnce) return {};
  }
  return {};
}

// One write of the way to a new index; true: come again.
Result<bool> Shard::rebuild_account(AccountId account) {
  bool more = true;
  auto removed = write_now([&](db::Connection& connection) -> Result<void> {
    auto left = remove_search_rows(connection, account);
    if (!left) return pass(left);
    more = *left;
    return {};
  });
  if (!removed) return pass(removed);
  if (!more) to_rebuild_.lock()->erase(account);
  return true;
}

Result<void> Shard::remove_strays(AccountId account) {
  for (bool more = true; more;) {
    if (stopping()) return {};
    auto removed = write_now([&](db::Connection& connection) -> Result<void> {
      auto left = remove_stray_chunks(connection, account);
      if (!left) return pass(left);
      more = *left;
      return {};
    });
    if (!removed) return removed;
  }
  indexing_.cleaned.insert(account);
  return {};
}

// One segment, with the merges that it leads to; true where more is to be done.
Result<bool> Shard::index_account(AccountId account, bool all) {
  if (to_rebuild_.lock()->contains(account)) return rebuild_account(account);
  auto waiting = readers_.read([&](db::Connection& connection) { return waiting_letters(connection, account); });
  if (!waiting) return pass(waiting);
  if (!waiting->there) return false;
  if (!indexing_.cleaned.contains(account)) {
    if (auto removed = remove_strays(account); !removed) return pass(removed);
  }
  // A few are read by who searches, and wait for company.
  const auto least = all ? 1 : std::max<std::size_t>(around_.options.index_at_least, 1);
  if (waiting->emails.size() < least) return false;
  std::vector<std::pair<EmailId, std::uint64_t>> emails;
  for (const auto& one : waiting->emails) emails.emplace_back(one.email, one.size);
  if (auto made = make_segment(account, waiting->state, emails); !made) return pass(made);
  if (auto merged = merge_account(account); !merged) return pass(merged);
  return true;
}

Result<void> Shard::write_chunks(AccountId account, std::int64_t segment, std::vector<SearchChunk>& chunks) {
  if (chunks.empty()) return {};
  auto written =
      write_now([&](db::Connection& connection) { return insert_chunks(connection, account, segment, chunks); });
  chunks.clear();
  return written;
}

// The number is taken before anything is written under it.
Result<std::int64_t> Shard::take_segment_number(AccountId account) {
  std::int64_t number = 0;
  auto taken = write_now([&](db::Connection& connection) -> Result<void> {
    auto state = read_search_state(connection, account);
    if (!state) return pass(state);
    number = state->next_segment++;
    return write_search_state(connection, account, *state);
  });
  if (!taken) return pass(taken);
  return number;
}

Result<void> Shard::make_segment(AccountId account, const SearchState& state,
                                 std::span<const std::pair<EmailId, std::uint64_t>> emails) {
  SegmentMaker maker;
  works_since_ = around_.clock->steady();
  auto done = state.done;
  std::uint64_t octets = 0;
  for (std::size_t from = 0; from < emails.size() && octets < kOctetsAtOnce && maker.memory() < kMakerMemory;) {
    if (stopping()) return {};
    const auto some = emails.subspan(from, std::min(kOpenAtOnce, emails.size() - from));
    std::vector<EmailId> ids;
    for (const auto& [email, size] : some) ids.push_back(email);
    const ReadGate::Pass inside(gate_);
    auto opened = open_now(account, ids);
    if (!opened) return pass(opened);
    for (std::size_t i = 0; i < some.size() && octets < kOctetsAtOnce && maker.memory() < kMakerMemory; ++i) {
      done = some[i].first;
      ++from;
      auto* const stored = dynamic_cast<StoredEmail*>((*opened)[i].get());
      if (stored == nullptr) continue;  // removed in between
      octets += some[i].second;
      auto whole = stored->read_now(0, static_cast<std::size_t>(stored->size()));
      if (whole) {
        maker.add(letter_of(done, *whole));
      } else if (whole.error().kind != ErrorKind::damaged) {
        return pass(whole);
      }
      give_way_to_readers();
    }
  }
  const auto letters = static_cast<std::int64_t>(maker.letters());
  auto number = take_segment_number(account);
  if (!number) return pass(number);
  Chunker chunker;
  SearchSink sink = [&](SearchPart part, std::string_view part_octets) -> Result<void> {
    chunker.take(part, part_octets);
    if (chunker.ready().size() < kChunksAWrite) return {};
    return write_chunks(account, *number, chunker.ready());
  };
  if (letters > 0) {
    if (auto finished = maker.finish(sink); !finished) return finished;
  }
  chunker.finish();
  return write_now([&](db::Connection& connection) -> Result<void> {
    if (auto written = insert_chunks(connection, account, *number, chunker.ready()); !written) return written;
    auto now = read_search_state(connection, account);
    if (!now) return pass(now);
    now->done = done;
    if (auto written = write_search_state(connection, account, *now); !written) return written;
    if (letters == 0) return {};
    return insert_segment(connection, account,
                          {.segment = *number, .first = emails.front().first, .level = 0, .letters = letters});
  });
}

// The last segments, if enough of them are of one level.
Result<void> Shard::merge_account(AccountId account) {
  std::vector<SearchSegment> merged;
  auto looked = readers_.read([&](db::Connection& connection) -> Result<void> {
    auto rows = read_segments(connection, account);
    if (!rows) return pass(rows);
    std::size_t same = 0;
    while (same < rows->size() && (*rows)[rows->size() - 1 - same].level == rows->back().level) ++same;
    if (same >= kMergeAtOnce) merged.assign(rows->end() - static_cast<std::ptrdiff_t>(same), rows->end());
    return {};
  });
  if (!looked || merged.empty()) return looked;
  auto number = take_segment_number(account);
  if (!number) return pass(number);
  Chunker chunker;
  auto letters = readers_.read([&](db::Connection& connection) -> Result<std::size_t> {
    std::vector<std::int64_t> living;
    auto read =
        each_row(connection, "SELECT email_id FROM email WHERE account_id = $1 AND email_id >= $2 ORDER BY email_id",
                 {account.value, merged.front().first.value}, [&](const db::Rows& row) -> Result<void> {
                   living.push_back(row.integer(0));
                   return {};
                 });
    if (!read) return pass(read);
    std::vector<StoredSegment> segments;
    segments.reserve(merged.size());
    std::vector<SegmentSource*> sources;
    sources.reserve(merged.size());
    for (const auto& row : merged) sources.push_back(&segments.emplace_back(connection, account, row.segment, nullptr));
    SearchSink sink = [&](SearchPart part, std::string_view octets) -> Result<void> {
      give_way_to_readers();
      chunker.take(part, octets);
      if (chunker.ready().size() < kChunksAWrite) return {};
      return write_chunks(account, *number, chunker.ready());
    };
    return merge_segments(sources, [&](std::int64_t email) { return std::ranges::binary_search(living, email); }, sink);
  });
  if (!letters) return pass(letters);
  chunker.finish();
  auto counted = write_now([&](db::Connection& connection) -> Result<void> {
    if (auto written = insert_chunks(connection, account, *number, chunker.ready()); !written) return written;
    for (const auto& row : merged) {
      auto gone = connection.run("DELETE FROM search_segment WHERE account_id = $1 AND segment = $2",
                                 {account.value, row.segment});
      if (!gone) return pass(gone);
    }
    return insert_segment(connection, account,
                          {.segment = *number,
                           .first = merged.front().first,
                           .level = merged.back().level + 1,
                           .letters = static_cast<std::int64_t>(*letters)});
  });
  if (!counted) return counted;
  indexing_.cleaned.erase(account);  // what was merged is stray now
  for (const auto& row : merged) search_cache_.forget(account, row.segment);
  // Segments of the new level may be enough as well.
  return merge_account(account);
}

}  // namespace pabal::store
