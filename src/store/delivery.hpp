// A delivery: one letter for mailboxes here and recipients elsewhere, as the store is given it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "store/incoming.hpp"
#include "store/mailbox_api.hpp"

namespace pabal::store {

/// One mailbox that a message goes into.
struct DeliveryTarget {
  Place place;
  std::string recipient;              ///< the envelope's address, for the queue row and the trace
  std::string mailbox = "INBOX";      ///< made if it isn't there; "Junk": or the mailbox with that role
  std::string prefix;                 ///< private header octets that stand before the common content
  std::vector<std::string> keywords;  ///< JMAP's names (RFC 8621 §4.1.1), "$seen"
  std::string notify;                 ///< RFC 3461 NOTIFY, for the queue row; may be empty
  std::string original_recipient;     ///< RFC 3461 ORCPT, for the queue row; may be empty
};

/// One recipient at another system.
struct RemoteRecipient {
  std::string address;      ///< as on the wire
  std::string destination;  ///< its domain in A-labels, or its literal with the brackets: what the queue is sorted by
  std::optional<std::string> reverse_path = std::nullopt;  ///< another one than the letter's: a forward's (SRS)
  std::string notify = {};                                 ///< RFC 3461 NOTIFY; may be empty
  std::string original_recipient = {};                     ///< RFC 3461 ORCPT; may be empty
};

/// What a way must be able to carry (RFC 6152, RFC 3030).
enum class ContentForm : std::uint8_t { seven_bit, eight_bit, binary };

/// What the sender wants of TLS on the way out (RFC 8689).
enum class TlsWish : std::uint8_t {
  none,       ///< what the receiving domain wants
  required,   ///< REQUIRETLS: verified, all the way
  waived,     ///< `TLS-Required: No`: delivery counts for more than what the receiving domain publishes
  preferred,  ///< a notice about a letter with REQUIRETLS: never in plain text, verified where the domain lets it be
};
/// As it stands in the database; what isn't one is the nearest.
[[nodiscard]] constexpr TlsWish tls_wish_of(std::int64_t stored) noexcept {
  return static_cast<TlsWish>(stored < 0 ? 0 : stored > 3 ? 3 : stored);
}

/// RFC 2852 §4: by when, and what then.
struct DeliverBy {
  SystemTime time;
  bool returns = false;  ///< mode R: not after that moment; else (N) the sender is told that it takes longer
  bool traced = false;   ///< T: who hands it on to others tells the sender
};

/// What the sender wants of the way out.
struct OutgoingTerms {
  AccountId account = {};  ///< who submitted it
  ContentForm form = ContentForm::seven_bit;
  int priority = 0;                                    ///< RFC 6710, -9 to 9
  SystemTime not_before = {};                          ///< RFC 4865; none: the epoch
  std::optional<DeliverBy> deliver_by = std::nullopt;  ///< RFC 2852
};

/// A letter that begins here and goes in with what it is about, outcomes or a delivery: a bounce, a notice. It has the
/// null reverse-path, and goes to a mailbox here or to a recipient elsewhere.
struct Notice {
  std::string id;
  std::string content;  ///< at most a few hundred KiB; it stands in memory
  std::optional<DeliveryTarget> local = std::nullopt;
  std::optional<RemoteRecipient> remote = std::nullopt;
  std::string message_id = {};
  std::string trace = {};  ///< JSON
  bool smtputf8 = false;
  TlsWish tls = TlsWish::none;  ///< `preferred` about a letter that required it (RFC 8689 §5)
  ContentForm form = ContentForm::seven_bit;
  /// With outcomes (settle), the rows that it tells of: it goes in only where one of them ends (or, for `warns`, had
  /// not been warned of) by this very write. So a write that is repeated, and an operator who was faster, make no
  /// second one.
  std::vector<std::int64_t> about;
  bool warns = false;
  bool late = false;  ///< `warns` that a time is over that the sender gave: also where he had been warned before
};

/// A message for mailboxes here, each once, and for recipients elsewhere.
struct Delivery {
  std::string id;      ///< unique; the same id and account again changes nothing
  std::string sender;  ///< reverse-path, for the queue row
  Incoming content;    ///< octets common to all targets (trace headers included)
  std::vector<DeliveryTarget> targets;
  std::vector<RemoteRecipient> remote = {};  ///< rows of the queue, committed with the targets
  ShardId home = {};                         ///< where those rows go when there are no targets; none: the first shard
  OutgoingTerms terms = {};                  ///< for `remote`
  SystemTime claim_until{};     ///< of `remote`: a worker of the caller's has them until then; none: nobody has
  std::string trace;            ///< JSON; commits with the delivery
  std::string message_id;       ///< as in the header field, for traces(); may be empty
  std::string envelope_id;      ///< RFC 3461 ENVID, for the queue row; may be empty
  std::string ret;              ///< RFC 3461 RET, for the queue row; may be empty
  bool smtputf8 = false;        ///< for the queue row
  TlsWish tls = TlsWish::none;  ///< for the queue row
  /// Go in with it where all of its targets are in one shard and are stored by this very write; else not at all.
  std::vector<Notice> receipts = {};
  bool retry_locally = true;  ///< false: a target that fails for a passing reason is only reported (LMTP)
};

}  // namespace pabal::store
