// Letters on their way out: recipients at other systems, in rows of the queue that commit with the letter's local
// targets. A row has a destination (the address's domain) and a time of its next attempt; a worker claims the rows of
// a destination for a while, and writes what became of them. What a claim takes is not due again before its end, so
// that the index of destinations and times always says what there is to do, however many letters wait.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "store/delivery.hpp"

namespace pabal::store {

/// A recipient of a letter as the queue's worker has it.
struct OutgoingRecipient {
  std::int64_t number = 0;  ///< of its row, among the letter's
  std::string address;
  std::string notify;              ///< RFC 3461 NOTIFY; may be empty
  std::string original_recipient;  ///< RFC 3461 ORCPT; may be empty
  std::int64_t attempts = 0;
  std::string last_error;
  bool warned = false;     ///< the sender was told that it takes long
  bool told_late = false;  ///< and that the time is over which he gave for it (RFC 2852 by-mode N)
  friend bool operator==(const OutgoingRecipient&, const OutgoingRecipient&) = default;
};

/// A letter with its recipients at one destination that share a reverse-path.
struct OutgoingLetter {
  ShardId shard;
  std::string id;
  std::string destination;
  std::string sender;  ///< the reverse-path on the wire; empty: null
  std::string author;  ///< whom notices go to: the letter's own reverse-path, also where a forward has another
  AccountId account;   ///< who submitted it; none where it was no account
  SystemTime arrived;
  SystemTime begins;  ///< what ages are counted from: when it came, or the moment it was to be held until
  std::uint64_t size = 0;
  std::string envelope_id;  ///< RFC 3461 ENVID
  std::string ret;          ///< RFC 3461 RET
  bool smtputf8 = false;
  TlsWish tls = TlsWish::none;
  ContentForm form = ContentForm::seven_bit;
  int priority = 0;
  std::optional<DeliverBy> deliver_by;
  std::vector<OutgoingRecipient> recipients;
};

/// The letters of a delivery whose rows go into that shard (Store::outgoing_letters).
[[nodiscard]] std::vector<OutgoingLetter> outgoing_letters(const Delivery& delivery, ShardId shard, SystemTime now);

class EmailOctets;

/// What an attempt at a letter begins with.
struct OutgoingContent {
  std::shared_ptr<EmailOctets> octets;
  std::vector<std::int64_t> waiting;  ///< the rows that may be tried, rising: not those that an operator holds
};

/// Where a walk through the destinations has come.
struct DestinationCursor {
  ShardId shard;
  std::string after;
};
struct DueDestination {
  ShardId shard;
  std::string destination;
  SystemTime next;  ///< its first attempt
};
/// Some steps of the walk.
struct DueDestinations {
  std::vector<DueDestination> due;
  std::optional<SystemTime> next;            ///< the first attempt among those that are not due
  std::optional<DestinationCursor> go_on{};  ///< nothing: all destinations were seen
};

/// What became of a recipient in an attempt.
enum class AttemptEnd : std::uint8_t {
  delivered,  ///< its row goes
  failed,     ///< its row goes
  postponed,
  released,  ///< not tried: its claim ends
  held,      ///< it stays until an operator releases or drops it
};
struct RecipientOutcome {
  std::int64_t number = 0;
  AttemptEnd end = AttemptEnd::released;
  SystemTime next{};     ///< of what stays
  std::string why = {};  ///< last_error of what stays
  /// `failed` is what a host said, which counts whatever an operator did meanwhile; otherwise it is our own conclusion
  /// (no host, too long), and what is held stays.
  bool said_by_host = false;
};

/// What came of an attempt at a letter; all of it in one transaction.
struct AttemptOutcome {
  std::string delivery_id;
  std::vector<RecipientOutcome> recipients;
  std::vector<Notice> notices = {};
  std::string trace = {};  ///< JSON, kept with the letter's trace; may be empty
  /// When: the attempt's name among the letter's others, so that it is kept once however often this is written, also
  /// where the rows were dropped meanwhile. Zero: now, and only with rows.
  SystemTime made{};
};

/// Which rows of the queue an operator wants to see; what is empty says nothing.
struct QueueFilter {
  std::string destination = {};  ///< or, of local ones, the domain of their address
  std::string sender = {};       ///< an address, or "@domain"
  std::string recipient = {};    ///< an address
  std::optional<SystemTime> arrived_before = std::nullopt;
  std::optional<bool> held = std::nullopt;
  /// Only what comes behind this row: the id and number of the last one that was seen.
  std::string after_id = {};
  std::int64_t after_number = -1;
  std::size_t at_most = SIZE_MAX;
};

/// How much there is in the queue.
struct QueueCounts {
  struct OfKind {
    std::int64_t waiting = 0;  ///< recipients
    std::int64_t due = 0;      ///< of these, by now
    std::int64_t held = 0;
  };
  OfKind local;
  OfKind remote;
  std::optional<SystemTime> oldest = std::nullopt;  ///< when the letter came that waits longest
};

/// What became of a page of rows.
struct QueueChange {
  std::int64_t changed = 0;  ///< rows
  bool more = false;         ///< behind this page there are others
  std::string last_id = {};  ///< the page's last row, for `after_id` and `after_number`
  std::int64_t last_number = -1;
};

}  // namespace pabal::store
