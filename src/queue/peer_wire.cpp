#include "queue/peer_wire.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace pabal::queue {

namespace {

std::string shortened(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  // Not within a character of UTF-8.
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U) --most;
  text.resize(most);
  return text + "…";
}

}  // namespace

std::chrono::milliseconds PeerWire::within(std::chrono::milliseconds timeout) const {
  const auto now = std::chrono::steady_clock::now();
  if (deadline_ - now > timeout) return timeout;
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(deadline_ - now), std::chrono::milliseconds(1));
}

Async<Result<smtp::ClientReply>> PeerWire::read(std::chrono::milliseconds timeout) {
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto deadline = now() + within(timeout);
  while (true) {
    auto input = stream_->input();
    const auto before = input.size();
    auto got = reader_.next(input);
    stream_->consume(before - input.size());
    if (!got) co_return pass(got);
    if (*got) co_return **std::move(got);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now());
    if (left.count() <= 0) co_return fail(ErrorKind::timeout, "no answer in time");
    stream_->set_timeout(left);
    const auto more = co_await stream_->fill();
    if (!more) co_return pass(more);
    if (!*more) co_return fail(ErrorKind::closed, "the connection was closed");
  }
}

Async<bool> PeerWire::look() {
  // Woken, it takes what is there and is told that its time is over where it would have to wait; until then, or the
  // next one to wait would be told so. And a reader of bulk reads before it waits.
  stream_->expect_bulk(true);
  stream_->wake();
  while (true) {
    const auto more = co_await stream_->fill();
    if (!more || !*more) break;
  }
  stream_->expect_bulk(false);
  co_return has_input();
}

Async<Result<void>> PeerWire::write(std::string octets, std::chrono::milliseconds timeout) {
  stream_->set_timeout(within(timeout));
  co_return co_await stream_->write(octets);
}

Async<Result<void>> PeerWire::write_pieces(std::string_view first, std::string_view second,
                                           std::chrono::milliseconds timeout) {
  stream_->set_timeout(within(timeout));
  const std::string_view pieces[] = {first, second};
  co_return co_await stream_->write_pieces(pieces);
}

void PeerWire::note(std::string command, std::string reply) {
  const auto room = kMostKept - std::min(kept_, kMostKept);
  if (room < 200) return;
  command = shortened(std::move(command), std::min(room / 2, kMostOfOne));
  reply = shortened(std::move(reply), std::min(room / 2, kMostOfOne));
  kept_ += command.size() + reply.size() + 16;
  said_.push_back({.time = clock_->now(), .command = std::move(command), .reply = std::move(reply)});
}

std::vector<Said> PeerWire::take_said() {
  kept_ = 0;
  return std::exchange(said_, {});
}

smtp::ClientReply own_reply(int code, std::string_view status, std::string_view words) {
  return {.code = code, .status = std::string(status), .text = fmt::format("{} {}", status, words)};
}

smtp::ClientReply reply_for(const Error& error) {
  switch (error.kind) {
    case ErrorKind::timeout:
      return own_reply(450, "4.4.2", "the host did not answer in time");
    case ErrorKind::syntax:
    case ErrorKind::limit:
      return own_reply(450, "4.5.0", fmt::format("the host does not speak as a mail server: {}", error.log));
    default:
      return own_reply(450, "4.4.2", fmt::format("the connection was lost: {}", error.log));
  }
}

}  // namespace pabal::queue
