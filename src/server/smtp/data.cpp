// DATA (RFC 5321 §4.1.1.4).
#include "server/smtp/session.hpp"

namespace pabal::server::smtp {

Outcome Session::data() {
  auto transaction = std::move(std::get<Envelope>(phase_).transaction);
  auto reception = begin_reception(*transaction, pabal::smtp::Framing::dots);
  phase_ = Receiving{.transaction = std::move(transaction), .reception = std::move(reception)};
  return {354, "", "Send the message, and end it with a dot on a line of its own"};
}

// The text up to its true end, whatever is wrong with it, and then the reply.
Async<Outcome> Session::receive_text() {
  Receiving message = std::move(std::get<Receiving>(phase_));
  phase_ = Greeted();
  auto& reception = *message.reception;
  begin_judging(*message.transaction, co_await asio::this_coro::executor);
  reception.judge_with(std::move(message.transaction->judge));
  stream_->expect_bulk(true);
  while (!reception.ended()) {
    std::string_view input = stream_->input();
    if (input.empty()) {
      if (!co_await wait_for_input(settings_->data_timeout)) co_return Outcome::hang_up();
      continue;
    }
    const std::size_t before = input.size();
    reception.take(input);
    stream_->consume(before - input.size());
    if (reception.wants_spill()) co_await reception.spill();
    if (reception.discarded() > settings_->max_discarded_data) {
      co_return Outcome(*reception.refusal(), Then::close);
    }
  }
  stream_->expect_bulk(false);
  co_return co_await deliver(std::move(message.transaction), std::move(message.reception));
}

}  // namespace pabal::server::smtp
