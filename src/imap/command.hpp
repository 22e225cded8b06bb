// The commands of IMAP as values (RFC 9051 §6, RFC 3501 §6 and the extensions that docs/rfc.md lists): what a client's
// octets mean. command_reader.hpp cuts them out of the stream; whether a command may be given now is rules.hpp's
// affair. Floor 3: octets in, a Command out; no sockets, no store.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "codec/date.hpp"
#include "imap/fetch_items.hpp"
#include "imap/flags.hpp"
#include "imap/mailbox_name.hpp"
#include "imap/refusal.hpp"
#include "imap/search_program.hpp"
#include "imap/sequence_set.hpp"
#include "imap/verb.hpp"

namespace pabal::imap {

/// CAPABILITY, CHECK, CLOSE, EXPUNGE without UID, IDLE, LOGOUT, NAMESPACE, NOOP, STARTTLS, UNAUTHENTICATE, UNSELECT.
struct NoArguments {};

struct Identification {  ///< ID (RFC 2971); empty for NIL
  std::vector<std::pair<std::string, std::optional<std::string>>> fields;
};
struct Authenticate {
  std::string mechanism;                ///< in upper case
  std::optional<std::string> response;  ///< the initial one, in base64 still; "=" is an empty one (RFC 4959)
};
struct Login {
  std::string user;
  std::string password;
};
/// ENABLE's words, LANGUAGE's and COMPARATOR's lists, CANCELUPDATE's tags, COMPRESS's mechanism. ENABLE's and
/// COMPRESS's in upper case.
struct Words {
  std::vector<std::string> words;
};

struct Qresync {  ///< RFC 7162 §3.2.5
  std::uint32_t uid_validity = 0;
  std::uint64_t modseq = 0;
  std::optional<NumberSet> known_uids;
  /// Message numbers and their UIDs, as many of each.
  std::optional<std::pair<NumberSet, NumberSet>> match;
};
struct Select {  ///< and EXAMINE
  MailboxName mailbox;
  bool condstore = false;
  std::optional<Qresync> qresync;
};
struct Create {
  MailboxName mailbox;
  bool for_children = false;             ///< it was written with "/" at its end (RFC 3501 §6.3.3)
  std::vector<std::string> special_use;  ///< "\Sent" in its registered spelling, others as written (RFC 6154)
};
/// DELETE, SUBSCRIBE, UNSUBSCRIBE, GETACL, MYRIGHTS, GETQUOTAROOT.
struct OnMailbox {
  MailboxName mailbox;
};
struct Rename {
  MailboxName from;
  MailboxName to;
};

/// STATUS's items as bits.
using StatusItems = std::uint16_t;
inline constexpr StatusItems kStatusMessages = 1;
inline constexpr StatusItems kStatusUidNext = 2;
inline constexpr StatusItems kStatusUidValidity = 4;
inline constexpr StatusItems kStatusUnseen = 8;
inline constexpr StatusItems kStatusDeleted = 16;
inline constexpr StatusItems kStatusSize = 32;
inline constexpr StatusItems kStatusRecent = 64;
inline constexpr StatusItems kStatusHighestModseq = 128;    ///< RFC 7162
inline constexpr StatusItems kStatusMailboxId = 256;        ///< RFC 8474
inline constexpr StatusItems kStatusAppendLimit = 512;      ///< RFC 7889
inline constexpr StatusItems kStatusDeletedStorage = 1024;  ///< RFC 9208

struct MetadataOptions {
  std::optional<std::uint64_t> max_size;
  enum class Depth : std::uint8_t { zero, one, infinity };
  Depth depth = Depth::zero;
};

struct List {
  bool extended = false;  ///< options or several patterns were given (RFC 5258); else the plain one, also from LSUB
  // Selection options.
  bool select_subscribed = false;
  bool select_remote = false;
  bool select_recursive = false;  ///< RECURSIVEMATCH
  bool select_special_use = false;
  std::string reference;              ///< as written; MailboxPattern::from_client takes it
  std::vector<std::string> patterns;  ///< as written
  // Return options.
  bool return_subscribed = false;
  bool return_children = false;
  bool return_special_use = false;
  bool return_my_rights = false;             ///< RFC 8440
  StatusItems return_status = 0;             ///< RFC 5819; 0: none
  std::vector<std::string> return_metadata;  ///< RFC 9590; entries
};
struct Status {
  MailboxName mailbox;
  StatusItems items = 0;
};

/// APPEND, up to its messages, which the reader hands on one by one (append.hpp).
struct Append {
  MailboxName mailbox;
};
struct Replace {        ///< RFC 8508; the same for its message
  SequenceSet message;  ///< one number, or "*"
  MailboxName mailbox;
};

struct Expunge {  ///< UID EXPUNGE
  SequenceSet set;
};
struct Fetch {
  SequenceSet set;
  FetchItems items;
  FetchModifiers modifiers;
};
struct Store {
  SequenceSet set;
  enum class How : std::uint8_t { replace, add, remove };
  How how = How::replace;
  bool silent = false;
  std::optional<std::uint64_t> unchanged_since;
  FlagList flags;
};
struct Copy {  ///< and MOVE
  SequenceSet set;
  MailboxName mailbox;
};

struct Search {
  SearchReturn returns;
  SearchProgram program;
};
struct Sort {
  SearchReturn returns;
  std::vector<SortCriterion> criteria;
  SearchProgram program;
};
struct Thread {
  ThreadAlgorithm algorithm = ThreadAlgorithm::references;
  SearchProgram program;
};

/// Which mailboxes NOTIFY or ESEARCH mean (RFC 5465 §6, RFC 7377 §2.2).
struct MailboxFilter {
  enum class Kind : std::uint8_t {
    selected,
    selected_delayed,
    inboxes,
    personal,
    subscribed,
    subtree,
    subtree_one,
    mailboxes,
  };
  Kind kind = Kind::selected;
  std::vector<MailboxName> mailboxes;  ///< of the last three
};
struct MultiSearch {                   ///< ESEARCH (RFC 7377)
  std::vector<MailboxFilter> sources;  ///< empty: the selected mailbox
  SearchReturn returns;
  SearchProgram program;
};

struct NotifyEvents {
  bool message_new = false;
  FetchItems message_new_items;
  bool message_expunge = false;
  bool flag_change = false;
  bool annotation_change = false;
  bool mailbox_name = false;
  bool subscription_change = false;
  bool mailbox_metadata_change = false;
  bool server_metadata_change = false;
  std::vector<std::string> unknown;  ///< for [BADEVENT …]
};
struct Notify {         ///< RFC 5465
  bool none = false;    ///< NOTIFY NONE
  bool status = false;  ///< SET STATUS
  struct Group {
    MailboxFilter filter;
    NotifyEvents events;  ///< none set: NONE
  };
  std::vector<Group> groups;
};

struct GetMetadata {
  std::optional<MailboxName> mailbox;  ///< nothing: the server's, ""
  MetadataOptions options;
  std::vector<std::string> entries;
};
struct SetMetadata {
  std::optional<MailboxName> mailbox;
  std::vector<std::pair<std::string, std::optional<std::string>>> values;  ///< NIL takes the entry away
};
struct GetQuota {
  std::string root;
};
struct SetQuota {
  std::string root;
  std::vector<std::pair<std::string, std::uint64_t>> limits;  ///< "STORAGE" in upper case
};
struct SetAcl {
  MailboxName mailbox;
  std::string identifier;
  enum class How : std::uint8_t { replace, add, remove };
  How how = How::replace;
  std::string rights;
};
/// DELETEACL, LISTRIGHTS.
struct OnAcl {
  MailboxName mailbox;
  std::string identifier;
};

struct GenUrlAuth {                                       ///< RFC 4467
  std::vector<std::pair<std::string, std::string>> urls;  ///< URL and mechanism in upper case
};
struct ResetKey {
  std::optional<MailboxName> mailbox;
  std::vector<std::string> mechanisms;
};
struct UrlFetch {
  struct Url {
    std::string url;
    bool extended = false;  ///< in parentheses (RFC 5524)
    bool body = false;
    bool binary = false;
    bool body_part_structure = false;
  };
  std::vector<Url> urls;
};

struct UidBatches {         ///< RFC 10022
  std::uint32_t size = 0;   ///< messages of a batch
  std::uint32_t first = 0;  ///< batches from this one on; 0: all of them
  std::uint32_t last = 0;
};

struct Command {
  std::string tag;
  bool uid = false;
  Verb verb = Verb::noop;
  std::variant<NoArguments, Identification, Authenticate, Login, Words, Select, Create, OnMailbox, Rename, List, Status,
               Append, Replace, Expunge, Fetch, Store, Copy, Search, Sort, Thread, MultiSearch, Notify, GetMetadata,
               SetMetadata, GetQuota, SetQuota, SetAcl, OnAcl, GenUrlAuth, ResetKey, UrlFetch, UidBatches>
      arguments;
};

struct ParseRules {
  /// IMAP4rev2 or UTF8=ACCEPT is enabled: names of mailboxes are UTF-8, else modified UTF-7.
  bool utf8 = false;
  /// UIDONLY is enabled: a message number in a search program is refused (RFC 9586 §3.5).
  bool uid_only = false;
};

/// A whole command without its last line end, its literals as they came ("{3}\r\nabc"), not APPEND or REPLACE with
/// their messages. Strict by the grammar, but spaces behind the last argument don't matter.
[[nodiscard]] std::expected<Command, BadCommand> parse_command(std::string_view octets, const ParseRules& rules);

}  // namespace pabal::imap
