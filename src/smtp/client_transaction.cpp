#include "smtp/client_transaction.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace pabal::smtp {

namespace {

std::string_view name_of(ClientTransaction::Waiting what) noexcept {
  switch (what) {
    case ClientTransaction::Waiting::reset:
      return "RSET";
    case ClientTransaction::Waiting::mail:
      return "MAIL FROM";
    case ClientTransaction::Waiting::recipient:
      return "RCPT TO";
    case ClientTransaction::Waiting::data:
      return "DATA";
    case ClientTransaction::Waiting::chunk:
      return "BDAT";
    case ClientTransaction::Waiting::end:
      return "end of data";
  }
  return "";
}

/// What a refusal means. RFC 5321 §4.2.1: the first digit alone counts.
Fate fate_of(const ClientReply& reply) noexcept { return reply.is_lasting() ? Fate::lasting : Fate::passing; }

bool may_mean_too_many(const ClientReply& reply) noexcept { return reply.status.empty() || reply.status == "5.5.3"; }

ClientReply our_words(std::string_view status, std::string_view text) {
  return {.code = 451, .status = std::string(status), .text = fmt::format("{} {}", status, text)};
}

}  // namespace

std::string_view name_of(Fate fate) noexcept {
  switch (fate) {
    case Fate::delivered:
      return "delivered";
    case Fate::passing:
      return "passing";
    case Fate::lasting:
      return "lasting";
    case Fate::in_doubt:
      return "in_doubt";
    case Fate::untried:
      return "untried";
  }
  return "";
}

ClientTransaction::ClientTransaction(std::string mail, std::vector<std::string> recipients, Options options)
    : mail_(std::move(mail)),
      recipients_(std::move(recipients)),
      options_(options),
      outcomes_(recipients_.size()),
      accepted_(recipients_.size()) {
  options_.group = options_.pipelining ? std::max<std::size_t>(options_.group, 1) : 1;
  options_.chunks = options_.pipelining ? std::max<std::size_t>(options_.chunks, 1) : 1;
  if (recipients_.empty()) {
    finish();
    return;
  }
  if (options_.reset_first) ask(Waiting::reset, "RSET");
  ask_group();
}

void ClientTransaction::ask(Waiting what, std::string_view command, std::size_t recipient) {
  output_.append(command).append("\r\n");
  expected_.push_back({.what = what, .recipient = recipient});
}

// As much of the envelope as may go out before replies are read.
void ClientTransaction::ask_group() {
  const auto room = [&] { return expected_.size() < options_.group; };
  if (!mail_asked_ && room()) {
    mail_asked_ = true;
    ask(Waiting::mail, mail_);
  }
  while (asked_ < recipients_.size() && mail_asked_ && room()) {
    ask(Waiting::recipient, recipients_[asked_], asked_);
    ++asked_;
  }
  // RFC 2920 §3.1: DATA may end the group. Chunks wait: they would be for nothing if all recipients are refused.
  if (options_.pipelining && !options_.chunking && asked_ == recipients_.size() && !data_asked_ && room()) {
    data_asked_ = true;
    ask(Waiting::data, "DATA");
  }
}

ClientTransaction::Want ClientTransaction::want() const noexcept {
  if (phase_ == Phase::over) return Want::done;
  if (!output_.empty()) return Want::write;
  if (phase_ == Phase::text) return Want::text;
  const bool more = phase_ == Phase::chunks && !last_begun_ && !chunk_refused_;
  if (more && expected_.size() < options_.chunks) return Want::chunk;
  return Want::read;
}

ClientTransaction::Waiting ClientTransaction::waiting() const noexcept {
  return expected_.empty() ? Waiting::end : expected_.front().what;
}

std::size_t ClientTransaction::awaiting() const noexcept {
  std::size_t count = 0;
  for (std::size_t i = 0; i < outcomes_.size(); ++i) count += accepted_[i] && !outcomes_[i] ? 1 : 0;
  return count;
}

void ClientTransaction::settle(std::size_t number, Fate fate, const ClientReply& reply, bool ours,
                               std::string_view at) {
  if (outcomes_[number]) return;
  outcomes_[number] = Outcome{.fate = fate, .reply = reply, .ours = ours, .at = at};
}

void ClientTransaction::settle_all(Fate fate, const ClientReply& reply, bool ours, std::string_view at) {
  for (std::size_t i = 0; i < outcomes_.size(); ++i) settle(i, fate, reply, ours, at);
}

void ClientTransaction::finish() {
  settle_all(Fate::passing, our_words("4.5.0", "the transaction ended early"), true, "");
  phase_ = Phase::over;
  output_.clear();
  expected_.clear();
}

void ClientTransaction::give_up(const ClientReply& reply, std::string_view at) {
  auto words = our_words("4.5.0", fmt::format("the host does not keep to the protocol: it said \"{}\"", reply.line()));
  // Perhaps it has taken the letter, whatever it means to say.
  settle_all(data_out_ ? Fate::in_doubt : Fate::passing, words, true, at);
  broken_ = true;
  finish();
}

void ClientTransaction::lost(const ClientReply& words) {
  if (phase_ == Phase::over) return;
  const auto at = phase_ == Phase::text || in_chunk_ ? "data"
                  : expected_.empty()                ? ""
                                                     : name_of(expected_.front().what);
  const auto fate = data_out_ ? Fate::in_doubt : options_.used_before && !heard_ ? Fate::untried : Fate::passing;
  settle_all(fate, words, true, at);
  broken_ = true;
  finish();
}

ClientTransaction::Answered ClientTransaction::describe(const Expected& expected) const {
  Answered answered{.command = {}, .at = name_of(expected.what)};
  switch (expected.what) {
    case Waiting::mail:
      answered.command = mail_;
      break;
    case Waiting::recipient:
      answered.command = recipients_[expected.recipient];
      break;
    case Waiting::reset:
    case Waiting::data:
      answered.command = name_of(expected.what);
      break;
    case Waiting::chunk:
    case Waiting::end:
      answered.command = expected.command;
      break;
  }
  return answered;
}

ClientTransaction::Answered ClientTransaction::take(const ClientReply& reply) {
  if (phase_ == Phase::over) return {};
  if (expected_.empty()) {
    take_unasked(reply);
    return {};
  }
  const auto expected = std::move(expected_.front());
  expected_.pop_front();
  auto answered = describe(expected);
  if (reply.says_goodbye()) {
    // RFC 5321 §3.8: it may come at any time, and ends everything.
    settle_all(options_.used_before && !heard_ ? Fate::untried : Fate::passing, reply, false, answered.at);
    broken_ = true;
    finish();
    return answered;
  }
  heard_ = heard_ || expected.what != Waiting::reset;
  switch (expected.what) {
    case Waiting::reset:
      if (reply.is_positive()) break;
      // Nothing of this transaction was looked at.
      settle_all(Fate::untried, reply, false, answered.at);
      broken_ = true;
      finish();
      break;
    case Waiting::mail:
      take_mail(reply);
      break;
    case Waiting::recipient:
      take_recipient(expected.recipient, reply);
      break;
    case Waiting::data:
      take_data(reply);
      break;
    case Waiting::chunk:
      take_chunk(reply);
      break;
    case Waiting::end:
      take_end(expected, reply);
      break;
  }
  if (phase_ != Phase::over && expected_.empty()) go_on();
  return answered;
}

void ClientTransaction::take_mail(const ClientReply& reply) {
  if (reply.is_positive()) {
    open_ = true;
  } else if (reply.is_intermediate()) {
    give_up(reply, name_of(Waiting::mail));
  } else {
    mail_refused_ = true;
    settle_all(fate_of(reply), reply, false, name_of(Waiting::mail));
  }
}

void ClientTransaction::take_recipient(std::size_t number, const ClientReply& reply) {
  if (reply.is_positive()) {
    accepted_[number] = true;
  } else if (reply.is_intermediate()) {
    give_up(reply, name_of(Waiting::recipient));
  } else {
    // RFC 5321 §4.5.3.1.10: with RCPT, 552 has meant "too many recipients". Not where its status says something else.
    const auto fate = reply.code == 552 && may_mean_too_many(reply) ? Fate::passing : fate_of(reply);
    settle(number, fate, reply, false, name_of(Waiting::recipient));
  }
}

void ClientTransaction::take_data(const ClientReply& reply) {
  if (reply.is_positive() || (reply.is_intermediate() && reply.code != 354)) {
    give_up(reply, name_of(Waiting::data));
    return;
  }
  if (!reply.is_intermediate()) {
    settle_all(fate_of(reply), reply, false, name_of(Waiting::data));
    return;
  }
  if (awaiting() > 0) {
    phase_ = Phase::text;
    return;
  }
  // RFC 2920 §3.1: DATA was sent before all recipients were refused, and the server wants the letter: it gets an empty
  // one, which goes to nobody. Where it holds some recipient for accepted, or speaks LMTP (which says nothing then, or
  // should have refused, RFC 2033 §4.2), only the end of the connection is safe.
  if (options_.lmtp || std::ranges::find(accepted_, true) != accepted_.end()) {
    broken_ = true;
    finish();
    return;
  }
  output_ += ".\r\n";
  phase_ = Phase::ending;
  expected_.push_back({.what = Waiting::end, .recipient = 0, .counts = false, .command = "."});
}

void ClientTransaction::take_chunk(const ClientReply& reply) {
  if (reply.is_positive()) return;
  if (reply.is_intermediate()) {
    give_up(reply, name_of(Waiting::chunk));
    return;
  }
  // RFC 3030 §2: the transaction has failed. What was sent ahead is answered yet; after it a RSET is due.
  chunk_refused_ = true;
  settle_all(fate_of(reply), reply, false, name_of(Waiting::chunk));
  // In LMTP nobody can say how many replies the last chunk gets now.
  if (options_.lmtp && last_begun_) {
    broken_ = true;
    finish();
  }
}

void ClientTransaction::take_end(const Expected& expected, const ClientReply& reply) {
  const auto at = name_of(Waiting::end);
  if (!expected.counts || chunk_refused_) {
    if (!chunk_refused_) open_ = false;
    return;
  }
  if (reply.is_intermediate() || !data_out_) {
    // Before the data is out no reply to it can be meant, unless it is a refusal.
    if (reply.is_intermediate() || reply.is_positive()) {
      give_up(reply, at);
    } else {
      settle_all(fate_of(reply), reply, false, at);
      broken_ = true;
      finish();
    }
    return;
  }
  const auto fate = reply.is_positive() ? Fate::delivered : fate_of(reply);
  if (options_.lmtp) {
    settle(expected.recipient, fate, reply, false, at);
  } else {
    settle_all(fate, reply, false, at);
  }
  // RFC 3030 §2: a chunk that failed, the last one too, leaves a transaction that only RSET ends.
  open_ = options_.chunking && !reply.is_positive();
}

void ClientTransaction::take_unasked(const ClientReply& reply) {
  heard_ = true;
  if (reply.is_passing() || reply.is_lasting()) {
    settle_all(fate_of(reply), reply, false, "data");
    broken_ = true;
    finish();
  } else {
    give_up(reply, "data");
  }
}

// All that was asked is answered.
void ClientTransaction::go_on() {
  if (phase_ == Phase::ending || chunk_refused_) {
    finish();
    return;
  }
  if (phase_ != Phase::envelope) return;
  if (mail_refused_ || (asked_ == recipients_.size() && awaiting() == 0)) {
    finish();
    return;
  }
  if (data_asked_) {
    finish();  // it was refused
    return;
  }
  if (asked_ < recipients_.size() || !mail_asked_) {
    ask_group();
    return;
  }
  if (options_.chunking) {
    phase_ = Phase::chunks;
  } else {
    data_asked_ = true;
    ask(Waiting::data, "DATA");
  }
}

void ClientTransaction::expect_end(const std::string& command) {
  if (!options_.lmtp) {
    expected_.push_back({.what = Waiting::end, .recipient = 0, .counts = true, .command = command});
    return;
  }
  for (std::size_t i = 0; i < outcomes_.size(); ++i) {
    if (!accepted_[i] || outcomes_[i]) continue;
    expected_.push_back({.what = Waiting::end, .recipient = i, .counts = true, .command = command});
  }
}

void ClientTransaction::text_sent() {
  if (phase_ != Phase::text) return;
  data_out_ = true;
  phase_ = Phase::ending;
  expect_end(".");
}

std::string ClientTransaction::begin_chunk(std::size_t octets, bool last) {
  auto command = fmt::format("BDAT {}{}", octets, last ? " LAST" : "");
  in_chunk_ = true;
  if (last) {
    last_begun_ = true;
    expect_end(command);
  } else {
    expected_.push_back({.what = Waiting::chunk, .recipient = 0, .counts = true, .command = command});
  }
  return command + "\r\n";
}

void ClientTransaction::chunk_sent() {
  in_chunk_ = false;
  if (!last_begun_ || phase_ != Phase::chunks) return;
  data_out_ = true;
  phase_ = Phase::ending;
}

}  // namespace pabal::smtp
