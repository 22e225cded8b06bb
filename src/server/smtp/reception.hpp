// Reception: one message's text on its way in, by DATA or by BDAT: decoded, measured, its header looked at, and put
// into a store::Incoming behind our Received field. Fields that claim to be our findings (RFC 8601 §5) are taken out of
// every letter, whoever sends it. No sockets; it says when the store wants to spill.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address/email_address.hpp"
#include "mailauth/claimed_findings.hpp"
#include "server/smtp/judge.hpp"
#include "server/smtp/outcome.hpp"
#include "server/smtp/settings.hpp"
#include "smtp/data.hpp"
#include "store/incoming.hpp"

namespace pabal::server::smtp {

/// What goes before the text.
struct Preamble {
  std::string received;   ///< our Received field
  bool complete = false;  ///< a submitter's: Date and Message-ID are added where missing (RFC 6409 §8)
  std::string date = {};  ///< the fields to add, with CRLF; only where `complete`
  std::string message_id = {};
};

class Reception {
 public:
  Reception(const Settings& settings, pabal::smtp::Framing framing, bool binary, store::Incoming buffer,
            Preamble preamble);

  /// Takes octets off the front of `input`: all of them, or (DATA) up to the end of the message. Nothing is kept once
  /// there is a refusal; the true end is still looked for.
  void take(std::string_view& input);
  /// DATA: the end was seen.
  [[nodiscard]] bool ended() const noexcept { return decoder_.ended(); }
  /// spill() is to be called after every take() that leaves wants_spill() true; a failure is a refusal.
  [[nodiscard]] bool wants_spill() const noexcept { return !refusal_ && content_.wants_spill(); }
  [[nodiscard]] Async<> spill();
  /// All has arrived: the last checks. Once.
  void finish();

  /// Who looks at the text while it comes, as it was sent; before the first take().
  void judge_with(std::unique_ptr<Judge> judge) { judge_ = std::move(judge); }
  /// Null: nobody does.
  [[nodiscard]] std::unique_ptr<Judge> take_judge() noexcept { return std::move(judge_); }

  void refuse(Reply reply) {
    if (!refusal_) refusal_ = std::move(reply);
  }
  /// Why the message can't be kept; the first reason counts.
  [[nodiscard]] const std::optional<Reply>& refusal() const noexcept { return refusal_; }
  [[nodiscard]] std::uint64_t octets() const noexcept { return octets_; }        ///< of text, decoded
  [[nodiscard]] std::uint64_t discarded() const noexcept { return discarded_; }  ///< thrown away after a refusal
  [[nodiscard]] store::Incoming take_content() noexcept { return std::move(content_); }

  /// A submitter's addresses in From and Sender, for whoever knows which are theirs. After finish().
  [[nodiscard]] const std::vector<EmailAddress>& authors() const noexcept { return authors_; }

 private:
  void keep(std::string_view run);
  void hold(std::string_view run);
  void review_header(std::string_view header);
  void end_hold(std::size_t header_octets);
  void review_kept(std::size_t header_octets);

  const Settings* settings_;
  pabal::smtp::TextDecoder decoder_;
  bool counted_;
  bool binary_;
  bool reviewed_ = false;
  std::size_t received_octets_;  ///< of our Received field
  std::size_t looked_at_ = 0;    ///< spill() has seen no end of the header before it
  std::uint64_t octets_ = 0;
  std::uint64_t discarded_ = 0;
  std::optional<Reply> refusal_;
  store::Incoming content_;
  Preamble preamble_;
  std::string held_;  ///< a submitter's header until it is whole, and completed
  std::vector<EmailAddress> authors_;
  std::unique_ptr<Judge> judge_;
  std::vector<mailauth::ClaimedFindings::Span> forged_;  ///< fields of the header that bear our name
};

}  // namespace pabal::server::smtp
