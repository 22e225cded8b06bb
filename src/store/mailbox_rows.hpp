// Mailboxes and what stands in them, as rows: functions that run in a transaction, those that change something in the
// shard's writer. Each is one call of Store, or a part that several share.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "db/database.hpp"
#include "store/compact.hpp"
#include "store/keywords.hpp"
#include "store/mailbox_api.hpp"

namespace pabal::store {

[[nodiscard]] std::unexpected<Error> no_mailbox(AccountId account, std::string_view what);

/// Sorted, without overlaps and empty ones.
[[nodiscard]] UidRanges normalised(UidRanges ranges);
[[nodiscard]] UidRanges ranges_of(std::vector<std::int64_t> uids);

/// Takes the account's next numbers, `count` of them, and gives the last. `not_found`, or `busy` where the account is
/// being removed.
[[nodiscard]] Result<ChangeNumber> take_changes(db::Connection& connection, AccountId account, std::int64_t count = 1);

/// The same for emails that come in, with room for them: `quota` where there is none.
[[nodiscard]] Result<ChangeNumber> take_space(db::Connection& connection, AccountId account, std::int64_t bytes,
                                              std::int64_t emails);

// mailbox_rows.cpp
[[nodiscard]] Result<AccountMailboxes> read_mailboxes(db::Connection& connection, AccountId account);
[[nodiscard]] Result<MailboxInfo> read_mailbox(db::Connection& connection, AccountId account, MailboxId mailbox);
/// Also one that is being deleted (leaving.hpp), which no other call finds.
[[nodiscard]] Result<MailboxInfo> read_any_mailbox(db::Connection& connection, AccountId account, MailboxId mailbox);
/// By its name as a user writes it.
[[nodiscard]] Result<MailboxInfo> read_mailbox(db::Connection& connection, AccountId account, std::string_view path);
/// `most`: mailboxes that there may be.
[[nodiscard]] Result<Quota> read_quota(db::Connection& connection, AccountId account, std::size_t most);
/// The account's change, which stays.
[[nodiscard]] Result<ChangeNumber> write_quota(db::Connection& connection, AccountId account,
                                               const QuotaLimits& limits);
/// Octets that the account has left; nothing: no limit.
[[nodiscard]] Result<std::optional<std::uint64_t>> read_room(db::Connection& connection, AccountId account);

/// One message's row.
struct MembershipRow {
  std::uint32_t uid = 0;
  EmailId email;
  std::int64_t size = 0;
  std::string keywords;  ///< encoded
  bool deleted = false;
  bool shared = false;
  std::int64_t change = 0;
};
/// The UIDs of a mailbox's ($2 of account $1) messages that stand in others too, rising; mostly none.
inline constexpr std::string_view kSharedUids =
    "SELECT uid FROM membership WHERE account_id = $1 AND mailbox_id = $2 AND shared = 1 ORDER BY uid";
inline constexpr std::string_view kFirstSharedUid =
    "SELECT uid FROM membership WHERE account_id = $1 AND mailbox_id = $2 AND shared = 1 ORDER BY uid LIMIT 1";
/// By UID. The ranges are normalised. Neighbours in a range are neighbours in the mailbox.
[[nodiscard]] Result<std::vector<MembershipRow>> read_memberships(db::Connection& connection, AccountId account,
                                                                  MailboxId mailbox, const UidRanges& ranges);
/// The same without the changes of flags that are pending (pending_flags.hpp).
[[nodiscard]] Result<std::vector<MembershipRow>> read_stored_memberships(db::Connection& connection, AccountId account,
                                                                         MailboxId mailbox, const UidRanges& ranges);

/// What a change adds to a mailbox's counters (less than 0: takes away).
struct MailboxCounts {
  std::int64_t emails = 0;
  std::int64_t unseen = 0;
  std::int64_t bytes = 0;
  std::int64_t deleted = 0;
  std::int64_t deleted_bytes = 0;
};
[[nodiscard]] Result<MailboxCounts> counts_of(std::span<const MembershipRow> rows);
/// The first of the mailbox's next UIDs, `count` of them.
[[nodiscard]] Result<std::int64_t> take_uids(db::Connection& connection, AccountId account, MailboxId mailbox,
                                             std::int64_t count);
/// Adds them, and sets the mailbox's change.
[[nodiscard]] Result<void> count_mailbox(db::Connection& connection, AccountId account, MailboxId mailbox,
                                         ChangeNumber change, const MailboxCounts& counts);

[[nodiscard]] Result<std::vector<std::string>> read_subscribed_names(db::Connection& connection, AccountId account);
/// `since` nothing: all that there are, and no changed annotations.
[[nodiscard]] Result<MailboxesChanged> read_mailboxes_since(db::Connection& connection, AccountId account,
                                                            std::optional<ChangeNumber> since, AccountId reader);

// mailbox_tree.cpp
/// Makes the mailbox and those above it, each under a change of its own; nothing where it is there.
[[nodiscard]] Result<void> make_mailbox(db::Connection& connection, AccountId account, std::string_view path,
                                        std::string_view role, SystemTime now, bool subscribed);
/// `most`: mailboxes that there may be then.
[[nodiscard]] Result<MailboxMade> create_mailbox(db::Connection& connection, AccountId account, std::string_view path,
                                                 std::string_view role, SystemTime now, std::size_t most);
struct MailboxDeleted {
  ChangeNumber change;
  std::optional<MailboxId> leaving;  ///< it was big: its messages are still there (leaving.hpp)
};
[[nodiscard]] Result<MailboxDeleted> delete_mailbox(db::Connection& connection, AccountId account,
                                                    std::string_view path, std::optional<MailboxId> id, SystemTime now);
/// The mailbox, which has no messages, and all that hangs on it.
[[nodiscard]] Result<void> remove_mailbox_rows(db::Connection& connection, AccountId account, MailboxId mailbox);
[[nodiscard]] Result<ChangeNumber> rename_mailbox(db::Connection& connection, AccountId account, std::string_view from,
                                                  std::optional<MailboxId> id, std::string_view to, SystemTime now,
                                                  std::size_t most);
/// Names that mailboxes of an account gave up are remembered, so many; of more that they were.
inline constexpr std::int64_t kMostGivenUpNames = 20'000;
/// 0 where nothing changed.
[[nodiscard]] Result<ChangeNumber> subscribe(db::Connection& connection, AccountId account, std::string_view path,
                                             bool subscribed);

// snapshot_rows.cpp
struct SnapshotRead {
  std::shared_ptr<const MailboxSnapshot> snapshot;
  std::string pack;        ///< the packed form, where it should be written; else empty
  std::size_t behind = 0;  ///< messages that the one that was there did not know of
  std::string damage;      ///< what is wrong with the one that was there; empty: nothing
};
/// `base` brought up to date; where there is none, or it is too old, the packed form of mailboxes of `pack_from`
/// messages and more, or all rows.
[[nodiscard]] Result<SnapshotRead> read_snapshot(db::Connection& connection, AccountId account, MailboxId mailbox,
                                                 std::shared_ptr<const MailboxSnapshot> base, std::size_t pack_from);
/// Whether so many messages behind a mailbox's packed form of `emails` are enough to write it anew in the background.
[[nodiscard]] bool packed_long_ago(std::size_t behind, std::size_t emails) noexcept;
/// The snapshot with a change of flags that came right after it, without a look at the rows; null where all rows should
/// be looked at.
[[nodiscard]] std::shared_ptr<const MailboxSnapshot> with_flags(const MailboxSnapshot& base,
                                                                const FlagsChanged& changed);
struct RenewedPack {
  std::string octets;  ///< empty where the one that is kept is just so, or the mailbox is gone
  std::uint32_t uid_next = 1;
};
/// The packed form of the mailbox as it is now. `held`: a snapshot of it that is at hand, or null; no row is read where
/// it is of now, or (`nearly` is enough) newer than the form that is kept.
[[nodiscard]] Result<RenewedPack> renew_pack(db::Connection& connection, AccountId account, MailboxId mailbox,
                                             const MailboxSnapshot* held, bool nearly);
/// UIDNEXT as the packed form has it; 0 where there is none that can be used.
[[nodiscard]] Result<std::uint32_t> packed_uid_next(db::Connection& connection, AccountId account, MailboxId mailbox);
/// Nothing where the mailbox is gone.
[[nodiscard]] Result<void> write_pack(db::Connection& connection, AccountId account, MailboxId mailbox,
                                      std::string_view octets);
[[nodiscard]] Result<MailboxChanges> read_changes(db::Connection& connection, AccountId account, MailboxId mailbox,
                                                  ChangeNumber since);
[[nodiscard]] Result<std::vector<SavedDate>> read_saved_dates(db::Connection& connection, AccountId account,
                                                              MailboxId mailbox, const UidRanges& ranges);

// flag_rows.cpp
[[nodiscard]] Result<FlagsChanged> change_flags(db::Connection& connection, AccountId account, MailboxId mailbox,
                                                const FlagChange& change);
// many_flags.cpp
/// The same for `from` messages and more of a mailbox whose snapshot `base` somebody holds: they are looked up there,
/// and one row says what became of all of them (pending_flags.hpp). Nothing where that can't be: change_flags() is then
/// to be asked.
[[nodiscard]] Result<std::optional<FlagsChanged>> change_many_flags(db::Connection& connection, AccountId account,
                                                                    MailboxId mailbox, const FlagChange& change,
                                                                    std::shared_ptr<const MailboxSnapshot> base,
                                                                    std::size_t from);

// reader_rows.cpp
/// The UIDs of a mailbox that a reader has seen, normalised; some may be gone.
[[nodiscard]] Result<UidRanges> read_seen(db::Connection& connection, const Place& place, MailboxId mailbox);
/// In `rows` (by rising UID) \Seen becomes the reader's own.
void show_seen(const UidRanges& seen, std::span<MessageRow> rows);
/// How many messages of the mailbox the reader hasn't seen.
[[nodiscard]] Result<std::uint64_t> count_unseen(db::Connection& connection, const Place& place, MailboxId mailbox);
/// The owner's snapshot as the reader sees it; `old` is an earlier one of the same reader's, or null.
[[nodiscard]] Result<std::shared_ptr<const MailboxSnapshot>> read_as_seen(
    db::Connection& connection, const Place& place, const std::shared_ptr<const MailboxSnapshot>& owners,
    const std::shared_ptr<const MailboxSnapshot>& old);
/// change_flags() for a reader: \Seen changes in his own list, under the change of the messages.
[[nodiscard]] Result<FlagsChanged> change_flags_of_reader(db::Connection& connection, const Place& place,
                                                          MailboxId mailbox, const FlagChange& change);
/// After a copy: the flags that the copier may not set go, and \Seen is as he saw it at the source.
[[nodiscard]] Result<void> fit_copies(db::Connection& connection, const Place& from, const UidRanges& seen,
                                      const Place& to, FlagScope scope, Copied& copied);
/// After a move within an account: what readers have seen stays seen.
[[nodiscard]] Result<void> move_seen(db::Connection& connection, AccountId account, MailboxId from,
                                     const Copied& copied);

// expunge_rows.cpp
enum class Which : std::uint8_t { all, deleted };
struct ExpungeHow {
  std::shared_ptr<const MailboxSnapshot> base;  ///< of the mailbox, or null: the \Deleted ones are looked up in it
  std::size_t leave_from = SIZE_MAX;            ///< of so many the emails' rows are left for later (leaving_emails.hpp)
};
/// The ranges are normalised.
[[nodiscard]] Result<Expunged> expunge(db::Connection& connection, AccountId account, MailboxId mailbox,
                                       const UidRanges& ranges, Which which, SystemTime now, ExpungeHow how = {});
struct EmailPieces {
  std::int64_t email = 0;
  std::int64_t size = 0;
  std::vector<Piece> pieces;
  std::vector<Standing> standings;
};
/// At most `limit` emails of the account, in no order.
[[nodiscard]] Result<std::vector<EmailPieces>> some_emails(db::Connection& connection, AccountId account,
                                                           std::int64_t limit);
/// Those of these (which rise) that are there, in the order of their ids.
[[nodiscard]] Result<std::vector<EmailPieces>> listed_emails(db::Connection& connection, AccountId account,
                                                             std::span<const std::int64_t> emails);
/// Removes the rows; what they refer to is the caller's.
[[nodiscard]] Result<void> remove_emails(db::Connection& connection, AccountId account,
                                         std::span<const std::int64_t> emails);
[[nodiscard]] Result<std::vector<Standing>> read_standings(db::Connection& connection, AccountId account,
                                                           EmailId email);

// copy_rows.cpp
[[nodiscard]] Result<Copied> copy_messages(db::Connection& connection, AccountId account, MailboxId mailbox,
                                           const UidRanges& ranges, AccountId target_account, MailboxId target,
                                           SystemTime now);
[[nodiscard]] Result<Copied> move_messages(db::Connection& connection, AccountId account, MailboxId mailbox,
                                           const UidRanges& ranges, MailboxId target, SystemTime now);

// email_rows.cpp
/// Gives the rows of the emails to `use`, in the order asked for and without those that are gone, until it gives false.
/// Without `parsed` what was derived isn't read.
[[nodiscard]] Result<void> use_email_rows(db::Connection& connection, AccountId account,
                                          std::span<const EmailId> emails, bool parsed,
                                          std::move_only_function<bool(const EmailRow&)>& use);
[[nodiscard]] Result<std::vector<EmailRow>> read_email_rows(db::Connection& connection, AccountId account,
                                                            const std::vector<EmailId>& emails);

// annotation_rows.cpp
[[nodiscard]] Result<std::vector<Annotation>> read_annotations(db::Connection& connection, AccountId account,
                                                               MailboxId mailbox, AccountId reader);
/// Entries of these names in all mailboxes.
[[nodiscard]] Result<std::vector<std::pair<MailboxId, Annotation>>> read_all_annotations(
    db::Connection& connection, AccountId account, AccountId reader, const std::vector<std::string>& names);
/// Names of a mailbox's entries that changed after `since`, up to `until`.
[[nodiscard]] Result<std::vector<std::string>> read_changed_entries(db::Connection& connection, const Place& place,
                                                                    MailboxId mailbox, ChangeNumber since,
                                                                    ChangeNumber until);
/// Names of entries that changed, of all and the reader's own; mailbox 0 is the account itself.
[[nodiscard]] Result<std::vector<std::pair<MailboxId, std::string>>> read_changed_entries(db::Connection& connection,
                                                                                          AccountId account,
                                                                                          AccountId reader,
                                                                                          ChangeNumber since);
/// The entry that tells a mailbox's special use to its owner, and changes it (RFC 6154 §4). Its rows only tell that it
/// has changed: what it says is the mailbox's role.
inline constexpr std::string_view kSpecialUseEntry = "/private/specialuse";
/// Kind `state` where another mailbox of the account has the role.
[[nodiscard]] Result<void> expect_free_role(db::Connection& connection, AccountId account, std::string_view role,
                                            MailboxId besides);
/// "\\Sent", or nothing. Kind `state`: there is no such special use here, another has it, or it is INBOX's.
[[nodiscard]] Result<void> write_special_use(db::Connection& connection, AccountId account, MailboxId mailbox,
                                             const std::optional<std::string>& uses, ChangeNumber change);
/// Of one mailbox, or of all those that have one where it is nothing.
[[nodiscard]] Result<void> read_special_uses(db::Connection& connection, AccountId account, MailboxId mailbox,
                                             const std::function<void(MailboxId, std::string)>& take);
[[nodiscard]] Result<ChangeNumber> write_annotations(db::Connection& connection, AccountId account, MailboxId mailbox,
                                                     AccountId reader, const std::vector<Annotation>& entries);
[[nodiscard]] Result<std::vector<AccessEntry>> read_access(db::Connection& connection, AccountId account,
                                                           MailboxId mailbox);
[[nodiscard]] Result<std::vector<std::pair<MailboxId, AccessEntry>>> read_access_lists(db::Connection& connection,
                                                                                       AccountId account);
[[nodiscard]] Result<ChangeNumber> write_access(db::Connection& connection, AccountId account, MailboxId mailbox,
                                                const AccessChange& change);
[[nodiscard]] Result<std::vector<SharedMailbox>> read_shared_with(db::Connection& connection, ShardId shard,
                                                                  const std::vector<std::string>& identifiers);

/// Takes each row of a query.
template <class Take>
[[nodiscard]] Result<void> each_row(db::Connection& connection, std::string_view sql,
                                    std::initializer_list<db::Parameter> parameters, Take take) {
  auto rows = connection.query(sql, parameters);
  if (!rows) return pass(rows);
  while (true) {
    auto any = rows->next();
    if (!any) return pass(any);
    if (!*any) return {};
    if (auto taken = take(*rows); !taken) return pass(taken);
  }
}

}  // namespace pabal::store
