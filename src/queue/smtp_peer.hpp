// SmtpPeer: one open SMTP or LMTP connection. Made by SmtpPeers.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "queue/peer.hpp"
#include "queue/peer_wire.hpp"
#include "queue/smtp_peers.hpp"
#include "smtp/text_encoder.hpp"

namespace pabal::queue {

class SmtpPeer final : public Peer {
 public:
  SmtpPeer(std::shared_ptr<PeerWire> wire, PeerFacts facts, bool lmtp, const PeerSettings& settings, Pool& pool)
      : wire_(std::move(wire)), facts_(std::move(facts)), lmtp_(lmtp), settings_(settings), pool_(pool) {}

  [[nodiscard]] const PeerFacts& facts() const noexcept override { return facts_; }
  [[nodiscard]] Async<TransactionOutcome> send(OutgoingTransaction transaction) override;
  [[nodiscard]] bool is_reusable() const noexcept override;
  void interrupt() noexcept override;
  [[nodiscard]] Async<> quit() override;

 private:
  /// The letter as it goes to this peer.
  struct Letter {
    std::shared_ptr<store::EmailOctets> octets;
    std::string converted;  ///< in place of them, where `is_converted`
    bool is_converted = false;
    smtp::Body body = smtp::Body::seven_bit;
    bool smtputf8 = false;     ///< MAIL says so
    bool require_tls = false;  ///< likewise

    [[nodiscard]] std::uint64_t size() const { return is_converted ? converted.size() : octets->size(); }
    [[nodiscard]] Async<Result<std::string>> read(std::uint64_t offset, std::size_t count) const;
    [[nodiscard]] Async<Result<std::string>> read_all() const;
  };
  /// The places of recipients in a transaction.
  using Places = std::vector<std::size_t>;

  /// Another transaction may begin, if the peer is still there.
  [[nodiscard]] bool takes_more() const noexcept;
  /// Sets the outcome of those for whom this host lacks something, and gives the others.
  [[nodiscard]] Places review(const OutgoingTransaction& transaction, TransactionOutcome& outcome) const;
  [[nodiscard]] bool keeps_secrets() const;
  [[nodiscard]] std::optional<smtp::ClientReply> lacking(const OutgoingTransaction& transaction) const;
  /// Whether a letter that was given as one that needs SMTPUTF8 does so by its header. Errors: our own disk's.
  [[nodiscard]] Async<Result<bool>> needs_smtputf8(const OutgoingTransaction* transaction);
  [[nodiscard]] Async<Result<Letter>> fit(const OutgoingTransaction* transaction, bool smtputf8);
  [[nodiscard]] Places next_batch(const OutgoingTransaction& transaction, const Places& waiting) const;
  [[nodiscard]] Async<> transact(const OutgoingTransaction* transaction, const Letter* letter, const Places* batch,
                                 TransactionOutcome* outcome);
  [[nodiscard]] Async<> read_one(smtp::ClientTransaction* dialogue, std::chrono::milliseconds timeout);
  [[nodiscard]] Async<> send_text(smtp::ClientTransaction* dialogue, const Letter* letter);
  [[nodiscard]] Async<> send_chunk(smtp::ClientTransaction* dialogue, const Letter* letter, std::uint64_t* offset);
  Async<> hear_unasked(smtp::ClientTransaction* dialogue);
  Async<std::optional<smtp::ClientReply>> late_refusal();
  [[nodiscard]] Async<> hear_out(smtp::ClientTransaction* dialogue, Error error);
  [[nodiscard]] std::chrono::milliseconds timeout_for(smtp::ClientTransaction::Waiting what) const noexcept;

  std::shared_ptr<PeerWire> wire_;
  PeerFacts facts_;
  bool lmtp_;
  const PeerSettings& settings_;
  Pool& pool_;
  smtp::TextEncoder chunk_encoder_{smtp::Framing::counted};
  std::uint64_t transactions_ = 0;
  bool needs_reset_ = false;
  bool broken_ = false;
  bool interrupted_ = false;
  bool ending_ = false;  ///< the end of a letter is out, or going out, and not all is answered
};

}  // namespace pabal::queue
