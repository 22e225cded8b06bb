// BDAT (RFC 3030).
#include "server/smtp/session.hpp"

namespace pabal::server::smtp {

// A chunk that nobody wants must be read all the same: it is text, not commands.
Async<> Session::refuse_bdat(pabal::smtp::Bdat bdat, Reply refusal) {
  if (bdat.size > settings_->max_discarded_data) {
    conclude({std::move(refusal), Then::close});
    co_return;
  }
  std::uint64_t left = bdat.size;
  while (left > 0) {
    const auto input = stream_->input();
    if (input.empty()) {
      if (!co_await wait_for_input(settings_->data_timeout)) co_return;
      continue;
    }
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left, input.size()));
    stream_->consume(count);
    left -= count;
  }
  conclude(std::move(refusal));
}

Async<Outcome> Session::bdat(pabal::smtp::Bdat command) {
  Chunks message;
  if (auto* chunks = std::get_if<Chunks>(&phase_)) {
    message = std::move(*chunks);
  } else {
    message.transaction = std::move(std::get<Envelope>(phase_).transaction);
    message.reception = begin_reception(*message.transaction, pabal::smtp::Framing::counted);
    begin_judging(*message.transaction, co_await asio::this_coro::executor);
    message.reception->judge_with(std::move(message.transaction->judge));
  }
  phase_ = Broken();  // until the chunk is whole
  auto& reception = *message.reception;
  if (command.size > settings_->max_message_size || reception.octets() + command.size > settings_->max_message_size) {
    reception.refuse(
        {552, "5.3.4", "The message is bigger than " + std::to_string(settings_->max_message_size) + " octets"});
    if (command.size > settings_->max_discarded_data) co_return Outcome(*reception.refusal(), Then::close);
  }
  std::uint64_t left = command.size;
  stream_->expect_bulk(left > 0);
  while (left > 0) {
    const auto input = stream_->input();
    if (input.empty()) {
      if (!co_await wait_for_input(settings_->data_timeout)) co_return Outcome::hang_up();
      continue;
    }
    auto chunk = input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left, input.size())));
    const std::size_t count = chunk.size();
    reception.take(chunk);
    stream_->consume(count);
    left -= count;
    if (reception.wants_spill()) co_await reception.spill();
  }
  stream_->expect_bulk(false);
  if (command.last) {
    phase_ = Greeted();
    co_return co_await deliver(std::move(message.transaction), std::move(message.reception));
  }
  if (reception.refusal()) co_return Outcome(*reception.refusal());
  phase_ = std::move(message);
  co_return Outcome(250, "2.0.0", std::to_string(command.size) + " octets received");
}

}  // namespace pabal::server::smtp
