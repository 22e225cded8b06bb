// What servers that show mailboxes (IMAP, JMAP, POP3) ask the store and are told, as values. The calls are Store's.
//
// Every change of an account takes the next number of its counter (ChangeNumber: IMAP's MODSEQ, JMAP's state). A
// mailbox's `change` is that of the last change of a message in it, its arrival and its removal included, or of the
// mailbox itself. Mailboxes are named by path: UTF-8, levels with "/" between, INBOX in any case.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "store/flags.hpp"
#include "store/incoming.hpp"
#include "store/mailbox_snapshot.hpp"

namespace pabal::store {

/// An account, and who looks at it: in another's mailbox \Seen is each reader's own, all else is everybody's.
struct Place {
  AccountId account;
  ShardId shard;
  AccountId reader{};  ///< nothing: the account itself
};

struct MailboxInfo {
  MailboxId id;
  std::string path;
  std::string role;  ///< RFC 8621 §2, "inbox", "drafts", "sent", "junk", "trash", "archive"; empty: none
  std::uint32_t uid_validity = 0;
  std::uint32_t uid_next = 1;
  std::uint64_t emails = 0;
  std::uint64_t unseen = 0;
  std::uint64_t bytes = 0;
  std::uint64_t deleted = 0;  ///< messages that are \Deleted, counted in `emails` too
  std::uint64_t deleted_bytes = 0;
  std::uint32_t first_recent_uid = 1;  ///< messages from this UID on are \Recent (RFC 3501 §2.3.2)
  ChangeNumber change;                 ///< HIGHESTMODSEQ
  bool subscribed = false;
};
/// The special use of a role (RFC 6154 §2): "\\Sent"; nothing for INBOX and for none.
[[nodiscard]] std::string special_use_of(std::string_view role);
/// The role behind a special use that a mailbox here may have, without regard to case.
[[nodiscard]] std::optional<std::string> role_of_special_use(std::string_view use);

struct AccountMailboxes {
  ChangeNumber change;                 ///< the account's
  std::vector<MailboxInfo> mailboxes;  ///< by path
  /// Names that are subscribed and have no mailbox (RFC 9051 §6.3.7), also those of others' mailboxes.
  std::vector<std::string> subscribed_names;
};
struct MailboxMade {
  MailboxId id;
  std::uint32_t uid_validity = 0;
  ChangeNumber change;
};

/// UIDs from first to last, both included. Lists of ranges may come in any order and overlap.
struct UidRange {
  std::uint32_t first = 1;
  std::uint32_t last = UINT32_MAX;
  friend bool operator==(const UidRange&, const UidRange&) = default;
};
using UidRanges = std::vector<UidRange>;

/// What became of a mailbox since a change. A message that came and went in between is among `removed` alone.
struct MailboxChanges {
  SnapshotHead head;  ///< as it is now
  /// It is too long ago: any message may have changed, any UID that isn't there may have been removed since. The lists
  /// are empty then.
  bool forgotten = false;
  std::vector<MessageRow> rows;           ///< new and changed, by rising UID
  MailboxSnapshot::KeywordSets keywords;  ///< of these rows
  std::vector<std::uint32_t> removed;     ///< UIDs, rising
};

enum class FlagsHow : std::uint8_t { add, remove, replace };
/// What of a message's flags may be touched (RFC 4314 §4: the rights s, t and w).
struct FlagScope {
  Flags flags = ~Flags{0};
  bool keywords = true;
  [[nodiscard]] bool all() const noexcept { return keywords && flags == ~Flags{0}; }
};
struct FlagChange {
  UidRanges uids;
  FlagsHow how = FlagsHow::add;
  FlagSet flags{};  ///< with \Deleted, which is set in this mailbox alone
  /// RFC 7162 §3.1.3: messages whose change is higher stay as they are.
  std::optional<ChangeNumber> unchanged_since{};
  FlagScope scope{};  ///< all else stays as it is
};
struct FlagsChanged {
  ChangeNumber change;                    ///< of all that changed; the mailbox's own where nothing did
  ChangeNumber before;                    ///< the mailbox's, before
  std::vector<MessageRow> changed;        ///< as they are now, by UID; without those that had just these flags before
  MailboxSnapshot::KeywordSets keywords;  ///< of `changed`
  std::vector<std::uint32_t> modified;    ///< UIDs that failed unchanged_since
  /// The mailbox with this change, where many changed and its snapshot before was at hand: while it is held nobody has
  /// to read the rows again.
  std::shared_ptr<const MailboxSnapshot> snapshot;
};

/// Where copied, moved or appended messages stand now.
struct CopiedUid {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  friend bool operator==(const CopiedUid&, const CopiedUid&) = default;
};
struct Copied {
  std::uint32_t uid_validity = 0;  ///< the target's
  MailboxId mailbox;               ///< the target
  std::vector<CopiedUid> uids;     ///< by the source's UID; UIDs that are not there any more are left out
  ChangeNumber change;             ///< the target account's
  ChangeNumber source_change;      ///< of the removal at the source (move), else 0
};

/// A message that a client adds.
struct AppendedLetter {
  Incoming content;  ///< from Store::receive()
  FlagSet flags;
  std::optional<SystemTime> received;  ///< the date given (INTERNALDATE); now where there is none
  std::int32_t zone_minutes = 0;       ///< east of UTC, in which it was given
};
/// Where to. A name may come to be another mailbox's: with `mailbox` it must still be this one's (else `not_found`).
struct AppendTarget {
  std::string path;
  std::optional<MailboxId> mailbox = {};
};
/// The message, of the same account, whose place an appended one takes (RFC 8508).
struct Replaced {
  MailboxId mailbox;
  std::uint32_t uid = 0;
};
struct Appended {
  std::uint32_t uid_validity = 0;
  MailboxId mailbox;
  std::vector<std::uint32_t> uids;  ///< in the order given
  std::vector<EmailId> emails;
  ChangeNumber change;
};

struct Expunged {
  std::vector<std::uint32_t> uids;  ///< those removed, rising
  ChangeNumber change;              ///< of the removal; the mailbox's own where nothing was
};

/// What stands beside an email for listings, so that its octets need not be read.
struct EmailRow {
  EmailId email;
  ThreadId thread;
  SystemTime received;            ///< INTERNALDATE
  std::int32_t zone_minutes = 0;  ///< east of UTC, in which it was given
  std::uint64_t size = 0;         ///< octets of prefix and content together
  std::uint32_t prefix_size = 0;  ///< octets of the private header fields before the content
  /// message::decode_derived's input; empty where parsed_version is not above 0 (not derived yet, or not kept):
  /// then the message must be opened. It is of the content without the prefix: an octet that it
  /// calls offset n is octet prefix_size + n of EmailOctets, and the header section of the whole message, as
  /// BODY[HEADER] shows it, begins at octet 0 with the prefix's fields.
  std::string parsed;
  std::int64_t parsed_version = 0;
};

/// When a message came into its mailbox (RFC 8514).
struct SavedDate {
  std::uint32_t uid = 0;
  SystemTime saved;
};

struct Quota {
  std::uint64_t bytes = 0;
  std::uint64_t emails = 0;
  std::optional<std::uint64_t> bytes_limit;
  std::optional<std::uint64_t> emails_limit;
  std::uint64_t mailboxes = 0;
  std::optional<std::uint64_t> mailboxes_limit;
};
/// What an account may have; nothing: any number.
struct QuotaLimits {
  std::optional<std::uint64_t> bytes;
  std::optional<std::uint64_t> emails;
};
/// Of an account, whatever the settings allow; more are refused (`limit`).
inline constexpr std::size_t kMostMailboxes = 10'000;

/// An entry of RFC 5464. Its name begins with /private/ or /shared/ and is the same in any case.
struct Annotation {
  std::string name;
  std::optional<std::string> value;  ///< nothing (setting): the entry goes
};
inline constexpr std::size_t kMostAnnotationOctets = 64U << 10;  ///< of a value
/// Of a mailbox, or of an account without mailbox: shared ones, and private ones of each reader.
inline constexpr std::size_t kMostAnnotations = 200;
/// Octets of names and values, and some for each entry, that are shared or of one reader, in all mailboxes of an
/// account.
inline constexpr std::size_t kMostAnnotationsOfAccount = 4U << 20;

/// One entry of a mailbox's access control list (RFC 4314). What identifiers mean is the server's; one with negative
/// rights begins with "-".
struct AccessEntry {
  std::string identifier;
  std::string rights;  ///< letters, in the order of the alphabet
};
/// What becomes of an entry. `add` and `remove` start from `initial` where there is no entry.
struct AccessChange {
  enum class How : std::uint8_t { replace, add, remove };
  AccessEntry entry;
  How how = How::replace;
  std::string initial{};
};
/// A mailbox with its access control list.
struct MailboxWithAccess {
  MailboxInfo info;
  std::vector<AccessEntry> access;
  std::optional<std::uint64_t> room;  ///< octets that its account has left; nothing: no limit
};
struct SharedMailbox {
  Place place;  ///< without reader
  MailboxInfo info;
  AccessEntry entry;
};
/// What became of an account's mailboxes since a change.
struct MailboxesChanged {
  struct Mailbox {
    MailboxInfo info;  ///< with the owner's `unseen`
    std::vector<AccessEntry> access;
    bool has_children = false;
    std::vector<std::string> entries;  ///< names of annotations that changed, of all and the reader's own
  };
  ChangeNumber change;             ///< the account's
  std::vector<Mailbox> mailboxes;  ///< new, or changed in any way; by path
  std::vector<MailboxId> removed;
  std::vector<std::string> entries;  ///< of the account itself
  /// These are all that there are, and no others; `removed` is empty.
  bool whole = false;
};
inline constexpr std::size_t kMostSharedMailboxes = 10'000;  ///< of a shard, for one identifier: others aren't found

}  // namespace pabal::store
