// From the text of a message, however it came, to the final reply.
#include <fmt/format.h>

#include "codec/date.hpp"
#include "delivery/receipt.hpp"
#include "server/smtp/session.hpp"
#include "smtp/received.hpp"

namespace pabal::server::smtp {

namespace {
std::string client_of(const net::Endpoint& peer) { return peer.address ? peer.host() : std::string(); }
}  // namespace

std::string_view Session::protocol_name(const Transaction& transaction) const noexcept {
  return pabal::smtp::protocol_name(listener_->protocol, extended_, stream_->tls() != nullptr, account_.has_value(),
                                    transaction.mail.smtputf8);
}

std::unique_ptr<Reception> Session::begin_reception(const Transaction& transaction,
                                                    pabal::smtp::Framing framing) const {
  const auto& services = server_->services();
  const auto now = services.clock->now();
  const auto client = client_of(stream_->peer());
  const auto* tls = stream_->tls();
  Preamble preamble;
  preamble.received = pabal::smtp::received_field(
      {.helo = helo_,
       .client = client,
       .client_is_v6 = stream_->peer().address && stream_->peer().address->is_v6(),
       .host = settings_->hostname,
       .protocol = protocol_name(transaction),
       .tls_version = tls != nullptr ? std::string_view(tls->version) : std::string_view(),
       .tls_cipher = tls != nullptr ? std::string_view(tls->cipher) : std::string_view(),
       .id = transaction.id,
       .recipient = transaction.recipients.size() == 1 ? &transaction.recipients.front().address : nullptr,
       .utf8 = transaction.mail.smtputf8,
       .time = now});
  if (account_) {
    preamble.complete = true;
    preamble.date = fmt::format("Date: {}\r\n", codec::format_date(now));
    preamble.message_id = fmt::format("Message-ID: <{}@{}>\r\n", transaction.id, settings_->hostname);
  }
  return std::make_unique<Reception>(*settings_, framing, transaction.mail.body == pabal::smtp::Body::binary_mime,
                                     services.receive(transaction.mail.size.value_or(0)), std::move(preamble));
}

// Who logs in is signed, not checked; who speaks LMTP has checked already.
void Session::begin_judging(Transaction& transaction, const Executor& home) const {
  auto* judges = server_->services().judges;
  if (transaction.judge || judges == nullptr || account_ || listener_->protocol != pabal::smtp::Protocol::smtp) return;
  transaction.judge =
      judges->judge({.peer = stream_->peer(),
                     .helo = helo_,
                     .mail_from = transaction.mail.sender ? transaction.mail.sender->text() : std::string()});
  if (transaction.judge) transaction.judge->begin(home);
}

// What was found out about who sent the letter; a refusal leaves its trace.
Async<Judgement> Session::judge(std::unique_ptr<Judge> asked, const Transaction* transaction, std::uint64_t octets) {
  const auto sender = transaction->mail.sender ? transaction->mail.sender->text() : std::string();
  std::vector<std::string> recipients;
  for (const auto& one : transaction->recipients) recipients.push_back(one.address.text());
  auto judged = co_await asked->finish(recipients);
  if (!judged.refusal) co_return judged;
  // Whoever is asked about it later finds it by this.
  judged.refusal->text += fmt::format(" ({})", transaction->id);
  log_.info(
      "refused for its sender",
      {{"message", transaction->id}, {"from", sender}, {"why", judged.why}, {"found", json::serialize(judged.trace)}});
  if (const auto& note = server_->services().note_refusal) {
    delivery::RefusedLetter letter{
        .id = transaction->id,
        .message_id = std::move(judged.message_id),
        .sender = sender,
        .recipients = std::move(recipients),
        .origin = origin_of(*transaction),
        .octets = octets,
        .judged = std::move(judged.trace),
        .reply = fmt::format("{} {} {}", judged.refusal->code, judged.refusal->status, judged.refusal->text),
        .again = !judged.refusal->is_permanent_failure()};
    co_await note(std::move(letter));
  }
  co_return judged;
}

// RFC 6409 §8.1: a submitter writes under addresses that are its own.
Async<std::optional<Reply>> Session::check_authors(std::vector<EmailAddress> authors) {
  for (auto& author : authors) {
    const std::string text = author.text();
    const auto allowed = co_await server_->services().accounts->may_send_as(account_->id, std::move(author));
    if (!allowed) co_return reply_for(allowed.error(), *settings_, false);
    if (!*allowed) {
      log_.info("author is not the account's", {{"author", text}, {"account", account_->id.value}});
      co_return Reply(550, "5.7.1", "The From or Sender field names an address that does not belong to your account");
    }
  }
  co_return std::nullopt;
}

store::OutgoingTerms Session::terms_of(const pabal::smtp::Mail& mail) const {
  const auto now = server_->services().clock->now();
  store::OutgoingTerms terms;
  terms.priority = mail.priority.value_or(0);
  // RFC 6710 §5: what a stranger calls urgent isn't, to us.
  if (!account_) terms.priority = std::min(terms.priority, 0);
  if (mail.hold_for) terms.not_before = now + *mail.hold_for;
  if (mail.hold_until) terms.not_before = *mail.hold_until;
  if (mail.by) {
    // RFC 2852 §4.1.4 counts from when the letter came; what is held has its time from then on (RFC 4865 §6).
    terms.deliver_by =
        store::DeliverBy{std::max(now, terms.not_before) + mail.by->time, mail.by->returns, mail.by->traced};
  }
  return terms;
}

delivery::Origin Session::origin_of(const Transaction& transaction) const {
  delivery::Origin origin;
  origin.session = id_;
  origin.protocol = protocol_name(transaction);
  origin.client_address = client_of(stream_->peer());
  origin.helo = helo_;
  if (const auto* tls = stream_->tls()) origin.tls = tls->version + " " + tls->cipher;
  if (account_) origin.authenticated = account_->id;
  return origin;
}

delivery::Letter Session::letter_of(Transaction& transaction, Reception& reception) const {
  delivery::Letter letter{
      .id = std::move(transaction.id),
      .sender = std::move(transaction.mail.sender),
      .envid = std::move(transaction.mail.envid),
      .ret = std::move(transaction.mail.ret),
      .smtputf8 = transaction.mail.smtputf8,
      .require_tls = transaction.mail.require_tls,
      .binary = transaction.mail.body == pabal::smtp::Body::binary_mime,
      .terms = terms_of(transaction.mail),
      .recipients = std::move(transaction.recipients),
      .content = reception.take_content(),
      .origin = {},
      .answer_each = is_lmtp(),
  };
  letter.origin = origin_of(transaction);
  letter.begins_here = account_.has_value();
  return letter;
}

void Session::log_message(const std::string& id, const std::string& from, std::size_t recipients, std::uint64_t octets,
                          const std::string& judged, const Reply& reply) const {
  log_.info("message", {{"message", id},
                        {"from", from},
                        {"recipients", recipients},
                        {"octets", octets},
                        {"auth", judged},
                        {"reply", reply.code},
                        {"words", reply.text}});
}

// Who logged in, or is trusted, is believed; of others SPF tells. Who speaks LMTP has looked already.
bool Session::knows_sender(const Judgement& judged) const {
  const auto* judges = server_->services().judges;
  return account_ || listener_->protocol != pabal::smtp::Protocol::smtp || judges == nullptr ||
         judged.sender_is_known || judges->trusts(stream_->peer());
}

Async<Result<void>> Session::take_judgement(delivery::Letter* letter, Judgement* judged) {
  if (judged->fields.empty()) co_return Result<void>();
  letter->junk = judged->junk;
  letter->judged = std::move(judged->trace);
  letter->findings = std::move(judged->findings);
  co_return co_await letter->content.put_before(std::move(judged->fields));
}

Async<Outcome> Session::deliver(std::unique_ptr<Transaction> transaction, std::unique_ptr<Reception> reception) {
  const auto& services = server_->services();
  const auto began = services.clock->steady();
  const std::size_t count = transaction->recipients.size();
  const bool logged = log_.enabled(LogLevel::info);
  const std::string id = transaction->id;
  const std::string from = logged && transaction->mail.sender ? transaction->mail.sender->text() : std::string();

  reception->finish();
  if (!reception->refusal() && account_ && settings_->check_sender_fields) {
    if (auto refusal = co_await check_authors(reception->authors())) reception->refuse(*std::move(refusal));
  }
  Judgement judged;
  const auto octets = reception->octets();
  if (auto judge_of_it = reception->take_judge(); judge_of_it && !reception->refusal()) {
    judged = co_await judge(std::move(judge_of_it), transaction.get(), octets);
    if (judged.refusal) reception->refuse(*std::move(judged.refusal));
  }
  std::vector<Reply> replies;
  if (reception->refusal()) {
    replies.assign(is_lmtp() ? count : 1, *reception->refusal());
  } else {
    delivery::Letter letter = letter_of(*transaction, *reception);
    transaction.reset();
    reception.reset();
    if (!knows_sender(judged)) delivery::leave_success_untold(letter);
    auto put = co_await take_judgement(&letter, &judged);
    delivery::Answer answer;
    if (put) {
      answer = co_await services.mda->deliver(std::move(letter));
    } else {
      answer.results.assign(is_lmtp() ? count : 1, put);
    }
    for (const auto& result : answer.results) {
      if (result) {
        replies.emplace_back(250, "2.0.0", "Ok: " + id);
      } else {
        log_.warning("not delivered", {{"message", id}, {"why", result.error().log}});
        replies.push_back(reply_for(result.error(), *settings_, is_lmtp()));
      }
    }
    // A promise is made only by what the answer says; an answer of the wrong shape says nothing.
    if (replies.size() != (is_lmtp() ? count : 1)) {
      replies.assign(is_lmtp() ? count : 1, Reply(451, "4.3.0", "local error in processing"));
    }
  }
  const Reply& first = replies.front();
  const auto& metrics = server_->metrics();
  if (first.is_positive()) {
    metrics.accepted.add();
    metrics.octets.add(static_cast<double>(octets));
    errors_ = 0;
    put_off_ = 0;
    early_checks_ = 0;
  } else {
    (first.is_permanent_failure() ? metrics.rejected : metrics.deferred).add();
  }
  metrics.delivery_seconds.observe(std::chrono::duration<double>(services.clock->steady() - began).count());
  if (logged) log_message(id, from, count, octets, judged.summary, first);
  Outcome outcome(first);
  outcome.more.assign(replies.begin() + 1, replies.end());
  co_return outcome;
}

}  // namespace pabal::server::smtp
