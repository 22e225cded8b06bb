// Store: mailboxes, emails, their octets, the change counters, the queue's rows and the traces, over one or more
// shards. What it promises is in docs/architecture.md, "Storage": when a write's coroutine goes on, the change survives
// a power loss.
//
// This is the face that the floors above see; schema, blobs and shards are in the files beside it.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/random.hpp"
#include "db/database.hpp"
#include "db/writer.hpp"
#include "store/delivery.hpp"
#include "store/incoming.hpp"
#include "store/mailbox_api.hpp"
#include "store/outgoing.hpp"
#include "store/search.hpp"
#include "store/watchers.hpp"

namespace pabal::store {

/// Which shard to open: its number, its database and its folder for blobs.
struct ShardPlace {
  ShardId id;
  db::Database* database = nullptr;
  std::string folder;      ///< segments, big files, lock; empty: there is none, blobs stay in the database
  std::string arrivals{};  ///< where there is no folder: one for big messages while they arrive; empty: in memory
  /// New blobs go into the database all the same; those in the folder stay, and are looked after.
  bool blobs_in_database = false;
};

struct StoreOptions {
  std::uint64_t segment_bytes = 64ULL << 20;
  std::size_t inline_at_most = 64 << 10;  ///< a lone message up to this size may ride in the rows' commit
  std::size_t file_at_least = 4 << 20;    ///< a message from this size has a file of its own
  std::size_t spill_at = 1 << 20;         ///< memory that one arriving message may take
  std::chrono::seconds trace_kept{30 * 24 * 3600};
  std::chrono::seconds undelete_kept{0};  ///< how long blobs stay after their last reference is gone
  std::size_t spare_segments = 4;         ///< emptied segment files that are kept to be written anew
  std::size_t pack_from = 1000;   ///< mailboxes of so many messages and more keep their snapshot in a packed form, too
  std::size_t many_flags = 1000;  ///< a change of flags of so many messages and more is written as one row first
  std::size_t leave_from = 1000;  ///< of so many messages that are removed together the emails' rows go later
  std::size_t max_mailboxes = kMostMailboxes;  ///< of an account, beyond which clients may make none
  std::size_t index_at_least = 64;             ///< letters that wait for the search index before it takes them
  std::size_t search_cache_bytes = 256 << 20;  ///< of the search index in memory, in each shard
  /// The background work's rhythm; 0: none of its own, maintain() is called from outside (tests).
  std::chrono::milliseconds upkeep_every{200};
};

struct Delivered {
  EmailId email;
  std::int64_t uid = 0;
  ChangeNumber change;
};
/// What became of one target. When `queued`, the queue row for it is committed. Where retry_locally is set and at least
/// one target was stored or queued, or the letter has recipients elsewhere, every other that failed is queued too, also
/// one that is over its quota or gone: the sender gets one 250 for all and can't be told of a part. Where all failed
/// for lasting reasons nothing is kept, and the sender is told.
struct TargetOutcome {
  Result<Delivered> result;
  bool queued = false;
};

/// A row of the queue that is due: a local letter that had to wait.
struct QueuedLocal {
  std::string delivery_id;
  std::int64_t number = 0;  ///< among the delivery's queue rows
  ShardId shard;            ///< where the queue row is
  std::string sender;
  std::string recipient;
  DeliveryTarget target;
  std::int64_t attempts = 0;
  SystemTime arrived;  ///< or the moment that it was held until
  std::string last_error;
  std::string envelope_id;
  std::string ret;
  bool smtputf8 = false;
  bool warned = false;  ///< the sender was told that it takes long
  TlsWish tls = TlsWish::none;
};

struct MailboxEntry {
  std::int64_t uid = 0;
  EmailId email;
  std::uint64_t size = 0;  ///< octets of prefix and content together
};
struct MailboxListing {
  MailboxId mailbox;
  std::uint32_t uid_validity = 0;
  std::int64_t uid_next = 0;
  std::vector<MailboxEntry> entries;  ///< by UID; without emails that are \Deleted there
};

/// The octets of one stored email: prefix and pieces as one run. Holds its blobs alive while it lives.
class EmailOctets {
 public:
  virtual ~EmailOctets() = default;
  [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;
  /// Up to `count` octets from `offset`, appended to `out`, if they are to be had without waiting for the disk; false
  /// otherwise.
  [[nodiscard]] virtual bool try_read(std::uint64_t offset, std::size_t count, std::string& out) = 0;
  /// The same, on the pool. A blob's checksum is compared when it is read whole, at once or in parts from its beginning
  /// on: then the last part is `io` where the octets are damaged.
  [[nodiscard]] virtual Async<Result<std::string>> read(std::uint64_t offset, std::size_t count) = 0;
};

/// One thing that is wrong with a shard, in words.
struct CheckFinding {
  std::string where;
  std::string what;
};

class Store {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(std::vector<ShardPlace> shards, FileSystem& files,
                                                           Pool& pool, const Clock& clock, Random& random, Log log,
                                                           Metrics& metrics, StoreOptions options);
  /// Ends all writers after what they have, and the background work. No coroutine may be in one of the calls below any
  /// more.
  ~Store();

  /// A buffer for an arriving message; `expected` octets as announced by SIZE, or 0.
  [[nodiscard]] Incoming receive(std::uint64_t expected);

  /// One transaction for all targets of one shard and the recipients elsewhere; the outcome of each target, in order.
  /// An Error instead: nothing was kept, and the sender must keep its copy. With retry_locally that is also so if every
  /// target failed. Targets of other shards than the first one's are in the queue with that commit, and delivered
  /// before this returns; only if they then fail for a passing reason do they stay queued.
  [[nodiscard]] Async<Result<std::vector<TargetOutcome>>> deliver(Delivery delivery);

  /// Queue rows whose time has come, claimed for `claim_for` so that no second worker takes them.
  [[nodiscard]] Async<Result<std::vector<QueuedLocal>>> due_local(std::size_t at_most, std::chrono::seconds claim_for);
  /// Delivers a queued local letter; success removes its row in the same commit (same shard) or right after (other
  /// shard, made safe by the delivery id).
  /// `receipts` go in with it where mailbox and row are in one shard, else not at all.
  [[nodiscard]] Async<Result<Delivered>> retry_local(QueuedLocal letter, std::vector<Notice> receipts = {});
  [[nodiscard]] Async<Result<void>> postpone_local(QueuedLocal letter, SystemTime next, std::string why);
  /// Takes the row out of the schedule until an operator releases it; nothing is lost by it.
  [[nodiscard]] Async<Result<void>> hold_local(QueuedLocal letter, std::string why);
  /// When the next queue row is due.
  [[nodiscard]] Async<Result<std::optional<SystemTime>>> next_due();

  // Letters on their way out (outgoing.hpp).
  /// Some steps of a walk through all destinations; from the beginning without a cursor.
  [[nodiscard]] Async<Result<DueDestinations>> due_destinations(std::optional<DestinationCursor> from,
                                                                std::size_t at_most);
  /// Rows of the destination that are due, at most 1,000, claimed until then; grouped by letter.
  [[nodiscard]] Async<Result<std::vector<OutgoingLetter>>> claim_outgoing(ShardId shard, std::string destination,
                                                                          std::size_t at_most, SystemTime until);
  /// Ends all claims that a worker took before: for the start of the only worker there is.
  [[nodiscard]] Async<Result<void>> forget_claims();
  /// What waits for its next attempt, elsewhere or here, waits no longer than until `latest`, but for what its sender
  /// wants held and what is claimed: for a clock that was set back.
  /// Some rows at a time, with other writes between; it ends early where `go_on` says no.
  [[nodiscard]] Async<Result<void>> bring_forward(SystemTime latest, std::function<bool()> go_on);
  /// not_found where the letter has left the queue.
  [[nodiscard]] Async<Result<OutgoingContent>> open_outgoing(ShardId shard, std::string delivery_id);
  /// Writes what came of attempts, in one transaction; notices go in with it. After an error (a commit in doubt, too)
  /// the same may be said again: what was done isn't done twice. Rows that are gone are passed over.
  [[nodiscard]] Async<Result<void>> settle(ShardId shard, std::vector<AttemptOutcome> attempts);
  /// The letters of a delivery as they would be claimed: for a worker that takes them at once, under the delivery's own
  /// claim.
  [[nodiscard]] std::vector<OutgoingLetter> outgoing_letters(const Delivery& delivery, SystemTime now) const;

  /// The trace of something that was not delivered, as JSON; found and forgotten as those of deliveries.
  [[nodiscard]] Async<Result<void>> keep_trace(std::string id, std::string message_id, std::string document);

  [[nodiscard]] Async<Result<MailboxListing>> list_mailbox(Place place, std::string mailbox);
  [[nodiscard]] Async<Result<std::unique_ptr<EmailOctets>>> open_email(Place place, EmailId email);
  /// Several at once, in order, for readers that go through a mailbox; an entry is null where the email is gone.
  [[nodiscard]] Async<Result<std::vector<std::unique_ptr<EmailOctets>>>> open_emails(Place place,
                                                                                     std::vector<EmailId> emails);
  /// Removes these UIDs from the mailbox in one transaction, all or nothing; UIDs that are gone already don't matter.
  [[nodiscard]] Async<Result<ChangeNumber>> expunge(Place place, MailboxId mailbox, std::vector<std::int64_t> uids);
  /// Octets and emails that an account holds.
  struct Usage {
    std::uint64_t bytes = 0;
    std::uint64_t emails = 0;
  };
  [[nodiscard]] Async<Result<Usage>> usage(Place place);

  // Mailboxes (mailbox_api.hpp). A mailbox or an account that isn't there is `not_found`, an account that is being
  // removed `busy`, a path that can't be one `policy`. Each write is one transaction, and takes its change numbers
  // there.

  [[nodiscard]] Async<Result<AccountMailboxes>> mailboxes(Place place);
  /// What has changed since; `since` nothing: all mailboxes, and no annotations. `reader` is whose private annotations
  /// count.
  [[nodiscard]] Async<Result<MailboxesChanged>> mailboxes_since(Place place, std::optional<ChangeNumber> since,
                                                                AccountId reader);
  /// Names that are subscribed and have no mailbox.
  [[nodiscard]] Async<Result<std::vector<std::string>>> subscribed_names(Place place);
  [[nodiscard]] Async<Result<MailboxInfo>> find_mailbox(Place place, std::string path);
  /// With the owner's `unseen` also for a reader, whose own takes a look at each message.
  [[nodiscard]] Async<Result<MailboxWithAccess>> find_with_access(Place place, std::string path);
  /// With those above it. `exists` where it is there, `limit` where there are too many, `state` where another mailbox
  /// has the role, which an account has once (RFC 8621 §2). A name that was used before gets a higher UIDVALIDITY (RFC
  /// 9051 §6.3.4); its subscription, if there still is one, is the new mailbox's.
  [[nodiscard]] Async<Result<MailboxMade>> create_mailbox(Place place, std::string path, std::string role);
  /// With its messages. INBOX is refused (`policy`), and one with others below it (`state`; RFC 9051 §6.3.5). The name
  /// stays subscribed. With an id only that mailbox: `not_found` where another has the name by now. The mailbox is gone
  /// at once; the messages of a big one go in pieces, those that a crash leaves after the next start.
  [[nodiscard]] Async<Result<ChangeNumber>> delete_mailbox(Place place, std::string path,
                                                           std::optional<MailboxId> id = {});
  /// With all below it, under one change; missing ones above the new name are made (RFC 9051 §6.3.6). `exists` where
  /// one of the new names is there, `policy` where a mailbox would come under itself. INBOX stays: its messages move to
  /// a new mailbox, and what is below it stays too. Subscriptions and roles go along with the mailboxes. With
  /// an id only that mailbox: `not_found` where another has the name by now.
  [[nodiscard]] Async<Result<ChangeNumber>> rename_mailbox(Place place, std::string from, std::string to,
                                                           std::optional<MailboxId> id = {});
  /// The name needs no mailbox. `limit` where too many names without one are subscribed.
  [[nodiscard]] Async<Result<void>> subscribe(Place place, std::string path, bool subscribed);

  /// The mailbox as it is now; sessions that ask at the same state share one.
  [[nodiscard]] Async<Result<std::shared_ptr<const MailboxSnapshot>>> snapshot(Place place, MailboxId mailbox);
  /// What has changed after `change` (RFC 7162 CHANGEDSINCE, VANISHED); takes time in proportion to that.
  [[nodiscard]] Async<Result<MailboxChanges>> changes_since(Place place, MailboxId mailbox, ChangeNumber change);
  /// For a SELECT in IMAP4rev1: messages up to UIDNEXT are recent to nobody after it. What first_recent_uid was.
  [[nodiscard]] Async<Result<std::uint32_t>> take_recent(Place place, MailboxId mailbox);

  /// Under one change, in all mailboxes where these emails stand. `policy` for what can't be a keyword, `limit` where
  /// the account would have too many.
  [[nodiscard]] Async<Result<FlagsChanged>> change_flags(Place place, MailboxId mailbox, FlagChange change);
  /// New emails of the same content, threads, dates and flags (those in `scope`), all or none (`quota`). The target is
  /// a path and must be there.
  [[nodiscard]] Async<Result<Copied>> copy(Place place, MailboxId mailbox, UidRanges uids, Place target,
                                           std::string target_path, FlagScope scope = {});
  /// The same emails, where the target is in the same account; else copies, and the source's are removed. All or none;
  /// only between shards may a failure leave both (never neither).
  [[nodiscard]] Async<Result<Copied>> move(Place place, MailboxId mailbox, UidRanges uids, Place target,
                                           std::string target_path, FlagScope scope = {});
  /// Adds letters, all or none (RFC 3502); as durable as deliver(). In the same transaction `replaced`, if there is
  /// one, goes; its octets don't count for the quota then. `exists`: it is gone already, and nothing was added.
  [[nodiscard]] Async<Result<Appended>> append(Place place, AppendTarget target, std::vector<AppendedLetter> letters,
                                               std::optional<Replaced> replaced = {});
  /// Removes those among `uids` that are \Deleted.
  [[nodiscard]] Async<Result<Expunged>> expunge_deleted(Place place, MailboxId mailbox, UidRanges uids);

  /// In the order asked for; those that are gone are left out.
  [[nodiscard]] Async<Result<std::vector<EmailRow>>> email_rows(Place place, std::vector<EmailId> emails);
  /// The same for listings of many: gives each row to `use`, on the pool, until it gives false. Without `parsed` what
  /// was derived isn't read.
  [[nodiscard]] Async<Result<void>> use_email_rows(Place place, std::vector<EmailId> emails, bool parsed,
                                                   std::move_only_function<bool(const EmailRow&)> use);
  [[nodiscard]] Async<Result<std::vector<SavedDate>>> saved_dates(Place place, MailboxId mailbox, UidRanges uids);
  [[nodiscard]] Async<Result<Quota>> quota(Place place);
  /// Whatever there is already stays; nothing comes beyond the limits.
  [[nodiscard]] Async<Result<void>> limit(Place place, QuotaLimits limits);

  /// Of a mailbox, or of the account where there is none (RFC 5464): all that `reader` sees, shared ones and its own
  /// private ones, by name.
  [[nodiscard]] Async<Result<std::vector<Annotation>>> annotations(Place place, MailboxId mailbox, AccountId reader);
  /// Names of a mailbox's entries that changed after `since`, up to `until`.
  [[nodiscard]] Async<Result<std::vector<std::string>>> changed_annotations(Place place, MailboxId mailbox,
                                                                            AccountId reader, ChangeNumber since,
                                                                            ChangeNumber until);
  /// Entries of these names in all mailboxes of the account.
  [[nodiscard]] Async<Result<std::vector<std::pair<MailboxId, Annotation>>>> annotations_of_all(
      Place place, AccountId reader, std::vector<std::string> names);
  /// All or none. `limit`: a value is too long (MAXSIZE); `quota`: too many entries, or too much of them (TOOMANY);
  /// `policy`: no such name; `state`: "/private/specialuse" of the owner changes the mailbox's role (RFC 6154 §4), and
  /// that role can't be given to it.
  [[nodiscard]] Async<Result<void>> set_annotations(Place place, MailboxId mailbox, AccountId reader,
                                                    std::vector<Annotation> entries);
  [[nodiscard]] Async<Result<std::vector<AccessEntry>>> access_list(Place place, MailboxId mailbox);
  /// The lists of all mailboxes that have one, by mailbox.
  [[nodiscard]] Async<Result<std::vector<std::pair<MailboxId, AccessEntry>>>> access_lists(Place place);
  /// An entry without rights goes. Who watches account 0 hears of rights that were given or taken in any account.
  [[nodiscard]] Async<Result<void>> set_access(Place place, MailboxId mailbox, AccessChange change);
  /// Mailboxes of all accounts with an entry for one of these identifiers, by account and path.
  [[nodiscard]] Async<Result<std::vector<SharedMailbox>>> shared_with(std::vector<std::string> identifiers);

  /// Asks the search index; some milliseconds in a big mailbox, on the pool.
  [[nodiscard]] Async<Result<std::shared_ptr<const SearchAnswer>>> look_up(Place place, SearchQuery query);
  /// Runs what takes long, and waits for nothing, on the pool that reads run on: a server's thread goes on meanwhile.
  /// Short enough (some ten milliseconds) that others have their turn between two of them.
  [[nodiscard]] Async<> aside(std::move_only_function<void()> work);

  /// Calls back after each commit that has changed the account, from any thread.
  [[nodiscard]] Watch watch(AccountId account, WatchCallback callback);

  // Blocking; control thread and command line only.
  /// Makes the account's row and its mailboxes (INBOX, and Drafts, Sent, Junk, Trash, Archive with their special use);
  /// where they are there already only the quota is set.
  [[nodiscard]] Result<void> create_account(Place place, std::optional<std::uint64_t> quota_bytes);
  [[nodiscard]] Result<void> set_quota(Place place, std::optional<std::uint64_t> quota_bytes);
  /// Deliveries to it fail from now on (`busy`, then `not_found`); its emails go piece by piece.
  [[nodiscard]] Result<void> remove_account(Place place);
  /// The traces of a message, newest first, as JSON objects: by delivery id, Message-ID, or "account/mailbox/uid" with
  /// the account's number. To what was given with the delivery comes what is so now: "mailboxes" (account, mailbox,
  /// uid, email, state: there or gone) and, where some wait, "queued" (recipient, state, attempts, next_attempt,
  /// last_error), and "attempts", what was seen when it was tried elsewhere. "refused" (account, mailbox, why) are
  /// those that the sender was told of while others were reached.
  [[nodiscard]] Result<std::vector<std::string>> traces(std::string_view key);
  /// What an operator does with the queue rows of a delivery: try again now those that aren't held, hold, let go those
  /// that are held, or drop for good. The letter's trace says so.
  enum class QueueAction : std::uint8_t { retry, hold, release, drop };
  /// How many rows that was; 0: no such queue entry, or none that is meant.
  [[nodiscard]] Result<std::int64_t> change_queue(std::string_view delivery_id, QueueAction action);
  /// The same of the rows that queue_rows(filter) gives: one page, each shard's in one transaction.
  [[nodiscard]] Result<QueueChange> change_queue(const QueueFilter& filter, QueueAction action);
  /// The queue as JSON rows, by id and number; ids begin with the time, so that the oldest letters come first. Reads no
  /// more than it gives, but for what the filter leaves out.
  [[nodiscard]] Result<std::vector<std::string>> queue_rows(const QueueFilter& filter = {});
  /// For each destination, as JSON rows: how many recipients wait and are held, since when, when the next is tried.
  [[nodiscard]] Result<std::vector<std::string>> queue_destinations();
  /// Counted in the indexes, on the readers' threads: some 20 ms for a million rows.
  [[nodiscard]] Async<Result<QueueCounts>> queue_counts();
  /// The rows of one letter.
  [[nodiscard]] Result<std::vector<std::string>> queue_rows_of(std::string_view delivery_id);
  /// Verifies everything: references, counters, UIDs, quota sums, blob checksums. Empty: all is well.
  [[nodiscard]] Result<std::vector<CheckFinding>> check();
  /// One round of the background work (moving inline blobs, reclaiming, forgetting old traces, checkpoints); tests call
  /// it, the store's own thread does by itself.
  [[nodiscard]] Result<void> maintain();
  /// False once a shard takes no more writes (a flush failed).
  [[nodiscard]] bool healthy() const noexcept;

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  [[nodiscard]] Async<Result<std::vector<TargetOutcome>>> deliver_to_shards(Delivery delivery);
  struct QueuedTargets;
  [[nodiscard]] Async<Result<std::vector<Result<Delivered>>>> deliver_queued(QueuedTargets queued);

  // store_mailboxes.cpp
  template <class T>
  [[nodiscard]] Async<Result<T>> read_rows(Place place, std::move_only_function<Result<T>(db::Connection&)> work);
  template <class T>
  [[nodiscard]] Async<Result<T>> write_rows(Place place, std::move_only_function<Result<T>(db::Connection&)> work);
  [[nodiscard]] Async<Result<void>> change_rows(Place place,
                                                std::move_only_function<Result<ChangeNumber>(db::Connection&)> work);
  [[nodiscard]] Async<Result<Expunged>> remove_messages(Place place, MailboxId mailbox, UidRanges uids,
                                                        bool only_deleted);
  [[nodiscard]] Async<Result<Copied>> transfer(Place place, MailboxId mailbox, UidRanges uids, Place target,
                                               std::string target_path, bool moves, FlagScope scope);
  [[nodiscard]] Async<Result<Copied>> transfer_across(Place place, MailboxId mailbox, UidRanges uids, Place target,
                                                      std::string target_path, bool moves, FlagScope scope);
  [[nodiscard]] Async<void> empty_mailbox(Place place, MailboxId mailbox);
  void tell(AccountId account, ChangeNumber change);
  // transfer.cpp
  struct Transfer;
  [[nodiscard]] Async<Result<std::vector<CopiedUid>>> transfer_some(Transfer* transfer, Copied* copied);

  std::unique_ptr<State> state_;
};

}  // namespace pabal::store
