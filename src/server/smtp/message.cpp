// From the text of a message, however it came, to the final reply.
#include <fmt/format.h>

#include "codec/date.hpp"
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
  letter.origin.session = id_;
  letter.origin.protocol = protocol_name(transaction);
  letter.origin.client_address = client_of(stream_->peer());
  letter.origin.helo = helo_;
  if (const auto* tls = stream_->tls()) letter.origin.tls = tls->version + " " + tls->cipher;
  if (account_) letter.origin.authenticated = account_->id;
  return letter;
}

void Session::log_message(const std::string& id, const std::string& from, std::size_t recipients, std::uint64_t octets,
                          const Reply& reply) const {
  log_.info("message", {{"message", id},
                        {"from", from},
                        {"recipients", recipients},
                        {"octets", octets},
                        {"reply", reply.code},
                        {"words", reply.text}});
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
  const auto octets = reception->octets();
  std::vector<Reply> replies;
  if (reception->refusal()) {
    replies.assign(is_lmtp() ? count : 1, *reception->refusal());
  } else {
    delivery::Letter letter = letter_of(*transaction, *reception);
    transaction.reset();
    reception.reset();
    auto answer = co_await services.mda->deliver(std::move(letter));
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
  } else {
    (first.is_permanent_failure() ? metrics.rejected : metrics.deferred).add();
  }
  metrics.delivery_seconds.observe(std::chrono::duration<double>(services.clock->steady() - began).count());
  if (logged) log_message(id, from, count, octets, first);
  Outcome outcome(first);
  outcome.more.assign(replies.begin() + 1, replies.end());
  co_return outcome;
}

}  // namespace pabal::server::smtp
