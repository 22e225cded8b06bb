// Shard: one database with its blobs. The Store hands each call to the shard that it is for. The parts of this class
// stand in files of their own: shard.cpp (opening, closing), deliver.cpp, append.cpp, queue.cpp, mailboxes.cpp,
// octets.cpp, traces.cpp, derive.cpp, upkeep.cpp, check.cpp; rows are written by functions of *_rows.cpp.
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/json.hpp"
#include "store/appender.hpp"
#include "store/blobs.hpp"
#include "store/incoming.hpp"
#include "store/notice_rows.hpp"
#include "store/put_off.hpp"
#include "store/search_rows.hpp"
#include "store/store.hpp"

namespace pabal::store {

/// What all shards of a store share.
struct Surroundings {
  FileSystem* files = nullptr;
  Pool* pool = nullptr;
  const Clock* clock = nullptr;
  std::uint64_t key = 0;  ///< for salts; secret, new at each start
  Log log;
  Metrics* metrics = nullptr;
  StoreOptions options;
  std::shared_ptr<Watchers> watchers = std::make_shared<Watchers>();  ///< one for all shards
};

/// Numbers for new blobs, taken from the database in blocks, so that no number is ever given twice, not even after a
/// crash.
class BlobNumbers {
 public:
  [[nodiscard]] Result<void> open(db::Writer& writer);
  /// `busy` if the next block has not come yet.
  [[nodiscard]] Result<BlobId> take();

 private:
  struct Block {
    std::int64_t next = 0;
    std::int64_t end = 0;
  };
  struct Known {
    Block now;
    Block later;
    bool asked = false;
  };
  static constexpr std::int64_t block = 1 << 16;
  [[nodiscard]] static Result<Block> reserve(db::Connection& connection);

  db::Writer* writer_ = nullptr;
  Guarded<Known> known_;
};

struct AppendWrite;
struct DeliveryWrite;
struct DeliverySettled;
struct DeliveryGroup;
struct BlobSource;
class StoredEmail;
class BlobCheck;

/// A queue row.
struct QueueKey {
  std::string delivery_id;
  std::int64_t number = 0;
};

class Shard {
 public:
  using Outcomes = std::vector<TargetOutcome>;

  [[nodiscard]] static Result<std::unique_ptr<Shard>> open(ShardPlace place, Surroundings around);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  [[nodiscard]] ShardId id() const noexcept { return place_.id; }
  [[nodiscard]] const std::string& folder() const noexcept { return place_.folder; }
  /// A buffer that can spill into this shard's folder.
  [[nodiscard]] Incoming receive(std::uint64_t expected);
  [[nodiscard]] bool healthy() const noexcept;

  // deliver.cpp. `elsewhere`: targets of other shards, which get queue rows here in the same transaction, claimed until
  // `claimed_until`; their numbers are kElsewhereNumber + their index.
  [[nodiscard]] Async<Result<Outcomes>> deliver(Delivery delivery, std::vector<DeliveryTarget> elsewhere,
                                                SystemTime claimed_until);
  // append.cpp
  [[nodiscard]] Async<Result<Appended>> append(AccountId account, AppendTarget target,
                                               std::vector<AppendedLetter> letters, std::optional<Replaced> replaced);
  /// Octets of a message for a second use.
  [[nodiscard]] Async<Result<Incoming>> copy_of(const Incoming* content);

  /// Runs a write in the shard's writer and resumes with its value.
  template <class T>
  [[nodiscard]] Async<Result<T>> write(std::move_only_function<Result<T>(db::Connection&)> work);
  /// Reads in one snapshot, on the pool.
  template <class T>
  [[nodiscard]] Async<Result<T>> read(std::move_only_function<Result<T>(db::Connection&)> work);
  [[nodiscard]] Async<Result<std::shared_ptr<const MailboxSnapshot>>> snapshot(AccountId account, MailboxId mailbox);
  /// The snapshot after a change of flags, if the one before it is held by anybody; snapshot() finds it then.
  [[nodiscard]] Async<std::shared_ptr<const MailboxSnapshot>> take_flags(AccountId account, MailboxId mailbox,
                                                                         const FlagsChanged* changed);
  /// The newest that anybody holds, or null; it may be behind.
  using MailboxKey = std::pair<AccountId, MailboxId>;
  [[nodiscard]] std::shared_ptr<const MailboxSnapshot> newest_snapshot(MailboxKey key);
  /// Writes a snapshot's packed form in the background.
  void keep_pack(AccountId account, MailboxId mailbox, std::string octets);
  [[nodiscard]] Async<Result<std::shared_ptr<const MailboxSnapshot>>> reader_snapshot(Place place, MailboxId mailbox);

  // queue.cpp
  [[nodiscard]] Async<Result<std::vector<QueuedLocal>>> due_local(std::size_t at_most, std::chrono::seconds claim_for);
  /// A queued letter whose target is in this shard as well.
  [[nodiscard]] Async<Result<Delivered>> retry_here(QueuedLocal letter, std::vector<Notice> receipts);
  /// What another shard needs to deliver it.
  struct QueuedContent {
    Incoming content;
    std::string trace;
  };
  [[nodiscard]] Async<Result<QueuedContent>> queued_content(std::string delivery_id);
  [[nodiscard]] Async<Result<void>> remove_queued(std::string delivery_id, std::vector<std::int64_t> numbers);
  [[nodiscard]] Async<Result<void>> postpone(QueueKey key, SystemTime next, std::string why);
  [[nodiscard]] Async<Result<void>> hold(QueueKey key, std::string why);
  [[nodiscard]] Async<Result<std::optional<SystemTime>>> next_due();

  // queue_verbs.cpp
  [[nodiscard]] Result<std::int64_t> change_queue(const std::string& delivery_id, Store::QueueAction action);
  [[nodiscard]] Result<std::int64_t> change_queue(const std::vector<QueueKey>& rows, Store::QueueAction action);

  // queue_lists.cpp
  struct ListedRow {
    std::string id;
    std::int64_t number = 0;
    std::string json;
    friend auto operator<=>(const ListedRow&, const ListedRow&) = default;
  };
  [[nodiscard]] Result<std::vector<ListedRow>> queue_rows(const QueueFilter& filter, std::string_view delivery_id);
  struct DestinationCount {
    std::int64_t waiting = 0;
    std::int64_t held = 0;
    std::int64_t oldest = 0;
    std::int64_t next = 0;
  };
  [[nodiscard]] Result<std::map<std::string, DestinationCount>> queue_destinations();
  [[nodiscard]] Async<Result<QueueCounts>> queue_counts();

  // outgoing.cpp
  [[nodiscard]] Async<Result<DueDestinations>> due_destinations(std::string after, std::size_t at_most);
  [[nodiscard]] Async<Result<std::vector<OutgoingLetter>>> claim_outgoing(std::string destination, std::size_t at_most,
                                                                          SystemTime until);
  [[nodiscard]] Async<Result<void>> forget_claims();
  [[nodiscard]] Async<Result<void>> bring_forward(SystemTime latest, std::function<bool()> go_on);
  [[nodiscard]] Async<Result<OutgoingContent>> open_outgoing(std::string delivery_id);
  [[nodiscard]] Async<Result<void>> settle(std::vector<AttemptOutcome> attempts);

  // mailboxes.cpp
  [[nodiscard]] Async<Result<MailboxListing>> list_mailbox(AccountId account, std::string mailbox);
  [[nodiscard]] Async<Result<Store::Usage>> usage(AccountId account);
  [[nodiscard]] Result<void> create_account(AccountId account, std::optional<std::uint64_t> quota_bytes);
  [[nodiscard]] Result<void> set_quota(AccountId account, std::optional<std::uint64_t> quota_bytes);
  [[nodiscard]] Result<void> remove_account(AccountId account);
  // traces.cpp
  /// Where a delivery went, as this shard knows it.
  struct Trace {
    std::string delivery_id;
    std::int64_t made = 0;
    std::string document;
    json::array mailboxes;
    json::array queued;
    json::array attempts;
    json::array verbs;
    [[nodiscard]] static bool newer(const Trace& a, const Trace& b) noexcept {
      return a.made != b.made ? a.made > b.made : a.delivery_id < b.delivery_id;
    }
  };
  /// Newest first.
  [[nodiscard]] Result<std::vector<Trace>> traces(std::string_view key);
  [[nodiscard]] Async<Result<void>> keep_trace(std::string id, std::string message_id, std::string document);

  // search_index.cpp
  /// The account has letters that may not be in the search index.
  void to_index(AccountId account);
  /// Blocking; some milliseconds in a big mailbox.
  [[nodiscard]] Result<std::shared_ptr<const SearchAnswer>> look_up(AccountId account, const SearchQuery& query);

  // leaving.cpp
  /// A mailbox is left that is being deleted (leaving.hpp): the upkeep goes on with it.
  void leave_deletion() noexcept { deletions_left_ = true; }

  // pack_upkeep.cpp
  /// So many messages may have come into the account's mailboxes; or many have changed in one.
  void to_pack(AccountId account, std::uint64_t arrived);
  void to_pack(AccountId account, MailboxId mailbox);
  // fold_upkeep.cpp
  /// A change of flags is pending (pending_flags.hpp).
  void to_fold();
  // leaving_emails.cpp
  /// Emails' rows are left (leaving_emails.hpp).
  void to_leave();
  static constexpr std::uint64_t kUnknown = 1ULL << 40;

  // octets.cpp
  [[nodiscard]] Async<Result<std::vector<std::unique_ptr<EmailOctets>>>> open_emails(AccountId account,
                                                                                     std::vector<EmailId> emails);

  // upkeep.cpp, check.cpp; blocking
  [[nodiscard]] Result<void> maintain();
  [[nodiscard]] Result<void> check(std::vector<CheckFinding>& findings);

 private:
  friend class StoredEmail;
  friend class BlobCheck;
  Shard(ShardPlace place, Surroundings around);
  [[nodiscard]] Result<void> start();
  [[nodiscard]] Result<void> open_arrivals();
  void spill_into(const std::string& folder);
  [[nodiscard]] Result<void> remove_leftovers(db::Connection& connection);

  // deliver.cpp
  [[nodiscard]] Async<DeliverySettled> write_delivery(std::unique_ptr<DeliveryWrite> write, bool again);
  /// Says where a new blob goes, and puts it there where that comes before its rows. Both must live until it returns.
  [[nodiscard]] Async<Result<void>> place_blob(Incoming* content, BlobRow* blob, bool alone);
  [[nodiscard]] Result<void> keep_file(Incoming& content, BlobRow& blob);  // blocking
  void came_in_row();
  [[nodiscard]] Result<NoticeWrite> notice_write(const Notice& notice);
  /// A notice has come into a mailbox here.
  void noticed(const NoticeReached& reached);
  void flushed(AppendGroup group, Result<void> outcome);
  void submit_rows(std::unique_ptr<DeliveryGroup> group);
  void submit_careful(std::unique_ptr<DeliveryWrite> write);
  void settle(std::unique_ptr<DeliveryWrite> write, const Result<void>& outcome);

  // octets.cpp
  [[nodiscard]] Result<std::vector<std::unique_ptr<EmailOctets>>> open_now(AccountId account,
                                                                           const std::vector<EmailId>& emails);
  [[nodiscard]] Result<BlobSource> source_of(const BlobRow& row);
  /// One that is a file or in the database: not collected while the pin lives.
  [[nodiscard]] std::shared_ptr<const void> pin_blob(BlobId blob);
  [[nodiscard]] std::shared_ptr<const BlobSource> loaded_source(const BlobRow& row, std::string octets);
  [[nodiscard]] Result<bool> read_moved(BlobId blob, std::uint64_t offset, std::size_t count, std::string& out);
  [[nodiscard]] Result<std::unique_ptr<StoredEmail>> open_pieces(std::span<const Piece> pieces);
  [[nodiscard]] Result<Incoming> read_pieces(std::span<const Piece> pieces);
  [[nodiscard]] std::string path_of_file(BlobId blob) const {
    return fmt::format("{}/{:x}", files_folder_, blob.value);
  }

  /// What a shard says that takes no more writes.
  [[nodiscard]] static std::unexpected<Error> refusal();
  /// Runs a write in the shard's writer and waits for it.
  [[nodiscard]] Result<void> write_now(db::Work work);
  // append.cpp
  [[nodiscard]] Async<Result<void>> flush_letters(AppendWrite* write);
  [[nodiscard]] Async<Result<Appended>> commit_letters(std::shared_ptr<AppendWrite> write);
  [[nodiscard]] Async<Result<bool>> has_come(AccountId account, BlobId blob);

  // upkeep.cpp
  void upkeep_loop();
  /// So many blobs in rows wake the upkeep: what they leave free in the database is soon taken by the next ones.
  static constexpr std::size_t move_rows_at = 128;
  [[nodiscard]] bool rows_want_to_move(SteadyTime now);
  /// `all`: as much as there is to do, for tests.
  [[nodiscard]] Result<void> round(bool move_rows, bool all);
  /// Long work ends early where it may: the next start goes on with it.
  [[nodiscard]] bool stopping() { return sleep_.lock()->stopping; }
  [[nodiscard]] Result<void> move_rows_to_segments();
  [[nodiscard]] Result<bool> move_some_rows(BlobId& last);
  /// The records with their places.
  [[nodiscard]] Result<std::vector<Append>> append_now(std::vector<Append> records);
  [[nodiscard]] Result<void> move_blobs(std::span<const BlobRow> rows, std::span<const std::string> octets);
  /// For a blob that is too big for any segment: the setting was lowered since it was stored.
  [[nodiscard]] Result<void> move_to_file(const BlobRow& row, std::string_view octets);
  [[nodiscard]] Result<void> collect_dead();
  [[nodiscard]] Result<void> count_dead_space();
  [[nodiscard]] Result<void> reclaim();
  [[nodiscard]] Result<bool> reclaim_segment(std::int64_t number);
  [[nodiscard]] Result<void> retire_emptied();

  // derive.cpp; blocking
  [[nodiscard]] Result<void> derive_missing();
  [[nodiscard]] Result<void> find_outdated();
  [[nodiscard]] Result<void> forget_threads();
  [[nodiscard]] Result<std::optional<std::string>> content_of(AccountId account, EmailId email, std::uint64_t prefix,
                                                              std::uint64_t size);

  // leaving.cpp; blocking
  [[nodiscard]] Result<void> finish_deletions();

  // pack_upkeep.cpp; blocking
  [[nodiscard]] Result<void> pack_mailboxes(bool all);
  [[nodiscard]] Result<void> pack_mailboxes(bool all, const std::function<bool()>& enough);
  [[nodiscard]] Result<void> pack_at_end();
  [[nodiscard]] Result<void> pack_account(AccountId account, const std::set<MailboxKey>& changed, bool busy, bool all);
  [[nodiscard]] Result<std::uint64_t> pack_mailbox(MailboxKey key, std::uint32_t uid_next, std::uint64_t most,
                                                   bool changed);

  // fold_upkeep.cpp; blocking
  [[nodiscard]] Result<void> fold_pending(bool all);
  [[nodiscard]] Result<void> fold_mailbox(AccountId account, MailboxId mailbox);
  // leaving_emails.cpp; blocking
  [[nodiscard]] Result<void> remove_leaving_emails(bool all);

  // search_index.cpp; blocking
  /// Who reads comes first: rests a little where somebody has read since the last call.
  void give_way_to_readers();
  [[nodiscard]] Result<void> index_letters(bool all);
  [[nodiscard]] Result<void> find_unindexed();
  [[nodiscard]] Result<bool> index_account(AccountId account, bool all);
  [[nodiscard]] Result<bool> rebuild_account(AccountId account);
  [[nodiscard]] Result<void> remove_strays(AccountId account);
  [[nodiscard]] Result<void> make_segment(AccountId account, const SearchState& state,
                                          std::span<const std::pair<EmailId, std::uint64_t>> emails);
  [[nodiscard]] Result<void> merge_account(AccountId account);
  [[nodiscard]] Result<std::int64_t> take_segment_number(AccountId account);
  [[nodiscard]] Result<void> write_chunks(AccountId account, std::int64_t segment, std::vector<SearchChunk>& chunks);

  // traces.cpp
  [[nodiscard]] Result<void> keep_traces();
  [[nodiscard]] Result<void> index_traces(SystemTime now);
  [[nodiscard]] Result<void> forget_traces(SystemTime now);
  [[nodiscard]] Result<void> forget_indexed(SystemTime now, std::int64_t before);

  ShardPlace place_;
  Surroundings around_;
  std::unique_ptr<FileLock> lock_;
  std::string files_folder_;  ///< blobs that are files
  std::shared_ptr<const Incoming::Spilling> spilling_;
  std::unique_ptr<db::Writer> writer_owner_;
  db::Writer* writer_ = nullptr;  ///< stays set while the writer ends, for the outcomes that it still gives
  db::Readers readers_;
  std::unique_ptr<Segments> segments_;  ///< none where the shard has no folder
  BlobNumbers numbers_;
  std::atomic<std::uint64_t> salts_{0};
  std::atomic<std::size_t> under_way_{0};  ///< deliveries
  std::atomic<std::size_t> in_rows_{1};    ///< blobs that came in rows since the last move; one may be left from before
  std::atomic<bool> flush_failed_{false};
  std::atomic<bool> deletions_left_{true};  ///< mailboxes that are being deleted and nobody goes on with
  /// The newest snapshots that anybody holds.
  struct Snapshots {
    std::map<std::pair<AccountId, MailboxId>, std::weak_ptr<const MailboxSnapshot>> newest;
    std::size_t sweep_at = 128;  ///< at so many those that nobody holds any more are forgotten
    std::map<std::tuple<AccountId, MailboxId, AccountId>, std::weak_ptr<const MailboxSnapshot>> of_readers;
    std::size_t sweep_readers_at = 128;
  };
  Guarded<Snapshots> snapshots_;
  [[nodiscard]] std::shared_ptr<const MailboxSnapshot> keep_newest(MailboxKey key,
                                                                   std::shared_ptr<const MailboxSnapshot> made);
  ReadGate gate_;
  BlobPins pins_;
  Counter delivered_;
  Counter groups_;

  std::mutex upkeep_;  ///< one round at a time; check() holds it too
  struct Emptied {
    std::int64_t segment = 0;
    std::int64_t generation = 0;
  };
  std::vector<Emptied> emptied_;    ///< under upkeep_: free in the database, perhaps still read
  std::set<std::int64_t> damaged_;  ///< under upkeep_: segments that could not be emptied
  std::set<std::pair<std::int64_t, std::int64_t>>
      counted_;               ///< under upkeep_: full segments whose `dead` has been counted since the start
  SystemTime traces_kept_{};  ///< under upkeep_: when they were last looked after
  SteadyTime moved_rows_{};   ///< the upkeep thread's own

  /// Under upkeep_: how far the table was looked through for rows of an older version.
  struct Outdated {
    bool begun = false;
    bool done = false;
    AccountId account;
    EmailId email;
  };
  Outdated outdated_;
  /// Under upkeep_: how far this way through the emails that wait for their facts has come.
  struct WaitingPlace {
    AccountId account;
    EmailId email;
  };
  WaitingPlace waiting_;
  /// Under upkeep_: how far thread_key was looked through for threads without emails.
  struct Threads {
    AccountId account;
    std::int64_t key = 0;
    std::optional<SystemTime> ended;
  };
  Threads threads_;

  struct ToPack {
    std::map<AccountId, std::uint64_t> arrived;
    std::set<MailboxKey> changed;
    std::uint64_t all = 0;
    void add(const ToPack& more) {
      for (const auto& [account, count] : more.arrived) arrived[account] += count;
      changed.insert(more.changed.begin(), more.changed.end());
      all += more.all;
    }
  };
  Guarded<ToPack> to_pack_;
  Guarded<PutOff> to_fold_;   ///< changes of flags are pending
  Guarded<PutOff> to_leave_;  ///< emails are leaving
  /// Under upkeep_: how many messages may come to an account before its mailboxes are looked at again.
  struct Packing {
    std::uint64_t busy = 0;
    std::uint64_t calm = 0;
  };
  std::map<AccountId, Packing> packing_;
  std::map<MailboxKey, std::uint32_t> packed_;  ///< under upkeep_: UIDNEXT of packed forms that were looked at; 0: none

  std::atomic<std::uint64_t> reads_{0};
  std::uint64_t reads_seen_ = 0;  ///< under upkeep_, as is the next
  SteadyTime works_since_{};
  Guarded<std::set<AccountId>> to_index_;
  Guarded<std::set<AccountId>> to_rebuild_;  ///< whose index is damaged
  std::atomic<std::uint64_t> deliveries_{0};
  SearchCache search_cache_{around_.options.search_cache_bytes};
  /// Under upkeep_.
  struct Indexing {
    AccountId scanned;  ///< how far accounts were looked for at the start
    bool scanned_all = false;
    std::uint64_t delivered = 0;  ///< at the last round
    SteadyTime calm{};            ///< when few deliveries came last
    std::set<AccountId> cleaned;  ///< have no chunks that don't count
  };
  Indexing indexing_;

  struct Sleep {
    bool stopping = false;
  };
  Guarded<Sleep> sleep_;
  std::condition_variable wake_;
  std::unique_ptr<Appender> appender_;
  std::thread upkeep_thread_;
};

/// Appended to by upkeep: records that move.
class MoveJob final : public AppendJob {
 public:
  MoveJob() { in_background = true; }
  std::move_only_function<void(Result<std::vector<Append>>)> done;
};

template <class T>
Async<Result<T>> Shard::write(std::move_only_function<Result<T>(db::Connection&)> work) {
  struct Call {
    std::move_only_function<Result<T>(db::Connection&)> work;
    std::optional<Result<T>> value;
  };
  auto call = std::make_shared<Call>(std::move(work), std::nullopt);
  if (!healthy()) co_return refusal();
  co_return co_await await_completion<Result<T>>([this, call](Completion<Result<T>> done) mutable {
    writer_->submit(
        [call](db::Connection& connection) -> Result<void> {
          call->value = call->work(connection);
          if (!*call->value) return pass(*call->value);
          return {};
        },
        [call, done = std::move(done)](Result<void> outcome) mutable {
          if (outcome) {
            done(std::move(*call->value));
          } else {
            done(pass(outcome));
          }
        });
  });
}

template <class T>
Async<Result<T>> Shard::read(std::move_only_function<Result<T>(db::Connection&)> work) {
  reads_.fetch_add(1, std::memory_order_relaxed);
  co_return co_await around_.pool->run([this, work = std::move(work)]() mutable -> Result<T> {
    return readers_.read([&work](db::Connection& connection) -> Result<T> { return work(connection); });
  });
}

}  // namespace pabal::store
