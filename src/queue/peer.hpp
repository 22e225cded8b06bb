// Peer: an open connection to a host that takes letters, and the transactions on it (RFC 5321 §3.3, RFC 2033). The
// schedule (relay) stands above and sees these interfaces alone; SmtpPeers (smtp_peer.hpp) speaks to real hosts, and a
// scripted world can take its place.
//
// Nothing here throws for what a peer does: what became of each recipient, and what was said, comes back as values.
#pragma once
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address/email_address.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "net/endpoint.hpp"
#include "queue/route.hpp"
#include "smtp/capabilities.hpp"
#include "smtp/client_reply.hpp"
#include "smtp/client_transaction.hpp"
#include "smtp/command.hpp"
#include "store/store.hpp"

namespace pabal::queue {

/// What became of a recipient in one attempt: delivered, passing, lasting, in_doubt, untried.
using smtp::Fate;

/// DELIVERBY (RFC 2852 §4): what is left of the time, which may be below zero for `notify`.
struct DeliverBy {
  std::int64_t seconds = 0;
  bool return_after = false;  ///< by-mode R; false: N
  bool trace = false;
};

struct OutgoingRecipient {
  EmailAddress address;
  std::string notify = {};  ///< NOTIFY as given; may be empty
  std::string orcpt = {};   ///< ORCPT "type;address", decoded; may be empty
};

/// One letter for some recipients of one destination.
struct OutgoingTransaction {
  std::optional<EmailAddress> sender = std::nullopt;  ///< nothing: the null reverse-path
  std::vector<OutgoingRecipient> recipients = {};     ///< any number: they are split into transactions as need be
  std::string envid = {};                             ///< decoded; may be empty
  std::string ret = {};                               ///< "FULL", "HDRS" or empty
  smtp::Body body = smtp::Body::seven_bit;            ///< what it takes to carry the octets as they are
  bool smtputf8 = false;                              ///< the header needs it; addresses are looked at here
  bool require_tls = false;                           ///< RFC 8689
  std::optional<DeliverBy> by = std::nullopt;
  std::optional<int> priority = std::nullopt;  ///< RFC 6710
  std::shared_ptr<store::EmailOctets> octets = nullptr;
};

/// One step of a dialogue, for the trace.
struct Said {
  SystemTime time;
  std::string command;  ///< ours, without secrets; empty for what the peer says by itself; notes in parentheses
  std::string reply;    ///< the peer's, in one line; empty where none came
};

struct RecipientOutcome {
  Fate fate = Fate::passing;
  /// The peer's words, or ours in the same form where the peer gave none (`ours`). With a status code that tells the
  /// reason wherever fate is not delivered.
  smtp::ClientReply reply = {};
  bool ours = false;
  std::string at = {};  ///< the command that was answered: "RCPT TO", "end of data"; empty where none was
  /// It failed by what this host offers (SMTPUTF8, REQUIRETLS, SIZE, 8BITMIME…), not by what it said: another host of
  /// the route may do better.
  bool host_lacks = false;
};

struct TransactionOutcome {
  std::vector<RecipientOutcome> recipients;  ///< in the order of the transaction's
  std::vector<Said> said;                    ///< bounded: what is beyond is left out
  /// The peer takes care of success notices from here on (it offers DSN, RFC 3461 §5.2.1); false: whoever asked for
  /// NOTIFY=SUCCESS is to be told that the letter was relayed (§5.2.2).
  bool dsn_passed_on = false;
  bool deliver_by_passed_on = false;  ///< likewise for DELIVERBY (RFC 2852 §4.2)
  bool converted = false;             ///< it was made 7-bit for this peer
};

/// TLS on a connection, for the trace and the Received-like line of a notice.
struct PeerTls {
  std::string version;
  std::string cipher;
  int cipher_bits = 0;
  bool resumed = false;
  std::string verified;  ///< "" by nobody, "name mx.example", "DANE 3 1 1"
};

struct PeerFacts {
  std::string host;       ///< the hop's name
  net::Endpoint address;  ///< where it was reached
  net::Endpoint local;    ///< from where
  std::string greeting;   ///< in one line
  smtp::Capabilities offers;
  std::optional<PeerTls> tls;
  std::string tls_failure;  ///< why opportunistic TLS was given up, or what a policy under test would have refused
  std::vector<Said> said;   ///< up to the end of the opening
};

class Peer {
 public:
  virtual ~Peer() = default;
  [[nodiscard]] virtual const PeerFacts& facts() const noexcept = 0;
  /// One letter, each recipient with its outcome at the end. Not while another call is under way.
  [[nodiscard]] virtual Async<TransactionOutcome> send(OutgoingTransaction transaction) = 0;
  /// Whether another letter may be tried on it. That the peer has hung up meanwhile shows as Fate::untried.
  [[nodiscard]] virtual bool is_reusable() const noexcept = 0;
  /// For an orderly stop: what waits for the peer ends soon, as if the line were cut, and nothing more is sent. But
  /// where the end of a letter is out, or is going out, its reply is waited for: else it might come twice. Home thread.
  virtual void interrupt() noexcept {}
  /// Says QUIT where that makes sense, waits shortly for the answer, and closes.
  [[nodiscard]] virtual Async<> quit() = 0;
};

/// Why there is no connection over which letters could go. Another hop of the route may do better in every case.
struct NoPeer {
  bool lasting = false;  ///< the host says that it takes no mail ever (521, 554 greeting)
  std::optional<smtp::ClientReply> reply = std::nullopt;  ///< the peer's, where it said why
  std::string status = {};                                ///< "4.4.1"
  std::string words = {};                                 ///< for the bounce: "connection refused"
  std::string at = {};                                    ///< "connect", "greeting", "EHLO", "STARTTLS", "TLS", "AUTH"
  bool tls = false;                                       ///< TLS, or the lack of it, is the reason (for RFC 8460)
  std::vector<Said> said = {};
};

using PeerAnswer = std::expected<std::unique_ptr<Peer>, NoPeer>;

/// Makes connections.
class Peers {
 public:
  virtual ~Peers() = default;
  /// Connects to one hop of a route: addresses, greeting, EHLO or LHLO, TLS by the hop's policy, AUTH. Always ends,
  /// within the time-outs. Works at home of who calls.
  [[nodiscard]] virtual Async<PeerAnswer> connect(Route route, NextHop hop) = 0;
  /// For an orderly stop: connections that are being made fail soon, and so do all later ones. Home thread.
  virtual void interrupt() {}
};

}  // namespace pabal::queue
