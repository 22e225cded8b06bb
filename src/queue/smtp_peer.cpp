#include "queue/smtp_peer.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "message/downgrade.hpp"
#include "message/dsn.hpp"
#include "smtp/client_commands.hpp"
#include "smtp/text_encoder.hpp"

namespace pabal::queue {

using smtp::Body;
using smtp::ClientReply;
using smtp::ClientTransaction;
using Want = ClientTransaction::Want;
using Waiting = ClientTransaction::Waiting;

namespace {

constexpr std::size_t kBlock = 64UL << 10;   ///< of text that is read and written at once
constexpr std::size_t kChunk = 256UL << 10;  ///< of BDAT
/// What a host has said before it hung up is there already; so long is waited for it.
constexpr auto kHearOut = std::chrono::seconds(1);

std::string by_value(const std::optional<DeliverBy>& by) {
  if (!by) return {};
  return fmt::format("{};{}{}", by->seconds, by->return_after ? 'R' : 'N', by->trace ? "T" : "");
}

std::string domain_of(const EmailAddress& address) {
  return address.domain() != nullptr ? address.domain()->ascii() : address.literal()->text;
}

void settle(RecipientOutcome& outcome, Fate fate, ClientReply reply) {
  outcome.fate = fate;
  outcome.reply = std::move(reply);
  outcome.ours = true;
}

}  // namespace

Async<Result<std::string>> SmtpPeer::Letter::read(std::uint64_t offset, std::size_t count) const {
  std::string out;
  if (is_converted) co_return converted.substr(static_cast<std::size_t>(offset), count);
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(count, octets->size() - offset));
  if (!octets->try_read(offset, wanted, out)) {
    auto got = co_await octets->read(offset, wanted);
    if (!got) co_return got;
    out = *std::move(got);
  }
  if (out.size() != wanted) co_return fail(ErrorKind::io, "local error", "the letter is shorter than it should be");
  co_return out;
}

Async<Result<std::string>> SmtpPeer::Letter::read_all() const {
  std::string whole;
  while (whole.size() < size()) {
    auto part = co_await read(whole.size(), kChunk);
    if (!part) co_return pass(part);
    whole += *part;
  }
  co_return whole;
}

bool SmtpPeer::takes_more() const noexcept {
  const auto most = facts_.offers.mail_max;  // RFC 9422 §4.1
  // What has come that nobody asked for would be taken for the next command's reply.
  return !broken_ && !interrupted_ && !wire_->has_input() && (most == 0 || transactions_ < most);
}

bool SmtpPeer::is_reusable() const noexcept { return takes_more() && !wire_->stream().peer_has_left(); }

std::chrono::milliseconds SmtpPeer::timeout_for(Waiting what) const noexcept {
  const auto& times = settings_.timeouts;
  switch (what) {
    case Waiting::reset:
    case Waiting::mail:
      return times.mail;
    case Waiting::recipient:
      return times.recipient;
    case Waiting::data:
      return times.data;
    case Waiting::chunk:
      return times.block;
    case Waiting::end:
      return times.end;
  }
  return times.end;
}

/// RFC 8689 §4.2.1: TLS that is verified, to a host that keeps it so.
bool SmtpPeer::keeps_secrets() const {
  return facts_.tls && !facts_.tls->verified.empty() && facts_.offers.require_tls;
}

/// What this host would have to offer for the letter, whoever its recipients are.
std::optional<ClientReply> SmtpPeer::lacking(const OutgoingTransaction& transaction) const {
  const auto& offers = facts_.offers;
  // A local store is no relay; and a notice isn't lost for it: what it tells of the letter is left out (RFC 8689 §5).
  if (transaction.require_tls && !lmtp_ && transaction.sender && !keeps_secrets()) {
    if (!facts_.tls || facts_.tls->verified.empty()) {
      return own_reply(550, "5.7.10", "the sender requires TLS that is verified, which there is none of to this host");
    }
    return own_reply(550, "5.7.30", "the sender requires TLS, and the host has no REQUIRETLS");
  }
  const bool international = transaction.smtputf8 || (transaction.sender && transaction.sender->needs_smtputf8());
  // RFC 6531 §3.2: it can't be made ASCII by a relay.
  if (international && !offers.smtputf8) {
    return own_reply(550, "5.6.7", "the letter is in UTF-8 (SMTPUTF8), which the host does not take");
  }
  if (offers.max_size > 0 && transaction.octets->size() > offers.max_size) {
    return own_reply(550, "5.3.4",
                     fmt::format("the letter has {} octets; the host takes {} at most", transaction.octets->size(),
                                 offers.max_size));
  }
  // RFC 2852 §4.2: who wants it back after a time must not lose that by the way.
  if (transaction.by && transaction.by->return_after) {
    if (!offers.deliver_by) {
      return own_reply(550, "5.3.3", "the letter is to be delivered by a time, which the host does not look at");
    }
    if (transaction.by->seconds < static_cast<std::int64_t>(offers.min_by_time)) {
      return own_reply(550, "5.4.7", "the host can't deliver it in the time that is left");
    }
  }
  return std::nullopt;
}

SmtpPeer::Places SmtpPeer::review(const OutgoingTransaction& transaction, TransactionOutcome& outcome) const {
  const auto lack = lacking(transaction);
  Places able;
  for (std::size_t i = 0; i < transaction.recipients.size(); ++i) {
    auto& one = outcome.recipients[i];
    one.host_lacks = true;
    if (lack) {
      settle(one, Fate::lasting, *lack);
    } else if (transaction.recipients[i].address.needs_smtputf8() && !facts_.offers.smtputf8) {
      settle(one, Fate::lasting,
             own_reply(550, "5.6.7", "the address is in UTF-8 (SMTPUTF8), which the host does not take"));
    } else {
      one.host_lacks = false;
      able.push_back(i);
    }
  }
  return able;
}

namespace {

/// What is to be done to a letter, and was done.
struct Conversion {
  std::string letter;
  bool redact = false;  ///< a notice shall return nothing; afterwards: something was taken out
  std::optional<message::Carriage> carriage = std::nullopt;
  bool ascii_headers = false;
};

/// The letter made to fit a way that carries less. Blocking: on the pool.
Result<Conversion> convert(Conversion what) {
  if (what.redact) {
    auto redacted = message::without_returned(what.letter, message::parse_mime(what.letter));
    what.redact = redacted.has_value();
    if (redacted) what.letter = *std::move(redacted);
  }
  if (!what.carriage) return what;
  const auto tree = message::parse_mime(what.letter);
  message::StringSink sink;
  const message::DowngradeOptions options{.carriage = *what.carriage, .ascii_headers = what.ascii_headers};
  if (auto done = message::downgrade(what.letter, tree, options, sink); !done) return pass(done);
  what.letter = std::move(sink.text);
  return what;
}

}  // namespace

Async<Result<bool>> SmtpPeer::needs_smtputf8(const OutgoingTransaction* transaction) {
  if (transaction->octets->size() > settings_.convert_at_most) co_return true;
  const Letter letter{.octets = transaction->octets, .converted = {}};
  auto whole = co_await letter.read_all();
  if (!whole) co_return pass(whole);
  co_return co_await pool_.run([whole = *std::move(whole)] { return message::needs_smtputf8(whole); });
}

/// Errors: `unsupported` or `limit` where it can't be made to fit; otherwise our own disk's.
Async<Result<SmtpPeer::Letter>> SmtpPeer::fit(const OutgoingTransaction* transaction, bool smtputf8) {
  const auto& offers = facts_.offers;
  Letter letter{.octets = transaction->octets,
                .converted = {},
                .body = transaction->body,
                .smtputf8 = smtputf8,
                .require_tls = transaction->require_tls};
  const bool redact = transaction->require_tls && !lmtp_ && !keeps_secrets();
  letter.require_tls = letter.require_tls && !redact;
  const bool eight_bit = offers.eight_bit_mime || offers.smtputf8;
  const bool binary = offers.binary_mime && offers.chunking;
  const bool fits = letter.body == Body::seven_bit || (letter.body == Body::eight_bit_mime && eight_bit) ||
                    (letter.body == Body::binary_mime && binary);
  if (fits && !redact) co_return letter;
  if (letter.size() > settings_.convert_at_most) {
    co_return fail(ErrorKind::limit, "too big to be converted", "the letter is too big to be converted");
  }
  auto whole = co_await letter.read_all();
  if (!whole) co_return pass(whole);
  Conversion wanted{.letter = *std::move(whole), .redact = redact, .ascii_headers = !smtputf8};
  if (!fits) wanted.carriage = eight_bit ? message::Carriage::eight_bit : message::Carriage::seven_bit;
  auto done = co_await pool_.run([wanted = std::move(wanted)]() mutable { return convert(std::move(wanted)); });
  if (!done) co_return pass(done);
  if (fits && !done->redact) co_return letter;
  if (settings_.sign_again) {
    auto with_signature = co_await settings_.sign_again(std::move(done->letter));
    if (!with_signature) co_return pass(with_signature);
    done->letter = *std::move(with_signature);
  }
  if (done->redact) wire_->note("(the notice goes without the letter's header: the host has no REQUIRETLS)", "");
  letter.converted = std::move(done->letter);
  letter.is_converted = true;
  if (fits) co_return letter;
  wire_->note("(the letter was made fit for what this host takes)", "");
  letter.body = eight_bit ? Body::eight_bit_mime : Body::seven_bit;
  co_return letter;
}

/// As many as one transaction takes (RFC 9422 §4).
SmtpPeer::Places SmtpPeer::next_batch(const OutgoingTransaction& transaction, const Places& waiting) const {
  const auto& offers = facts_.offers;
  std::uint64_t most = std::max<std::size_t>(settings_.max_recipients, 1);
  if (offers.rcpt_max > 0) most = std::min(most, offers.rcpt_max);
  std::set<std::string, std::less<>> domains;
  Places batch;
  for (const auto place : waiting) {
    if (batch.size() == most) break;
    if (offers.rcpt_domain_max > 0) {
      auto domain = domain_of(transaction.recipients[place].address);
      if (!domains.contains(domain) && domains.size() == offers.rcpt_domain_max) continue;
      domains.insert(std::move(domain));
    }
    batch.push_back(place);
  }
  return batch;
}

Async<TransactionOutcome> SmtpPeer::send(OutgoingTransaction transaction) {
  TransactionOutcome outcome;
  outcome.recipients.resize(transaction.recipients.size());
  outcome.dsn_passed_on = facts_.offers.dsn;
  outcome.deliver_by_passed_on = facts_.offers.deliver_by;
  if (transaction.smtputf8 && !facts_.offers.smtputf8) {
    const auto needs = co_await needs_smtputf8(&transaction);
    if (!needs) {
      for (auto& one : outcome.recipients) settle(one, Fate::passing, own_reply(450, "4.3.0", "local error"));
      co_return outcome;
    }
    transaction.smtputf8 = *needs;
  }
  auto waiting = review(transaction, outcome);
  if (waiting.empty()) co_return outcome;

  const bool smtputf8 =
      facts_.offers.smtputf8 &&
      (transaction.smtputf8 || (transaction.sender && transaction.sender->needs_smtputf8()) ||
       std::ranges::any_of(waiting, [&](std::size_t i) { return transaction.recipients[i].address.needs_smtputf8(); }));
  auto letter = co_await fit(&transaction, smtputf8);
  if (!letter) {
    const bool lasting = letter.error().kind == ErrorKind::unsupported || letter.error().kind == ErrorKind::limit;
    for (const auto place : waiting) {
      auto& one = outcome.recipients[place];
      one.host_lacks = lasting;
      settle(one, lasting ? Fate::lasting : Fate::passing,
             lasting ? own_reply(550, "5.6.3", "the host takes 7-bit letters alone, and this one can't be made one")
                     : own_reply(450, "4.3.0", "local error"));
    }
    co_return outcome;
  }
  outcome.converted = letter->is_converted;

  while (!waiting.empty()) {
    if (!takes_more()) {
      for (const auto place : waiting) {
        settle(outcome.recipients[place], Fate::untried,
               own_reply(450, "4.4.2", "the host takes no more letters on this connection"));
      }
      break;
    }
    const auto batch = next_batch(transaction, waiting);
    co_await transact(&transaction, &*letter, &batch, &outcome);
    std::erase_if(waiting, [&](std::size_t place) { return std::ranges::find(batch, place) != batch.end(); });
    bool delivered = false;
    for (const auto place : batch) {
      const auto& one = outcome.recipients[place];
      delivered = delivered || one.fate == Fate::delivered;
      // What was said of the sender holds for all.
      if (!one.ours && one.at == "MAIL FROM" && one.fate != Fate::untried) {
        for (const auto other : waiting) outcome.recipients[other] = one;
        waiting.clear();
      }
    }
    // "Too many recipients" (RFC 5321 §4.5.3.1.10): the others took it, so these may have it at once, in turn.
    for (const auto place : batch) {
      const auto& one = outcome.recipients[place];
      const bool too_many = one.fate == Fate::passing && (one.reply.code == 552 || one.reply.code == 452) &&
                            (one.reply.status.empty() || std::string_view(one.reply.status).substr(1) == ".5.3");
      if (delivered && too_many && one.at == "RCPT TO") waiting.push_back(place);
    }
  }
  outcome.said = wire_->take_said();
  co_return outcome;
}

Async<> SmtpPeer::transact(const OutgoingTransaction* transaction, const Letter* letter, const Places* batch,
                           TransactionOutcome* outcome) {
  const auto& offers = facts_.offers;
  smtp::Mail mail;
  mail.sender = transaction->sender;
  mail.size = letter->size();
  mail.body = letter->body;
  mail.smtputf8 = letter->smtputf8;
  mail.require_tls = letter->require_tls;
  mail.priority = transaction->priority;
  mail.ret = transaction->ret;
  mail.envid = transaction->envid;
  std::vector<std::string> recipients;
  for (const auto place : *batch) {
    const auto& one = transaction->recipients[place];
    recipients.push_back(smtp::rcpt_command({.recipient = one.address, .notify = one.notify, .orcpt = one.orcpt},
                                            letter->smtputf8, offers));
  }
  ClientTransaction dialogue(smtp::mail_command(mail, by_value(transaction->by), offers), std::move(recipients),
                             {.lmtp = lmtp_,
                              .pipelining = offers.pipelining,
                              .chunking = offers.chunking,
                              .reset_first = std::exchange(needs_reset_, false),
                              .used_before = transactions_ > 0});
  ++transactions_;
  // A host that gives each reply at the last moment holds the connection for no longer than a slow one needs.
  wire_->set_deadline(std::chrono::steady_clock::now() + settings_.timeouts.transaction +
                      settings_.timeouts.for_recipient * static_cast<int>(batch->size()) +
                      std::chrono::seconds(letter->size() / settings_.slowest_octets));
  std::uint64_t offset = 0;
  while (dialogue.want() != Want::done) {
    switch (dialogue.want()) {
      case Want::write: {
        // All that was asked is answered: what has come since would be taken for the next command's reply.
        if (co_await wire_->look()) {
          co_await hear_unasked(&dialogue);
          break;
        }
        const auto wrote = co_await wire_->write(dialogue.take_output(), settings_.timeouts.block);
        if (!wrote) co_await hear_out(&dialogue, wrote.error());
        break;
      }
      case Want::read:
        co_await read_one(&dialogue, timeout_for(dialogue.waiting()));
        break;
      case Want::text:
        co_await send_text(&dialogue, letter);
        break;
      case Want::chunk:
        co_await send_chunk(&dialogue, letter, &offset);
        break;
      case Want::done:
        break;
    }
  }
  ending_ = false;
  broken_ = dialogue.broken();
  needs_reset_ = dialogue.needs_reset();
  const auto refusal = offset > 0 ? co_await late_refusal() : std::nullopt;
  for (std::size_t i = 0; i < batch->size(); ++i) {
    const auto& said = *dialogue.outcomes()[i];
    auto& one = outcome->recipients[(*batch)[i]];
    one = {.fate = said.fate, .reply = said.reply, .ours = said.ours, .at = std::string(said.at)};
    if (refusal && one.fate == Fate::delivered) settle(one, Fate::in_doubt, *refusal);
  }
}

Async<> SmtpPeer::hear_unasked(ClientTransaction* dialogue) {
  const auto reply = co_await wire_->read(kHearOut);
  if (reply) wire_->note("", reply->line());
  if (reply && reply->says_goodbye()) {
    static_cast<void>(dialogue->take(*reply));
  } else {
    dialogue->lost(own_reply(450, "4.5.0", "the host says more than it was asked"));
  }
}

/// After the last chunk's reply, where a refusal stands behind it: the host has said more than it was asked, so that it
/// may be this that was meant for the letter. (DATA's own 354 keeps replies and commands together.)
Async<std::optional<ClientReply>> SmtpPeer::late_refusal() {
  while (wire_->has_input()) {
    const auto reply = co_await wire_->read(kHearOut);
    if (!reply) break;
    wire_->note("", reply->line());
    broken_ = true;
    if (!reply->says_goodbye() && (reply->is_passing() || reply->is_lasting())) co_return *reply;
  }
  co_return std::nullopt;
}

Async<> SmtpPeer::read_one(ClientTransaction* dialogue, std::chrono::milliseconds timeout) {
  const auto reply = co_await wire_->read(timeout);
  if (!reply) {
    const auto words = reply_for(reply.error());
    wire_->note("", fmt::format("({})", reply.error().log));
    dialogue->lost(words);
    co_return;
  }
  auto answered = dialogue->take(*reply);
  wire_->note(std::move(answered.command), reply->line());
}

/// Nothing more can be written. What the host has said before it hung up may tell why (552, 421).
Async<> SmtpPeer::hear_out(ClientTransaction* dialogue, Error error) {
  wire_->note("", fmt::format("({})", error.log));
  while (dialogue->want() != Want::done) {
    const auto reply = co_await wire_->read(kHearOut);
    if (!reply) break;
    auto answered = dialogue->take(*reply);
    wire_->note(std::move(answered.command), reply->line());
  }
  dialogue->lost(reply_for(error));
  broken_ = true;
}

Async<> SmtpPeer::send_text(ClientTransaction* dialogue, const Letter* letter) {
  smtp::TextEncoder encoder(smtp::Framing::dots);
  const auto size = letter->size();
  std::uint64_t offset = 0;
  std::string out;
  do {
    // It talks where it should listen: a refusal, or nonsense. A word too many that was left unread would be taken for
    // the reply to the letter.
    if (co_await wire_->look()) {
      co_await read_one(dialogue, kHearOut);
      if (dialogue->want() != Want::text) co_return;
    }
    const auto part = co_await letter->read(offset, kBlock);
    if (!part) {
      // Never the final dot: the peer would take what is there for the whole.
      wire_->note("", fmt::format("(the letter can't be read: {})", part.error().log));
      dialogue->lost(own_reply(450, "4.3.0", "local error"));
      co_return;
    }
    // Nothing is lost by it yet.
    if (interrupted_) {
      dialogue->lost(own_reply(450, "4.4.2", "told to stop"));
      co_return;
    }
    offset += part->size();
    ending_ = offset >= size;
    out.clear();
    encoder.encode(*part, out);
    if (offset >= size) encoder.finish(out);
    const auto wrote = co_await wire_->write(std::move(out), settings_.timeouts.block);
    if (!wrote) {
      co_await hear_out(dialogue, wrote.error());
      co_return;
    }
    out = {};
  } while (offset < size);
  wire_->note(fmt::format("({} octets)", size), "");
  dialogue->text_sent();
}

Async<> SmtpPeer::send_chunk(ClientTransaction* dialogue, const Letter* letter, std::uint64_t* offset) {
  // As above; chunks that were answered meanwhile come first, too.
  if (dialogue->awaits_reply() ? wire_->has_input() : co_await wire_->look()) {
    co_await read_one(dialogue, kHearOut);
    co_return;
  }
  const auto size = letter->size();
  if (*offset == 0) chunk_encoder_ = smtp::TextEncoder(smtp::Framing::counted);
  const auto part = co_await letter->read(*offset, kChunk);
  if (!part) {
    wire_->note("", fmt::format("(the letter can't be read: {})", part.error().log));
    dialogue->lost(own_reply(450, "4.3.0", "local error"));
    co_return;
  }
  if (interrupted_) {
    dialogue->lost(own_reply(450, "4.4.2", "told to stop"));
    co_return;
  }
  *offset += part->size();
  const bool last = *offset >= size;
  ending_ = last;
  std::string encoded;
  if (letter->body != Body::binary_mime) {
    chunk_encoder_.encode(*part, encoded);
    if (last) chunk_encoder_.finish(encoded);
  }
  const std::string& octets = letter->body == Body::binary_mime ? *part : encoded;
  const auto command = dialogue->begin_chunk(octets.size(), last);
  const auto wrote = co_await wire_->write_pieces(command, octets, settings_.timeouts.block);
  if (!wrote) {
    co_await hear_out(dialogue, wrote.error());
    co_return;
  }
  dialogue->chunk_sent();
}

void SmtpPeer::interrupt() noexcept {
  interrupted_ = true;
  if (!ending_) wire_->stream().interrupt();
}

Async<> SmtpPeer::quit() {
  wire_->set_deadline(std::chrono::steady_clock::now() + 2 * settings_.timeouts.quit);
  if (!broken_) {
    const auto wrote = co_await wire_->write("QUIT\r\n", settings_.timeouts.quit);
    // The answer matters to nobody; that it is read spares the host an error.
    if (wrote && !interrupted_) static_cast<void>(co_await wire_->read(settings_.timeouts.quit));
  }
  broken_ = true;
  co_await wire_->stream().close();
}

}  // namespace pabal::queue
