// SmtpPeers: connections to real hosts over SMTP and LMTP. See peer.hpp for what they promise.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "net/outbound.hpp"
#include "net/tls.hpp"
#include "queue/peer.hpp"
#include "queue/route.hpp"
#include "queue/tls_outcomes.hpp"

namespace pabal::queue {

/// RFC 5321 §4.5.3.2 has the least that each should be; those without a section are ours.
struct PeerTimeouts {
  std::chrono::milliseconds connect = std::chrono::seconds(30);  ///< all addresses of a hop together
  std::chrono::milliseconds greeting = std::chrono::minutes(5);  ///< §4.5.3.2.1
  std::chrono::milliseconds hello = std::chrono::minutes(5);     ///< EHLO, STARTTLS
  std::chrono::milliseconds tls = std::chrono::minutes(1);       ///< the handshake
  std::chrono::milliseconds auth = std::chrono::minutes(2);
  std::chrono::milliseconds mail = std::chrono::minutes(5);       ///< §4.5.3.2.2
  std::chrono::milliseconds recipient = std::chrono::minutes(5);  ///< §4.5.3.2.3
  std::chrono::milliseconds data = std::chrono::minutes(2);       ///< §4.5.3.2.4
  std::chrono::milliseconds block = std::chrono::minutes(3);      ///< §4.5.3.2.5: a piece of the letter
  std::chrono::milliseconds end = std::chrono::minutes(10);       ///< §4.5.3.2.6: the reply to the letter
  std::chrono::milliseconds quit = std::chrono::seconds(5);
  std::chrono::milliseconds transaction = std::chrono::minutes(15);  ///< all of it, and with that:
  std::chrono::milliseconds for_recipient = std::chrono::seconds(5);
};

struct PeerSettings {
  std::string own_name;  ///< for EHLO
  PeerTimeouts timeouts = {};
  std::chrono::milliseconds between_tries = std::chrono::milliseconds(250);  ///< RFC 8305 §5
  std::size_t max_recipients = 100;             ///< of one transaction; RFC 5321 §4.5.3.1.8: every host takes so many
  std::uint64_t slowest_octets = 8UL << 10;     ///< of a letter in a second
  std::uint64_t convert_at_most = 64ULL << 20;  ///< octets of a letter that is made 7-bit, which takes it into memory
  TlsOutcomes* tls_outcomes = nullptr;          ///< told how TLS went in each session; null: nobody
  /// Signs a letter that was converted once more, where we had signed it; empty: nobody does.
  std::function<Async<Result<std::string>>(std::string letter)> sign_again = {};
};

/// What a client's TLS needs, made once.
struct PeerTlsContexts {
  std::shared_ptr<const net::TlsClientContext> any;       ///< opportunistic: believes everybody; DANE is made of it
  std::shared_ptr<const net::TlsClientContext> trusting;  ///< verifies by the trusted roots
};

class SmtpPeers final : public Peers {
 public:
  using Connect = std::function<Async<net::Outbound>(net::OutboundOptions)>;

  /// `pool` converts letters. All must outlive it, and it all of its peers. `connect` stands for the network in tests.
  SmtpPeers(PeerSettings settings, PeerTlsContexts tls, Pool& pool, const Clock& clock,
            Connect connect = net::connect_any);

  [[nodiscard]] Async<PeerAnswer> connect(Route route, NextHop hop) override;
  void interrupt() override;

 private:
  /// How TLS is tried in one connection.
  struct TlsTry;
  [[nodiscard]] std::vector<TlsTry> tries_for(const Route& route, const NextHop& hop) const;
  /// `tls_failed`: the handshake was what failed; `tls_error`: why.
  struct Opened {
    PeerAnswer answer;
    bool tls_failed = false;
    std::optional<Error> tls_error = std::nullopt;
  };
  class TlsReport;
  /// One connection, to that of the hop's addresses which is `answered`; more where TLS fails and may.
  [[nodiscard]] Async<PeerAnswer> connect_once(const Route* route, const NextHop* hop, std::vector<Said> said,
                                               net::Endpoint* answered);
  [[nodiscard]] Async<Opened> open(const Route* route, const NextHop* hop, TlsTry how, net::Outbound outbound,
                                   std::string tls_failure, std::vector<Said> said);

  PeerSettings settings_;
  PeerTlsContexts tls_;
  Pool& pool_;
  const Clock& clock_;
  Connect connect_;
  std::shared_ptr<net::OutboundStop> stop_ = std::make_shared<net::OutboundStop>();
  std::set<net::Stream*> opening_;  ///< connections that stand, up to the end of their opening
};

}  // namespace pabal::queue
